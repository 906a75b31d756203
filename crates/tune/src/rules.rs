//! The policy as the kernel consumes it: prefixes, and chains of rules.
//!
//! A destination prefix has a chain: its own rules, most specific first, and behind them those of
//! the nearest prefix that covers it, which has a chain in turn. The chains are linked lists that share
//! their tails, so that a table is no larger than its rules:
//!
//! ```text
//!  10.1.2.0/24 -> [port 22] -> [port 80] -+
//!                                         +-> 10.0.0.0/8 [source 10.9.0.0/16] -> [any] -|
//!  10.7.0.0/16 -> [port 22] --------------+
//! ```
//!
//! A rule that leaves source and ports open matches whatever reaches it, so its chain ends there.
//! One longest-prefix match and a walk of at most [`MAX_CHAIN`] steps therefore find the path.

use serde::Serialize;
use wad_model::FlowKey;

use crate::endpoint::Ends;
use crate::ports::PortRange;
use crate::prefix::{Family, Prefix};

/// The most rules that a chain may have.
pub const MAX_CHAIN: usize = 64;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
    };
}

index!(
    /// A place in [`Config::paths`](crate::Config::paths), counted from zero.
    PathIndex
);
index!(
    /// A place in [`RuleTable::rules`], counted from zero.
    RuleIndex
);
index!(
    /// A place in [`RuleTable::prefixes`], counted from zero.
    PrefixIndex
);

/// The policy as the kernel consumes it. [`RuleTable::compile`] makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTable {
    /// Each distinct destination prefix, in the order of [`Prefix`].
    pub prefixes: Vec<PrefixEntry>,
    /// All rules: those of a prefix stand together, most specific first.
    pub rules: Vec<Rule>,
}

/// A destination prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixEntry {
    /// The prefix.
    pub prefix: Prefix,
    /// The head of its chain.
    pub first: RuleIndex,
    /// How many rules it has itself, from `first` on.
    pub own: u32,
    /// The nearest prefix of the table that covers it.
    pub covering: Option<PrefixIndex>,
}

/// A rule: the flows with this source and these ports, beside the destination whose chain it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The path that these flows take.
    pub path: PathIndex,
    /// Where they come from, in the family of the destination; of length zero if left open.
    pub source: Prefix,
    /// Their port at this host.
    pub source_port: PortRange,
    /// Their port at the other host.
    pub destination_port: PortRange,
    /// The rule to try after this one.
    pub next: Option<RuleIndex>,
}

impl Rule {
    /// Whether these ends, whose destination has been matched already, are of this rule.
    #[must_use]
    pub fn matches(&self, ends: &Ends) -> bool {
        self.source.contains(ends.source.address)
            && self.destination_port.admits(ends.destination.port)
            && self.source_port.admits(ends.source.port)
    }

    /// Whether the rule leaves source and ports open, and so matches whatever reaches it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.source.length() == 0 && !self.destination_port.is_given() && !self.source_port.is_given()
    }
}

/// What a flow matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The path that the flow takes.
    pub path: PathIndex,
    /// The rule that says so.
    pub rule: RuleIndex,
}

impl RuleTable {
    /// What a flow matches, or `None` if it is of no path.
    #[must_use]
    pub fn matching(&self, flow: &FlowKey) -> Option<Match> {
        self.matching_ends(&Ends::from(*flow))
    }

    /// What a flow matches whose ports may not be known, or `None` if it is of no path.
    ///
    /// A port that is not known matches only rules that leave it open or take every port from 1 to 65535.
    #[must_use]
    pub fn matching_ends(&self, ends: &Ends) -> Option<Match> {
        let mut step = Some(self.prefix(self.longest(ends)?).first);
        while let Some(index) = step {
            let rule = self.rule(index);
            if rule.matches(ends) {
                return Some(Match { path: rule.path, rule: index });
            }
            step = rule.next;
        }
        None
    }

    /// The longest prefix that holds the destination; none for ends of two families, which no flow has.
    ///
    /// A prefix sorts before those that it covers. So the last one that sorts up to the address is
    /// the one sought, or lies inside it.
    #[must_use]
    pub fn longest(&self, ends: &Ends) -> Option<PrefixIndex> {
        let address = Prefix::host(ends.destination.address);
        if Family::of(ends.source.address) != address.family() {
            return None;
        }
        let after = self.prefixes.partition_point(|entry| entry.prefix <= address);
        let mut at = prefix_index(after.checked_sub(1)?);
        while !self.prefix(at).prefix.covers(address) {
            at = self.prefix(at).covering?;
        }
        Some(at)
    }

    /// The prefix at an index of this table.
    ///
    /// # Panics
    /// When the index is of another table.
    #[must_use]
    pub fn prefix(&self, index: PrefixIndex) -> &PrefixEntry {
        &self.prefixes[index.0 as usize]
    }

    /// The rule at an index of this table.
    ///
    /// # Panics
    /// When the index is of another table.
    #[must_use]
    pub fn rule(&self, index: RuleIndex) -> &Rule {
        &self.rules[index.0 as usize]
    }

    /// The prefixes that hold the destination, longest first.
    pub fn covering(&self, ends: &Ends) -> impl Iterator<Item = &PrefixEntry> {
        let entry = |index: PrefixIndex| self.prefix(index);
        std::iter::successors(self.longest(ends).map(entry), move |shorter| shorter.covering.map(entry))
    }

    /// How many prefixes there are of a family.
    #[must_use]
    pub fn count(&self, family: Family) -> usize {
        self.prefixes.iter().filter(|entry| entry.prefix.family() == family).count()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "compilation checks that a table has fewer than 2^32 rules"
)]
pub(crate) fn prefix_index(at: usize) -> PrefixIndex {
    PrefixIndex(at as u32)
}
