//! What can go wrong between WAD and the kernel, worded for the person who must act.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::{Obstacle, Prefix};

/// An operation on the kernel that failed.
#[derive(Debug, Error)]
pub enum LinuxError {
    /// The process may not load BPF programs.
    #[error("tuning needs root (the capabilities BPF, NET_ADMIN and SYS_ADMIN): run it with sudo")]
    NotRoot,
    /// The kernel does not describe its types.
    #[error("{path}: {source}; WAD needs a kernel built with CONFIG_DEBUG_INFO_BTF=y, as Debian's is")]
    NoBtf {
        /// Where the kernel's BTF should be.
        path: PathBuf,
        /// Why it could not be opened.
        source: io::Error,
    },
    /// The kernel lacks something that its BTF would name.
    #[error("this kernel lacks {feature} (since Linux {since}); WAD needs Linux 6.1 or later")]
    KernelTooOld {
        /// What is missing.
        feature: &'static str,
        /// The version that brought it.
        since: &'static str,
    },
    /// No cgroup v2 hierarchy in the mount table.
    #[error(
        "no cgroup v2 hierarchy is mounted: mount one with `mount -t cgroup2 none /sys/fs/cgroup/unified`"
    )]
    NoCgroup2,
    /// The directory that programs should be attached to.
    #[error("{path} is no usable cgroup v2 directory: {source}")]
    Cgroup {
        /// The directory.
        path: PathBuf,
        /// Why it could not be used.
        source: io::Error,
    },
    /// A control named `wad` is there already.
    #[error("a congestion control named `wad` is registered already: another daemon runs; stop it first")]
    AlreadyRunning,
    /// The kernel refused the BPF programs.
    #[error("the kernel refused {what}: {source}")]
    Bpf {
        /// The program or map.
        what: &'static str,
        /// What the kernel answered.
        source: libbpf_rs::Error,
    },
    /// A network namespace could not be entered.
    #[error("cannot enter a network namespace: {source}")]
    Namespace {
        /// Why.
        source: io::Error,
    },
    /// A descriptor could not be duplicated.
    #[error("cannot duplicate a descriptor: {source}; raise the limit of open files (LimitNOFILE=)")]
    Descriptor {
        /// Why.
        source: io::Error,
    },
    /// The predecessor's hooks are gone or are not those of this version.
    #[error(
        "the running daemon has nothing to hand over that this version can take: stop it, then start this one"
    )]
    NothingToInherit,
    /// A helper thread panicked.
    #[error("a helper thread ended unexpectedly; this is a defect of WAD")]
    Panicked,
    /// A path names a congestion control that the kernel does not have.
    #[error(
        "the kernel has no congestion control `{control}` (it has {available}): load its module, or name another"
    )]
    NoSuchControl {
        /// The name in the configuration.
        control: String,
        /// Those that are there.
        available: String,
    },
    /// A sysctl that could not be read or written.
    #[error("cannot {operation} {path}: {source}")]
    Sysctl {
        /// "read" or "write VALUE to".
        operation: String,
        /// The file below /proc/sys.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The TCP metrics cache of a namespace could not be read or changed.
    #[error(
        "cannot {operation} the kernel's TCP metrics cache: {source}; \
         this needs root, and a kernel on which `ip tcp_metrics show` works"
    )]
    TcpMetrics {
        /// "read" or "flush".
        operation: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The routes of a namespace could not be read or changed.
    #[error("cannot {operation}: {source}; this needs root, and a kernel on which `ip route show` works")]
    Routes {
        /// "read the routes", or what is done to which route.
        operation: String,
        /// Why.
        source: io::Error,
    },
    /// A destination that cannot have a route with the metric `quickack`.
    #[error("no route with `quickack` to {prefix}: {obstacle}")]
    NoQuickAck {
        /// The destination.
        prefix: Prefix,
        /// What is in the way.
        obstacle: Obstacle,
    },
    /// The sockets of a namespace could not be listed.
    #[error(
        "cannot list the sockets of a network namespace: {source}; this needs root, and a kernel on which `ss` works"
    )]
    SockDiag {
        /// Why.
        source: io::Error,
    },
    /// The daemon that runs keeps another state of flows.
    #[error(
        "the running daemon is of another version: restart it with `wad run --take-over`, or use its own `wad`"
    )]
    OtherVersion,
    /// A file of the system that could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
