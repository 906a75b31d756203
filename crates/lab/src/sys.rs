//! The few calls that only `unsafe` reaches: TUN requests, unsharing a thread's network, and
//! what a child does between fork and exec.
#![allow(unsafe_code, reason = "ioctl, unshare, pre_exec and sched_setscheduler have no safe form")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

/// Gives the calling thread a network namespace of its own.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: only FILES is dangerous (other threads lose sight of descriptors); it is not asked for.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.map_err(io::Error::from)
}

/// Creates the TUN device `name` on a freshly opened /dev/net/tun; it lives as long as the descriptor.
pub(crate) fn create_tun(tun: BorrowedFd<'_>, name: &str, flags: libc::c_int) -> io::Result<()> {
    let flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: ifreq is plain data, for which zero bytes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags = flags;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which lives across the call.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })
}

/// Sets the length of the header that precedes each packet of a TUN device with `IFF_VNET_HDR`.
pub(crate) fn set_vnet_header_size(tun: BorrowedFd<'_>, size: usize) -> io::Result<()> {
    let size = libc::c_int::try_from(size).map_err(io::Error::other)?;
    // SAFETY: TUNSETVNETHDRSZ reads one int, which lives across the call.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const size) })
}

/// Says which offloads the reader of a TUN device takes over.
pub(crate) fn set_offload(tun: BorrowedFd<'_>, offload: libc::c_uint) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(offload)) })
}

/// Puts the calling thread before all threads of normal priority.
pub(crate) fn schedule_first() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: zero names the calling thread; the parameters live across the call.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) })
}

/// Sets a ceiling on a socket's sending rate (`SO_MAX_PACING_RATE`).
///
/// # Errors
/// The kernel refuses.
pub fn limit_pacing(socket: BorrowedFd<'_>, rate: wad_model::Rate) -> io::Result<()> {
    let bytes = rate.as_bps() / 8;
    let length = libc::socklen_t::try_from(size_of_val(&bytes)).map_err(io::Error::other)?;
    // SAFETY: SO_MAX_PACING_RATE reads `length` bytes of a number that lives across the call.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MAX_PACING_RATE,
            (&raw const bytes).cast(),
            length,
        )
    })
}

/// Where a child process lives, and what ends it together with its parent.
#[derive(Debug)]
pub(crate) struct Placement {
    /// An open `cgroup.procs`.
    pub(crate) cgroup: OwnedFd,
    /// The network namespace, or the parent's.
    pub(crate) network: Option<OwnedFd>,
    /// The signal that the child gets when the parent's thread dies.
    pub(crate) death_signal: Signal,
    /// The parent's process.
    pub(crate) parent: Pid,
}

/// Makes `command` run at `placement`.
pub(crate) fn place(command: &mut Command, placement: Placement) {
    let enter = move || {
        rustix::process::set_parent_process_death_signal(Some(placement.death_signal))?;
        // The parent may have died before the signal was asked for.
        if rustix::process::getppid() != Some(placement.parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        rustix::io::write(&placement.cgroup, b"0")?;
        if let Some(network) = &placement.network {
            let network = std::os::fd::AsFd::as_fd(network);
            rustix::thread::move_into_link_name_space(network, Some(LinkNameSpaceType::Network))?;
        }
        Ok(())
    };
    // SAFETY: the closure makes plain system calls only: no allocation, no lock.
    unsafe { command.pre_exec(enter) };
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
