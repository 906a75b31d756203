//! A socket as `sock_diag` tells of it: `struct inet_diag_msg` and its attributes (linux/inet_diag.h).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use wad_model::counter::tcp_info;
use wad_model::{Counter, Counters, FlowKey};

const MESSAGE: usize = 72;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
// linux/inet_diag.h: attributes.
const INFO: u16 = 2;
const CONGESTION_CONTROL: u16 = 4;
const MEMORY: u16 = 7;

/// A socket and its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The two ends.
    pub key: FlowKey,
    /// The kernel's name for the socket, never used twice.
    pub cookie: u64,
    /// The counters; the time is for the caller to set.
    pub counters: Counters,
    /// The congestion control.
    pub congestion_control: Option<String>,
}

impl Socket {
    /// Reads the payload of one answer; none if it is not a socket of TCP over IP.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let family = *bytes.first()?;
        let end = |port: usize, address: usize| {
            let port = u16::from_be_bytes(bytes.get(port..port + 2)?.try_into().ok()?);
            Some(SocketAddr::new(ip(bytes.get(address..address + 16)?, family)?, port))
        };
        let key = FlowKey::new(end(4, 8)?, end(6, 24)?);
        let cookie = u64::from_ne_bytes(bytes.get(44..52)?.try_into().ok()?);
        let attributes_of = bytes.get(MESSAGE..)?;
        let find =
            |wanted| attributes(attributes_of).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
        let mut counters = find(INFO).map_or(Counters::EMPTY, tcp_info::decode);
        counters.put(Counter::CurAppRQueue, word(bytes, 56));
        let memory = find(MEMORY).unwrap_or_default();
        // linux/sock_diag.h: SK_MEMINFO_RCVBUF is the second word, SNDBUF the fourth, WMEM_QUEUED the sixth.
        counters.put(Counter::X_Rcvbuf, word(memory, 4));
        counters.put(Counter::X_Sndbuf, word(memory, 12));
        counters.put(Counter::X_WmemQueued, word(memory, 20));
        let congestion_control = find(CONGESTION_CONTROL).map(|name| {
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        });
        Some(Self { key, cookie, counters, congestion_control })
    }
}

fn ip(bytes: &[u8], family: u8) -> Option<IpAddr> {
    match family {
        AF_INET => <[u8; 4]>::try_from(bytes.get(..4)?).ok().map(IpAddr::from),
        AF_INET6 => {
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_ne_bytes(word).into())
}

/// Attributes as pairs of type and value, up to the first that does not fit.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_socket_is_read() {
        let mut bytes = vec![0; MESSAGE];
        bytes[0] = AF_INET;
        bytes[4..8].copy_from_slice(&[0x9c, 0x40, 0x14, 0x51]);
        bytes[8..12].copy_from_slice(&[10, 77, 0, 1]);
        bytes[24..28].copy_from_slice(&[10, 77, 0, 2]);
        bytes[44..52].copy_from_slice(&7u64.to_ne_bytes());
        bytes.extend(8u16.to_ne_bytes().into_iter().chain(CONGESTION_CONTROL.to_ne_bytes()));
        bytes.extend(b"bbr\0");
        let socket = Socket::parse(&bytes).unwrap();
        assert_eq!(socket.key.source, "10.77.0.1:40000".parse().unwrap());
        assert_eq!(socket.key.destination, "10.77.0.2:5201".parse().unwrap());
        assert_eq!((socket.cookie, socket.congestion_control.as_deref()), (7, Some("bbr")));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), v6: bool) {
            let _ = attributes(&bytes).count();
            if let Some(first) = bytes.first_mut() {
                *first = if v6 { AF_INET6 } else { AF_INET };
            }
            let _ = Socket::parse(&bytes);
        }
    }
}
