//! The daemon: it keeps the policy in the kernel, reports every designated flow at its open and
//! its close, answers questions about them, and puts the host back when it stops.
//!
//! ```text
//!   configuration --> policy ---------> kernel (wad-linux)
//!                                         | records
//!   log lines <-- report <-- flow table <-'
//!                               |
//!   `wad flows` <-- API <-------'
//!
//!   sinks of events, Prometheus <-- observer's thread <-- samples of flows, if anybody wants them
//! ```
//!
//! The daemon is not in the path of any packet, and of no connection: the kernel's programs have
//! the whole policy. If the daemon dies, flows that run keep what they have and new ones are left
//! alone; the next start puts back the host's limits that the dead one had raised.

mod api;
mod client;
mod daemon;
mod error;
mod flow_table;
mod handover;
mod host_state;
mod ledger;
mod metrics;
mod observe;
mod place;
mod policy;
mod report;
mod retune;
mod run;
mod runtime_dir;
mod start;

pub use api::{FlowView, FlowsView, HistoryView, ReloadView, SinkView, StatusView, StopView};
pub use client::Client;
pub use error::DaemonError;
pub use flow_table::{FlowEvent, FlowTable};
pub use host_state::HostState;
pub use ledger::{Change, Event, HistoryLine};
pub use metrics::metrics_reference;
pub use observe::{derived, read_config};
pub use policy::kernel_policy;
pub use report::{close_line, open_line};
pub use run::{Options, Reader, Wishes, run};
pub use runtime_dir::{DEFAULT_RUNTIME_DIR, RuntimeDir};
