//! What is other in a new configuration than in the one before, for the log of a reload.

use std::fmt;

use crate::config::{Config, PathPolicy};
use crate::decision::{Change, decide};
use crate::limits::HostLimits;
use crate::rules::PathIndex;
use crate::tunables::Knob;

/// What is other in a new configuration. Where a thing stands in the file does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChange {
    /// Paths that there were not before, in the order of the new file.
    pub added: Vec<String>,
    /// Paths that there are no more, in the order of the old file.
    pub removed: Vec<String>,
    /// Paths that are other than before, in the order of the new file.
    pub changed: Vec<PathChange>,
    /// Whether paths that both have come in another order. It decides between rules that are equally specific.
    pub reordered: bool,
    /// Whether `host.cgroup` is another.
    pub cgroup: bool,
    /// Whether `[api]` is other.
    pub api: bool,
    /// Whether `[observe]` is other.
    pub observe: bool,
    /// Whether `[[events]]` are other.
    pub events: bool,
    /// Whether `[metrics]` is other.
    pub metrics: bool,
}

/// What is other of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// The path.
    pub name: String,
    /// Whether it is for other flows: its addresses or ports are others.
    pub flows: bool,
    /// What is set otherwise.
    pub settings: Vec<Change>,
}

impl ConfigChange {
    /// What is other in `new` than in `old`. Paths are the same if their names are.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        Self {
            added: without(new, old),
            removed: without(old, new),
            changed: new.paths.iter().filter_map(|path| changed(old, path)).collect(),
            reordered: common(old, new) != common(new, old),
            cgroup: old.host.cgroup != new.host.cgroup,
            api: old.api != new.api,
            observe: old.observe != new.observe,
            events: old.events != new.events,
            metrics: old.metrics != new.metrics,
        }
    }

    /// Whether all is as it was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn named<'c>(config: &'c Config, name: &str) -> Option<&'c PathPolicy> {
    config.paths.iter().find(|path| path.name == name)
}

/// The names of paths that only `config` has.
fn without(config: &Config, other: &Config) -> Vec<String> {
    let own = config.paths.iter().filter(|path| named(other, &path.name).is_none());
    own.map(|path| path.name.clone()).collect()
}

/// The names of paths that both have, in the order of `config`.
fn common<'c>(config: &'c Config, other: &Config) -> Vec<&'c str> {
    let both = config.paths.iter().filter(|path| named(other, &path.name).is_some());
    both.map(|path| path.name.as_str()).collect()
}

fn changed(old: &Config, path: &PathPolicy) -> Option<PathChange> {
    let before = named(old, &path.name)?;
    let flows = before.selector != path.selector;
    let settings = settings(before, path);
    let is_other = flows || !settings.is_empty();
    is_other.then(|| PathChange { name: path.name.clone(), flows, settings })
}

/// What is set otherwise for a flow that is alone, and what becomes of it when there are more.
fn settings(before: &PathPolicy, after: &PathPolicy) -> Vec<Change> {
    let decided = |path| decide(PathIndex::default(), path, &HostLimits::default());
    let mut changes = decided(after).changes_from(&decided(before));
    let unsaid = unsaid(before).into_iter().zip(unsaid(after));
    changes.extend(unsaid.filter(|(from, to)| from.1 != to.1).map(|((knob, from), (_, to))| Change {
        knob,
        from,
        to,
        reason: String::new(),
    }));
    changes
}

/// What a path gives that decisions go by but do not list.
fn unsaid(path: &PathPolicy) -> [(Knob, Option<String>); 4] {
    let buffers = &path.buffers;
    let division = if buffers.divide.value { "on" } else { "off" };
    [
        (Knob::BufferHeadroom, Some(buffers.headroom.value.to_string())),
        (Knob::BufferDivide, Some(division.to_owned())),
        (Knob::BufferFloor, Some(buffers.floor.value.to_string())),
        (Knob::Estimate, path.estimate.map(|given| given.value.to_string())),
    ]
}

impl fmt::Display for PathChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flows = self.flows.then(|| "is for other flows".to_owned());
        let parts: Vec<_> = flows.into_iter().chain(self.settings.iter().map(Change::to_string)).collect();
        write!(f, "path \"{}\": {}", self.name, parts.join("; "))
    }
}

/// One line for each thing.
impl fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |name: &String, what: &str| format!("path \"{name}\" {what}");
        let mut lines: Vec<String> = self.removed.iter().map(|name| path(name, "is gone")).collect();
        lines.extend(self.added.iter().map(|name| path(name, "is new")));
        lines.extend(self.changed.iter().map(PathChange::to_string));
        lines.extend(self.reordered.then(|| "paths come in another order".to_owned()));
        lines.extend(self.cgroup.then(|| "`host.cgroup` is another".to_owned()));
        for (is_other, section) in [
            (self.api, "`[api]` is other"),
            (self.observe, "`[observe]` is other"),
            (self.events, "`[[events]]` are other"),
            (self.metrics, "`[metrics]` is other"),
        ] {
            lines.extend(is_other.then(|| section.to_owned()));
        }
        let text = if lines.is_empty() { "nothing is other".to_owned() } else { lines.join("\n") };
        f.write_str(&text)
    }
}
