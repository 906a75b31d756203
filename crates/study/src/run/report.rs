//! What a run prints as JSON.

use serde::Serialize;
use wad_sim::{Outcome, Scenario};

/// The scenario that was run, with all that was left open filled in as far as scenarios have it, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    /// What was run.
    pub scenario: &'a Scenario,
    /// What came of it: `measured_s`, `flows`, `links`, `total`, `work`.
    #[serde(flatten)]
    pub outcome: &'a Outcome,
}
