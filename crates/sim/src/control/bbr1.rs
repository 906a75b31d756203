//! BBR, the first version (draft-cardwell-iccrg-bbr-congestion-control-00; Linux's `tcp_bbr.c`): a model of the path, not
//! losses, decides how fast to send.
//!
//! The model is two numbers: the bandwidth of the bottleneck (the largest rate of delivery in 10 round trips) and the
//! round trip without a queue (the smallest in 10 s). Sending is paced at a gain times the bandwidth, and the window is
//! a gain times their product. The gains depend on the state:
//!
//! ```text
//!                          pacing gain                               window gain
//!  Startup                 2/ln 2 = 2.885                            2.885    until the bandwidth stops growing
//!     v
//!  Drain                   0.347                                     2.885    until the queue is gone
//!     v
//!  ProbeBW <-----------+   1.25, 0.75, 1, 1, 1, 1, 1, 1 in turn      2        a phase a round trip
//!     v                |
//!  ProbeRTT (200 ms) --+   1                                         4 segments, if no smaller round trip was seen in 10 s
//! ```
//!
//! Section numbers are those of the draft. Linux's allowance for aggregated ACKs (`aggregation.rs`) and its detection of
//! policers (`policer.rs`) are not in the draft.

use serde::{Deserialize, Serialize};
use wad_model::{Rate, Time};

use super::aggregation::Aggregation;
use super::policer::{Policer, Sample};
use super::windowed::WindowedMax;
use super::{Ack, Cause, Congestion, CongestionControl, Idle, Needs, Phase, Setup, Window};
use crate::nanos::Nanos;
use crate::tcp::core::NEVER;

