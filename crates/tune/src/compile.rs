//! From the configuration to the table of rules.

use std::cmp::Reverse;

use thiserror::Error;

use crate::config::{Config, PathPolicy};
use crate::ports::PortRange;
use crate::prefix::Prefix;
use crate::rules::{
    MAX_CHAIN, PathIndex, PrefixEntry, PrefixIndex, Rule, RuleIndex, RuleTable, prefix_index,
};

/// A configuration that no table of rules can hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompileError {
    /// The rules for a destination are more than the kernel tries.
    #[error(
        "{destination} has {length} rules to try, and {MAX_CHAIN} is the most, of {}: join ports into ranges or \
         sources into shorter prefixes, or give {destination} an entry without source and ports, which ends the \
         search",
        paths.join(", ")
    )]
    ChainTooLong {
        /// The destination prefix.
        destination: Prefix,
        /// How many rules there would be.
        length: usize,
        /// The entries that they come from, each with its name and line.
        paths: Vec<String>,
    },
    /// There are more rules than an index can tell apart.
    #[error("the paths make more than 4294967295 rules: leave out some destinations, sources or ports")]
    TooManyRules,
}

impl RuleTable {
    /// The table of a configuration.
    ///
    /// # Errors
    /// When a destination has more than [`MAX_CHAIN`] rules to try.
    pub fn compile(config: &Config) -> Result<Self, CompileError> {
        let mut rules = expand(config)?;
        u32::try_from(rules.len()).map_err(|_| CompileError::TooManyRules)?;
        // Stable: what is equally specific stays in the order of the file.
        rules.sort_by_key(|(destination, rule)| (*destination, specificity(rule)));
        let mut builder = Builder::default();
        for group in rules.chunk_by(|a, b| a.0 == b.0) {
            builder.add(group, config)?;
        }
        Ok(builder.table)
    }
}

/// Every rule with its destination, in the order of the file.
fn expand(config: &Config) -> Result<Vec<(Prefix, Rule)>, CompileError> {
    let mut rules = Vec::new();
    for (at, path) in config.paths.iter().enumerate() {
        let index = PathIndex(u32::try_from(at).map_err(|_| CompileError::TooManyRules)?);
        for destination in &path.selector.destination {
            let own = rules_to(*destination, index, path)?;
            rules.extend(own);
        }
    }
    Ok(rules)
}

/// A path's rules for one of its destinations.
fn rules_to(
    destination: Prefix,
    index: PathIndex,
    path: &PathPolicy,
) -> Result<impl Iterator<Item = (Prefix, Rule)>, CompileError> {
    let length = path.selector.count(destination.family());
    if length > MAX_CHAIN {
        return Err(CompileError::ChainTooLong { destination, length, paths: vec![title(path)] });
    }
    let combinations = path.selector.combinations(destination.family());
    Ok(combinations.map(move |c| {
        let (source, source_port, destination_port) = (c.source, c.source_port, c.destination_port);
        (destination, Rule { path: index, source, source_port, destination_port, next: None })
    }))
}

/// What sorts the rules of a destination, the most specific first: longest source, then both ports
/// given, the destination's, the source's, none; then the narrower destination range, then the
/// narrower source range.
fn specificity(rule: &Rule) -> impl Ord + use<> {
    let given = |ports: PortRange| Reverse(ports.is_given());
    (
        Reverse(rule.source.length()),
        Reverse(rule.destination_port.is_given() && rule.source_port.is_given()),
        given(rule.destination_port),
        given(rule.source_port),
        rule.destination_port.width(),
        rule.source_port.width(),
    )
}

fn title(path: &PathPolicy) -> String {
    format!("path \"{}\" (line {})", path.name, path.line)
}

/// The table so far. Prefixes arrive in their order, those that cover another before it.
#[derive(Default)]
struct Builder {
    table: RuleTable,
    /// The prefixes that cover the latest one, and that one: the nearest last.
    open: Vec<PrefixIndex>,
    /// For each prefix the length of its chain.
    lengths: Vec<usize>,
}

impl Builder {
    /// Adds a prefix with its rules, most specific first.
    fn add(&mut self, group: &[(Prefix, Rule)], config: &Config) -> Result<(), CompileError> {
        let prefix = group[0].0;
        self.leave(prefix);
        let covering = self.open.last().copied();
        let first = rule_index(self.table.rules.len());
        let reached = group.iter().position(|(_, rule)| rule.is_open()).map(|open| open + 1);
        let length =
            reached.unwrap_or_else(|| group.len() + covering.map_or(0, |c| self.lengths[c.0 as usize]));
        let own = u32::try_from(group.len()).map_err(|_| CompileError::TooManyRules)?;
        self.open.push(prefix_index(self.table.prefixes.len()));
        self.table.prefixes.push(PrefixEntry { prefix, first, own, covering });
        self.lengths.push(length);
        self.link(group, covering);
        if length > MAX_CHAIN { Err(self.too_long(prefix, first, length, config)) } else { Ok(()) }
    }

    /// Drops the prefixes that do not cover this one.
    fn leave(&mut self, prefix: Prefix) {
        while self.open.pop_if(|index| !self.table.prefix(*index).prefix.covers(prefix)).is_some() {}
    }

    /// Adds the rules, each leading to the following one and the last to the chain of what covers it.
    fn link(&mut self, group: &[(Prefix, Rule)], covering: Option<PrefixIndex>) {
        let beyond = covering.map(|index| self.table.prefix(index).first);
        for (at, (_, rule)) in group.iter().enumerate() {
            let following = (at + 1 < group.len()).then(|| rule_index(self.table.rules.len() + 1));
            let next = following.or(beyond).filter(|_| !rule.is_open());
            self.table.rules.push(Rule { next, ..*rule });
        }
    }

    fn too_long(
        &self,
        destination: Prefix,
        first: RuleIndex,
        length: usize,
        config: &Config,
    ) -> CompileError {
        let chain = std::iter::successors(Some(first), |index| self.table.rule(*index).next);
        let mut indices: Vec<_> = chain.map(|index| self.table.rule(index).path).collect();
        indices.sort_unstable();
        indices.dedup();
        let paths = indices.into_iter().filter_map(|index| config.path(index)).map(title).collect();
        CompileError::ChainTooLong { destination, length, paths }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "compilation checks that a table has fewer than 2^32 rules"
)]
fn rule_index(at: usize) -> RuleIndex {
    RuleIndex(at as u32)
}
