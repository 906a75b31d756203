//! The TUN device through which a host's packets reach the emulator.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::segment::VnetHeader;
use crate::sys;

// linux/if_tun.h; what a host may leave to the emulator.
const TUN_F_CSUM: libc::c_uint = 0x01;
const TUN_F_TSO4: libc::c_uint = 0x02;
const TUN_F_TSO6: libc::c_uint = 0x04;
const TUN_F_TSO_ECN: libc::c_uint = 0x08;
const TUN_F_USO4: libc::c_uint = 0x20;
const TUN_F_USO6: libc::c_uint = 0x40;

/// A TUN device that lives as long as this value.
#[derive(Debug)]
pub(crate) struct Tun {
    fd: OwnedFd,
    offload: bool,
}

impl Tun {
    /// Creates the device `name` in the calling thread's network namespace.
    pub(crate) fn create(name: &str, offload: bool) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
        let vnet = if offload { libc::IFF_VNET_HDR } else { 0 };
        sys::create_tun(fd.as_fd(), name, libc::IFF_TUN | libc::IFF_NO_PI | vnet)?;
        if offload {
            sys::set_vnet_header_size(fd.as_fd(), VnetHeader::SIZE)?;
            accept_super_packets(fd.as_fd())?;
        }
        Ok(Self { fd, offload })
    }

    /// Whether each packet is preceded by a [`VnetHeader`].
    pub(crate) fn has_offload(&self) -> bool {
        self.offload
    }

    /// Reads one packet, if one is there.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::io::read(&self.fd, buffer) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes one packet given in parts.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        rustix::io::writev(&self.fd, parts)?;
        Ok(())
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Takes over UDP segmentation too where the kernel has it (6.2 and later).
fn accept_super_packets(fd: BorrowedFd<'_>) -> io::Result<()> {
    let tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    sys::set_offload(fd, tcp | TUN_F_USO4 | TUN_F_USO6).or_else(|_| sys::set_offload(fd, tcp))
}
