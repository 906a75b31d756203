//! A flow without a network, for the tests of controls: ACKs as a path would send them.

use std::marker::PhantomData;

use proptest::test_runner::{RngAlgorithm, TestRng};
use wad_model::{Bytes, Time};

use super::{Ack, Cause, Congestion, CongestionControl, Phase, Setup, Window};
use crate::nanos::Nanos;

/// What a control is told at the start of a test.
pub(crate) const SETUP: Setup =
    Setup { now: Time::ZERO, segment: Bytes::new(1448), wire: Bytes::new(1500), initial_window: 10, seed: 1 };

/// The state of the path and the window.
#[derive(Debug)]
pub(crate) struct Flow<C> {
    pub(crate) window: Window,
    pub(crate) now: Time,
    una: u32,
    min_rtt: Nanos,
    srtt: Nanos,
    delivered: u64,
    control: PhantomData<C>,
}

impl<C> Flow<C> {
    pub(crate) fn new() -> Self {
        Self {
            window: Window { cwnd: 10.0, ssthresh: f64::INFINITY, ceiling: f64::INFINITY },
            now: Time::ZERO,
            una: 0,
            min_rtt: Nanos::MAX,
            srtt: Nanos::ZERO,
            delivered: 0,
            control: PhantomData,
        }
    }

    /// One round trip of `rtt` ms: an ACK for each segment of the window, evenly spread. Returns the whole window after it.
    pub(crate) fn round(&mut self, rtt: u64, mut on_ack: impl FnMut(&mut Window, &Ack)) -> u32 {
        let segments = whole(self.window.cwnd);
        let rtt = Nanos::from_millis(rtt);
        let gap = Nanos::new(rtt.get() / u64::from(segments.max(1)));
        for _ in 0..segments {
            self.now = gap.after(self.now);
            let ack = self.ack(rtt);
            on_ack(&mut self.window, &ack);
        }
        whole(self.window.cwnd)
    }

    /// The next ACK: one segment, after a round trip of `rtt`.
    pub(crate) fn ack(&mut self, rtt: Nanos) -> Ack {
        self.min_rtt = self.min_rtt.min(rtt);
        self.srtt = rtt;
        self.una += 1;
        self.delivered += 1;
        let in_flight = whole(self.window.cwnd);
        Ack {
            now: self.now,
            acked: 1,
            delivered: 1,
            credit: 1,
            lost: 0,
            marked: 0,
            in_flight,
            prior_in_flight: in_flight,
            total_delivered: self.delivered,
            una: self.una,
            nxt: self.una + in_flight,
            rtt: Some(rtt),
            srtt: rtt,
            min_rtt: self.min_rtt,
            rate: None,
            app_limited: false,
            phase: Phase::Open,
        }
    }
}

impl<C: CongestionControl> Flow<C> {
    /// A round trip under the control.
    pub(crate) fn run(&mut self, control: &mut C, rtt: u64) -> u32 {
        self.round(rtt, |window, ack| {
            control.on_sample(window, ack);
            control.on_ack(window, ack);
        })
    }

    /// Congestion, and the window down to the new threshold, or to one segment after a time-out.
    pub(crate) fn congest(&mut self, control: &mut C, cause: Cause) -> f64 {
        let congestion = Congestion {
            cause,
            now: self.now,
            in_flight: whole(self.window.cwnd),
            usable: self.window.cwnd,
            nxt: self.una + whole(self.window.cwnd),
        };
        self.window.ssthresh = control.on_congestion(&self.window, &congestion).max(2.0);
        self.window.cwnd = if cause == Cause::Timeout { 1.0 } else { self.window.ssthresh };
        control.on_exit_recovery(&mut self.window, self.now);
        self.window.ssthresh
    }

    /// The mean window, in segments over time, if each segment is lost with probability `p`: at most one reduction a
    /// round trip, and no time-outs.
    pub(crate) fn mean_window(&mut self, control: &mut C, p: f64, rtt: u64, rounds: u32) -> f64 {
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let (mut sum, mut counted) = (0.0, 0.0);
        for round in 0..rounds {
            let sent = whole(self.window.cwnd);
            let lost = (0..sent).any(|_| unit(&mut random) < p);
            self.run(control, rtt);
            if lost {
                self.congest(control, Cause::Loss);
            }
            if round > rounds / 5 {
                sum += self.window.cwnd;
                counted += 1.0;
            }
        }
        sum / counted
    }
}

fn unit(random: &mut TestRng) -> f64 {
    use proptest::prelude::Rng;
    f64::from(random.next_u32()) / 4_294_967_296.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "windows of tests are small")]
pub(crate) fn whole(segments: f64) -> u32 {
    segments as u32
}
