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
    /// The ledger or the history is not what this version writes.
    #[error("{path} cannot be read: {reason}; if nothing in it needs to be put back, remove it")]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody asked to undo what is not in force.
    #[error("no change {0} is in force; `wad history` lists them")]
    NoSuchChange(u64),
    /// A change could not be put back.
    #[error("change {0} could not be put back: see the daemon's log")]
    NotUndone(u64),
    /// A network namespace that is gone.
    #[error("the network namespace {0} is gone")]
    NoSuchNamespace(u32),
    /// A configuration that a running daemon cannot take.
    #[error("the configuration is refused, and the one before stays in force: {0}")]
    Refused(String),
    /// The other side of a handover.
    #[error("the handover at {path} failed: {reason}; the daemon that runs goes on")]
    Handover {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A killed daemon had changed settings that cannot be put back.
    #[error("what a killed daemon had changed cannot be put back: see the log; it is in {ledger}")]
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
    /// An address of the configuration.
    #[error("cannot listen on {address}: {source}; name a free address in [{section}] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Where the configuration names it.
        section: &'static str,
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
    /// The daemon understood, and said why not.
    #[error("{0}")]
    Declined(String),
    /// A daemon answers, but not as expected.
    #[error("the daemon's answer is not understood: {0}; are `wad` and the daemon of one version?")]
    Answer(String),
}
