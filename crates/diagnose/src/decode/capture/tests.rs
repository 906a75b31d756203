use proptest::prelude::*;
use wad_model::Counter;

use super::*;

const SENDER: [u8; 4] = [10, 0, 0, 1];
const RECEIVER: [u8; 4] = [10, 0, 0, 2];
const SYN: u8 = 2;
const ACK: u8 = 16;

/// Writes captures as a test reads: who sends what, when.
struct Script {
    frames: Vec<(u64, Vec<u8>, usize)>,
}

impl Script {
    /// A connection whose round trip is 40 ms, captured at the sender.
    fn opened(scale: bool) -> Self {
        let mut script = Self { frames: Vec::new() };
        let options: &[u8] =
            if scale { &[2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 1] } else { &[2, 4, 5, 180, 4, 2, 1, 1] };
        script.packet(0, true, 999, 0, SYN, 65535, 0, options);
        script.packet(40_000, false, 4999, 1000, SYN | ACK, 65535, 0, options);
        script
    }

    fn data(&mut self, at: u64, sequence: u32, length: usize) {
        self.packet(at, true, sequence, 5000, ACK, 500, length, &[]);
    }

    fn ack(&mut self, at: u64, number: u32, window: u16) {
        self.packet(at, false, 5000, number, ACK, window, 0, &[]);
    }

