//! Cutting a super-packet into segments, and joining neighbours among them again.

use std::ops::Range;

use thiserror::Error;

use super::{Checksum, SuperKind, VnetHeader};

/// The longest headers: IPv4 and TCP, both with all options.
const MAX_HEADER: usize = 60 + 60;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;

const TCP: u8 = 6;
const UDP: u8 = 17;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// Why a packet cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotCuttable {
    /// The note before the packet names no kind that is known, or no segment size.
    #[error("no super-packet of a known kind")]
    Kind,
    /// The packet is shorter than its headers say, or longer.
    #[error("lengths do not agree")]
    Length,
    /// The headers are not those of the kind (a fragment, an extension header, another protocol).
    #[error("headers do not agree with the kind of super-packet")]
    Headers,
}

/// Where the parts of a super-packet lie.
///
/// Segments are counted from zero; a *run* is a range of neighbours. A run of all segments is the
/// super-packet itself, a run of one is a packet as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuperPacket {
    kind: SuperKind,
    ipv6: bool,
    /// Where the transport header begins.
    transport: usize,
    /// Where the payload begins.
    payload: usize,
    /// Where the payload ends.
    end: usize,
    /// The payload of each segment but the last, at least one byte.
    size: usize,
}

/// The headers of a run.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    bytes: [u8; MAX_HEADER],
    length: usize,
    vnet: VnetHeader,
}

impl Header {
    /// The bytes to stand before the run's payload.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// What to tell the kernel about the packet.
    #[must_use]
    pub fn vnet(&self) -> VnetHeader {
        self.vnet
    }
}

impl SuperPacket {
    /// Finds the parts of `packet`, which came with the note `vnet`.
    ///
    /// # Errors
    /// The packet is of no kind that can be cut, or contradicts itself.
    pub fn parse(vnet: &VnetHeader, packet: &[u8]) -> Result<Self, NotCuttable> {
        let kind = vnet.kind().ok_or(NotCuttable::Kind)?;
        if vnet.gso_size == 0 {
            return Err(NotCuttable::Kind);
        }
        let protocol = if kind == SuperKind::Udp { UDP } else { TCP };
        let ipv6 = packet.first().ok_or(NotCuttable::Length)? >> 4 == 6;
        let transport = if ipv6 { ipv6_header(packet, protocol)? } else { ipv4_header(packet, protocol)? };
        if matches!((kind, ipv6), (SuperKind::Tcp4, true) | (SuperKind::Tcp6, false)) {
            return Err(NotCuttable::Headers);
        }
        let payload = transport + transport_header(&packet[transport..], protocol)?;
        if payload >= packet.len() {
            return Err(NotCuttable::Length);
        }
        let size = usize::from(vnet.gso_size);
        Ok(Self { kind, ipv6, transport, payload, end: packet.len(), size })
    }

    /// The number of segments.
    #[must_use]
    pub fn segments(&self) -> u16 {
        let segments = (self.end - self.payload).div_ceil(self.size);
        u16::try_from(segments).expect("a packet has less than 65536 bytes of payload")
    }

    /// The length of a segment's IP packet.
    #[must_use]
    pub fn wire_size(&self, segment: u16) -> usize {
        self.payload + self.payload(segment..segment.saturating_add(1)).len()
    }

    /// The bytes of the super-packet that are the payload of `run`.
    #[must_use]
    pub fn payload(&self, run: Range<u16>) -> Range<usize> {
        let at = |segment: u16| (self.payload + usize::from(segment) * self.size).min(self.end);
        at(run.start)..at(run.end).max(at(run.start))
    }

    /// The headers of `run`, made from those of the super-packet, whose bytes are `packet`.
    ///
    /// A run of one gets a complete checksum; a longer one the partial checksum of a super-packet.
    ///
    /// # Panics
    /// If `packet` is shorter than the one that was parsed.
    #[must_use]
    pub fn header(&self, packet: &[u8], run: Range<u16>) -> Header {
        let mut bytes = [0; MAX_HEADER];
        bytes[..self.payload].copy_from_slice(&packet[..self.payload]);
        let payload = &packet[self.payload(run.clone())];
        let header = &mut bytes[..self.payload];
        self.adapt_ip(header, run.start, payload.len());
        match self.kind {
            SuperKind::Udp => self.adapt_udp(header, payload.len()),
            SuperKind::Tcp4 | SuperKind::Tcp6 => self.adapt_tcp(header, &run),
        }
        let lone = run.len() == 1;
        self.sum_transport(header, payload, lone);
        let vnet = if lone { VnetHeader::default() } else { self.vnet(header) };
        Header { bytes, length: self.payload, vnet }
    }

