//! A flow at the moment when a segment arrives.

use wad_model::{Counter, Counters, Time};

use crate::flow_sample::finite;
use crate::observer_skeleton::types;
use crate::plain::AnyBytes;

/// What of a watched flow moves from one acknowledgement to the next. The counters are those before the segment
/// that arrived was processed.
#[derive(Clone, Copy, Debug)]
pub struct FlowEvent {
    /// When, on the monotonic clock.
    pub time: Time,
    /// The flow, by its socket's cookie.
    pub cookie: u64,
    // Some hundred thousand of them come in a second: they are kept as they came.
    raw: types::wad_event,
    tick_us: u64,
}

impl FlowEvent {
    /// The counters that an event may have.
    pub const COUNTERS: [Counter; 23] = [
        Counter::CurrTime,
        Counter::ThruBytesAcked,
        Counter::ThruBytesReceived,
        Counter::DataBytesOut,
        Counter::CurRTO,
        Counter::CAState,
        Counter::CurCwnd,
        Counter::CurRwinRcvd,
        Counter::CurRwinSent,
        Counter::UnackedPkts,
        Counter::SackedPkts,
        Counter::LostPkts,
        Counter::RetransPkts,
        Counter::PktsRetrans,
        Counter::Delivered,
        Counter::CurMSS,
        Counter::CurAppWQueue,
        Counter::DupAcksIn,
        Counter::ZeroRwinRcvd,
        Counter::SmoothedRTT,
        Counter::SampleRTT,
        Counter::CurSsthresh,
        Counter::PacingRate,
    ];

    /// Reads what the kernel's program wrote. `tick_us` is how long a jiffy lasts, in microseconds.
    pub(crate) fn from_bytes(bytes: &[u8], tick_us: u64) -> Option<Self> {
        let raw = types::wad_event::read(bytes)?;
        Some(Self { time: Time::from_nanos(raw.time_ns), cookie: raw.cookie, raw, tick_us })
    }

    /// Its counters, as far as they move so fast.
    #[must_use]
    pub fn counters(&self) -> Counters {
        counters(&self.raw, self.tick_us)
    }
}

fn counters(raw: &types::wad_event, tick_us: u64) -> Counters {
    let mut counters = Counters::EMPTY;
    for (counter, value) in [
        (Counter::CurrTime, raw.time_ns / 1000),
        (Counter::ThruBytesAcked, raw.bytes_acked),
        (Counter::ThruBytesReceived, raw.bytes_received),
        (Counter::DataBytesOut, raw.bytes_sent),
        (Counter::CurRTO, u64::from(raw.rto) * tick_us),
        (Counter::CAState, raw.congestion_state.into()),
        (Counter::CurCwnd, raw.cwnd.into()),
        (Counter::CurRwinRcvd, raw.snd_wnd.into()),
        (Counter::CurRwinSent, raw.rcv_wnd.into()),
        (Counter::UnackedPkts, raw.packets_out.into()),
        (Counter::SackedPkts, raw.sacked_out.into()),
        (Counter::LostPkts, raw.lost_out.into()),
        (Counter::RetransPkts, raw.retrans_out.into()),
        (Counter::PktsRetrans, raw.retransmits.into()),
        (Counter::Delivered, raw.delivered.into()),
        (Counter::CurMSS, raw.mss.into()),
        (Counter::CurAppWQueue, raw.unsent.into()),
        (Counter::DupAcksIn, raw.duplicate_acks.into()),
        (Counter::ZeroRwinRcvd, raw.zero_windows.into()),
    ] {
        counters.set(counter, value);
    }
    let positive = |value: u32| (value != 0).then(|| value.into());
    counters.put(Counter::SmoothedRTT, positive(raw.srtt_us >> 3));
    counters.put(Counter::SampleRTT, positive(raw.rtt_us));
    counters.put(Counter::CurSsthresh, finite(raw.ssthresh));
    counters.put(Counter::PacingRate, (raw.pacing_rate != u64::MAX).then_some(raw.pacing_rate));
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_counters_that_it_may_have() {
        let raw = types::wad_event { srtt_us: 8, rtt_us: 1, ..Default::default() };
        let read = counters(&raw, 4000);
        assert_eq!(read.len(), FlowEvent::COUNTERS.len());
        assert!(FlowEvent::COUNTERS.into_iter().all(|counter| read.has(counter)));
    }
}
