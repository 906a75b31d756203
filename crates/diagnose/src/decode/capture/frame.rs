//! What is in a frame: the link layer, IPv4 or IPv6, and TCP or a message that a packet was too big.
//!
//! Frames may be cut off (the snap length): only headers are read, and lengths are those that they name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wad_model::FlowKey;

use super::Frame;

const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// A frame of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// What a frame says about TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Segment(Segment),
    /// A router could not pass a packet of this flow on.
    TooBig {
        flow: FlowKey,
        mtu: u64,
    },
    /// Something else.
    Other,
}

/// A TCP segment, or several that were not yet cut apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) flow: FlowKey,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) reset: bool,
    pub(super) has_ack: bool,
    pub(super) window: u16,
    pub(super) payload: u32,
    pub(super) options: Options,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) mss: Option<u16>,
    pub(super) window_scale: Option<u8>,
    pub(super) sack_permitted: bool,
    pub(super) timestamps: bool,
    /// The first block of SACK.
    pub(super) first_block: Option<(u32, u32)>,
}

pub(super) fn parse(frame: &Frame<'_>) -> Result<Packet, Unknown> {
    let offset = network_layer(frame.link, frame.bytes).ok_or(Unknown)?;
    let ip = frame.bytes.get(offset..).ok_or(Unknown)?;
    // What follows IP on the wire (padding) is not known where the frame is cut.
    Ok(read_ip(ip, frame.length.saturating_sub(offset)).unwrap_or(Packet::Other))
}

/// Where IP begins.
fn network_layer(link: u32, bytes: &[u8]) -> Option<usize> {
    match link {
        // Ethernet, with any number of VLAN tags.
        1 => {
            let mut at = 12;
            while matches!(half(bytes, at)?, 0x8100 | 0x88a8 | 0x9100) {
                at += 4;
            }
            matches!(half(bytes, at)?, 0x0800 | 0x86dd).then_some(at + 2)
        }
        // BSD loopback, with a family in front.
        0 | 108 => Some(4),
        // Raw IP.
        12 | 14 | 101 | 228 | 229 => Some(0),
        // Linux cooked, versions 1 and 2.
        113 => Some(16),
        276 => Some(20),
        _ => None,
    }
}

/// `length` is that on the wire.
fn read_ip(ip: &[u8], length: usize) -> Option<Packet> {
    match ip.first()? >> 4 {
        4 => read_v4(ip, length),
        6 => read_v6(ip, length),
        _ => None,
    }
}

fn read_v4(ip: &[u8], length: usize) -> Option<Packet> {
    let header = usize::from(ip[0] & 0xf) * 4;
    // A packet that the device will cut apart may have no length yet.
    let total = Some(usize::from(half(ip, 2)?)).filter(|total| *total != 0).unwrap_or(length);
    let fragment = half(ip, 6)? & 0x1fff;
    let address =
        |at: usize| Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?)));
    let (source, destination) = (address(12)?, address(16)?);
    let body = ip.get(header..)?;
    match *ip.get(9)? {
        TCP if fragment == 0 => segment(source, destination, body, total.checked_sub(header)?),
        // Destination unreachable, fragmentation needed (RFC 1191, section 4).
        ICMP if body.get(..2)? == [3, 4] => too_big(body.get(8..)?, u64::from(half(body, 6)?)),
        _ => Some(Packet::Other),
    }
}

fn read_v6(ip: &[u8], length: usize) -> Option<Packet> {
    let address =
        |at: usize| Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?)));
    let (source, destination) = (address(8)?, address(24)?);
    let named = usize::from(half(ip, 4)?);
    let total = if named == 0 { length } else { named + 40 };
    let (mut next, mut at) = (*ip.get(6)?, 40);
    // Hop-by-hop options, routing, destination options.
    while matches!(next, 0 | 43 | 60) {
        let extension = ip.get(at..)?;
        next = *extension.first()?;
        at += (usize::from(*extension.get(1)?) + 1) * 8;
    }
    let body = ip.get(at..)?;
    match next {
        TCP => segment(source, destination, body, total.checked_sub(at)?),
        // Packet too big (RFC 4443, section 3.2).
        ICMPV6 if *body.first()? == 2 => too_big(body.get(8..)?, word(body, 4)?.into()),
        _ => Some(Packet::Other),
    }
}

/// The begin of the packet that was too big; what is left of it may be its ports alone.
fn too_big(ip: &[u8], mtu: u64) -> Option<Packet> {
    let v4 = ip.first()? >> 4 == 4;
    let header = if v4 { usize::from(ip[0] & 0xf) * 4 } else { 40 };
    let protocol = *ip.get(if v4 { 9 } else { 6 })?;
    if protocol != TCP {
        return None;
    }
    let address = |v4_at: usize, v6_at: usize| {
        Some(if v4 {
            IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(v4_at..v4_at + 4)?).ok()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(v6_at..v6_at + 16)?).ok()?))
        })
    };
    let ports = ip.get(header..header + 4)?;
    let flow = FlowKey::new(
        SocketAddr::new(address(12, 8)?, half(ports, 0)?),
        SocketAddr::new(address(16, 24)?, half(ports, 2)?),
    );
    Some(Packet::TooBig { flow, mtu })
}

/// `length` is that of header and payload.
fn segment(source: IpAddr, destination: IpAddr, tcp: &[u8], length: usize) -> Option<Packet> {
    let header = usize::from(*tcp.get(12)? >> 4) * 4;
    let flags = *tcp.get(13)?;
    let options = tcp.get(20..header.min(tcp.len())).unwrap_or_default();
    Some(Packet::Segment(Segment {
        flow: FlowKey::new(
            SocketAddr::new(source, half(tcp, 0)?),
            SocketAddr::new(destination, half(tcp, 2)?),
        ),
        sequence: word(tcp, 4)?,
        acknowledgement: word(tcp, 8)?,
        fin: flags & 1 != 0,
        syn: flags & 2 != 0,
        reset: flags & 4 != 0,
        has_ack: flags & 16 != 0,
        window: half(tcp, 14)?,
        payload: u32::try_from(length.checked_sub(header)?).ok()?,
        options: read_options(options),
    }))
}

fn read_options(mut bytes: &[u8]) -> Options {
    let mut options = Options::default();
    while let Some(kind) = bytes.first() {
        let length = match kind {
            0 => break,
            1 => 1,
            _ => usize::from(bytes.get(1).copied().unwrap_or(0)),
        };
        let Some(value) = bytes.get(2.min(length)..length).filter(|_| length > 0) else { break };
        match kind {
            2 => options.mss = half(value, 0),
            3 => options.window_scale = value.first().map(|scale| (*scale).min(14)),
            4 => options.sack_permitted = true,
            5 => options.first_block = word(value, 0).zip(word(value, 4)),
            8 => options.timestamps = true,
            _ => {}
        }
        bytes = &bytes[length..];
    }
    options
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
