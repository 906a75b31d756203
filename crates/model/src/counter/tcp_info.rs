//! Reads the kernel's `struct tcp_info`.
//!
//! The structure has only ever grown at its end, so a shorter one is that of an older kernel and a longer one
//! that of a newer: what fits into the bytes is read, and the rest is absent. Numbers are of the host's byte
//! order. Source: include/uapi/linux/tcp.h, up to Linux 6.18.

use super::{Counter, Counters};

/// `TCP_LISTEN`. What else the structure says of a listener means something else than of a connection.
const LISTEN: u64 = 10;
/// `TCP_INFINITE_SSTHRESH`: no slow-start threshold yet.
const INFINITE_THRESHOLD: u64 = 0x7fff_ffff;

const OPTION_TIMESTAMPS: u64 = 1;
const OPTION_SACK: u64 = 2;
const OPTION_WINDOW_SCALE: u64 = 4;
const OPTION_ECN: u64 = 8;

/// Where a member is, and how wide: in bytes.
#[derive(Clone, Copy, Debug)]
struct Member(usize, usize);

const STATE: Member = Member(0, 1);
const OPTIONS: Member = Member(5, 1);
const WINDOW_SCALES: Member = Member(6, 1);
const FLAGS: Member = Member(7, 1);
const RCV_RTT: Member = Member(92, 4);
const RTT: Member = Member(68, 4);
const RTTVAR: Member = Member(72, 4);
const SND_SSTHRESH: Member = Member(76, 4);
const PACING_RATE: Member = Member(104, 8);
const MAX_PACING_RATE: Member = Member(112, 8);
const MIN_RTT: Member = Member(148, 4);
const DELIVERY_RATE: Member = Member(160, 8);
const BUSY_TIME: Member = Member(168, 8);
const RWND_LIMITED: Member = Member(176, 8);
const SNDBUF_LIMITED: Member = Member(184, 8);
const TOTAL_RTO: Member = Member(240, 2);
const TOTAL_RTO_RECOVERIES: Member = Member(242, 2);

/// Members that a counter takes as they are.
const PLAIN: [(Member, Counter); 39] = [
    (STATE, Counter::State),
    (Member(1, 1), Counter::CAState),
    (Member(2, 1), Counter::CurTimeoutCount),
    (Member(3, 1), Counter::CurProbes),
    (Member(4, 1), Counter::CurBackoff),
    (Member(8, 4), Counter::CurRTO),
    (Member(12, 4), Counter::CurATO),
    (Member(16, 4), Counter::CurMSS),
    (Member(20, 4), Counter::RcvMSS),
    (Member(24, 4), Counter::UnackedPkts),
    (Member(28, 4), Counter::SackedPkts),
    (Member(32, 4), Counter::LostPkts),
    (Member(36, 4), Counter::RetransPkts),
    (Member(60, 4), Counter::PathMTU),
    (Member(64, 4), Counter::RcvSsthresh),
    (Member(80, 4), Counter::CurCwnd),
    (Member(84, 4), Counter::MSSSent),
    (Member(88, 4), Counter::RetranThresh),
    (Member(96, 4), Counter::RcvSpace),
    (Member(100, 4), Counter::PktsRetrans),
    (Member(120, 8), Counter::ThruBytesAcked),
    (Member(128, 8), Counter::ThruBytesReceived),
    (Member(136, 4), Counter::PktsOut),
    (Member(140, 4), Counter::PktsIn),
    (Member(144, 4), Counter::CurAppWQueue),
    (Member(152, 4), Counter::DataPktsIn),
    (Member(156, 4), Counter::DataPktsOut),
    (BUSY_TIME, Counter::BusyTime),
    (RWND_LIMITED, Counter::SndLimTimeRwin),
    (SNDBUF_LIMITED, Counter::SndLimTimeSnd),
    (Member(192, 4), Counter::Delivered),
    (Member(196, 4), Counter::ECERcvd),
    (Member(200, 8), Counter::DataBytesOut),
    (Member(208, 8), Counter::BytesRetrans),
    (Member(216, 4), Counter::DSACKDups),
    (Member(220, 4), Counter::ReordSeen),
    (Member(224, 4), Counter::OutOfOrderIn),
    (Member(228, 4), Counter::CurRwinRcvd),
    (Member(232, 4), Counter::CurRwinSent),
];
/// More of them, since Linux 6.2.
const PLAIN_SINCE_6_2: [(Member, Counter); 3] = [
    (Member(236, 4), Counter::Rehashes),
    (TOTAL_RTO_RECOVERIES, Counter::Timeouts),
    (Member(248, 4), Counter::CERcvd),
];
/// Members in milliseconds.
const MILLISECONDS: [(Member, Counter); 4] = [
    (Member(44, 4), Counter::LastDataSent),
    (Member(52, 4), Counter::LastDataRcvd),
    (Member(56, 4), Counter::LastAckRcvd),
    (Member(244, 4), Counter::RTORecoveryTime),
];

