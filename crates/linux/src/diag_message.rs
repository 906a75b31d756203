//! The kernel's answers about sockets (`sock_diag`), as bytes.
//!
//! Source: include/uapi/linux/inet_diag.h. An attribute that is longer than known is that of a newer kernel, and a
//! shorter one that of an older: both are read as far as they go.

use wad_model::counter::tcp_info;
use wad_model::{Counter, Counters, FlowKey, Time};

use crate::flow_sample::{ControlName, FlowSample, Owner, end};

const AF_INET: u8 = 2;

/// `struct nlmsghdr`.
const HEADER: usize = 16;
const TYPE_ERROR: u16 = 2;
const TYPE_DONE: u16 = 3;
const TYPE_SOCK_DIAG: u16 = 20;
const FLAGS_DUMP: u16 = 0x0001 | 0x0300;

/// `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// `struct inet_diag_msg`.
const MESSAGE: usize = 72;

const ATTRIBUTE_INFO: u16 = 2;
const ATTRIBUTE_VEGASINFO: u16 = 3;
const ATTRIBUTE_CONG: u16 = 4;
const ATTRIBUTE_SKMEMINFO: u16 = 7;
const ATTRIBUTE_BBRINFO: u16 = 16;
const ATTRIBUTE_CGROUP_ID: u16 = 21;

/// Asks for all TCP sockets of a family that are in one of the states (bit N: the state that Linux numbers N).
pub(crate) fn request(family: u8, states: u32) -> [u8; HEADER + REQUEST] {
    let extension = |attribute: u16| 1 << (attribute - 1);
    let mut bytes = [0; HEADER + REQUEST];
    bytes[0..4].copy_from_slice(&72_u32.to_ne_bytes());
    bytes[4..6].copy_from_slice(&TYPE_SOCK_DIAG.to_ne_bytes());
    bytes[6..8].copy_from_slice(&FLAGS_DUMP.to_ne_bytes());
    bytes[16] = family;
    bytes[17] = 6; // IPPROTO_TCP
    bytes[18] = extension(ATTRIBUTE_INFO)
        | extension(ATTRIBUTE_VEGASINFO)
        | extension(ATTRIBUTE_CONG)
        | extension(ATTRIBUTE_SKMEMINFO);
    bytes[20..24].copy_from_slice(&states.to_ne_bytes());
    bytes
}

/// What follows a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// More datagrams.
    More,
    /// Nothing: this was the last.
    Done,
    /// The kernel refused, with this error number.
    Refused(i32),
}