/// 2/ln 2: the smallest gain that doubles the rate each round trip (4.3.2.1), as Linux writes it.
const HIGH_GAIN: f64 = 2885.0 / 1000.0;
/// The phases of `ProbeBW` (4.3.4).
const CYCLE: [f64; PHASES as usize] = [1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const PHASES: u8 = 8;
/// The window's gain in `ProbeBW`: room for delayed and aggregated ACKs (4.2.3.1).
const CWND_GAIN: f64 = 2.0;
/// Bandwidth is the largest in so many round trips (4.1.1.3).
const BANDWIDTH_ROUNDS: u64 = 10;
/// A round trip counts for so long (4.1.2.1).
const MIN_RTT_WINDOW: Nanos = Nanos::from_millis(10_000);
/// How long `ProbeRTT` lasts at least (4.3.5).
const PROBE_RTT_TIME: Nanos = Nanos::from_millis(200);
/// The smallest window (4.2.3.1).
const MIN_WINDOW: f64 = 4.0;
/// The bandwidth is found when it has not grown by a quarter in three round trips (4.3.2.2).
const FULL_GROWTH: f64 = 1.25;
const FULL_ROUNDS: u32 = 3;
/// Linux paces one percent below, so that queues drain.
const MARGIN: f64 = 0.99;

/// The parameters of [`Bbr1`]: there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bbr1Config {}

impl Bbr1Config {
    /// Nothing can be wrong.
    ///
    /// # Errors
    /// None.
    pub fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    ProbeBw,
    ProbeRtt,
}

/// BBR version 1.
#[derive(Clone, Debug)]
pub struct Bbr1 {
    mode: Mode,
    /// Bits on the wire in a segment.
    segment_bits: f64,
    initial_window: u32,
    /// Segments a second.
    bandwidth: WindowedMax,
    aggregation: Aggregation,
    policer: Policer,
    /// [`Nanos::MAX`] before the first.
    min_rtt: Nanos,
    min_rtt_at: Time,
    rounds: u64,
    /// A round trip is over when what was sent after so many deliveries is delivered.
    next_round: u64,
    round_start: bool,
    full_bandwidth: f64,
    full_rounds: u32,
    /// The phase of the cycle, and when it began.
    cycle: u8,
    cycle_at: Time,
    /// [`NEVER`] while it is not known.
    probe_rtt_done_at: Time,
    probe_rtt_round_done: bool,
    prior_window: f64,
    last_phase: Phase,
    conserves_packets: bool,
    idle_restart: bool,
    pacing_gain: f64,
    cwnd_gain: f64,
    /// Segments a second.
    pacing: f64,
    has_seen_rtt: bool,
    seed: u64,
}

impl Bbr1 {
    /// A control at the start of its flow.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a segment's size")]
    pub fn new(_config: &Bbr1Config, setup: &Setup) -> Self {
        Self {
            mode: Mode::Startup,
            segment_bits: setup.wire.get() as f64 * 8.0,
            initial_window: setup.initial_window,
            bandwidth: WindowedMax::new(BANDWIDTH_ROUNDS),
            aggregation: Aggregation::new(setup.now),
            policer: Policer::new(u32::try_from(setup.wire.get()).unwrap_or(u32::MAX), setup.now),
            min_rtt: Nanos::MAX,
            min_rtt_at: setup.now,
            rounds: 0,
            next_round: 0,
            round_start: false,
            full_bandwidth: 0.0,
            full_rounds: 0,
            cycle: 0,
            cycle_at: setup.now,
            probe_rtt_done_at: NEVER,
            probe_rtt_round_done: false,
            prior_window: 0.0,
            last_phase: Phase::Open,
            conserves_packets: false,
            idle_restart: false,
            pacing_gain: HIGH_GAIN,
            cwnd_gain: HIGH_GAIN,
            // 4.2.1: before the first sample, as if the round trip took 1 ms.
            pacing: HIGH_GAIN * f64::from(setup.initial_window) / 0.001,
            has_seen_rtt: false,
            seed: setup.seed,
        }
    }

    /// The bandwidth to send at, in segments a second: that of a policer, if there is one (`bbr_bw`).
    fn sending_bandwidth(&self) -> f64 {
        self.policer.rate().unwrap_or_else(|| self.bandwidth.get())
    }

    fn min_rtt(&self) -> Option<Nanos> {
        (self.min_rtt < Nanos::MAX).then_some(self.min_rtt)
    }

    fn cycle_gain(&self) -> f64 {
        CYCLE[usize::from(self.cycle)]
    }

    fn is_pipe_full(&self) -> bool {
        self.full_rounds >= FULL_ROUNDS
    }

    /// 4.1.1: rounds and bandwidth.
    fn update_bandwidth(&mut self, ack: &Ack) {
        self.round_start = false;
        self.policer.count(ack);
        let Some(rate) = ack.rate.filter(|rate| rate.interval > Nanos::ZERO) else { return };
        if rate.prior_delivered >= self.next_round {
            self.next_round = ack.total_delivered;
            self.rounds += 1;
            self.round_start = true;
            self.conserves_packets = false;
        }
        self.look_for_policer(ack.lost > 0, rate.app_limited, ack.now);
        let sample = rate.segments_per_second();
        // 4.1.1.4: what the application held back says nothing, unless it is more.
        if !rate.app_limited || sample >= self.bandwidth.get() {
            self.bandwidth.update(self.rounds, sample);
        } else {
            self.bandwidth.forget(self.rounds);
        }
    }

    fn look_for_policer(&mut self, has_loss: bool, app_limited: bool, now: Time) {
        let probes = self.mode == Mode::ProbeBw;
        let sample = Sample { has_loss, round_start: self.round_start, app_limited, probes };
        if self.policer.update(sample) {
            self.enter_probe_bw(now);
        }
    }

    /// 4.3.2.2: the pipe is full.
    fn check_full_pipe(&mut self, ack: &Ack) {
        if self.is_pipe_full() || !self.round_start || ack.rate.is_some_and(|rate| rate.app_limited) {
            return;
        }
        if self.bandwidth.get() >= self.full_bandwidth * FULL_GROWTH {
            self.full_bandwidth = self.bandwidth.get();
            self.full_rounds = 0;
            return;
        }
        self.full_rounds += 1;
    }

    /// 4.3.3.
    fn check_drain(&mut self, window: &mut Window, ack: &Ack) {
        if self.mode == Mode::Startup && self.is_pipe_full() {
            self.mode = Mode::Drain;
            window.ssthresh = self.inflight(1.0);
        }
        if self.mode == Mode::Drain && f64::from(ack.in_flight) <= self.inflight(1.0) {
            self.enter_probe_bw(ack.now);
        }
    }

    /// 4.3.4.2: at a random phase, but not that which drains.
    fn enter_probe_bw(&mut self, now: Time) {
        self.mode = Mode::ProbeBw;
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = u8::try_from((self.seed >> 33) % 7).unwrap_or(0);
        self.cycle = (PHASES - chosen) % PHASES;
        self.cycle_at = now;
    }

    /// 4.3.4.3.
    fn update_cycle(&mut self, ack: &Ack) {
        if self.mode != Mode::ProbeBw {
            return;
        }
        let full_length = Nanos::between(self.cycle_at, ack.now) > self.min_rtt().unwrap_or(Nanos::ZERO);
        let in_flight = f64::from(ack.prior_in_flight);
        let gain = self.cycle_gain();
        let over = if gain > 1.0 {
            full_length && (ack.lost > 0 || in_flight >= self.inflight(gain))
        } else if gain < 1.0 {
            full_length || in_flight <= self.inflight(1.0)
        } else {
            full_length
        };
        if over {
            self.cycle = (self.cycle + 1) % PHASES;
            self.cycle_at = ack.now;
        }
    }

    /// 4.1.2 and 4.3.5.
    fn update_min_rtt(&mut self, window: &mut Window, ack: &Ack) {
        let expired = Nanos::between(self.min_rtt_at, ack.now) > MIN_RTT_WINDOW;
        if let Some(rtt) = ack.rtt
            && (expired || rtt < self.min_rtt)
        {
            self.min_rtt = rtt;
            self.min_rtt_at = ack.now;
        }
        if expired && !self.idle_restart && self.mode != Mode::ProbeRtt {
            self.mode = Mode::ProbeRtt;
            self.save_window(window.cwnd);
            self.probe_rtt_done_at = NEVER;
        }
        if self.mode == Mode::ProbeRtt {
            self.handle_probe_rtt(window, ack);
        }
        if ack.delivered > 0 {
            self.idle_restart = false;
        }
    }

    fn handle_probe_rtt(&mut self, window: &mut Window, ack: &Ack) {
        if self.probe_rtt_done_at < NEVER {
            self.probe_rtt_round_done |= self.round_start;
            if self.probe_rtt_round_done && ack.now > self.probe_rtt_done_at {
                self.leave_probe_rtt(window, ack.now);
            }
        } else if f64::from(ack.in_flight) <= MIN_WINDOW {
            self.probe_rtt_done_at = PROBE_RTT_TIME.after(ack.now);
            self.probe_rtt_round_done = false;
            self.next_round = ack.total_delivered;
        }
    }

    fn leave_probe_rtt(&mut self, window: &mut Window, now: Time) {
        self.min_rtt_at = now;
        window.cwnd = window.cwnd.max(self.prior_window);
        if self.is_pipe_full() {
            self.enter_probe_bw(now);
        } else {
            self.mode = Mode::Startup;
        }
    }

    fn update_gains(&mut self) {
        (self.pacing_gain, self.cwnd_gain) = match self.mode {
            Mode::Startup => (HIGH_GAIN, HIGH_GAIN),
            Mode::Drain => (1.0 / HIGH_GAIN, HIGH_GAIN),
            Mode::ProbeBw if self.policer.rate().is_some() => (1.0, CWND_GAIN),
            Mode::ProbeBw => (self.cycle_gain(), CWND_GAIN),
            Mode::ProbeRtt => (1.0, 1.0),
        };
    }

    /// 4.2.1: until the pipe is full the rate only grows.
    fn set_pacing(&mut self, ack: &Ack) {
        if !self.has_seen_rtt && ack.srtt > Nanos::ZERO {
            self.has_seen_rtt = true;
            self.pacing = HIGH_GAIN * f64::from(self.initial_window) / ack.srtt.as_secs_f64();
        }
        let rate = self.sending_bandwidth() * self.pacing_gain * MARGIN;
        if rate > 0.0 && (self.is_pipe_full() || rate > self.pacing) {
            self.pacing = rate;
        }
    }

    /// 4.2.3.
    fn set_window(&mut self, window: &mut Window, ack: &Ack) {
        let delivered = f64::from(ack.delivered);
        if ack.delivered > 0 && !self.recover_or_restore(window, ack) {
            let bdp = self.bdp(self.sending_bandwidth(), self.cwnd_gain);
            let target = self.quantised(bdp + self.room_for_heaps());
            if self.is_pipe_full() {
                window.cwnd = (window.cwnd + delivered).min(target);
            } else if window.cwnd < target || ack.total_delivered < self.initial_window.into() {
                window.cwnd += delivered;
            }
            window.cwnd = window.cwnd.max(MIN_WINDOW);
        }
        if self.mode == Mode::ProbeRtt {
            window.cwnd = window.cwnd.min(MIN_WINDOW);
        }
        window.cwnd = window.cwnd.min(window.ceiling);
    }

    /// Linux: once the pipe is full, room for ACKs that come in heaps.
    fn room_for_heaps(&self) -> f64 {
        if self.is_pipe_full() { self.aggregation.allowance(self.sending_bandwidth()) } else { 0.0 }
    }

    /// 4.2.3.4: in the first round trip of a recovery no more is sent than is delivered; after it the window is what it
    /// was. Whether the window is set already.
    fn recover_or_restore(&mut self, window: &mut Window, ack: &Ack) -> bool {
        if ack.lost > 0 {
            window.cwnd = (window.cwnd - f64::from(ack.lost)).max(1.0);
        }
        let was_recovering = matches!(self.last_phase, Phase::Recovery | Phase::Loss);
        if ack.phase == Phase::Recovery && self.last_phase != Phase::Recovery {
            self.conserves_packets = true;
            self.next_round = ack.total_delivered;
            window.cwnd = f64::from(ack.in_flight) + f64::from(ack.delivered);
        } else if was_recovering && !matches!(ack.phase, Phase::Recovery | Phase::Loss) {
            window.cwnd = window.cwnd.max(self.prior_window);
            self.conserves_packets = false;
        }
        self.last_phase = ack.phase;
        if self.conserves_packets {
            window.cwnd = window.cwnd.max(f64::from(ack.in_flight) + f64::from(ack.delivered));
        }
        self.conserves_packets
    }

    /// 4.2.3.3: the window to come back to.
    fn save_window(&mut self, cwnd: f64) {
        let recovering = matches!(self.last_phase, Phase::Recovery | Phase::Loss);
        self.prior_window =
            if recovering || self.mode == Mode::ProbeRtt { self.prior_window.max(cwnd) } else { cwnd };
    }

    /// Segments in flight at a gain, with room for bursts.
    fn inflight(&self, gain: f64) -> f64 {
        self.quantised(self.bdp(self.bandwidth.get(), gain))
    }

    /// 4.2.3.2: bandwidth times round trip times gain.
    fn bdp(&self, bandwidth: f64, gain: f64) -> f64 {
        self.min_rtt().map_or(f64::from(self.initial_window), |rtt| gain * bandwidth * rtt.as_secs_f64())
    }

    /// Room for three bursts as Linux sends them (a millisecond's worth each, at most 64 KiB), an even number, and two
    /// more while it probes for bandwidth.
    fn quantised(&self, segments: f64) -> f64 {
        let burst =
            (self.pacing / 1024.0).floor().clamp(2.0, (65_536.0 * 8.0 / self.segment_bits).floor().max(2.0));
        let even = ((segments.ceil() + 3.0 * burst) / 2.0).ceil() * 2.0;
        if self.mode == Mode::ProbeBw && self.cycle == 0 { even + 2.0 } else { even }
    }
}

impl CongestionControl for Bbr1 {
    fn needs(&self) -> Needs {
        Needs { rate_samples: true, rtt_each_ack: true, pacing: true, owns_window: true, ..Needs::default() }
    }

    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.update_bandwidth(ack);
        self.aggregation.update(ack, self.round_start, self.sending_bandwidth(), window.cwnd);
        self.update_cycle(ack);
        self.check_full_pipe(ack);
        self.check_drain(window, ack);
        self.update_min_rtt(window, ack);
        self.update_gains();
        self.set_pacing(ack);
        self.set_window(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, _window: &mut Window, _ack: &Ack) {}

    /// Losses leave the threshold alone. After a time-out (`bbr_set_state`) the bandwidth of Startup is looked for anew; the
    /// window, which the sender has brought to one segment, grows by what is delivered, and is what it was when all that
    /// was lost has arrived.
    fn on_congestion(&mut self, window: &Window, congestion: &Congestion) -> f64 {
        self.save_window(window.cwnd);
        if congestion.cause == Cause::Timeout {
            self.last_phase = Phase::Loss;
            self.full_bandwidth = 0.0;
            self.round_start = true;
            self.policer.count_lost(congestion.in_flight);
            self.look_for_policer(true, false, congestion.now);
        }
        window.ssthresh
    }

    /// The path may have been taken for full too early.
    fn on_undo(&mut self, window: &mut Window, before: Window) {
        window.cwnd = window.cwnd.max(before.cwnd);
        self.full_bandwidth = 0.0;
        self.full_rounds = 0;
        self.policer.reset();
    }

    /// 4.3.4.4: after a pause at the bandwidth, not above it.
    fn on_idle(&mut self, window: &mut Window, &Idle { now, .. }: &Idle) {
        self.idle_restart = true;
        self.aggregation.restart(now);
        match self.mode {
            Mode::ProbeBw => self.pacing = self.sending_bandwidth() * MARGIN,
            Mode::ProbeRtt if now > self.probe_rtt_done_at => {
                self.leave_probe_rtt(window, now);
            }
            _ => {}
        }
    }

    #[inline]
    fn pacing_rate(&self) -> Option<Rate> {
        Some(Rate::from_bps(whole(self.pacing * self.segment_bits)))
    }

    fn phase(&self, _window: &Window) -> &'static str {
        match self.mode {
            Mode::Startup => "Startup",
            Mode::Drain => "Drain",
            Mode::ProbeBw => "ProbeBW",
            Mode::ProbeRtt => "ProbeRTT",
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::super::paced::Paced;
    use super::*;

    /// 100 Mbit/s and 40 ms: 333 segments.
    const PATH: &str = "rate = \"100 Mbit/s\"\ndelay = \"40 ms\"\nqueue = { packets = 1000 }";

    fn run(path: &str, seconds: f64) -> Paced<Bbr1> {
        let mut paced = Paced::new(path, |setup| Bbr1::new(&Bbr1Config {}, setup));
        paced.run_until(seconds);
        paced
    }

    #[test]
    fn it_finds_bandwidth_and_round_trip() {
        let paced = run(PATH, 5.0);
        let bandwidth = paced.control.bandwidth.get() * 12_000.0 / 100e6;
        assert!((bandwidth - 1.0).abs() < 0.02, "{bandwidth}");
        let rtt = paced.control.min_rtt().unwrap().as_secs_f64();
        assert!((0.040..0.041).contains(&rtt), "{rtt}");
        assert_eq!(paced.control.mode, Mode::ProbeBw);
    }

    #[test]
    fn the_queue_stays_short_after_startup() {
        let mut paced = run(PATH, 3.0);
        let drops = paced.drops();
        paced.run_until(9.0);
        assert_eq!(paced.drops(), drops);
        let rtt = paced.mean_rtt_since_mark();
        assert!(rtt < 0.050, "{rtt}");
        assert!(paced.utilisation() > 0.9, "{}", paced.utilisation());
    }

    /// 4.3.5: after 10 s the window is 4 segments for 200 ms.
    #[test]
    fn it_probes_for_the_round_trip_every_10_s() {
        let mut paced = run(PATH, 9.9);
        let mut least = f64::INFINITY;
        while paced.now_s() < 11.0 {
            paced.step();
            least = least.min(paced.window.cwnd);
        }
        assert!((least - MIN_WINDOW).abs() < 1e-9, "{least}");
        assert_eq!(paced.control.mode, Mode::ProbeBw);
    }

    /// Random losses do not matter to it.
    #[test]
    fn a_percent_of_loss_costs_little() {
        let paced = run(&format!("{PATH}\nloss = {{ random = {{ probability = 0.01 }} }}"), 8.0);
        assert!(paced.utilisation() > 0.85, "{}", paced.utilisation());
    }

    /// 100 Mbit/s for a megabyte, then a fifth of it.
    const POLICED: &str = "rate = \"100 Mbit/s\"\ndelay = \"40 ms\"\nqueue = { packets = 1000 }\n\
                           policer = { rate = \"20 Mbit/s\", burst = \"1 MB\" }";
    const POLICED_SHARE: f64 = 0.2;

    #[test]
    fn a_policer_is_found_and_obeyed_as_long_as_it_is_believed() {
        let mut paced = run(POLICED, 0.1);
        while paced.control.policer.rate().is_none() {
            assert!(paced.now_s() < 5.0, "it has to be found in Startup, where most is lost");
            paced.step();
        }
        let found = paced.control.policer.rate().unwrap() * 12_000.0 / 20e6;
        assert!((found - 1.0).abs() < 0.125, "{found}");
        let losses = paced.losses();
        paced.run_until(paced.now_s() + 1.0);
        assert!(paced.control.policer.rate().is_some(), "48 round trips are more than a second");
        assert!(paced.losses() - losses < 20, "{} losses", paced.losses() - losses);
        let used = paced.utilisation() / POLICED_SHARE;
        assert!((0.9..1.01).contains(&used), "{used}");
    }

    /// Who does not look for a policer loses a twentieth for ever, by what it tries.
    #[test]
    fn a_policer_costs_who_does_not_look_for_it_more() {
        let losses_in_two_seconds = |is_blind: bool| {
            let mut paced = Paced::new(POLICED, |setup| Bbr1::new(&Bbr1Config {}, setup));
            let mut losses = 0;
            while paced.now_s() < 3.0 {
                if is_blind {
                    paced.control.policer.reset();
                }
                if paced.now_s() < 1.0 {
                    losses = paced.losses();
                }
                paced.step();
            }
            paced.losses() - losses
        };
        let (seeing, blind) = (losses_in_two_seconds(false), losses_in_two_seconds(true));
        assert!(seeing * 2 < blind, "{seeing} and {blind}");
    }
}
