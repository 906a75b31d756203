//! What is wrong with a configuration.

use std::time::Duration;

use thiserror::Error;
use wad_model::format_duration;

/// A value that a link cannot have: which key, which value, what to do.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ConfigError {
    /// Not a probability.
    #[error("{key} = {value} is not a probability: give a number from 0 to 1")]
    Probability {
        /// The key, with the keys that lead to it.
        key: String,
        /// Its value.
        value: f64,
    },
    /// Zero, where that has no meaning.
    #[error("{key} is 0: {remedy}")]
    Zero {
        /// The key, with the keys that lead to it.
        key: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// A uniform jitter that would reach below zero.
    #[error(
        "{key} = \"{}\" is more than the mean, \"{}\": a packet cannot gain time; lower it or raise the mean",
        format_duration(*spread),
        format_duration(*mean)
    )]
    SpreadBeyondMean {
        /// The key, with the keys that lead to it.
        key: String,
        /// Its value.
        spread: Duration,
        /// The mean that it exceeds.
        mean: Duration,
    },
    /// An exponential distribution with a spread.
    #[error(
        "{key} = \"{}\": the mean alone describes an exponential distribution; leave the key out",
        format_duration(*spread)
    )]
    SpreadOfExponential {
        /// The key, with the keys that lead to it.
        key: String,
        /// Its value.
        spread: Duration,
    },
    /// A threshold that is no length.
    #[error("{key} = {value} is no length: give a number of packets, 0 or more, and a finite max")]
    Threshold {
        /// The key, with the keys that lead to it.
        key: String,
        /// Its value.
        value: f64,
    },
    /// Two thresholds in the wrong order.
    #[error("{key} = {value} is below the other threshold, {least}: raise it, or lower the other")]
    Order {
        /// The key, with the keys that lead to it.
        key: String,
        /// Its value.
        value: f64,
        /// What it must reach.
        least: f64,
    },
    /// A value that a source of traffic cannot have.
    #[error("{key} = {value}: {remedy}")]
    Range {
        /// The key, with the keys that lead to it.
        key: String,
        /// Its value.
        value: String,
        /// What would be possible.
        remedy: &'static str,
    },
    /// A step of a schedule that has no meaning.
    #[error("{key} {problem}")]
    Schedule {
        /// The key, with the keys that lead to it.
        key: String,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
}

impl ConfigError {
    /// The key at fault, with the keys that lead to it: "loss.random.probability".
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Probability { key, .. }
            | Self::Zero { key, .. }
            | Self::SpreadBeyondMean { key, .. }
            | Self::SpreadOfExponential { key, .. }
            | Self::Threshold { key, .. }
            | Self::Order { key, .. }
            | Self::Range { key, .. }
            | Self::Schedule { key, .. } => key,
        }
    }

    /// The same error, seen from the table `outer` that holds the one at fault.
    #[must_use]
    pub fn inside(mut self, outer: &str) -> Self {
        let key = match &mut self {
            Self::Probability { key, .. }
            | Self::Zero { key, .. }
            | Self::SpreadBeyondMean { key, .. }
            | Self::SpreadOfExponential { key, .. }
            | Self::Threshold { key, .. }
            | Self::Order { key, .. }
            | Self::Range { key, .. }
            | Self::Schedule { key, .. } => key,
        };
        *key = format!("{outer}.{key}");
        self
    }
}
