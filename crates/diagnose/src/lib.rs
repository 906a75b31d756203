//! What limits a flow, which known problem it has, and what to do.

pub mod decode;

mod diagnosis;
mod evidence;
mod finding;
mod formula;
mod limits;
mod loss_event;
mod problem;
mod report;
mod signature;
mod thresholds;
mod view;

pub use diagnosis::{Diagnosis, Outlook, Summary, diagnose};
pub use evidence::{CachedMetrics, Evidence, HostFacts, PacketFacts, SYSCTLS, Source};
pub use finding::{Fact, Finding, Remedy};
pub use limits::Limits;
pub use problem::{Place, Problem};
pub use report::{FindingReport, Report};