/// Hands each socket of a datagram on, as it is at `time`.
pub(crate) fn read(datagram: &[u8], namespace: u32, time: Time, mut each: impl FnMut(FlowSample)) -> Next {
    let mut rest = datagram;
    while let (Some(length), Some(kind)) = (u32_at(rest, 0), u16_at(rest, 4)) {
        let length = length as usize;
        let Some(body) = rest.get(HEADER..length) else { break };
        match kind {
            TYPE_DONE => return Next::Done,
            TYPE_ERROR => {
                let code = u32_at(body, 0).map_or(0, u32::cast_signed);
                return if code == 0 { Next::Done } else { Next::Refused(code.wrapping_neg()) };
            }
            TYPE_SOCK_DIAG => {
                if let Some(sample) = socket(body, namespace, time) {
                    each(sample);
                }
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Next::More
}

/// A socket: `struct inet_diag_msg` and attributes.
fn socket(body: &[u8], namespace: u32, time: Time) -> Option<FlowSample> {
    let message = body.get(..MESSAGE)?;
    let ipv4 = message[0] == AF_INET;
    let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let address = |at: usize| message[at..at + 16].first_chunk::<16>().copied();
    let low = u32_at(message, 44)?;
    let high = u32_at(message, 48)?;
    let mut sample = FlowSample {
        time,
        cookie: u64::from(high) << 32 | u64::from(low),
        namespace,
        key: FlowKey::new(end(ipv4, &address(8)?, port(4)), end(ipv4, &address(24)?, port(6))),
        path: None,
        is_final: false,
        control: ControlName::default(),
        owner: Some(Owner { uid: u32_at(message, 64)?, inode: u32_at(message, 68)?, cgroup: None }),
        counters: Counters::EMPTY,
    };
    let write_queue = u32_at(message, 60)?;
    attributes(&body[MESSAGE..], &mut sample);
    let counters = &mut sample.counters;
    counters.set(Counter::CurrTime, time.as_nanos() / 1000);
    counters.set(Counter::State, message[1].into());
    // Of sockets without a `struct tcp_info`, as in TIME_WAIT, the queues say nothing.
    if let Some(unsent) = counters.get(Counter::CurAppWQueue) {
        counters.set(Counter::CurRetxQueue, u64::from(write_queue).saturating_sub(unsent));
        counters.set(Counter::CurAppRQueue, u32_at(message, 56)?.into());
    }
    Some(sample)
}

fn attributes(mut rest: &[u8], sample: &mut FlowSample) {
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..length) else { return };
        match kind {
            ATTRIBUTE_INFO => sample.counters.merge(&tcp_info::decode(value)),
            ATTRIBUTE_CONG => sample.control = ControlName::new(value),
            ATTRIBUTE_SKMEMINFO => memory(value, &mut sample.counters),
            ATTRIBUTE_BBRINFO => bbr(value, &mut sample.counters),
            ATTRIBUTE_CGROUP_ID => {
                if let (Some(owner), Some(id)) = (&mut sample.owner, value.first_chunk::<8>()) {
                    owner.cgroup = Some(u64::from_ne_bytes(*id));
                }
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
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

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

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
        let mut info = vec![0; 160];
        info[0] = 1;
        info[144..148].copy_from_slice(&400_u32.to_ne_bytes());
        body.extend(attribute(ATTRIBUTE_INFO, &info));
        body.extend(attribute(ATTRIBUTE_CONG, b"bbr\0"));
        body.extend(attribute(ATTRIBUTE_SKMEMINFO, &[9; 16]));
        body
    }

    fn samples(datagram: &[u8]) -> (Vec<FlowSample>, Next) {
        let mut found = Vec::new();
        let next = read(datagram, 42, Time::from_nanos(5000), |sample| found.push(sample));
        (found, next)
    }

    #[test]
    fn a_socket_is_read_with_its_attributes() {
        let datagram = [message(TYPE_SOCK_DIAG, &body()), message(TYPE_DONE, &[0; 4])].concat();
        let (found, next) = samples(&datagram);
        assert_eq!((found.len(), next), (1, Next::Done));
        let sample = found[0];
        assert_eq!(sample.key.to_string(), "10.0.0.1:5201 -> 10.0.0.2:40000");
        assert_eq!((sample.cookie, sample.control.as_str()), (0x1_0000_0007, "bbr"));
        for (counter, value) in [
            (Counter::CurrTime, Some(5)),
            (Counter::CurRetxQueue, Some(500)),
            (Counter::CurAppWQueue, Some(400)),
            (Counter::CurAppRQueue, Some(11)),
            (Counter::X_Sndbuf, Some(0x0909_0909)),
            (Counter::X_Drops, None),
            (Counter::DataBytesOut, None),
        ] {
            assert_eq!(sample.counters.get(counter), value, "{counter}");
        }
    }

    #[test]
    fn a_refusal_is_told() {
        let refusal = message(TYPE_ERROR, &(-1_i32).to_ne_bytes());
        assert_eq!(samples(&refusal).1, Next::Refused(1));
    }

    proptest! {
        /// Bytes that are no answer are no reason to fail.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            samples(&bytes);
        }

        /// Nor is an answer that was cut or damaged.
        #[test]
        fn a_damaged_answer_is_read(at in 0_usize..400, value in any::<u8>(), cut in 0_usize..400) {
            let mut datagram = message(TYPE_SOCK_DIAG, &body());
            let place = at % datagram.len();
            datagram[place] = value;
            datagram.truncate(cut);
            samples(&datagram);
        }
    }
}
