//! Which path a flow takes and why, for people and as data.

use std::fmt;

use serde::Serialize;

use crate::config::Config;
use crate::decision::{Decision, decide};
use crate::endpoint::Ends;
use crate::limits::HostLimits;
use crate::ports::PortRange;
use crate::prefix::Prefix;
use crate::rules::{PrefixEntry, Rule, RuleTable};

/// Which path a flow takes, what else was considered, and what is set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The flow.
    #[serde(flatten)]
    pub ends: Ends,
    /// The name of the path that it takes; `None` if it takes none and is left alone.
    pub path: Option<String>,
    /// Every rule whose destination holds the flow's, in the order in which they are tried.
    pub candidates: Vec<Candidate>,
    /// What is set; `None` if the flow takes no path.
    pub decision: Option<Decision>,
}

/// A rule whose destination holds the flow's, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The name of the path that the rule belongs to.
    pub path: String,
    /// The line of that entry, counted from one.
    pub line: u32,
    /// The destination.
    pub destination: Prefix,
    /// The source; `None` if left open.
    pub source: Option<Prefix>,
    /// The port at the other host; `None` if left open.
    pub destination_port: Option<PortRange>,
    /// The port at this host; `None` if left open.
    pub source_port: Option<PortRange>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a rule that was considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It decides.
    Applies,
    /// It matches too, but one before it is more specific.
    LessSpecific,
    /// The flow has another source.
    OtherSource,
    /// The flow has another destination port.
    OtherDestinationPort,
    /// The rule asks for a destination port, and the flow's is not known.
    UnknownDestinationPort,
    /// The flow has another source port.
    OtherSourcePort,
    /// The rule asks for a source port, and the flow's is not known: it may be any that is free.
    UnknownSourcePort,
}

/// Which path a flow takes and what is set for it on a host with these limits.
///
/// `table` must be the one of `config`. A port that is not known matches only rules that leave it open, or that
/// take every port from 1 to 65535; rules passed over for this say so.
#[must_use]
pub fn explain(config: &Config, table: &RuleTable, limits: &HostLimits, ends: Ends) -> Explanation {
    let found = table.matching_ends(&ends);
    let winner = found.map(|found| table.rule(found.rule));
    let rules =
        table.covering(&ends).flat_map(|entry| own_rules(table, entry).map(move |rule| (entry, rule)));
    let candidates =
        rules.filter_map(|(entry, rule)| candidate(config, entry, rule, winner, &ends)).collect();
    let policy = found.and_then(|found| Some((found.path, config.path(found.path)?)));
    Explanation {
        ends,
        path: policy.map(|(_, policy)| policy.name.clone()),
        candidates,
        decision: policy.map(|(index, policy)| decide(index, policy, limits)),
    }
}

fn own_rules<'t>(table: &'t RuleTable, entry: &PrefixEntry) -> impl Iterator<Item = &'t Rule> + use<'t> {
    table.rules.iter().skip(entry.first.0 as usize).take(entry.own as usize)
}

fn candidate(
    config: &Config,
    entry: &PrefixEntry,
    rule: &Rule,
    winner: Option<&Rule>,
    ends: &Ends,
) -> Option<Candidate> {
    let path = config.path(rule.path)?;
    let given = |ports: PortRange| ports.is_given().then_some(ports);
    Some(Candidate {
        path: path.name.clone(),
        line: path.line,
        destination: entry.prefix,
        source: (rule.source.length() > 0).then_some(rule.source),
        destination_port: given(rule.destination_port),
        source_port: given(rule.source_port),
        outcome: outcome(rule, winner, ends),
    })
}

fn outcome(rule: &Rule, winner: Option<&Rule>, ends: &Ends) -> Outcome {
    let unless_known = |port: Option<u16>, unknown, other| if port.is_none() { unknown } else { other };
    if winner.is_some_and(|winner| std::ptr::eq(winner, rule)) {
        Outcome::Applies
    } else if !rule.source.contains(ends.source.address) {
        Outcome::OtherSource
    } else if !rule.destination_port.admits(ends.destination.port) {
        let port = ends.destination.port;
        unless_known(port, Outcome::UnknownDestinationPort, Outcome::OtherDestinationPort)
    } else if !rule.source_port.admits(ends.source.port) {
        unless_known(ends.source.port, Outcome::UnknownSourcePort, Outcome::OtherSourcePort)
    } else {
        Outcome::LessSpecific
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applies => "applies",
            Self::LessSpecific => "matches too, but is less specific",
            Self::OtherSource => "is for another source",
            Self::OtherDestinationPort => "is for another destination port",
            Self::UnknownDestinationPort => "asks for a destination port, and none was given",
            Self::OtherSourcePort => "is for another source port",
            Self::UnknownSourcePort => "asks for a source port, and none was given",
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path \"{}\" (line {}) to {}", self.path, self.line, self.destination)?;
        self.destination_port.iter().try_for_each(|ports| write!(f, " port {ports}"))?;
        self.source.iter().try_for_each(|source| write!(f, " from {source}"))?;
        self.source_port.iter().try_for_each(|ports| write!(f, " from port {ports}"))?;
        write!(f, " {}", self.outcome)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ends)?;
        match &self.path {
            Some(path) => write!(f, " takes path \"{path}\"")?,
            None => write!(f, " takes no path and is left alone")?,
        }
        if !self.candidates.is_empty() {
            write!(f, "\n\nrules in the order in which they are tried:")?;
        }
        self.candidates.iter().try_for_each(|candidate| write!(f, "\n  {candidate}"))?;
        let Some(decision) = &self.decision else { return Ok(()) };
        write!(f, "\n\nwhat is set:")?;
        decision.settings.iter().try_for_each(|setting| write!(f, "\n  {setting}"))?;
        decision.host_settings.iter().try_for_each(|setting| write!(f, "\n  {setting}"))
    }
}
