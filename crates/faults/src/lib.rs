//! Experiments with known faults really present, by which the diagnosis is judged.

pub mod endpoint;
pub mod sampler;

mod compose;
mod error;
mod judge;
mod run;
mod table;

pub use error::FaultsError;
pub use judge::{FAULTS_NAMED, HEALTHY_BLAMED, Judged, Judgement, NOTHING, load, share};
pub use run::{Outcome, run};
pub use table::{Fault, Healthy, PathText, Set, Setup, Table, Trial};
