//! What is wrong with a question.

use thiserror::Error;
use wad_sim::ScenarioError;

/// Why something cannot be simulated: what, where, and what would be possible.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum StudyError {
    /// The text is no scenario.
    #[error("line {line}, column {column}: {message}")]
    Text {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// A setting that cannot be.
    #[error("{name}={value}: {problem}")]
    Setting {
        /// What was to be set.
        name: String,
        /// To what.
        value: String,
        /// What is wrong, and what would be possible.
        problem: String,
    },
    /// The scenario as a whole has no meaning.
    #[error("{}{source}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Scenario {
        /// Where in the file, if the value at fault stands there.
        line: Option<usize>,
        /// What is wrong.
        source: ScenarioError,
    },
    /// Nothing would ever stop a flow from sending faster.
    #[error(
        "nothing limits {flow}: give its path a rate (--rate 100Mbit/s), or the flow a window (--window 1MiB)"
    )]
    Unlimited {
        /// The flow.
        flow: String,
    },
}
