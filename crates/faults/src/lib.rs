//! Experiments with known faults really present, by which the diagnosis is judged.
//!
//! ```text
//!   faults.toml --compose--> scenario --lab--> recording.json --> tune.jsonl, judge.jsonl
//!                               |                                       |
//!        endpoint (both ends), sampler                     judge: diagnose, compare
//!                                                                       |
//!                                                     markdown: docs/DIAGNOSIS.md
//! ```
//!
//! Each fault is put into a path, a host or an application, and a transfer is recorded as its sender's kernel sees it.
//! As many transfers have no fault. Thresholds were chosen on one set of paths, and judged on another.

pub mod endpoint;
pub mod sampler;

mod compose;
mod error;
mod judge;
pub mod markdown;
mod run;
mod table;

pub use error::FaultsError;
pub use judge::{FAULTS_NAMED, HEALTHY_BLAMED, Judged, Judgement, NOTHING, load, share};
pub use run::{Outcome, run};
pub use table::{Fault, Healthy, PathText, Set, Setup, Table, Trial};
