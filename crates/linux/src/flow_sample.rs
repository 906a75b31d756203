//! A flow at one moment: who it is, and its counters.

use std::fmt;

use wad_model::{Counter, Counters, FlowKey, Time};

use crate::observer_skeleton::types;
use crate::plain::AnyBytes;
use crate::record::end;

/// The name of a congestion control.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ControlName([u8; 16]);

impl ControlName {
    /// From bytes that end at the first zero, or after the fifteenth.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut name = [0; 16];
        for (to, from) in name.iter_mut().take(15).zip(bytes.iter().take_while(|byte| **byte != 0)) {
            *to = *from;
        }
        Self(name)
    }

    /// The name; empty where it is not known.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..length]).unwrap_or("?")
    }
}

impl fmt::Display for ControlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ControlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Whose a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user that made it.
    pub uid: u32,
    /// Its inode number, by which `/proc/PID/fd` names it; 0 once no process has it.
    pub inode: u32,
    /// The cgroup of the socket, by inode number, where the kernel tells.
    pub cgroup: Option<u64>,
}

/// A flow at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowSample {
    /// When, on the monotonic clock.
    pub time: Time,
    /// The kernel's number for the socket: unique until the host restarts.
    pub cookie: u64,
    /// Inode number of the network namespace.
    pub namespace: u32,
    /// Its two ends.
    pub key: FlowKey,
    /// The path entry that designates it, by index in the daemon's configuration.
    pub path: Option<u32>,
    /// The flow is closed, and these are its last counters.
    pub is_final: bool,
    /// Its congestion control.
    pub control: ControlName,
    /// Whose it is, where the source of the sample tells.
    pub owner: Option<Owner>,
    /// What is known of it.
    pub counters: Counters,
}

const HAS_FLOW: u32 = 1 << 0;
const HAS_COUNTS: u32 = 1 << 1;
const HAS_RTO_TOTALS: u32 = 1 << 2;
const HAS_RECEIVED_CE: u32 = 1 << 3;
const HAS_REHASHES: u32 = 1 << 4;
const HAS_DROPS: u32 = 1 << 5;
const HAS_WATCH: u32 = 1 << 6;
const IS_FINAL: u32 = 1 << 7;

const OPTION_TIMESTAMPS: u8 = 1 << 0;
const OPTION_SACK: u8 = 1 << 1;
const OPTION_WINDOW_SCALE: u8 = 1 << 2;
const OPTION_ECN: u8 = 1 << 3;
const OPTION_APP_LIMITED: u8 = 1 << 4;

const STATE_ACTIVE: u32 = 1 << 1;
const STATE_ADOPTED: u32 = 1 << 8;

/// `TCP_INFINITE_SSTHRESH`.
pub(crate) const INFINITE_THRESHOLD: u32 = 0x7fff_ffff;

impl FlowSample {
    /// Reads what the kernel's programs wrote. `tick_us` is how long a jiffy lasts, in microseconds.
    pub(crate) fn from_bytes(bytes: &[u8], tick_us: u64) -> Option<Self> {
        let raw = types::wad_sample::read(bytes)?;
        Some(Self {
            time: Time::from_nanos(raw.time_ns),
            cookie: raw.cookie,
            namespace: raw.namespace,
            key: FlowKey::new(
                end(raw.family, &raw.local, raw.local_port),
                end(raw.family, &raw.remote, raw.remote_port),
            ),
            path: (raw.has & HAS_FLOW != 0).then_some(raw.path),
            is_final: raw.has & IS_FINAL != 0,
            control: ControlName::new(&raw.control.map(i8::cast_unsigned)),
            owner: None,
            counters: counters(&raw, tick_us),
        })
    }
}

fn counters(raw: &types::wad_sample, tick_us: u64) -> Counters {
    let mut counters = Counters::EMPTY;
    counters.set(Counter::CurrTime, raw.time_ns / 1000);
    traffic(raw, &mut counters);
    round_trip_times(raw, tick_us, &mut counters);
    windows(raw, &mut counters);
    congestion(raw, &mut counters);
    limits(raw, tick_us, &mut counters);
    socket(raw, tick_us, &mut counters);
    if raw.has & HAS_FLOW != 0 {
        flow(raw, &mut counters);
    }
    if raw.has & HAS_COUNTS != 0 && raw.counts.round_trips != 0 {
        round_trips(&raw.counts, tick_us, &mut counters);
    }
    counters
}

