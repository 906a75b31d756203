//! Datagrams: UDP, Unix datagram sockets, and with them syslog and the journal.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use wad_model::EventTarget;

use super::{Outlet, PATIENCE, Sent, is_pause, not_open};

#[derive(Debug)]
pub(super) struct DatagramOutlet {
    target: EventTarget,
    socket: Option<OwnedFd>,
}

impl DatagramOutlet {
    pub(super) const fn new(target: EventTarget) -> Self {
        Self { target, socket: None }
    }
}

impl Outlet for DatagramOutlet {
    fn open(&mut self) -> io::Result<()> {
        self.socket = None;
        self.socket = Some(connect(&self.target)?);
        Ok(())
    }

    fn send(&mut self, messages: &[Vec<u8>]) -> Sent {
        let Some(socket) = &self.socket else { return not_open() };
        let mut sent = Sent { done: 0, refused: 0, outcome: Ok(()) };
        for message in messages {
            match send(socket, message, SendFlags::NOSIGNAL) {
                Ok(_) => {}
                Err(Errno::MSGSIZE) => sent.refused += 1,
                Err(errno) => {
                    let error = io::Error::from(errno);
                    sent.outcome = if is_pause(&error) { Ok(()) } else { Err(error) };
                    return sent;
                }
            }
            sent.done += 1;
        }
        sent
    }
}

fn connect(target: &EventTarget) -> io::Result<OwnedFd> {
    match target {
        EventTarget::Udp(host) => {
            let mut last = io::Error::other("the name has no address");
            for address in host.as_str().to_socket_addrs()? {
                match udp(address) {
                    Ok(socket) => return Ok(socket),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
        EventTarget::UnixDatagram(path) | EventTarget::Syslog(_, path) | EventTarget::Journal(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok(socket.into())
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn udp(address: SocketAddr) -> io::Result<OwnedFd> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}
