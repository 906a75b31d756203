//! The experiments of the first WAD (2002 to 2004) as data, run again with real kernel flows.
//!
//! ```text
//! experiments/ID.toml --> Experiment --+-- compose --> lab scenario --> lab report
//! experiments/hosts.toml --> HostSets -+                                    |
//!                                                                        measure
//!      results.json  <-- Row <-- judge <-- Samples of each variant <--------+
//!           |
//!        markdown, picture
//! ```
//!
//! [`compare`] runs the same transfers in the simulator.
//!
//! An [`Experiment`] states the path, the losses that were chosen where the source gives none, the variants that
//! are compared, what was reported, and which ratios must hold today. A variant runs iperf3 between two
//! hosts with the sysctls of a day (those of 2002, or today's), with or without the daemon.
//!
//! What decides is pure: composing a scenario, measuring a report ([`measure()`]), fitting windows to formulas
//! ([`formula`]), judging ([`Row`]), rendering ([`markdown`]). [`run()`] is the edge.

pub mod compare;
pub mod experiment;
pub mod formula;
pub mod markdown;
pub mod statistics;

mod compose;
mod error;
mod judge;
mod measure;
mod picture;
mod quantity;
mod row;
mod run;
mod windows;

pub use compose::scenario_text;
pub use error::ReproduceError;
pub use experiment::{Check, Experiment, HostSets, Variant, catalogue, find};
pub use measure::measure;
pub use picture::{Picture, pictures};
pub use quantity::Quantity;
pub use row::{CheckResult, Row, merge};
pub use run::{Event, Finished, Options, VariantRuns, run};
