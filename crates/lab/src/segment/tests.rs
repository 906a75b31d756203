//! Cutting and joining against packets that are put together, and checked, byte by byte.

use proptest::prelude::*;

use super::*;

/// A super-packet as Linux hands it over: partial checksum, lengths of the whole.
#[derive(Clone, Debug)]
struct Sample {
    vnet: VnetHeader,
    packet: Vec<u8>,
    header: usize,
    size: usize,
}

fn sample(
    kind: SuperKind,
    ipv6: bool,
    options: (usize, usize),
    payload: &[u8],
    size: u16,
    seed: u32,
) -> Sample {
    let (ip_options, tcp_options) = if ipv6 { (0, options.1) } else { options };
    let tcp = kind != SuperKind::Udp;
    let transport = if tcp { tcp_header(tcp_options, seed) } else { udp_header(payload.len()) };
    let length = transport.len() + payload.len();
    let mut ip = if ipv6 { ipv6_header(tcp, length) } else { ipv4_header(tcp, length, ip_options, seed) };
    let at = ip.len();
    let sum_at = at + if tcp { 16 } else { 6 };
    let pseudo = naive_sum(&pseudo_header(&ip, length));
    ip.extend(transport);
    ip[sum_at..sum_at + 2].copy_from_slice(&pseudo.to_be_bytes());
    let header = ip.len();
    let cwr = tcp && ip[at + 13] & 0x80 != 0;
    ip.extend_from_slice(payload);
    let vnet = VnetHeader {
        header_length: u16::try_from(header).unwrap(),
        gso_size: size,
        checksum_start: u16::try_from(at).unwrap(),
        checksum_offset: if tcp { 16 } else { 6 },
        ..VnetHeader::super_packet(kind, cwr)
    };
    Sample { vnet, packet: ip, header, size: usize::from(size) }
}

fn tcp_header(options: usize, seed: u32) -> Vec<u8> {
    let mut tcp = vec![0x12, 0x34, 0x14, 0x51];
    tcp.extend(seed.wrapping_mul(2_654_435_761).to_be_bytes());
    tcp.extend(seed.to_be_bytes());
    let flags = seed.to_be_bytes()[0] & 0b1101_1001 | 0x10;
    tcp.extend([u8::try_from((20 + options) / 4 * 16).unwrap(), flags, 0xff, 0xfe, 0, 0, 0, 0]);
    tcp.extend(vec![1; options]);
    tcp
}

fn udp_header(payload: usize) -> Vec<u8> {
    let mut udp = vec![0x12, 0x34, 0x14, 0x51];
    udp.extend(u16::try_from(8 + payload).unwrap().to_be_bytes());
    udp.extend([0, 0]);
    udp
}