/// What the bytes of a `struct tcp_info` say, however many there are.
#[must_use]
pub fn decode(info: &[u8]) -> Counters {
    let mut counters = Counters::EMPTY;
    if number(info, STATE) == Some(LISTEN) {
        counters.set(Counter::State, LISTEN);
        return counters;
    }
    for (member, counter) in PLAIN.iter().chain(&PLAIN_SINCE_6_2) {
        counters.put(*counter, number(info, *member));
    }
    for (member, counter) in MILLISECONDS {
        counters.put(counter, number(info, member).map(|millis| millis * 1000));
    }
    options(info, &mut counters);
    unless_unknown(info, &mut counters);
    differences(info, &mut counters);
    counters
}

/// The number of a member; `None` if the bytes do not reach to its end.
fn number(info: &[u8], Member(offset, width): Member) -> Option<u64> {
    let bytes = info.get(offset..offset + width)?;
    Some(match width {
        1 => bytes[0].into(),
        2 => u16::from_ne_bytes(bytes.try_into().ok()?).into(),
        4 => u32::from_ne_bytes(bytes.try_into().ok()?).into(),
        _ => u64::from_ne_bytes(bytes.try_into().ok()?),
    })
}

/// What both ends agreed on.
fn options(info: &[u8], counters: &mut Counters) {
    let Some(options) = number(info, OPTIONS) else { return };
    let has = |option: u64| options & option != 0;
    counters.set(Counter::TimestampsEnabled, has(OPTION_TIMESTAMPS).into());
    counters.set(Counter::SACKEnabled, has(OPTION_SACK).into());
    counters.set(Counter::ECNEnabled, has(OPTION_ECN).into());
    let scales = number(info, WINDOW_SCALES).filter(|_| has(OPTION_WINDOW_SCALE));
    // Bit fields: the first one is in the low bits where the byte order is little-endian.
    let (low, high) = (scales.map(|byte| byte & 0xf), scales.map(|byte| byte >> 4));
    let (sent, received) = if cfg!(target_endian = "little") { (low, high) } else { (high, low) };
    counters.put(Counter::SndWinScale, sent);
    counters.put(Counter::RcvWinScale, received);
    let first_bit = if cfg!(target_endian = "little") { 1 } else { 0x80 };
    counters.put(Counter::AppLimited, number(info, FLAGS).map(|flags| u64::from(flags & first_bit != 0)));
}

/// Members that have a number for "not known" or "without a bound".
fn unless_unknown(info: &[u8], counters: &mut Counters) {
    let except = |member, unknown: u64| number(info, member).filter(|value| *value != unknown);
    counters.put(Counter::SmoothedRTT, except(RTT, 0));
    // Before the first sample it has its initial value.
    counters.put(Counter::RTTVar, number(info, RTTVAR).filter(|_| counters.has(Counter::SmoothedRTT)));
    counters.put(Counter::RcvRTT, except(RCV_RTT, 0));
    counters.put(Counter::MinRTT, except(MIN_RTT, u32::MAX.into()).filter(|rtt| *rtt != 0));
    counters.put(
        Counter::CurSsthresh,
        number(info, SND_SSTHRESH).filter(|segments| *segments < INFINITE_THRESHOLD),
    );
    counters.put(Counter::DeliveryRate, except(DELIVERY_RATE, 0));
    counters.put(Counter::PacingRate, except(PACING_RATE, u64::MAX));
    counters.put(Counter::MaxPacingRate, except(MAX_PACING_RATE, u64::MAX));
}

