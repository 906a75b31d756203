//! Room for aggregated acknowledgements, as BBR has it (Linux's `bbr_update_ack_aggregation`; section 5.5.9 of
//! draft-ietf-ccwg-bbr).
//!
//! Where a receiver or the network holds ACKs back and delivers them in a heap, a window of one bandwidth-delay product
//! runs dry in between. So what is acknowledged beyond the estimated bandwidth is measured over an epoch, which begins
//! anew whenever no more than expected has come, and the largest excess of the last five to ten round trips is added to
//! the window, up to 100 ms of the bandwidth.
//!
//! ```text
//!  acknowledged      ___|
//!                ___|     <- extra
//!   expected   .-'
//!          .-'            slope: the bandwidth
//! ```

use wad_model::Time;

use super::Ack;
use crate::nanos::Nanos;

/// Round trips after which the older half of the measurements is forgotten.
const ROUNDS: u32 = 5;
/// No more than what the bandwidth delivers in 100 ms.
const MOST_SECONDS: f64 = 0.1;
/// An epoch ends at so many segments at the latest.
const LONGEST_EPOCH: f64 = 1_048_576.0;

/// The largest excess of ACKs over the bandwidth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aggregation {
    epoch_at: Time,
    epoch_acked: f64,
    /// The largest of this half of the window of round trips, and of the one before.
    extra: [f64; 2],
    rounds: u32,
}

impl Aggregation {
    pub(super) fn new(now: Time) -> Self {
        Self { epoch_at: now, epoch_acked: 0.0, extra: [0.0; 2], rounds: 0 }
    }

    /// An ACK; `bandwidth` is in segments a second, `cwnd` is what the excess cannot exceed.
    pub(super) fn update(&mut self, ack: &Ack, round_start: bool, bandwidth: f64, cwnd: f64) {
        if ack.delivered == 0 || ack.rate.is_none() {
            return;
        }
        if round_start {
            self.rounds += 1;
            if self.rounds >= ROUNDS {
                self.rounds = 0;
                self.extra = [0.0, self.extra[0]];
            }
        }
        let delivered = f64::from(ack.delivered);
        let mut expected = bandwidth * Nanos::between(self.epoch_at, ack.now).as_secs_f64();
        if self.epoch_acked <= expected || self.epoch_acked + delivered >= LONGEST_EPOCH {
            self.restart(ack.now);
            expected = 0.0;
        }
        self.epoch_acked += delivered;
        self.extra[0] = self.extra[0].max((self.epoch_acked - expected).min(cwnd));
    }

    /// A new epoch: also after an idle time.
    pub(super) fn restart(&mut self, now: Time) {
        self.epoch_at = now;
        self.epoch_acked = 0.0;
    }

    /// What to add to the window, in whole segments.
    pub(super) fn allowance(&self, bandwidth: f64) -> f64 {
        self.extra[0].max(self.extra[1]).min(bandwidth * MOST_SECONDS).floor()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Flow;
    use super::super::{RateSample, reno::Reno};
    use super::*;

    const BANDWIDTH: f64 = 1000.0;

    /// ACKs of `heap` segments each `heap` milliseconds.
    fn allowance_of(heap: u32, acks: u32) -> f64 {
        let mut flow = Flow::<Reno>::new();
        let mut aggregation = Aggregation::new(Time::ZERO);
        let rate = RateSample {
            delivered: heap,
            interval: Nanos::from_millis(heap.into()),
            prior_delivered: 0,
            in_flight_when_sent: 100,
            lost: 0,
            app_limited: false,
        };
        for i in 1..=acks {
            let now = Nanos::from_millis(u64::from(i * heap)).after(Time::ZERO);
            let ack = Ack { now, delivered: heap, rate: Some(rate), ..flow.ack(Nanos::from_millis(40)) };
            aggregation.update(&ack, i % 10 == 0, BANDWIDTH, 200.0);
        }
        aggregation.allowance(BANDWIDTH)
    }

    #[test]
    fn a_heap_of_acks_gets_the_room_that_it_needs() {
        assert_eq!(allowance_of(1, 100), 1.0);
        assert_eq!(allowance_of(20, 100), 20.0);
        assert_eq!(allowance_of(150, 20), 100.0, "100 ms of the bandwidth at most");
    }

    #[test]
    fn an_old_heap_is_forgotten() {
        let mut flow = Flow::<Reno>::new();
        let mut aggregation = Aggregation::new(Time::ZERO);
        aggregation.extra[0] = 50.0;
        let rate = RateSample {
            delivered: 1,
            interval: Nanos::from_millis(1),
            prior_delivered: 0,
            in_flight_when_sent: 10,
            lost: 0,
            app_limited: false,
        };
        for i in 1..=2 * ROUNDS {
            let now = Nanos::from_millis(u64::from(i * 40)).after(Time::ZERO);
            let ack = Ack { now, delivered: 1, rate: Some(rate), ..flow.ack(Nanos::from_millis(40)) };
            aggregation.update(&ack, true, BANDWIDTH, 200.0);
        }
        assert_eq!(aggregation.allowance(BANDWIDTH), 1.0);
    }
}