fn ipv4_header(tcp: bool, length: usize, options: usize, seed: u32) -> Vec<u8> {
    let mut ip = vec![u8::try_from(0x40 + 5 + options / 4).unwrap(), 0];
    ip.extend(u16::try_from(20 + options + length).unwrap().to_be_bytes());
    ip.extend(u16::try_from(seed & 0xffff).unwrap().to_be_bytes());
    ip.extend([0x40, 0, 64, if tcp { 6 } else { 17 }, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]);
    ip.extend(vec![1; options]);
    let sum = !naive_sum(&ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip
}

fn ipv6_header(tcp: bool, length: usize) -> Vec<u8> {
    let mut ip = vec![0x60, 0, 0, 0];
    ip.extend(u16::try_from(length).unwrap().to_be_bytes());
    ip.extend([if tcp { 6 } else { 17 }, 64]);
    ip.extend([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    ip.extend([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    ip
}

fn pseudo_header(ip: &[u8], length: usize) -> Vec<u8> {
    let (addresses, protocol) = if ip[0] >> 4 == 6 { (&ip[8..40], ip[6]) } else { (&ip[12..20], ip[9]) };
    let mut pseudo = addresses.to_vec();
    pseudo.extend(u32::try_from(length).unwrap().to_be_bytes());
    pseudo.extend([0, 0, 0, protocol]);
    pseudo
}

/// RFC 1071 by the book.
fn naive_sum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

fn bytes_of(cut: &SuperPacket, packet: &[u8], run: std::ops::Range<u16>) -> Vec<u8> {
    let mut bytes = cut.header(packet, run.clone()).bytes().to_vec();
    bytes.extend_from_slice(&packet[cut.payload(run)]);
    bytes
}

/// Checks a packet as a receiver does: sums over everything come out as all ones.
fn assert_valid(packet: &[u8]) {
    let v6 = packet[0] >> 4 == 6;
    let at = if v6 { 40 } else { usize::from(packet[0] & 15) * 4 };
    if v6 {
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len() - 40);
    } else {
        assert_eq!(naive_sum(&packet[..at]), 0xffff, "IPv4 header checksum");
        assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len());
    }
    let mut whole = pseudo_header(packet, packet.len() - at);
    whole.extend_from_slice(&packet[at..]);
    assert_eq!(naive_sum(&whole), 0xffff, "transport checksum");
}

fn samples() -> impl Strategy<Value = Sample> {
    let kinds = prop_oneof![
        Just((SuperKind::Tcp4, false)),
        Just((SuperKind::Tcp6, true)),
        Just((SuperKind::Udp, false)),
        Just((SuperKind::Udp, true))
    ];
    let payload = prop::collection::vec(any::<u8>(), 1..9000);
    (kinds, (0usize..=10, 0usize..=10), payload, 1u16..3000, any::<u32>()).prop_map(
        |((kind, ipv6), (ip, tcp), payload, size, seed)| {
            sample(kind, ipv6, (ip * 4, tcp * 4), &payload, size, seed)
        },
    )
}

proptest! {
    #[test]
    fn a_run_of_all_segments_is_the_super_packet(sample in samples()) {
        let cut = SuperPacket::parse(&sample.vnet, &sample.packet).unwrap();
        prop_assume!(cut.segments() > 1);
        let all = 0..cut.segments();
        prop_assert_eq!(bytes_of(&cut, &sample.packet, all.clone()), sample.packet.clone());
        prop_assert_eq!(cut.header(&sample.packet, all).vnet(), sample.vnet);
    }

    #[test]
    fn segments_are_valid_packets_and_carry_the_payload(sample in samples()) {
        let cut = SuperPacket::parse(&sample.vnet, &sample.packet).unwrap();
        let mut payload = Vec::new();
        for segment in 0..cut.segments() {
            let bytes = bytes_of(&cut, &sample.packet, segment..segment + 1);
            assert_valid(&bytes);
            prop_assert_eq!(bytes.len(), cut.wire_size(segment));
            prop_assert!(bytes.len() <= sample.header + sample.size);
            payload.extend_from_slice(&bytes[sample.header..]);
        }
        prop_assert_eq!(&payload, &sample.packet[sample.header..]);
    }

    #[test]
    fn a_run_cuts_into_the_segments_of_the_whole(sample in samples(), a: u16, b: u16) {
        let whole = SuperPacket::parse(&sample.vnet, &sample.packet).unwrap();
        let (a, b) = (a % whole.segments(), b % whole.segments());
        let run = a.min(b)..a.max(b) + 1;
        prop_assume!(run.len() > 1);
        let joined = bytes_of(&whole, &sample.packet, run.clone());
        let again = SuperPacket::parse(&whole.header(&sample.packet, run.clone()).vnet(), &joined).unwrap();
        prop_assert_eq!(usize::from(again.segments()), run.len());
        for (index, segment) in run.enumerate() {
            let index = u16::try_from(index).unwrap();
            prop_assert_eq!(
                bytes_of(&again, &joined, index..index + 1),
                bytes_of(&whole, &sample.packet, segment..segment + 1)
            );
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(vnet: [u8; 10], packet: Vec<u8>) {
        exercise(&vnet, &packet);
    }

    #[test]
    fn a_damaged_super_packet_never_panics(
        sample in samples(), damage in prop::collection::vec((0usize..80, any::<u8>()), 1..4), cut in 0usize..200,
    ) {
        let mut vnet = sample.vnet.to_bytes();
        let mut packet = sample.packet;
        for (at, value) in damage {
            if at < 10 { vnet[at] = value } else if let Some(byte) = packet.get_mut(at - 10) { *byte = value }
        }
        packet.truncate(packet.len().saturating_sub(cut));
        exercise(&vnet, &packet);
    }
}

fn exercise(vnet: &[u8], packet: &[u8]) {
    let Some(vnet) = VnetHeader::parse(vnet) else { return };
    let Ok(cut) = SuperPacket::parse(&vnet, packet) else { return };
    for segment in [0, cut.segments() / 2, cut.segments() - 1] {
        let _ = bytes_of(&cut, packet, segment..segment + 1);
        let _ = bytes_of(&cut, packet, segment..cut.segments());
        let _ = cut.wire_size(segment);
    }
}

#[test]
fn flags_and_numbers_are_those_of_the_kernel() {
    let seed = 0xd900_0007; // CWR, ACK, PSH, FIN
    let sample = sample(SuperKind::Tcp4, false, (0, 12), &[7; 3000], 1000, seed);
    let cut = SuperPacket::parse(&sample.vnet, &sample.packet).unwrap();
    let flags = |run| bytes_of(&cut, &sample.packet, run)[20 + 13];
    assert_eq!([flags(0..1), flags(1..2), flags(2..3)], [0xd0, 0x50, 0x59]);
    assert_eq!([flags(0..2), flags(1..3)], [0xd0, 0x59]);
    let id = |run| bytes_of(&cut, &sample.packet, run)[5];
    assert_eq!([id(0..1), id(1..2), id(2..3), id(1..3)], [7, 8, 9, 8]);
    assert!(cut.header(&sample.packet, 0..2).vnet().gso_type & 0x80 != 0);
    assert!(cut.header(&sample.packet, 1..3).vnet().gso_type & 0x80 == 0);
}

#[test]
fn a_fragment_and_a_wrong_length_are_not_cut() {
    let sample = sample(SuperKind::Tcp4, false, (0, 0), &[7; 3000], 1000, 0);
    let mut fragment = sample.packet.clone();
    fragment[6] |= 0x20;
    assert_eq!(SuperPacket::parse(&sample.vnet, &fragment), Err(NotCuttable::Headers));
    assert_eq!(SuperPacket::parse(&sample.vnet, &sample.packet[..2000]), Err(NotCuttable::Length));
    assert_eq!(SuperPacket::parse(&VnetHeader::default(), &sample.packet), Err(NotCuttable::Kind));
}
