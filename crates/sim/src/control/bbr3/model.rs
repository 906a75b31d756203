//! The model of the path (section 5.5): how fast, how long, and how much of both is safe.

use wad_model::Time;

use super::cycle_max::CycleMax;
use super::{BETA, LOSS_THRESHOLD, State};
use crate::control::{Ack, RateSample};
use crate::nanos::Nanos;

/// A round trip counts for so long (`MinRTTFilterLen`).
const MIN_RTT_WINDOW: Nanos = Nanos::from_millis(10_000);
/// A smaller one is looked for after so long (`ProbeRTTInterval`).
const PROBE_RTT_INTERVAL: Nanos = Nanos::from_millis(5000);

/// Bandwidths are segments a second, volumes segments.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) max_bandwidth: CycleMax,
    pub(super) round_start: bool,
    /// Round trips since bandwidth was last probed for.
    pub(super) rounds_since_probe: u32,
    /// A round trip is over when what was sent after so many deliveries is delivered.
    next_round: u64,
    latest: Latest,
    latest_round_start: bool,
    /// Whether something was lost in its round trip.
    latest_lost: bool,
    /// What losses of the last round trips say: `bw_shortterm`, `inflight_shortterm`; infinite without.
    bandwidth_short: f64,
    pub(super) inflight_short: f64,
    /// What the path holds without losing too much: `inflight_longterm`; infinite until it has.
    pub(super) inflight_long: f64,
    pub(super) min_rtt: Option<Nanos>,
    min_rtt_at: Time,
    probe_min_rtt: Option<Nanos>,
    pub(super) probe_min_rtt_at: Time,
}

/// What the last round trip delivered (section 5.5.10.1), which has rounds of its own.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    bandwidth: f64,
    inflight: f64,
    next_round: u64,
}

impl Model {
    pub(super) fn new(now: Time) -> Self {
        Self {
            max_bandwidth: CycleMax::default(),
            round_start: false,
            rounds_since_probe: 0,
            next_round: 0,
            latest: Latest::default(),
            latest_round_start: false,
            latest_lost: false,
            bandwidth_short: f64::INFINITY,
            inflight_short: f64::INFINITY,
            inflight_long: f64::INFINITY,
            min_rtt: None,
            min_rtt_at: now,
            probe_min_rtt: None,
            probe_min_rtt_at: now,
        }
    }

    /// What to send at: `bw`.
    pub(super) fn bandwidth(&self) -> f64 {
        self.max_bandwidth.get().min(self.bandwidth_short)
    }

    /// A gain times a bandwidth times the round trip; none before the first.
    pub(super) fn bdp(&self, bandwidth: f64, gain: f64) -> Option<f64> {
        self.min_rtt.map(|rtt| gain * bandwidth * rtt.as_secs_f64())
    }

    /// The largest volume that the last round trip delivered.
    pub(super) fn latest_inflight(&self) -> f64 {
        self.latest.inflight
    }

    /// Section 5.5.10.1, `BBRUpdateLatestDeliverySignals`.
    pub(super) fn update_latest(&mut self, ack: &Ack) {
        self.latest_round_start = false;
        let Some(rate) = usable(ack) else { return };
        self.latest.bandwidth = self.latest.bandwidth.max(rate.segments_per_second());
        self.latest.inflight = self.latest.inflight.max(rate.delivered.into());
        if rate.prior_delivered >= self.latest.next_round {
            self.latest.next_round = ack.total_delivered;
            self.latest_round_start = true;
        }
    }

    /// `BBRAdvanceLatestDeliverySignals`: a new round trip begins with what began it.
    pub(super) fn advance_latest(&mut self, ack: &Ack) {
        if let Some(rate) = usable(ack).filter(|_| self.latest_round_start) {
            self.latest.bandwidth = rate.segments_per_second();
            self.latest.inflight = rate.delivered.into();
        }
    }