fn traffic(raw: &types::wad_sample, counters: &mut Counters) {
    for (counter, value) in [
        (Counter::DataBytesOut, raw.bytes_sent),
        (Counter::BytesRetrans, raw.bytes_retransmitted),
        (Counter::ThruBytesAcked, raw.bytes_acked),
        (Counter::ThruBytesReceived, raw.bytes_received),
        (Counter::PktsOut, raw.segs_out.into()),
        (Counter::DataPktsOut, raw.data_segs_out.into()),
        (Counter::PktsRetrans, raw.retransmits.into()),
        (Counter::Delivered, raw.delivered.into()),
        (Counter::PktsIn, raw.segs_in.into()),
        (Counter::DataPktsIn, raw.data_segs_in.into()),
        (Counter::OutOfOrderIn, raw.out_of_order_in.into()),
        (Counter::DSACKDups, raw.dsack_dups.into()),
        (Counter::RetranThresh, raw.reordering.into()),
        (Counter::ReordSeen, raw.reord_seen.into()),
        (Counter::ECERcvd, raw.delivered_ce.into()),
    ] {
        counters.set(counter, value);
    }
    for (bit, counter, value) in [
        (HAS_RECEIVED_CE, Counter::CERcvd, raw.received_ce),
        (HAS_REHASHES, Counter::Rehashes, raw.rehashes),
        (HAS_DROPS, Counter::X_Drops, raw.drops),
        (HAS_WATCH, Counter::DupAcksIn, raw.duplicate_acks),
        (HAS_WATCH, Counter::ZeroRwinRcvd, raw.zero_windows),
    ] {
        counters.put(counter, (raw.has & bit != 0).then(|| value.into()));
    }
}

/// A number that stands for "none" becomes none.
fn except(value: u32, unknown: u32) -> Option<u64> {
    (value != unknown).then(|| value.into())
}

fn round_trip_times(raw: &types::wad_sample, tick_us: u64, counters: &mut Counters) {
    let recent = except(raw.min_rtt_us, u32::MAX).filter(|rtt| *rtt != 0);
    let whole_life = except(raw.rtt_min_us, 0);
    let smallest = [recent, whole_life].into_iter().flatten().min();
    let measured = raw.srtt_us != 0;
    counters.put(Counter::SmoothedRTT, measured.then(|| (raw.srtt_us >> 3).into()));
    counters.put(Counter::RTTVar, measured.then(|| (raw.mdev_us >> 2).into()));
    counters.put(Counter::MinRTT, smallest);
    counters.put(Counter::RcvRTT, except(raw.rcv_rtt_us >> 3, 0));
    counters.set(Counter::CurRTO, u64::from(raw.rto) * tick_us);
    counters.set(Counter::CurATO, u64::from(raw.ato) * tick_us);
}

fn windows(raw: &types::wad_sample, counters: &mut Counters) {
    for (counter, value) in [
        (Counter::CurCwnd, raw.cwnd),
        (Counter::CurRwinRcvd, raw.snd_wnd),
        (Counter::CurRwinSent, raw.rcv_wnd),
        (Counter::RcvSsthresh, raw.rcv_ssthresh),
        (Counter::RcvSpace, raw.rcv_space),
        (Counter::UnackedPkts, raw.packets_out),
        (Counter::SackedPkts, raw.sacked_out),
        (Counter::LostPkts, raw.lost_out),
        (Counter::RetransPkts, raw.retrans_out),
        (Counter::CurMSS, raw.mss),
        (Counter::RcvMSS, raw.rcv_mss),
        (Counter::MSSSent, raw.advmss),
        (Counter::PathMTU, raw.pmtu),
    ] {
        counters.set(counter, value.into());
    }
    counters.put(Counter::CurSsthresh, finite(raw.ssthresh));
}

pub(crate) fn finite(threshold: u32) -> Option<u64> {
    (threshold < INFINITE_THRESHOLD).then(|| threshold.into())
}

