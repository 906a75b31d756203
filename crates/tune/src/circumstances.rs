//! What a decision depends on beside the policy.

use std::fmt;

use wad_model::Segments;

use crate::config::PathEstimate;
use crate::limits::HostLimits;

/// What a decision depends on beside the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The host's limits.
    pub limits: HostLimits,
    /// What is known of the path, if it comes from elsewhere than the path's own entry. It goes before that.
    pub estimate: Option<KnownEstimate>,
    /// How many flows of the path are open, this one included. Zero counts as one.
    pub flows: u32,
    /// The flow's congestion window, if it has been seen.
    pub window: Option<Segments>,
}

impl Circumstances {
    /// Those of a flow that is alone on its path, of which no more is known than the configuration says.
    #[must_use]
    pub const fn alone(limits: HostLimits) -> Self {
        Self { limits, estimate: None, flows: 1, window: None }
    }
}

/// An estimate, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KnownEstimate {
    /// The estimate.
    pub estimate: PathEstimate,
    /// Who says so.
    pub source: EstimateSource,
}

/// Where an estimate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EstimateSource {
    /// A line of the configuration.
    Configuration(u32),
    /// A line of a file of estimates.
    File(u32),
    /// The command line.
    CommandLine,
    /// A measurement of this host.
    Measurement,
}

impl fmt::Display for EstimateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(line) => write!(f, "line {line}"),
            Self::File(line) => write!(f, "line {line} of the estimates"),
            Self::CommandLine => f.write_str("the command line"),
            Self::Measurement => f.write_str("measured"),
        }
    }
}
