//! Real hosts in network namespaces over an emulated path.

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
mod tcp_info;
mod testbed;
mod tun;

pub use cancel::Cancel;
pub use cgroup::Cgroup;
pub use emulator::{Emulator, EmulatorOptions};
pub use error::LabError;
pub use host::{DEVICE, Host, HostConfig};
pub use iperf3::{Interval, Iperf3};
pub use namespace::Namespace;
pub use report::Report;
pub use run::{Progress, RunOptions, remove_leftovers, run};
pub use scenario::Scenario;
pub use tcp_info::TcpSample;
pub use testbed::{Mode, Testbed, TestbedConfig};
