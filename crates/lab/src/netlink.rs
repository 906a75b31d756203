//! As much of netlink as the laboratory speaks: requests with attributes, acknowledgements, dumps.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const HEADER: usize = 16;
/// The kernel fills at most 32 KiB of a dump in one message.
const RECEIVE_BUFFER: usize = 32 * 1024;

/// A netlink socket of the namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket of `protocol`; none is the protocol of links, addresses and routes.
    pub(crate) fn open(protocol: Option<rustix::net::Protocol>) -> io::Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        rustix::net::connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; RECEIVE_BUFFER] })
    }

    /// Sends `request` and awaits its acknowledgement.
    pub(crate) fn execute(&mut self, request: Request) -> io::Result<()> {
        self.send(request, libc::NLM_F_ACK)?;
        self.receive(|_, _| {})
    }

    /// Sends `request` as a dump and hands each answer's type and payload to `each`.
    pub(crate) fn dump(&mut self, request: Request, each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        self.send(request, libc::NLM_F_DUMP)?;
        self.receive(each)
    }

    fn send(&mut self, request: Request, flags: i32) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = request.finish(flags | libc::NLM_F_REQUEST, self.sequence)?;
        rustix::net::send(&self.socket, &bytes, SendFlags::empty())?;
        Ok(())
    }

    /// Reads answers up to the acknowledgement, the error or the dump's end.
    fn receive(&mut self, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        loop {
            let (read, _) = rustix::net::recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
            let mut rest = &self.buffer[..read];
            while let Some((message, tail)) = Message::split(rest) {
                rest = tail;
                if message.sequence != self.sequence {
                    continue;
                }
                match i32::from(message.kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => return acknowledgement(message.payload),
                    _ => each(message.kind, message.payload),
                }
            }
        }
    }
}

/// An acknowledgement is an error message with the error zero.
fn acknowledgement(payload: &[u8]) -> io::Result<()> {
    match read_i32(payload, 0) {
        Some(0) => Ok(()),
        Some(negative) => Err(io::Error::from_raw_os_error(negative.wrapping_neg())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

struct Message<'a> {
    kind: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(read_u32(bytes, 0)?).ok()?;
        let message = bytes.get(..length)?;
        let payload = message.get(HEADER..)?;
        let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Self { kind: read_u16(bytes, 4)?, sequence: read_u32(bytes, 8)?, payload }, rest))
    }
}

/// A request under construction.
#[derive(Debug)]
pub(crate) struct Request {
    kind: u16,
    flags: i32,
    body: Vec<u8>,
}

impl Request {
    /// A request of type `kind` with the flags that belong to it (such as create or exclusive).
    pub(crate) fn new(kind: u16, flags: i32) -> Self {
        Self { kind, flags, body: Vec::with_capacity(128) }
    }

    /// Appends fixed bytes: the family's own header, before any attribute.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.body.extend_from_slice(bytes);
        self
    }

    /// Appends an attribute, padded to four bytes.
    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).expect("attributes here are a few bytes");
        self.body.extend_from_slice(&length.to_ne_bytes());
        self.body.extend_from_slice(&kind.to_ne_bytes());
        self.body.extend_from_slice(value);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
        self
    }

    /// What was appended: the value of an attribute that holds attributes.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    fn finish(self, flags: i32, sequence: u32) -> io::Result<Vec<u8>> {
        let length = u32::try_from(HEADER + self.body.len()).map_err(io::Error::other)?;
        let flags = u16::try_from(self.flags | flags).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(HEADER + self.body.len());
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }
}

pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn read_i32(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_are_padded() {
        let request = Request::new(1, 0).attribute(3, b"abcde").attribute(4, &[]);
        let lengths = [[9u16, 3], [4, 4]].map(|pair| pair.map(u16::to_ne_bytes).concat());
        assert_eq!(request.body, [&lengths[0][..], b"abcde\0\0\0", &lengths[1]].concat());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            while let Some((_, tail)) = Message::split(rest) {
                rest = tail;
            }
        }
    }
}
