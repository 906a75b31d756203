//! What people ask of the simulator.
//!
//! ```text
//!   file, flags --> Document --> Scenario --> wad_sim::Simulation --> Outcome --> tables
//!                                    |                |
//!                                    |            Watcher --> recording, picture
//!                                    +--> Survey: round trip, slowest link, windows of each flow
//! ```
//!
//! A [`Document`] is a scenario that is still being put together: a file or the defaults, and over it [`Setting`]s by name,
//! such as `rate=622Mbit/s`. Names are the same for flags, for sweeps and for `--set`.
//!
//! The crate is pure: threads, files and progress are the caller's.

mod document;
mod error;
pub mod estimate;
pub mod explain;
pub mod limits;
pub mod run;
mod setting;
pub mod show;
mod survey;
pub mod sweep;

pub use document::Document;
pub use error::StudyError;
pub use setting::{SHORT_NAMES, Setting, ShortName};
pub use survey::{FlowFacts, Survey, WindowLimit};
