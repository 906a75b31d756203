//! Numbers for Prometheus.
//!
//! ```text
//!   growth of each flow's counters --> Totals --> Page --> text (OpenMetrics, or Prometheus' older form)
//!                                                  ^
//!                                 sinks, process --'
//! ```
//!
//! How many series there are depends on the configuration and never on how many flows come: flows are summed for each
//! path, flows of no path together; those of a path that asks for it have series of their own, up to a bound, while they
//! are open. What a flow adds to a sum stays in it when the flow is gone, so that no sum ever falls.

mod page;
mod process;
mod reference;
mod table;
mod text;
mod totals;

pub(crate) use page::{Page, Told};
pub use reference::metrics_reference;
pub(crate) use totals::{Group, Tally, Totals, tally};
