//! An experiment as data.
//!
//! ```toml
//! name = "transatlantic"
//! seed = 1
//! duration = "12 s"                     # a run that takes longer is stopped
//!
//! [path]
//! mode = "offload"                      # or "plain": see the crate's documentation
//! mtu = 1500
//! rate = "622 Mbit/s"
//! rtt = "70 ms"                         # half of it each way
//! queue = { bdp = 1.0 }                 # of rate and rtt; or { packets = 300 }, { bytes = "5 MB" }, "unlimited"
//! coalesce = "250 us"                   # how long a segment may wait for its neighbours (offload)
//!
//! [path.forward]                        # left to right; [path.backward] the other way
//! loss = { random = { probability = 1e-5 } }   # every key of a link of `wad-path` may stand here
//!
//! [host.client]                         # two hosts; the first is the left one, unless `side` says otherwise
//! sysctl = { "net.ipv4.tcp_congestion_control" = "cubic" }
//!
//! [host.server]
//!
//! [[application]]
//! name = "server"
//! host = "server"                       # without a host: outside of the hosts, in the run's cgroup
//! command = ["iperf3", "--server", "--one-off"]
//! role = "service"                      # stopped when the last "main" has ended
//! ready_port = 5201                     # later ones wait until it listens; or `ready = "text in its output"`
//! ready_timeout = "5 s"
//!
//! [[application]]
//! name = "client"
//! host = "client"
//! command = ["iperf3", "--client", "{address:server}", "--time", "10", "--json"]
//! start = "0 s"
//!
//! [record]
//! tcp = "100 ms"                        # the flows of both hosts
//! emulator = "100 ms"                   # throughput and queue of each direction
//! ```
//!
//! A default congestion control that the kernel allows to the initial namespace only is set on the routes
//! between the hosts instead; the flows of the path use it either way.
//!
//! In commands `{address:HOST}` and `{address6:HOST}` stand for a host's addresses, `{cgroup}` for the
//! directory of the run's cgroup, `{dir}` for the run's directory, `{wad}` for the running executable.

mod fault;
mod path;
mod placeholder;
mod text;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::error::LabError;
use crate::testbed::TestbedConfig;

pub(crate) use placeholder::Places;

/// An experiment, ready to be run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// How long it may take.
    pub duration: Duration,
    /// The hosts and the path.
    pub testbed: TestbedConfig,
    /// What runs on them.
    pub applications: Vec<Application>,
    /// What is recorded, and how often.
    pub record: Record,
}

/// A program that runs during an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Its host, or none.
    pub host: Option<String>,
    /// The program and its arguments, with placeholders.
    pub command: Vec<String>,
    /// When it starts at the earliest, counted from the start of the run.
    pub start: Duration,
    /// What its end means.
    pub role: Role,
    /// When it counts as ready; applications after it wait for that.
    pub ready: Option<Ready>,
}

/// What the end of an application means to the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The run ends when all of these have ended.
    #[default]
    Main,
    /// It is stopped when the run ends.
    Service,
}

/// When an application counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What shows it.
    pub when: ReadyWhen,
    /// How long that may take.
    pub timeout: Duration,
}

/// What shows that an application is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyWhen {
    /// This text is in its output.
    Output(String),
    /// Something listens on this TCP port of its host.
    Port(u16),
}

impl fmt::Display for ReadyWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(text) => write!(f, "the text \"{text}\" in its output"),
            Self::Port(port) => write!(f, "a listener on TCP port {port}"),
        }
    }
}

/// What is recorded, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The TCP flows of both hosts.
    pub tcp: Option<Duration>,
    /// Throughput and queue of both directions.
    pub emulator: Option<Duration>,
}

impl Scenario {
    /// Reads the text of a scenario.
    ///
    /// # Errors
    /// Says at which line and column what is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, LabError> {
        text::parse(text).map_err(|fault| fault.locate(text))
    }

    /// Reads a scenario's file.
    ///
    /// # Errors
    /// The file cannot be read, or its text is wrong.
    pub fn load(path: &Path) -> Result<Self, LabError> {
        let text = std::fs::read_to_string(path).map_err(|source| LabError::File {
            operation: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests;