    #[expect(clippy::too_many_arguments, reason = "a packet has as many fields")]
    fn packet(
        &mut self,
        at: u64,
        out: bool,
        seq: u32,
        ack: u32,
        flags: u8,
        window: u16,
        length: usize,
        options: &[u8],
    ) {
        let (from, to) = if out { (SENDER, RECEIVER) } else { (RECEIVER, SENDER) };
        let header = 20 + options.len();
        let total = u16::try_from(20 + header + length).unwrap_or(0);
        let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0];
        ip[2..4].copy_from_slice(&total.to_be_bytes());
        ip.extend(from.into_iter().chain(to));
        let ports: [u16; 2] = if out { [40000, 5201] } else { [5201, 40000] };
        ip.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        ip.extend(seq.to_be_bytes().into_iter().chain(ack.to_be_bytes()));
        ip.extend([u8::try_from(header / 4).unwrap() << 4, flags]);
        ip.extend(window.to_be_bytes().into_iter().chain([0; 4]));
        ip.extend(options);
        // The payload is cut off, as by `tcpdump -s 96`.
        let on_wire = ip.len() + length;
        self.frames.push((at, ip, on_wire));
    }

    fn pcap(&self, big: bool, nanos: bool) -> Vec<u8> {
        let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let mut bytes: Vec<u8> = [magic, 0, 0, 0, 65535, 101].into_iter().flat_map(word).collect();
        for (at, data, length) in &self.frames {
            let fraction = u32::try_from(at % 1_000_000).unwrap() * if nanos { 1000 } else { 1 };
            let size = |length: usize| u32::try_from(length).unwrap();
            let record = [u32::try_from(at / 1_000_000).unwrap(), fraction, size(data.len()), size(*length)];
            bytes.extend(record.into_iter().flat_map(word));
            bytes.extend(data);
        }
        bytes
    }

    /// Linux cooked version 1, in nanoseconds.
    fn pcapng(&self) -> Vec<u8> {
        let block = |kind: u32, body: Vec<u8>| {
            let length = u32::try_from(body.len().next_multiple_of(4) + 12).unwrap().to_le_bytes();
            let mut bytes = kind.to_le_bytes().to_vec();
            bytes.extend(length);
            bytes.extend(&body);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(length);
            bytes
        };
        let mut bytes = block(
            0x0a0d_0d0a,
            vec![0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
        );
        bytes.extend(block(1, vec![113, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
        for (at, data, length) in &self.frames {
            let nanos = at * 1000;
            let words = [0, u32::try_from(nanos >> 32).unwrap(), u32::try_from(nanos & 0xffff_ffff).unwrap()];
            let sizes = [data.len() + 16, length + 16].map(|size| u32::try_from(size).unwrap());
            let mut body: Vec<u8> = words.into_iter().chain(sizes).flat_map(u32::to_le_bytes).collect();
            body.extend([0; 14].into_iter().chain([8, 0]));
            body.extend(data);
            bytes.extend(block(6, body));
        }
        bytes
    }

    fn flow(&self) -> Evidence {
        read(&self.pcap(false, false)).unwrap().remove(0)
    }
}

/// A window of ten segments, of which the third is lost and sent again.
fn with_a_loss() -> Script {
    let mut script = Script::opened(true);
    for n in 0..10u32 {
        script.data(50_000 + u64::from(n) * 100, 1000 + n * 1460, 1460);
    }
    script.ack(90_000, 1000 + 2 * 1460, 500);
    for n in 0..7 {
        script.ack(90_500 + n * 100, 1000 + 2 * 1460, 500);
    }
    script.data(92_000, 1000 + 2 * 1460, 1460);
    script.ack(132_000, 1000 + 14_600, 500);
    script
}

#[test]
fn every_form_tells_the_same() {
    let script = with_a_loss();
    let flow = script.flow();
    for bytes in
        [script.pcap(true, false), script.pcap(false, true), script.pcap(true, true), script.pcapng()]
    {
        assert_eq!(read(&bytes).unwrap()[0], flow);
    }
    assert_eq!(flow.flow.unwrap().destination, "10.0.0.2:5201".parse().unwrap());
}

#[test]
fn a_retransmission_is_counted_and_gives_no_round_trip() {
    let flow = with_a_loss().flow();
    assert_eq!(flow.last(Counter::PktsRetrans), Some(1));
    assert_eq!(flow.last(Counter::DataPktsOut), Some(11));
    assert_eq!(flow.last(Counter::ThruBytesAcked), Some(14_601));
    assert_eq!(flow.last(Counter::CurRwinRcvd), Some(500 << 7));
    // 50.1 to 90 ms for the first two; nothing for what the repeated one covers.
    assert_eq!(flow.last(Counter::MinRTT), Some(39_900));
    let facts = flow.packets.unwrap();
    assert_eq!((facts.duplicate_acks, facts.timeouts, facts.out_of_order), (7, 0, 0));
    assert_eq!(facts.receiver_offers_scaling, Some(true));
}

#[test]
fn a_segment_that_was_overtaken_is_no_retransmission() {
    let mut script = Script::opened(true);
    for (n, order) in [0, 2, 3, 1, 4].into_iter().enumerate() {
        script.data(50_000 + n as u64 * 100, 1000 + order * 1460, 1460);
    }
    script.ack(90_000, 1000 + 5 * 1460, 500);
    let flow = script.flow();
    assert_eq!(flow.last(Counter::PktsRetrans), Some(0));
    assert_eq!(flow.packets.unwrap().out_of_order, 1);
}

#[test]
fn a_time_out_comes_after_a_silence() {
    let mut script = Script::opened(true);
    script.data(50_000, 1000, 1460);
    script.data(300_000, 1000, 1460);
    script.ack(340_000, 2460, 0);
    let facts = script.flow().packets.unwrap();
    assert_eq!((facts.timeouts, facts.zero_windows), (1, 1));
}

#[test]
fn packets_that_the_device_will_cut_are_many_segments() {
    let mut script = Script::opened(false);
    script.data(50_000, 1000, 14_600);
    script.data(50_100, 1000 + 14_600, 70_000);
    script.ack(90_000, 1000 + 84_600, 500);
    let flow = script.flow();
    assert_eq!(flow.last(Counter::DataPktsOut), Some(10 + 48));
    assert_eq!(flow.last(Counter::CurMSS), Some(1460));
    let facts = flow.packets.unwrap();
    assert_eq!((facts.super_packets, facts.sender_offers_scaling), (2, Some(false)));
    assert_eq!(flow.samples.last().unwrap().get(Counter::CurRwinRcvd), Some(500), "not scaled");
}

#[test]
fn sequence_numbers_may_wrap() {
    let mut script = Script { frames: Vec::new() };
    script.data(0, u32::MAX - 1000, 1460);
    script.data(100, 459, 1460);
    script.ack(40_000, 459 + 1460, 500);
    let flow = script.flow();
    assert_eq!(flow.last(Counter::ThruBytesAcked), Some(2920));
    assert_eq!(flow.last(Counter::PktsRetrans), Some(0));
}

#[test]
fn a_foreign_or_damaged_file_is_refused_with_its_offset() {
    let error = read(b"GIF89a").unwrap_err().to_string();
    assert_eq!(error, "offset 0: neither pcap nor pcapng (begins with [47, 49, 46, 38])");
    let mut bytes = with_a_loss().pcap(false, false);
    bytes[32..36].copy_from_slice(&[255; 4]);
    assert_eq!(read(&bytes).unwrap_err().to_string(), "offset 24: a frame of more than 16 MiB");
    let whole = with_a_loss().pcap(false, false);
    assert!(read(&whole[..whole.len() - 7]).is_ok(), "the end may be torn");
    assert!(matches!(read(&whole[..24]), Err(CaptureError::Empty { frames: 0, .. })));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, form in 0usize..3) {
        let mut file = [with_a_loss().pcap(false, false)[..24].to_vec(), with_a_loss().pcapng()[..60].to_vec(), Vec::new()][form].clone();
        file.extend(bytes);
        let _ = read(&file);
    }

    #[test]
    fn broken_captures_never_panic(at in 24usize..1200, byte: u8, form: bool) {
        let script = with_a_loss();
        let mut bytes = if form { script.pcap(false, false) } else { script.pcapng() };
        if let Some(broken) = bytes.get_mut(at) {
            *broken = byte;
        }
        let _ = read(&bytes);
    }
}