/// Counters that are the difference of members.
fn differences(info: &[u8], counters: &mut Counters) {
    let at = |member| number(info, member);
    let rest = || Some(at(BUSY_TIME)?.saturating_sub(at(RWND_LIMITED)?.saturating_add(at(SNDBUF_LIMITED)?)));
    counters.put(Counter::SndLimTimeCwnd, rest());
    let again = || Some(at(TOTAL_RTO)?.saturating_sub(at(TOTAL_RTO_RECOVERIES)?));
    counters.put(Counter::SubsequentTimeouts, again());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::counter::{COUNTERS, Source};

    /// The length of the structure in Linux 6.1, 6.12 and 6.18.
    const LENGTHS: [usize; 3] = [232, 248, 280];

    /// A connection as Linux 6.18 would show it.
    fn established() -> Vec<u8> {
        let mut info = vec![0; 280];
        info[0] = 1;
        info[5] = 7;
        info[6] = if cfg!(target_endian = "little") { 0x97 } else { 0x79 };
        info[68..72].copy_from_slice(&70_123_u32.to_ne_bytes());
        info[76..80].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
        info[80..84].copy_from_slice(&10_u32.to_ne_bytes());
        info[104..112].copy_from_slice(&u64::MAX.to_ne_bytes());
        info[148..152].copy_from_slice(&u32::MAX.to_ne_bytes());
        info[168..176].copy_from_slice(&900_u64.to_ne_bytes());
        info[176..184].copy_from_slice(&200_u64.to_ne_bytes());
        info[184..192].copy_from_slice(&300_u64.to_ne_bytes());
        info[240..242].copy_from_slice(&7_u16.to_ne_bytes());
        info[242..244].copy_from_slice(&2_u16.to_ne_bytes());
        info[244..248].copy_from_slice(&40_u32.to_ne_bytes());
        info
    }

    #[test]
    fn a_connection_is_read() {
        let counters = decode(&established());
        for (counter, value) in [
            (Counter::State, Some(1)),
            (Counter::SmoothedRTT, Some(70_123)),
            (Counter::CurCwnd, Some(10)),
            (Counter::CurSsthresh, None),
            (Counter::MinRTT, None),
            (Counter::PacingRate, None),
            (Counter::PktsRetrans, Some(0)),
            (Counter::SndWinScale, Some(7)),
            (Counter::RcvWinScale, Some(9)),
            (Counter::ECNEnabled, Some(0)),
            (Counter::SndLimTimeCwnd, Some(400)),
            (Counter::Timeouts, Some(2)),
            (Counter::SubsequentTimeouts, Some(5)),
            (Counter::RTORecoveryTime, Some(40_000)),
        ] {
            assert_eq!(counters.get(counter), value, "{counter}");
        }
    }

    #[test]
    fn what_a_kernel_does_not_have_is_absent() {
        let [linux_6_1, linux_6_12, linux_6_18] = LENGTHS.map(|length| decode(&established()[..length]));
        let late = [Counter::CurRwinSent, Counter::Timeouts, Counter::CERcvd];
        assert_eq!(late.map(|counter| linux_6_1.has(counter)), [false, false, false]);
        assert_eq!(late.map(|counter| linux_6_12.has(counter)), [true, true, false]);
        assert_eq!(late.map(|counter| linux_6_18.has(counter)), [true, true, true]);
    }

    #[test]
    fn of_a_listener_only_the_state_is_known() {
        let mut info = established();
        info[0] = 10;
        assert_eq!(decode(&info), [(Counter::State, 10)].into_iter().collect());
    }

    #[test]
    fn all_counters_of_the_table_that_name_a_member_are_read() {
        let read = decode(&[7; 280]);
        for row in &COUNTERS {
            let here = matches!(row.source, Source::TcpInfo(_));
            assert!(!here || read.has(row.counter), "{}", row.name);
        }
    }

    proptest! {
        /// Any bytes of any length are read, and a longer structure never says less than a shorter one.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..320), cut in 0_usize..320) {
            let whole = decode(&bytes);
            let part = decode(&bytes[..cut.min(bytes.len())]);
            for (counter, value) in part.iter() {
                prop_assert_eq!(whole.get(counter), Some(value));
            }
        }

        /// Bytes beyond what is known change nothing.
        #[test]
        fn what_a_newer_kernel_adds_is_passed_over(
            known in prop::collection::vec(any::<u8>(), 280),
            more in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let longer: Vec<u8> = known.iter().chain(&more).copied().collect();
            prop_assert_eq!(decode(&known), decode(&longer));
        }
    }
}
