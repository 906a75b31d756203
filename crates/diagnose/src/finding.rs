//! What was found: a problem, with its evidence and what to do about it.

use serde::Serialize;

use crate::problem::Problem;

/// A problem that a flow has.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which.
    pub problem: Problem,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// The share of the flow's life that it explains, 0 to 1.
    pub share: f64,
    /// The numbers that show it.
    pub evidence: Vec<Fact>,
    /// What to do, best first.
    pub remedies: Vec<Remedy>,
}

impl Finding {
    /// What findings are ranked by: the part of the flow's life that is likely to be gained.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.confidence * self.share
    }
}

/// A number that shows a problem. The name ends in the unit: `_s`, `_bps`, `_bytes`, `_segments`; a share or a count has
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: &'static str,
    /// The number.
    pub value: f64,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// An entry for WAD's configuration on the sender's host.
    Wad {
        /// The entry.
        toml: String,
    },
    /// A sysctl.
    Sysctl {
        /// On which host: "sender" or "receiver".
        host: &'static str,
        /// Its name.
        name: &'static str,
        /// The value to set.
        value: String,
    },
    /// A command on the sender's host.
    Command {
        /// The command.
        command: String,
    },
    /// A change of the application.
    Application {
        /// What to change.
        advice: String,
    },
    /// A question for whoever owns the network, or the far host.
    Ask {
        /// The question.
        question: String,
    },
}
