//! The kernel's side of WAD, and everything that acts on Linux: BPF programs and their loader,
//! the cgroup hierarchy, and the host's settings.
//!
//! ```text
//!   Policy ---> Tuner::load ---> maps ---> sock_ops: match, tune, report
//!                                 |        setsockopt/getsockopt: hold back an application's sizes
//!                                 |        struct_ops: the congestion control `wad`
//!   Record <--- Tuner::poll <--- ring      iterator: all open flows
//! ```
//!
//! Whoever observes flows needs no [`Tuner`] and no daemon: [`Survey`] samples any flow of the host, and
//! [`Observer`] has what the daemon's programs count of designated ones, and follows flows event by event.
//!
//! Nothing is pinned: when the process that holds a [`Tuner`] ends, however it ends, the kernel
//! detaches the programs. New connections are then untouched; flows that run keep what they have.

mod attach;
mod cgroup;
mod diag_message;
mod error;
mod flow_event;
mod flow_sample;
mod namespaces;
mod netlink;
mod observer;
mod orders;
mod plain;
mod policy;
mod quick_ack;
mod record;
mod sock_diag;
mod statistics;
mod survey;
mod sysctl;
mod system;
mod tcp_metrics;
mod tuner;

pub use cgroup::{cgroup2_mount, mount_of_cgroup2};
pub use error::LinuxError;
pub use flow_event::FlowEvent;
pub use flow_sample::{ControlName, FlowSample, Owner};
pub use namespaces::{Namespace, host_namespaces, namespaces};
pub use observer::{Observation, Observer, WatchMode};
pub use orders::{Action, Order};
pub use policy::{Parameters, Policy, PortRange, Prefix, Rule};
pub use quick_ack::{Obstacle, QuickAckRoute, RouteState};
pub use record::{Counters, Knob, NO_PATH, Record, RecordKind, SocketState};
pub use sock_diag::{SocketStates, sockets};
pub use statistics::{ProgramCost, RunStatistics};
pub use survey::Survey;
pub use sysctl::Sysctls;
pub use system::{check_system, require_control};
pub use tcp_metrics::{flush_tcp_metrics, tcp_metrics};
pub use tuner::{Inheritance, Tuner};

/// The skeleton that the build generates from the BPF object: its maps, programs and types.
#[expect(clippy::all, clippy::pedantic, clippy::restriction, unreachable_pub, reason = "generated code")]
mod skeleton {
    include!(concat!(env!("OUT_DIR"), "/wad.skel.rs"));
}

/// The same of the object of those who observe.
#[expect(clippy::all, clippy::pedantic, clippy::restriction, unreachable_pub, reason = "generated code")]
mod observer_skeleton {
    include!(concat!(env!("OUT_DIR"), "/observer.skel.rs"));
}
