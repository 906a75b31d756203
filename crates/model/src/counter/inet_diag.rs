//! Reads a socket as `sock_diag` tells of it: `struct inet_diag_msg` and its attributes.
//!
//! Source: include/uapi/linux/inet_diag.h and sock_diag.h. An attribute that is longer than known is that of a newer
//! kernel, and a shorter one that of an older: both are read as far as they go. Numbers are of the host's byte order.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::{Counter, Counters, tcp_info};
use crate::FlowKey;

/// The length of `struct inet_diag_msg`.
pub const MESSAGE: usize = 72;

/// Attribute: `struct tcp_info`.
pub const INFO: u16 = 2;
/// Attribute: what Vegas, or another control in its place, tells of itself.
pub const VEGASINFO: u16 = 3;
/// Attribute: the name of the congestion control.
pub const CONG: u16 = 4;
/// Attribute: `SK_MEMINFO_*`.
pub const SKMEMINFO: u16 = 7;
const BBRINFO: u16 = 16;
const CGROUP_ID: u16 = 21;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// A TCP socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Socket<'a> {
    /// The two ends, this one first.
    pub key: FlowKey,
    /// The kernel's number for the socket: unique until the host restarts.
    pub cookie: u64,
    /// The user that made it.
    pub uid: u32,
    /// Its inode number, by which `/proc/PID/fd` names it; 0 once no process has it.
    pub inode: u32,
    /// The cgroup of the socket, by inode number, where the kernel tells.
    pub cgroup: Option<u64>,
    /// The name of the congestion control, where it was asked for.
    pub congestion_control: Option<&'a str>,
    /// Its counters. The time is for the caller to set.
    pub counters: Counters,
}

impl<'a> Socket<'a> {
    /// Reads the payload of one answer; `None` if it is not a socket of TCP over IP.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let family = *body.first()?;
        let end = |port: usize, address: usize| {
            let port = body.get(port..)?.first_chunk().copied().map(u16::from_be_bytes)?;
            Some(SocketAddr::new(ip(body.get(address..)?.first_chunk()?, family)?, port))
        };
        let mut socket = Self {
            key: FlowKey::new(end(4, 8)?, end(6, 24)?),
            cookie: u64_at(body, 44)?,
            uid: u32_at(body, 64)?,
            inode: u32_at(body, 68)?,
            cgroup: None,
            congestion_control: None,
            counters: Counters::EMPTY,
        };
        for (kind, value) in attributes(&body[MESSAGE..]) {
            socket.attribute(kind, value);
        }
        let counters = &mut socket.counters;
        counters.set(Counter::State, body[1].into());
        // Of sockets without a `struct tcp_info`, as in TIME_WAIT, the queues say nothing.
        if let Some(unsent) = counters.get(Counter::CurAppWQueue) {
            counters.set(Counter::CurRetxQueue, u64::from(u32_at(body, 60)?).saturating_sub(unsent));
            counters.set(Counter::CurAppRQueue, u32_at(body, 56)?.into());
        }
        Some(socket)
    }

    fn attribute(&mut self, kind: u16, value: &'a [u8]) {
        match kind {
            INFO => self.counters.merge(&tcp_info::decode(value)),
            CONG => {
                let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
                self.congestion_control = std::str::from_utf8(name).ok();
            }
            SKMEMINFO => memory(value, &mut self.counters),
            BBRINFO => bbr(value, &mut self.counters),
            CGROUP_ID => self.cgroup = u64_at(value, 0),
            _ => {}
        }
    }
}

/// `SK_MEMINFO_*`: numbers of four bytes, at these places.
fn memory(value: &[u8], counters: &mut Counters) {
    for (place, counter) in [
        (0, Counter::X_RmemAlloc),
        (1, Counter::X_Rcvbuf),
        (3, Counter::X_Sndbuf),
        (5, Counter::X_WmemQueued),
        (8, Counter::X_Drops),
    ] {
        counters.put(counter, u32_at(value, place * 4).map(u64::from));
    }
}

