//! Questions to the kernel about sockets (`sock_diag`), and the datagrams of its answers, as bytes.

use wad_model::counter::inet_diag::{CONG, INFO, SKMEMINFO, Socket, VEGASINFO};
use wad_model::{Counter, Time};

use crate::flow_sample::{ControlName, FlowSample, Owner};

/// `struct nlmsghdr`.
const HEADER: usize = 16;
const TYPE_ERROR: u16 = 2;
const TYPE_DONE: u16 = 3;
const TYPE_SOCK_DIAG: u16 = 20;
const FLAGS_DUMP: u16 = 0x0001 | 0x0300;

/// `struct inet_diag_req_v2`.
const REQUEST: usize = 56;

/// Asks for all TCP sockets of a family that are in one of the states (bit N: the state that Linux numbers N).
pub(crate) fn request(family: u8, states: u32) -> [u8; HEADER + REQUEST] {
    let extension = |attribute: u16| 1 << (attribute - 1);
    let mut bytes = [0; HEADER + REQUEST];
    bytes[0..4].copy_from_slice(&72_u32.to_ne_bytes());
    bytes[4..6].copy_from_slice(&TYPE_SOCK_DIAG.to_ne_bytes());
    bytes[6..8].copy_from_slice(&FLAGS_DUMP.to_ne_bytes());
    bytes[16] = family;
    bytes[17] = 6; // IPPROTO_TCP
    bytes[18] = [INFO, VEGASINFO, CONG, SKMEMINFO].into_iter().map(extension).sum();
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
                if let Some(socket) = Socket::parse(body) {
                    each(flow(socket, namespace, time));
                }
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Next::More
}

/// A socket as a flow.
fn flow(socket: Socket<'_>, namespace: u32, time: Time) -> FlowSample {
    let mut counters = socket.counters;
    counters.set(Counter::CurrTime, time.as_nanos() / 1000);
    FlowSample {
        time,
        cookie: socket.cookie,
        namespace,
        key: socket.key,
        path: None,
        is_final: false,
        control: ControlName::new(socket.congestion_control.unwrap_or_default().as_bytes()),
        owner: Some(Owner { uid: socket.uid, inode: socket.inode, cgroup: socket.cgroup }),
        counters,
    }
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
    use wad_model::counter::inet_diag;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    /// A connection of 10.0.0.1:5201 to 10.0.0.2:40000.
    fn body() -> Vec<u8> {
        let mut body = vec![0; inet_diag::MESSAGE];
        (body[0], body[1]) = (2, 1);
        body[4..6].copy_from_slice(&5201_u16.to_be_bytes());
        body[6..8].copy_from_slice(&40_000_u16.to_be_bytes());
        body[8..12].copy_from_slice(&[10, 0, 0, 1]);
        body[24..28].copy_from_slice(&[10, 0, 0, 2]);
        body[44] = 7;
        body.extend([8, 0, 4, 0]);
        body.extend(b"bbr\0");
        body
    }

    fn samples(datagram: &[u8]) -> (Vec<FlowSample>, Next) {
        let mut found = Vec::new();
        let next = read(datagram, 42, Time::from_nanos(5000), |sample| found.push(sample));
        (found, next)
    }

    #[test]
    fn each_socket_of_a_datagram_is_a_flow() {
        let one = message(TYPE_SOCK_DIAG, &body());
        let datagram = [one.clone(), one, message(TYPE_DONE, &[0; 4])].concat();
        let (found, next) = samples(&datagram);
        assert_eq!((found.len(), next), (2, Next::Done));
        let flow = found[1];
        assert_eq!(flow.key.to_string(), "10.0.0.1:5201 -> 10.0.0.2:40000");
        assert_eq!((flow.cookie, flow.control.as_str(), flow.namespace), (7, "bbr", 42));
        assert_eq!(flow.counters.get(Counter::CurrTime), Some(5));
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
