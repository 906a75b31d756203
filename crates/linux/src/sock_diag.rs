//! All TCP sockets of a network namespace, asked of the kernel over netlink (`sock_diag`), as `ss` does.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};
use wad_model::Time;

use crate::diag_message::{Next, read, request};
use crate::observer::monotonic_ns;
use crate::{FlowSample, LinuxError, Namespace};

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// What the kernel puts into one datagram at most, and more.
const DATAGRAM: usize = 1 << 18;

/// Which states of connections are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketStates(u32);

impl SocketStates {
    /// Connections that carry data, or may soon: not those that only wait for late segments, nor listeners.
    pub const CONNECTIONS: Self = Self(!(1 << 6 | 1 << 7 | 1 << 10 | 1 << 12));
    /// All.
    pub const ALL: Self = Self(u32::MAX);
}

/// A netlink socket that belongs to a namespace, from whichever thread it is used.
#[derive(Debug)]
pub(crate) struct Diag {
    socket: OwnedFd,
    namespace: u32,
    buffer: Vec<u8>,
}

impl Diag {
    /// In the namespace of the calling thread, whose inode number is given.
    pub(crate) fn open(namespace: u32) -> io::Result<Self> {
        let kind = SocketType::RAW;
        let socket =
            socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
        // Once connected, the socket hears the kernel only.
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self { socket, namespace, buffer: vec![0; DATAGRAM] })
    }

    /// In another namespace.
    pub(crate) fn open_in(namespace: &Namespace) -> Result<Self, LinuxError> {
        let failed = |source| LinuxError::SockDiag { source };
        namespace.enter(|| Self::open(namespace.inode))?.map_err(failed)
    }

    /// Hands each socket on, IPv4 first.
    pub(crate) fn each(
        &mut self,
        states: SocketStates,
        mut sink: impl FnMut(FlowSample),
    ) -> Result<(), LinuxError> {
        for family in [AF_INET, AF_INET6] {
            self.dump(family, states, &mut sink).map_err(|source| LinuxError::SockDiag { source })?;
        }
        Ok(())
    }

    fn dump(
        &mut self,
        family: u8,
        states: SocketStates,
        sink: &mut impl FnMut(FlowSample),
    ) -> io::Result<()> {
        send(&self.socket, &request(family, states.0), SendFlags::empty())?;
        loop {
            let (length, whole) = match recv(&self.socket, &mut self.buffer, RecvFlags::TRUNC) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            if whole > length {
                return Err(io::Error::other("an answer of the kernel was too long"));
            }
            let time = Time::from_nanos(monotonic_ns());
            match read(&self.buffer[..length], self.namespace, time, &mut *sink) {
                Next::More => {}
                Next::Done => return Ok(()),
                Next::Refused(code) => return Err(io::Error::from_raw_os_error(code)),
            }
        }
    }
}

/// All TCP sockets of a network namespace that are in the states.
///
/// # Errors
/// If the namespace cannot be entered, or the kernel refuses.
pub fn sockets(namespace: &Namespace, states: SocketStates) -> Result<Vec<FlowSample>, LinuxError> {
    let mut found = Vec::new();
    Diag::open_in(namespace)?.each(states, |sample| found.push(sample))?;
    Ok(found)
}