/// `struct tcp_bbr_info`.
fn bbr(value: &[u8], counters: &mut Counters) {
    let number = |at: usize| u32_at(value, at).map(u64::from);
    if let (Some(low), Some(high)) = (number(0), number(4)) {
        counters.set(Counter::BbrBandwidth, high << 32 | low);
    }
    counters.put(Counter::BbrMinRTT, number(8).filter(|rtt| *rtt != u64::from(u32::MAX)));
    counters.put(Counter::BbrPacingGain, number(12));
    counters.put(Counter::BbrCwndGain, number(16));
}

fn ip(address: &[u8; 16], family: u8) -> Option<IpAddr> {
    match family {
        AF_INET => address.first_chunk::<4>().copied().map(IpAddr::from),
        AF_INET6 => Some(Ipv6Addr::from(*address).into()),
        _ => None,
    }
}

/// Attributes as pairs of type and value, up to the first that does not fit.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)?;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// The kernel has its cookies as two words, the low one first.
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A connection of 10.0.0.1:5201 to 10.0.0.2:40000 with the beginning of a `struct tcp_info`.
    fn body() -> Vec<u8> {
        let mut body = vec![0; MESSAGE];
        (body[0], body[1]) = (AF_INET, 1);
        body[4..6].copy_from_slice(&5201_u16.to_be_bytes());
        body[6..8].copy_from_slice(&40_000_u16.to_be_bytes());
        body[8..12].copy_from_slice(&[10, 0, 0, 1]);
        body[24..28].copy_from_slice(&[10, 0, 0, 2]);
        body[44..52].copy_from_slice(&0x1_0000_0007_u64.to_ne_bytes());
        body[56..60].copy_from_slice(&11_u32.to_ne_bytes());
        body[60..64].copy_from_slice(&900_u32.to_ne_bytes());
        body[64..68].copy_from_slice(&1000_u32.to_ne_bytes());
        let mut info = vec![0; 160];
        info[0] = 1;
        info[144..148].copy_from_slice(&400_u32.to_ne_bytes());
        body.extend(attribute(INFO, &info));
        body.extend(attribute(CONG, b"bbr\0"));
        body.extend(attribute(SKMEMINFO, &[9; 16]));
        body.extend(attribute(CGROUP_ID, &77_u64.to_ne_bytes()));
        body
    }

    #[test]
    fn a_socket_is_read_with_its_attributes() {
        let body = body();
        let socket = Socket::parse(&body).unwrap();
        assert_eq!(socket.key.to_string(), "10.0.0.1:5201 -> 10.0.0.2:40000");
        assert_eq!((socket.cookie, socket.congestion_control), (0x1_0000_0007, Some("bbr")));
        assert_eq!((socket.uid, socket.inode, socket.cgroup), (1000, 0, Some(77)));
        for (counter, value) in [
            (Counter::State, Some(1)),
            (Counter::CurRetxQueue, Some(500)),
            (Counter::CurAppWQueue, Some(400)),
            (Counter::CurAppRQueue, Some(11)),
            (Counter::X_Sndbuf, Some(0x0909_0909)),
            (Counter::X_Drops, None),
            (Counter::DataBytesOut, None),
        ] {
            assert_eq!(socket.counters.get(counter), value, "{counter}");
        }
    }

    #[test]
    fn what_is_not_a_socket_of_ip_is_none() {
        let mut other = body();
        other[0] = 1;
        assert_eq!(Socket::parse(&other), None);
        assert_eq!(Socket::parse(&body()[..MESSAGE - 1]), None);
    }

    proptest! {
        /// Bytes that are no answer are no reason to fail.
        #[test]
        fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), 0..400), v6: bool) {
            if let Some(first) = bytes.first_mut() {
                *first = if v6 { AF_INET6 } else { AF_INET };
            }
            let _ = Socket::parse(&bytes);
        }

        /// Nor is an answer that was cut or damaged.
        #[test]
        fn a_damaged_answer_is_read(at in 0_usize..400, value in any::<u8>(), cut in 0_usize..400) {
            let mut body = body();
            let place = at % body.len();
            body[place] = value;
            body.truncate(cut);
            let _ = Socket::parse(&body);
        }
    }
}
