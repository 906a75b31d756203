//! Whether a policer drops what exceeds a contract, as Linux's BBR finds out ("long-term bandwidth" in `tcp_bbr.c`:
//! `bbr_lt_bw_sampling`, `bbr_lt_bw_interval_done`, `bbr_reset_lt_bw_sampling`).
//!
//! A policer lets bursts through until its tokens are spent, then drops. The largest rate of delivery is that of a burst,
//! and who sends at it loses most. So the mean rate is taken over intervals that begin and end with a loss, when
//! the tokens are spent:
//!
//! ```text
//!  losses       x xx x  xx   x x xx x    xx x x xx
//!               |<- interval ->|<- interval ->|
//!               4 to 16 round trips each; a fifth of what is delivered is lost in each
//! ```
//!
//! Two in a row with the same rate, to an eighth, show a policer: for 48 round trips of `ProbeBW` their mean is the bandwidth,
//! and no more is tried. Then all begins anew, as the policer or its tokens may have changed.

use wad_model::Time;

use super::Ack;
use crate::nanos::Nanos;

/// Round trips of an interval at least (`bbr_lt_intvl_min_rtts`), and four times that at most.
const SHORTEST: u32 = 4;
const LONGEST: u32 = 4 * SHORTEST;
/// Losses of an interval, as a part of what is delivered in it (`bbr_lt_loss_thresh`).
const LOSS: f64 = 50.0 / 256.0;
/// Two intervals have the same rate if they differ by this part (`bbr_lt_bw_ratio`) or so many bytes a second
/// (`bbr_lt_bw_diff`).
const SAME_PART: f64 = 1.0 / 8.0;
const SAME_BYTES: f64 = 4000.0 / 8.0;
/// How long the rate is believed, in round trips (`bbr_lt_bw_max_rtts`).
const BELIEVED: u32 = 48;
/// An interval is measured in milliseconds.
const MILLISECOND: Nanos = Nanos::from_millis(1);

/// Looks for a policer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policer {
    /// A segment on the wire, in bytes.
    wire: u32,
    seen: Seen,
    /// What had been seen when this interval began.
    begin: Seen,
    /// Round trips of this interval; while a rate is believed, since then.
    rounds: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// No loss yet.
    Waiting,
    /// An interval is being measured; the segments a second of the one before it.
    Measuring { last: Option<f64> },
    /// There is a policer, with so many segments a second.
    Found { rate: f64 },
}

/// What has been delivered and lost, and when something was delivered last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Time,
    delivered: u64,
    lost: u64,
}

/// What happened in a valid sample of the rate, or at a time-out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Something was lost.
    pub(super) has_loss: bool,
    /// A round trip is over.
    pub(super) round_start: bool,
    /// The application held back.
    pub(super) app_limited: bool,
    /// The bandwidth is being probed for (`ProbeBW`).
    pub(super) probes: bool,
}

impl Policer {
    /// `wire` is a segment on the wire, in bytes.
    pub(super) const fn new(wire: u32, now: Time) -> Self {
        let seen = Seen { at: now, delivered: 0, lost: 0 };
        Self { wire, seen, begin: seen, rounds: 0, state: State::Waiting }
    }

    /// The rate of the policer, in segments a second, if there is one.
    pub(super) const fn rate(&self) -> Option<f64> {
        match self.state {
            State::Found { rate } => Some(rate),
            State::Waiting | State::Measuring { .. } => None,
        }
    }

    /// Counts what an ACK says.
    pub(super) fn count(&mut self, ack: &Ack) {
        self.seen.lost += u64::from(ack.lost);
        if ack.delivered > 0 {
            (self.seen.delivered, self.seen.at) = (ack.total_delivered, ack.now);
        }
    }

    /// A time-out takes so many segments for lost.
    pub(super) fn count_lost(&mut self, segments: u32) {
        self.seen.lost += u64::from(segments);
    }

    /// All begins anew (`bbr_reset_lt_bw_sampling`).
    pub(super) fn reset(&mut self) {
        self.state = State::Waiting;
        self.begin_interval();
    }

    /// After counting; returns whether a rate is no longer believed, so that probing begins anew.
    pub(super) fn update(&mut self, sample: Sample) -> bool {
        if self.rate().is_some() {
            self.rounds += u32::from(sample.probes && sample.round_start);
            let is_over = self.rounds >= BELIEVED;
            if is_over {
                self.reset();
            }
            return is_over;
        }
        self.measure(sample);
        false
    }

