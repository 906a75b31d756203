//! What can stop the daemon, worded for the person who must act.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;
use wad_linux::LinuxError;
use wad_tune::CompileError;

/// Why the daemon does not run, or cannot be reached.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The kernel's side.
    #[error(transparent)]
    Linux(#[from] LinuxError),
    /// The rules of the configuration do not fit the kernel's tables.
    #[error(transparent)]
    Rules(#[from] CompileError),
    /// A limit of the host that a path needs.
    #[error(
        "{source}; start the daemon in the initial network namespace, or give no path a larger buffer than {limit} allows"
    )]
    Limit {
        /// The sysctl.
        limit: &'static str,
        /// Why it cannot be raised.
        source: LinuxError,
    },
    /// A killed daemon had raised limits that cannot be put back.
    #[error(
        "the limits that a killed daemon had raised cannot be put back: see the log; they are in {ledger}"
    )]
    NotPutBack {
        /// The list of them.
        ledger: PathBuf,
    },
    /// The directory of the daemon's lock and socket.
    #[error("cannot use {path}: {source}; run as root, or name another directory with --runtime-dir")]
    RuntimeDir {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon has the lock.
    #[error("a daemon runs already (process {pid}, lock {path}); stop it first")]
    SecondDaemon {
        /// The process that holds the lock.
        pid: String,
        /// The lock.
        path: PathBuf,
    },
    /// The address of the HTTP API.
    #[error("cannot listen on {address}: {source}; name a free address in [api] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Threads or signals.
    #[error("cannot {what}: {source}")]
    System {
        /// What the daemon tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// No daemon answers.
    #[error("no daemon answers at {path}: {source}; start one with `wad run --config FILE`")]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A daemon answers, but not as expected.
    #[error("the daemon's answer is not understood: {0}; are `wad` and the daemon of one version?")]
    Answer(String),
}