    /// `inet_gso_segment`, `ipv6_gso_segment`: lengths, and a new IPv4 identification for each segment.
    fn adapt_ip(&self, header: &mut [u8], first: u16, payload: usize) {
        if self.ipv6 {
            put(header, 4, length_field(self.payload - IPV6_HEADER + payload));
            return;
        }
        put(header, 2, length_field(self.payload + payload));
        put(header, 4, word(header, 4).wrapping_add(first));
        put(header, 10, 0);
        let sum = Checksum::default().over(&header[..self.transport]).complete();
        header[10..12].copy_from_slice(&sum);
    }

    /// `tcp_gso_segment`: the first segment alone says that the window was reduced, the last alone
    /// pushes and finishes.
    fn adapt_tcp(&self, header: &mut [u8], run: &Range<u16>) {
        let tcp = &mut header[self.transport..];
        let offset = u32::from(run.start) * u32::try_from(self.size).expect("the size came as 16 bits");
        let sequence = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]).wrapping_add(offset);
        tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
        if run.start != 0 {
            tcp[13] &= !CWR;
        }
        if run.end < self.segments() {
            tcp[13] &= !(FIN | PSH);
        }
    }

    fn adapt_udp(&self, header: &mut [u8], payload: usize) {
        put(header, self.transport + 4, length_field(UDP_HEADER + payload));
    }

    fn sum_transport(&self, header: &mut [u8], payload: &[u8], complete: bool) {
        let at = self.transport + usize::from(self.checksum_offset());
        put(header, at, 0);
        let sum = self.pseudo_header(header, header.len() - self.transport + payload.len());
        let sum = if complete {
            match sum.over(&header[self.transport..]).over(payload).complete() {
                // RFC 768: a sum of zero is sent as all ones, zero means that there is none.
                [0, 0] if self.kind == SuperKind::Udp => [0xff, 0xff],
                sum => sum,
            }
        } else {
            sum.partial()
        };
        header[at..at + 2].copy_from_slice(&sum);
    }

    /// RFC 9293 section 3.1 and RFC 8200 section 8.1.
    fn pseudo_header(&self, header: &[u8], length: usize) -> Checksum {
        let addresses = if self.ipv6 { 8..40 } else { 12..20 };
        let protocol = if self.kind == SuperKind::Udp { UDP } else { TCP };
        let [high, low] = length_field(length).to_be_bytes();
        Checksum::default().over(&header[addresses]).over(&[0, protocol, high, low])
    }

    fn vnet(&self, header: &[u8]) -> VnetHeader {
        let tcp = self.kind != SuperKind::Udp;
        let ecn = tcp && header[self.transport + 13] & CWR != 0;
        VnetHeader {
            header_length: length_field(self.payload),
            gso_size: length_field(self.size),
            checksum_start: length_field(self.transport),
            checksum_offset: self.checksum_offset(),
            ..VnetHeader::super_packet(self.kind, ecn)
        }
    }

    fn checksum_offset(&self) -> u16 {
        if self.kind == SuperKind::Udp { 6 } else { 16 }
    }
}

/// The length of the IPv4 header of a whole, unfragmented packet of `protocol`.
fn ipv4_header(packet: &[u8], protocol: u8) -> Result<usize, NotCuttable> {
    let fixed = packet.get(..20).ok_or(NotCuttable::Length)?;
    let length = usize::from(fixed[0] & 0x0f) * 4;
    let fragment = word(fixed, 6) & 0x3fff != 0;
    if fixed[0] >> 4 != 4 || fixed[9] != protocol || fragment {
        return Err(NotCuttable::Headers);
    }
    if length < 20 || length > packet.len() || usize::from(word(fixed, 2)) != packet.len() {
        return Err(NotCuttable::Length);
    }
    Ok(length)
}

/// The length of the IPv6 header of a packet of `protocol` without extension headers.
fn ipv6_header(packet: &[u8], protocol: u8) -> Result<usize, NotCuttable> {
    let fixed = packet.get(..IPV6_HEADER).ok_or(NotCuttable::Length)?;
    if fixed[6] != protocol {
        return Err(NotCuttable::Headers);
    }
    if usize::from(word(fixed, 4)) + IPV6_HEADER != packet.len() {
        return Err(NotCuttable::Length);
    }
    Ok(IPV6_HEADER)
}

fn transport_header(transport: &[u8], protocol: u8) -> Result<usize, NotCuttable> {
    if protocol == UDP {
        return Ok(UDP_HEADER);
    }
    let length = usize::from(transport.get(12).ok_or(NotCuttable::Length)? >> 4) * 4;
    if length < 20 { Err(NotCuttable::Length) } else { Ok(length) }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// A length that a parsed packet bounds below 65536.
fn length_field(length: usize) -> u16 {
    u16::try_from(length).expect("parts of a packet are no longer than the packet")
}