    fn measure(&mut self, sample: Sample) {
        // What comes before the first loss is the burst that the policer lets through.
        if self.state == State::Waiting {
            if !sample.has_loss {
                return;
            }
            self.state = State::Measuring { last: None };
            self.begin_interval();
        }
        self.rounds += u32::from(sample.round_start);
        if sample.app_limited || self.rounds > LONGEST {
            self.reset();
        } else if self.rounds >= SHORTEST && sample.has_loss {
            self.end_interval();
        }
    }

    /// A loss, after long enough.
    #[expect(clippy::cast_precision_loss, reason = "segments are far below 2^53")]
    fn end_interval(&mut self) {
        let State::Measuring { last } = self.state else { return };
        let delivered = (self.seen.delivered - self.begin.delivered) as f64;
        let lost = (self.seen.lost - self.begin.lost) as f64;
        let time = Nanos::between(self.begin.at, self.seen.at);
        if delivered == 0.0 || lost < LOSS * delivered || time < MILLISECOND {
            return;
        }
        let rate = delivered / time.as_secs_f64();
        match last.filter(|last| self.is_same(rate, *last)) {
            Some(last) => {
                self.state = State::Found { rate: (rate + last) / 2.0 };
                self.rounds = 0;
            }
            None => {
                self.state = State::Measuring { last: Some(rate) };
                self.begin_interval();
            }
        }
    }

    fn is_same(&self, rate: f64, last: f64) -> bool {
        let difference = (rate - last).abs();
        difference <= SAME_PART * last || difference * f64::from(self.wire) <= SAME_BYTES
    }

    fn begin_interval(&mut self) {
        (self.begin, self.rounds) = (self.seen, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Flow;
    use super::*;

    /// A path of 40 ms on which so many segments arrive each round trip and so many are lost.
    struct Path {
        policer: Policer,
        flow: Flow<()>,
        /// Times at which probing began anew.
        restarts: u32,
    }

    impl Path {
        fn new() -> Self {
            Self { policer: Policer::new(1500, Time::ZERO), flow: Flow::new(), restarts: 0 }
        }

        fn round(&mut self, delivered: u32, lost: u32) {
            self.round_of(delivered, lost, false);
        }

        fn round_of(&mut self, delivered: u32, lost: u32, app_limited: bool) {
            for segment in 0..delivered {
                self.flow.now = Nanos::new(40_000_000 / u64::from(delivered)).after(self.flow.now);
                // Losses show with the last segments.
                let lost = if segment + 1 == delivered { lost } else { 0 };
                let ack = Ack { lost, ..self.flow.ack(Nanos::from_millis(40)) };
                self.policer.count(&ack);
                let sample =
                    Sample { has_loss: lost > 0, round_start: segment == 0, app_limited, probes: true };
                self.restarts += u32::from(self.policer.update(sample));
            }
        }
    }

    #[test]
    fn two_intervals_of_the_same_rate_show_a_policer() {
        let mut path = Path::new();
        path.round(300, 50);
        for _ in 0..8 {
            assert_eq!(path.policer.rate(), None);
            path.round(100, 30);
        }
        let rate = path.policer.rate().unwrap();
        assert!((rate / 2500.0 - 1.0).abs() < 0.01, "100 in 40 ms: {rate}");
    }

    #[test]
    fn losses_below_a_fifth_are_no_policer() {
        let mut path = Path::new();
        for _ in 0..100 {
            path.round(100, 19);
        }
        assert_eq!(path.policer.rate(), None);
        path.round(100, 1);
    }

    #[test]
    fn rates_that_differ_by_more_than_an_eighth_are_no_policer() {
        let mut path = Path::new();
        path.round(100, 30);
        for delivered in [100, 120, 100, 120] {
            for _ in 0..4 {
                path.round(delivered, 40);
            }
        }
        assert_eq!(path.policer.rate(), None);
        for _ in 0..4 {
            path.round(110, 40);
        }
        assert!(path.policer.rate().is_some());
    }

    #[test]
    fn without_enough_data_all_begins_anew() {
        let mut path = Path::new();
        for round in 0..40 {
            path.round_of(100, 30, round % 3 == 0);
        }
        assert_eq!(path.policer.rate(), None);
    }

    #[test]
    fn a_rate_is_believed_for_48_round_trips() {
        let mut path = Path::new();
        (0..9).for_each(|_| path.round(100, 30));
        let mut rounds = 0;
        while path.policer.rate().is_some() {
            path.round(100, 0);
            rounds += 1;
        }
        assert_eq!((rounds, path.restarts), (48, 1));
    }
}
