//! Real hosts over an emulated path: experiments with the kernel's own TCP on one machine.
//!
//! ```text
//!              scenario.toml                               report.json
//!                    |                                          ^
//!                    v                                          |
//!  +--------------- run: starts, watches, records, takes down ---------------+
//!  |                                                                         |
//!  |   host left                      emulator                  host right   |
//!  |  +---------------------+    +----------------+    +------------------+  |
//!  |  | namespace           |    | forward link   |    | namespace        |  |
//!  |  |  iperf3 -c ... wad0 |===>| (crate `path`) |===>| wad0   iperf3 -s |  |
//!  |  |  10.77.0.1  fd77::1 |<===| backward link  |<===| 10.77.0.2        |  |
//!  |  +---------------------+    +----------------+    +------------------+  |
//!  |        one cgroup holds every application of the run                    |
//!  +-------------------------------------------------------------------------+
//! ```
//!
//! A [`Scenario`] is data: hosts with their sysctls, a path, applications, and what to record. [`run()`]
//! carries it out and returns a [`Report`]. A [`Testbed`] is the two hosts and the path without a scenario,
//! for tests that bring their own sockets.
//!
//! The path is the model of `wad-path` under the monotonic clock: the same code that a simulation runs in
//! virtual time. The emulator only carries its decisions out, and says how late it was. Its two modes, and
//! what each is good for, are described at [`Emulator`].
//!
//! # Nothing stays behind
//! Network namespaces and TUN devices are held by file descriptors alone; no name keeps them when the
//! process is gone. What can stay after a `kill -9` is a cgroup with processes in it, and a temporary
//! directory: their names say which process made them, and the next run removes those of the dead.
//! Applications are killed with the laboratory where the kernel can see to it.
//!
//! # Needs
//! Root, `/dev/net/tun`, a cgroup v2 hierarchy anywhere in the mount table, Linux 5.14 (`cgroup.kill`), and
//! the programs that the scenario names.

pub mod report;
pub mod scenario;
pub mod segment;

mod cancel;
mod cgroup;
mod clock;
mod directory;
mod emulator;
mod error;
mod flows;
mod host;
mod iperf3;
mod namespace;
mod netlink;
mod owner;
mod pool;
mod run;
mod sys;
mod tcp_sample;
mod testbed;
mod tun;

pub use cancel::Cancel;
pub use cgroup::Cgroup;
pub use emulator::{Emulator, EmulatorOptions};
pub use error::LabError;
pub use flows::TcpSockets;
pub use host::{DEVICE, Host, HostConfig};
pub use iperf3::{Interval, Iperf3};
pub use namespace::Namespace;
pub use report::Report;
pub use run::{Progress, RunOptions, remove_leftovers, run};
pub use scenario::Scenario;
pub use sys::limit_pacing;
pub use tcp_sample::TcpSample;
pub use testbed::{Mode, Testbed, TestbedConfig};