fn congestion(raw: &types::wad_sample, counters: &mut Counters) {
    for (counter, value) in [
        (Counter::CAState, raw.congestion_state),
        (Counter::CurTimeoutCount, raw.retransmits_now),
        (Counter::CurBackoff, raw.backoff),
        (Counter::CurProbes, raw.probes),
    ] {
        counters.set(counter, value.into());
    }
    if raw.has & HAS_RTO_TOTALS != 0 {
        let again = raw.total_rto.saturating_sub(raw.total_rto_recoveries);
        counters.set(Counter::Timeouts, raw.total_rto_recoveries.into());
        counters.set(Counter::SubsequentTimeouts, again.into());
        counters.set(Counter::RTORecoveryTime, u64::from(raw.total_rto_ms) * 1000);
    }
}

fn limits(raw: &types::wad_sample, tick_us: u64, counters: &mut Counters) {
    let [window, receiver, send_buffer] = raw.chrono.map(|jiffies| u64::from(jiffies) * tick_us);
    counters.set(Counter::BusyTime, window + receiver + send_buffer);
    counters.set(Counter::SndLimTimeCwnd, window);
    counters.set(Counter::SndLimTimeRwin, receiver);
    counters.set(Counter::SndLimTimeSnd, send_buffer);
    let bytes = u128::from(raw.rate_delivered) * u128::from(raw.mss) * 1_000_000;
    let rate = bytes.checked_div(raw.rate_interval_us.into()).filter(|rate| *rate != 0);
    counters.put(Counter::DeliveryRate, rate.and_then(|rate| u64::try_from(rate).ok()));
    counters.put(Counter::PacingRate, (raw.pacing_rate != u64::MAX).then_some(raw.pacing_rate));
    counters.put(Counter::MaxPacingRate, (raw.max_pacing_rate != u64::MAX).then_some(raw.max_pacing_rate));
}

fn socket(raw: &types::wad_sample, tick_us: u64, counters: &mut Counters) {
    for (counter, value) in [
        (Counter::State, raw.state.into()),
        (Counter::CurRetxQueue, raw.write_queue.saturating_sub(raw.unsent)),
        (Counter::CurAppWQueue, raw.unsent),
        (Counter::CurAppRQueue, raw.read_queue),
        (Counter::X_Sndbuf, raw.send_buffer),
        (Counter::X_Rcvbuf, raw.receive_buffer),
        (Counter::X_WmemQueued, raw.wmem_queued),
        (Counter::X_RmemAlloc, raw.rmem_alloc),
    ] {
        counters.set(counter, value.into());
    }
    for (counter, jiffies) in [
        (Counter::LastDataSent, raw.since_data_sent),
        (Counter::LastDataRcvd, raw.since_data_received),
        (Counter::LastAckRcvd, raw.since_ack_received),
    ] {
        counters.set(counter, u64::from(jiffies) * tick_us);
    }
    let has = |option: u8| raw.options & option != 0;
    counters.set(Counter::TimestampsEnabled, has(OPTION_TIMESTAMPS).into());
    counters.set(Counter::SACKEnabled, has(OPTION_SACK).into());
    counters.set(Counter::ECNEnabled, has(OPTION_ECN).into());
    counters.set(Counter::AppLimited, has(OPTION_APP_LIMITED).into());
    let scale = |scale: u8| has(OPTION_WINDOW_SCALE).then(|| scale.into());
    counters.put(Counter::SndWinScale, scale(raw.snd_wscale));
    counters.put(Counter::RcvWinScale, scale(raw.rcv_wscale));
}

/// Of a designated flow. Congestion is counted from its first signal on, so that nothing counted means none.
fn flow(raw: &types::wad_sample, counters: &mut Counters) {
    let counts = &raw.counts;
    counters.set(Counter::StartTime, raw.opened_ns / 1000);
    // Who connected is not known of a flow that ran before it was tuned.
    let known = raw.flow_state & STATE_ADOPTED == 0;
    counters.put(Counter::ActiveOpen, known.then(|| u64::from(raw.flow_state & STATE_ACTIVE != 0)));
    counters.set(Counter::SumRTT, raw.rtt_sum_us);
    for (counter, value) in [
        (Counter::CountRTT, raw.rtt_count),
        (Counter::RandomLosses, raw.random_losses),
        (Counter::CongSignals, counts.congestion_signals),
        (Counter::FastRetran, counts.fast_retransmits),
        (Counter::ECNSignals, counts.ecn_signals),
    ] {
        counters.set(counter, value.into());
    }
    counters.set(Counter::PreCongSumCwnd, counts.pre_congestion_cwnd);
    counters.set(Counter::PreCongSumRTT, counts.pre_congestion_rtt_us);
    if !counters.has(Counter::Timeouts) {
        counters.set(Counter::Timeouts, counts.timeouts.into());
    }
}

