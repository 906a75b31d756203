//! The flows of a trace.

use std::fmt;

use wad_model::{Direction, FlowKey, Time};

/// The number of a flow within one trace.
///
/// Ports are used again; a number never is. A trace that goes on in another file keeps its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub(crate) u64);

impl FlowId {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is known of a flow when its recording begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its two ends.
    pub key: FlowKey,
    /// Which end of the connection this host was, if that is known.
    pub direction: Option<Direction>,
    /// When it was established, by the monotonic clock, if that is known.
    pub opened: Option<Time>,
    /// What else its recorder said of it, such as `path` or `congestion_control`: names and texts.
    pub labels: Vec<(String, String)>,
}

impl Flow {
    /// A flow of which only the ends are known.
    #[must_use]
    pub const fn new(key: FlowKey) -> Self {
        Self { key, direction: None, opened: None, labels: Vec::new() }
    }

    /// The same flow, which end connected being known.
    #[must_use]
    pub fn direction(self, direction: Direction) -> Self {
        Self { direction: Some(direction), ..self }
    }

    /// The same flow, established at `opened`.
    #[must_use]
    pub fn opened(self, opened: Time) -> Self {
        Self { opened: Some(opened), ..self }
    }

    /// The same flow with these labels.
    #[must_use]
    pub fn labels(self, labels: Vec<(String, String)>) -> Self {
        Self { labels, ..self }
    }

    /// The text of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}