    /// Section 5.5.10.3, `BBRUpdateCongestionSignals`: once a round trip, losses lower the short-term bounds.
    pub(super) fn update_congestion(&mut self, cwnd: f64, ack: &Ack, probing: bool) {
        self.update_max_bandwidth(ack);
        self.latest_lost |= ack.lost > 0;
        if !self.latest_round_start {
            return;
        }
        if self.latest_lost && !probing {
            let bandwidth = finite_or(self.bandwidth_short, self.max_bandwidth.get());
            let inflight = finite_or(self.inflight_short, cwnd);
            self.bandwidth_short = self.latest.bandwidth.max(BETA * bandwidth);
            self.inflight_short = self.latest.inflight.max(BETA * inflight);
        }
        self.latest_lost = false;
    }

    /// Section 5.5.5.
    fn update_max_bandwidth(&mut self, ack: &Ack) {
        self.round_start = false;
        let Some(rate) = usable(ack) else { return };
        if rate.prior_delivered >= self.next_round {
            self.start_round(ack);
            self.rounds_since_probe += 1;
            self.round_start = true;
        }
        let sample = rate.segments_per_second();
        if sample >= self.max_bandwidth.get() || !rate.app_limited {
            self.max_bandwidth.update(sample);
        }
    }

    pub(super) fn start_round(&mut self, ack: &Ack) {
        self.next_round = ack.total_delivered;
    }

    /// Section 5.5.6, `BBRAdvanceMaxBwFilter`.
    pub(super) fn next_cycle(&mut self) {
        self.max_bandwidth.next_cycle();
    }

    /// `BBRResetShortTermModel`.
    pub(super) fn reset_short_term(&mut self) {
        self.bandwidth_short = f64::INFINITY;
        self.inflight_short = f64::INFINITY;
    }

    /// `BBRResetCongestionSignals`.
    pub(super) fn reset_congestion(&mut self) {
        self.latest_lost = false;
        self.latest.bandwidth = 0.0;
        self.latest.inflight = 0.0;
    }

    /// Section 5.3.4.3, `BBRUpdateMinRTT`; whether it is time to look for a smaller one.
    pub(super) fn update_min_rtt(&mut self, ack: &Ack) -> bool {
        let expired = Nanos::between(self.probe_min_rtt_at, ack.now) > PROBE_RTT_INTERVAL;
        if let Some(rtt) = ack.rtt
            && (expired || self.probe_min_rtt.is_none_or(|least| rtt < least))
        {
            self.probe_min_rtt = Some(rtt);
            self.probe_min_rtt_at = ack.now;
        }
        let outdated = Nanos::between(self.min_rtt_at, ack.now) > MIN_RTT_WINDOW;
        if let Some(rtt) = self.probe_min_rtt
            && (outdated || self.min_rtt.is_none_or(|least| rtt < least))
        {
            self.min_rtt = Some(rtt);
            self.min_rtt_at = self.probe_min_rtt_at;
        }
        expired
    }
}

/// Section 5.5.10.2, `IsInflightTooHigh`: more than the threshold of what was in flight has been lost.
pub(super) fn is_too_high(rate: &RateSample) -> bool {
    f64::from(rate.lost) > f64::from(rate.in_flight_when_sent) * LOSS_THRESHOLD
}

fn usable(ack: &Ack) -> Option<RateSample> {
    ack.rate.filter(|rate| rate.interval > Nanos::ZERO)
}

fn finite_or(value: f64, other: f64) -> f64 {
    if value.is_finite() { value } else { other }
}

impl super::Bbr3 {
    /// What the path holds, less the room that is left to others (section 5.5.2, `BBRInflightWithHeadroom`).
    pub(super) fn inflight_with_headroom(&self) -> f64 {
        const HEADROOM: f64 = 0.15;
        let long = self.model.inflight_long;
        if long.is_infinite() {
            return long;
        }
        (long - (HEADROOM * long).max(1.0)).max(super::MIN_WINDOW)
    }

    /// Which bound of the model holds in a state (section 5.6.4.8, `BBRBoundCwndForModel`).
    pub(super) fn bound(&self) -> f64 {
        let long = match self.state {
            State::Down | State::Refill | State::Up => self.model.inflight_long,
            State::Cruise | State::ProbeRtt => self.inflight_with_headroom(),
            State::Startup | State::Drain => f64::INFINITY,
        };
        long.min(self.model.inflight_short).max(super::MIN_WINDOW)
    }
}