/// What is looked at once a round trip.
fn round_trips(counts: &types::wad_counts, tick_us: u64, counters: &mut Counters) {
    for (counter, value) in [
        (Counter::SampleRTT, counts.rtt_last_us),
        (Counter::MaxRTT, counts.rtt_max_us),
        (Counter::MinCwnd, counts.cwnd_min),
        (Counter::MaxCwnd, counts.cwnd_max),
        (Counter::MinRwinRcvd, counts.offered_min),
        (Counter::MaxRwinRcvd, counts.offered_max),
        (Counter::MaxRwinSent, counts.own_window_max),
        (Counter::SlowStart, counts.slow_starts),
        (Counter::CongAvoid, counts.avoidances),
        (Counter::SndLimTransRwin, counts.limited_by_receiver),
        (Counter::SndLimTransSnd, counts.limited_by_send_buffer),
        (Counter::SndLimTransCwnd, counts.limited_by_window),
    ] {
        counters.set(counter, value.into());
    }
    for (counter, value) in [
        (Counter::MaxSsCwnd, counts.slow_start_cwnd_max),
        (Counter::MaxCaCwnd, counts.avoidance_cwnd_max),
        (Counter::MinSsthresh, counts.ssthresh_min),
        (Counter::MaxSsthresh, counts.ssthresh_max),
    ] {
        counters.put(counter, except(value, 0));
    }
    counters.set(Counter::MinRTO, u64::from(counts.rto_min) * tick_us);
    counters.set(Counter::MaxRTO, u64::from(counts.rto_max) * tick_us);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(change: impl Fn(&mut types::wad_sample)) -> Counters {
        let mut raw = types::wad_sample { family: 4, ..Default::default() };
        change(&mut raw);
        counters(&raw, 4000)
    }

    #[test]
    fn a_flow_without_a_path_has_no_numbers_of_the_daemon() {
        let counters = sample(|_| {});
        for counter in [Counter::CongSignals, Counter::StartTime, Counter::SumRTT, Counter::MaxRTT] {
            assert!(!counters.has(counter), "{counter}");
        }
        assert_eq!(counters.get(Counter::PktsRetrans), Some(0));
        assert_eq!(counters.get(Counter::Timeouts), None, "an old kernel does not count them");
    }

    #[test]
    fn a_designated_flow_without_a_signal_has_none_and_no_extremes_yet() {
        let counters = sample(|raw| raw.has = HAS_FLOW);
        assert_eq!(counters.get(Counter::CongSignals), Some(0));
        assert_eq!(counters.get(Counter::Timeouts), Some(0));
        assert_eq!(counters.get(Counter::MaxRTT), None);
    }

    #[test]
    fn the_kernels_units_become_ours() {
        let counters = sample(|raw| {
            raw.rto = 51;
            raw.srtt_us = 8 * 70_000;
            raw.min_rtt_us = u32::MAX;
            raw.rtt_min_us = 69_000;
            raw.chrono = [10, 20, 30];
            (raw.rate_delivered, raw.rate_interval_us, raw.mss) = (100, 1_000_000, 1448);
        });
        for (counter, value) in [
            (Counter::CurRTO, 204_000),
            (Counter::SmoothedRTT, 70_000),
            (Counter::MinRTT, 69_000),
            (Counter::BusyTime, 240_000),
            (Counter::SndLimTimeRwin, 80_000),
            (Counter::DeliveryRate, 144_800),
        ] {
            assert_eq!(counters.get(counter), Some(value), "{counter}");
        }
    }

    #[test]
    fn a_name_ends_where_the_kernel_ends_it() {
        assert_eq!(ControlName::new(b"cubic\0\0rest").as_str(), "cubic");
        assert_eq!(ControlName::new(b"a-name-of-twenty-one!").as_str(), "a-name-of-twent");
        assert!(FlowSample::from_bytes(&[0; 10], 1).is_none());
    }
}
