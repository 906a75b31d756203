//! The TCP flows of a host, through sock_diag.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use rustix::net::netlink::SOCK_DIAG;
use wad_model::{FlowKey, Time};

use crate::clock;
use crate::error::LabError;
use crate::host::Host;
use crate::netlink::{Netlink, Request, attributes, read_u32, read_u64};
use crate::report::FlowReport;
use crate::tcp_info::TcpSample;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
// linux/inet_diag.h: extensions, by their attribute's type.
const INFO: u16 = 2;
const CONGESTION_CONTROL: u16 = 4;
const MEMORY: u16 = 7;
/// The length of `struct inet_diag_msg`.
const MESSAGE: usize = 72;

// Sets of TCP states, a bit each. (time-wait and half-open connections have no tcp_info.)
const LISTENING: u32 = 1 << 10;
const CONNECTED: u32 = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11;

/// Records the flows of hosts over time.
#[derive(Debug)]
pub(crate) struct FlowRecorder {
    origin: Time,
    hosts: Vec<(String, Netlink)>,
    /// By host, and the kernel's cookie for the socket.
    flows: BTreeMap<(usize, u64), FlowReport>,
}

impl FlowRecorder {
    pub(crate) fn new(hosts: &[Host], origin: Time) -> Result<Self, LabError> {
        let open = |host: &Host| Ok((host.name().to_owned(), open(host)?));
        let hosts = hosts.iter().map(open).collect::<Result<_, LabError>>()?;
        Ok(Self { origin, hosts, flows: BTreeMap::new() })
    }

    /// Takes a sample of every flow of every host.
    pub(crate) fn sample(&mut self) -> Result<(), LabError> {
        let Self { origin, hosts, flows } = self;
        for (index, (name, socket)) in hosts.iter_mut().enumerate() {
            let since_start = clock::now() - *origin;
            dump(socket, CONNECTED, |bytes| {
                let Some(message) = Message::parse(bytes) else { return };
                let flow = flows.entry((index, message.cookie)).or_insert_with(|| FlowReport {
                    host: name.clone(),
                    source: message.key.source,
                    destination: message.key.destination,
                    congestion_control: None,
                    samples: Vec::new(),
                });
                message.add_to(flow, since_start);
            })
            .map_err(|source| LabError::Flows { host: name.clone(), source })?;
        }
        Ok(())
    }

    pub(crate) fn into_reports(self) -> Vec<FlowReport> {
        self.flows.into_values().collect()
    }
}

/// The TCP sockets of the network namespace in which it was opened.
#[derive(Debug)]
pub struct TcpSockets {
    socket: Netlink,
}

impl TcpSockets {
    /// Those of the calling thread's namespace.
    ///
    /// # Errors
    /// The kernel has no `sock_diag`.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: Netlink::open(Some(SOCK_DIAG))? })
    }

    /// Hands each connected socket to `each`: a `struct inet_diag_msg` and its attributes.
    ///
    /// # Errors
    /// The kernel refused to list them.
    pub fn connected(&mut self, each: impl FnMut(&[u8])) -> io::Result<()> {
        dump(&mut self.socket, CONNECTED, each)
    }
}

/// Whether something on the host accepts TCP connections on `port`.
pub(crate) fn is_listening(host: &Host, port: u16) -> Result<bool, LabError> {
    let mut found = false;
    let mut socket = open(host)?;
    dump(&mut socket, LISTENING, |bytes| {
        found |= bytes.get(4..6) == Some(&port.to_be_bytes());
    })
    .map_err(|source| LabError::Flows { host: host.name().to_owned(), source })?;
    Ok(found)
}

fn open(host: &Host) -> Result<Netlink, LabError> {
    let socket = host.namespace().enter(|| Netlink::open(Some(SOCK_DIAG)));
    socket.map_err(|source| LabError::Flows { host: host.name().to_owned(), source })
}

fn dump(socket: &mut Netlink, states: u32, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let extensions = [INFO, CONGESTION_CONTROL, MEMORY].iter().fold(0u8, |set, kind| set | 1 << (kind - 1));
    for family in [libc::AF_INET, libc::AF_INET6] {
        let family = u8::try_from(family).expect("address families are small");
        // struct inet_diag_req_v2: family, protocol, extensions, padding, states, identity (of any socket).
        let request = Request::new(SOCK_DIAG_BY_FAMILY, 0)
            .bytes(&[family, 6, extensions, 0])
            .bytes(&states.to_ne_bytes())
            .bytes(&[0; 48]);
        socket.dump(request, |_, bytes| each(bytes))?;
    }
    Ok(())
}

/// A socket's `struct inet_diag_msg` and its attributes.
#[derive(Debug)]
struct Message<'a> {
    key: FlowKey,
    cookie: u64,
    attributes: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let v6 = i32::from(*bytes.first()?) == libc::AF_INET6;
        let end = |port: usize, address: usize| {
            let port = u16::from_be_bytes(bytes.get(port..port + 2)?.try_into().ok()?);
            Some(SocketAddr::new(ip(bytes.get(address..address + 16)?, v6)?, port))
        };
        let key = FlowKey::new(end(4, 8)?, end(6, 24)?);
        Some(Self { key, cookie: read_u64(bytes, 44)?, attributes: bytes.get(MESSAGE..)? })
    }

    fn add_to(&self, flow: &mut FlowReport, since_start: std::time::Duration) {
        let find =
            |wanted| attributes(self.attributes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
        let mut sample = TcpSample::decode(find(INFO).unwrap_or_default(), since_start);
        // linux/sock_diag.h: SK_MEMINFO_RCVBUF is the second word, SK_MEMINFO_SNDBUF the fourth.
        let memory = find(MEMORY).unwrap_or_default();
        sample.receive_buffer_bytes = read_u32(memory, 4);
        sample.send_buffer_bytes = read_u32(memory, 12);
        flow.samples.push(sample);
        if let Some(name) = find(CONGESTION_CONTROL) {
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            flow.congestion_control = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
}

fn ip(bytes: &[u8], v6: bool) -> Option<IpAddr> {
    if v6 {
        let octets: [u8; 16] = bytes.try_into().ok()?;
        return Some(Ipv6Addr::from(octets).into());
    }
    let octets: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(IpAddr::from(octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Message::parse(&bytes);
        }
    }
}
