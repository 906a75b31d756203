//! What the configuration wants to know of flows, and who is told.

use std::time::Duration;

use wad_model::counter::COUNTERS;
use wad_trace::{Derived, Schema};
use wad_tune::{Config, ConfigErrors, DerivedProblem, EventKind, EventSink, Metrics};

use crate::DaemonError;

/// Reads a configuration, definitions of derived events included.
///
/// # Errors
/// All that is wrong with it, each with its place in the text.
pub fn read_config(text: &str) -> Result<Config, ConfigErrors> {
    let check = |texts: &[&str]| match compile(texts.iter().copied()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .0
            .into_iter()
            .map(|error| DerivedProblem { index: error.index, column: error.column, message: error.message })
            .collect(),
    };
    Config::parse_with(text, &check)
}

/// The derived events of a configuration, whose columns are all counters in the order of their table.
///
/// # Errors
/// If one is wrong, which [`read_config`] would have said with its place.
pub fn derived(config: &Config) -> Result<Derived, DaemonError> {
    compile(config.observe.derived.iter().map(String::as_str))
        .map_err(|error| DaemonError::Refused(error.to_string()))
}

fn compile<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Derived, wad_trace::DerivedErrors> {
    Derived::compile(texts, &Schema::of("samples", &COUNTERS))
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) interval: Duration,
    pub(super) definitions: Vec<String>,
    pub(super) derived: Derived,
    pub(super) sinks: Vec<EventSink>,
    pub(super) metrics: Option<Metrics>,
    pub(super) paths: Vec<WatchedPath>,
}

/// A path, as far as observers care.
#[derive(Clone, Debug)]
pub(super) struct WatchedPath {
    pub(super) name: String,
    /// Each of its flows has metrics of its own.
    pub(super) per_flow: bool,
}

impl Plan {
    pub(crate) fn of(config: &Config) -> Result<Self, DaemonError> {
        let path = |path: &wad_tune::PathPolicy| WatchedPath {
            name: path.name.clone(),
            per_flow: path.per_flow_metrics,
        };
        Ok(Self {
            interval: config.observe.interval,
            definitions: config.observe.derived.clone(),
            derived: derived(config)?,
            sinks: config.events.clone(),
            metrics: config.metrics,
            paths: config.paths.iter().map(path).collect(),
        })
    }

    /// Whether anything is wanted at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.sinks.is_empty() && !self.samples()
    }

    /// Whether flows are to be looked at between their opening and their end. Alerts go to the log if nowhere else.
    pub(super) fn samples(&self) -> bool {
        let is_sampled = |sink: &EventSink| sink.has(EventKind::Samples);
        self.metrics.is_some() || !self.definitions.is_empty() || self.sinks.iter().any(is_sampled)
    }

    pub(super) fn path_name(&self, index: u32) -> &str {
        self.paths.get(index as usize).map_or("?", |path| path.name.as_str())
    }
}
