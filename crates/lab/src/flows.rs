//! The TCP flows of a host, through sock_diag.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use rustix::net::netlink::SOCK_DIAG;
use wad_model::Time;
use wad_model::counter::inet_diag::{CONG, INFO, SKMEMINFO, Socket};

use crate::clock;
use crate::error::LabError;
use crate::host::Host;
use crate::netlink::{Netlink, Request};
use crate::report::FlowReport;
use crate::tcp_sample::TcpSample;

const SOCK_DIAG_BY_FAMILY: u16 = 20;

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
                let Some(socket) = Socket::parse(bytes) else { return };
                let flow = flows.entry((index, socket.cookie)).or_insert_with(|| FlowReport {
                    host: name.clone(),
                    source: socket.key.source,
                    destination: socket.key.destination,
                    congestion_control: None,
                    samples: Vec::new(),
                });
                add(flow, &socket, since_start);
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

    /// Hands each connected socket to `each`.
    ///
    /// # Errors
    /// The kernel refused to list them.
    pub fn connected(&mut self, mut each: impl FnMut(Socket<'_>)) -> io::Result<()> {
        dump(&mut self.socket, CONNECTED, |bytes| {
            if let Some(socket) = Socket::parse(bytes) {
                each(socket);
            }
        })
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
    let extensions = [INFO, CONG, SKMEMINFO].iter().fold(0u8, |set, kind| set | 1 << (kind - 1));
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

/// Adds what a socket shows to what is known of its flow.
fn add(flow: &mut FlowReport, socket: &Socket<'_>, since_start: Duration) {
    flow.samples.push(TcpSample::new(&socket.counters, since_start));
    if let Some(name) = socket.congestion_control {
        flow.congestion_control = Some(name.to_owned());
    }
}
