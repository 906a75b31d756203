//! What can go wrong, worded for the person who must act.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use wad_model::format_duration;

/// Why a laboratory run could not be set up or carried through.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LabError {
    /// The process lacks the privileges for namespaces and devices.
    #[error("cannot {operation}: not permitted; run as root")]
    NotRoot {
        /// What was attempted.
        operation: String,
    },
    /// The kernel has no TUN driver at hand.
    #[error("cannot open /dev/net/tun ({source}): load the driver with `modprobe tun`")]
    NoTun {
        /// What the kernel answered.
        source: io::Error,
    },
    /// No cgroup v2 hierarchy is mounted.
    #[error(
        "no cgroup v2 hierarchy in the mount table: mount one, for example with \
         `mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified`"
    )]
    NoCgroup2,
    /// An operation on a cgroup failed.
    #[error("cannot {operation} cgroup {}: {source}", path.display())]
    Cgroup {
        /// What was attempted.
        operation: &'static str,
        /// The cgroup's directory.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A host's network could not be set up.
    #[error("host {host}: cannot {operation}: {source}")]
    Network {
        /// The host.
        host: String,
        /// What was attempted, with its object.
        operation: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A sysctl of a host could not be written.
    #[error(
        "host {host}: cannot set sysctl {key} to \"{value}\": {source} \
         (a host has the sysctls of its network namespace only; `sysctl {key}` shows whether this kernel has it)"
    )]
    Sysctl {
        /// The host.
        host: String,
        /// The sysctl's name with dots.
        key: String,
        /// The value that was to be written.
        value: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// An application's program is not installed.
    #[error("application {application}: program \"{program}\" not found{}", install_hint(program))]
    ProgramNotFound {
        /// The application.
        application: String,
        /// The program that was to be run.
        program: String,
    },
    /// An application could not be started.
    #[error("application {application}: cannot start \"{program}\": {source}")]
    Start {
        /// The application.
        application: String,
        /// The program that was to be run.
        program: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// An application did not become ready.
    #[error(
        "application {application} did not become ready ({awaited}) within {}; its output ends with: {tail}",
        format_duration(*.after)
    )]
    NotReady {
        /// The application.
        application: String,
        /// What was awaited.
        awaited: String,
        /// How long.
        after: Duration,
        /// The end of what it wrote.
        tail: String,
    },
    /// An application ended before it was ready.
    #[error("application {application} ended ({status}) before it was ready; its output ends with: {tail}")]
    EndedEarly {
        /// The application.
        application: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        tail: String,
    },
    /// The scenario's text is wrong.
    #[error("scenario, line {line}, column {column}: {message}")]
    Scenario {
        /// Line, counted from one.
        line: usize,
        /// Column, counted from one.
        column: usize,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was attempted.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The emulator failed while it ran.
    #[error("emulator: cannot {operation}: {source}")]
    Emulator {
        /// What was attempted.
        operation: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The sampling of TCP flows failed.
    #[error("host {host}: cannot read its TCP flows: {source}")]
    Flows {
        /// The host.
        host: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The caller cancelled the run.
    #[error("the run was cancelled")]
    Cancelled,
}

impl LabError {
    /// An error of setting up `host`; a lack of permission is told as such.
    pub(crate) fn network(host: &str, operation: impl Into<String>, source: io::Error) -> Self {
        let operation = operation.into();
        if source.kind() == io::ErrorKind::PermissionDenied {
            return Self::NotRoot { operation };
        }
        Self::Network { host: host.to_owned(), operation, source }
    }
}

/// Where a Debian user gets a program that scenarios commonly name.
fn install_hint(program: &str) -> String {
    let package = match program {
        "iperf3" => "iperf3",
        "iperf" => "iperf",
        "ping" => "iputils-ping",
        "ip" | "ss" | "tc" => "iproute2",
        "tcpdump" => "tcpdump",
        "curl" => "curl",
        "nuttcp" => "nuttcp",
        "netperf" | "netserver" => "netperf",
        "python3" => "python3",
        "socat" => "socat",
        _ => return String::new(),
    };
    format!(": install it with `apt-get install {package}`")
}
