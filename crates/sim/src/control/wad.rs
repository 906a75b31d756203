//! The control `wad` of the daemon (`crates/linux/src/bpf/control.bpf.c`), with its parameters and its arithmetic.
//!
//! Standard TCP whose constants are a flow's own. What the kernel computes in whole numbers is computed in the same
//! whole numbers here, remainders included: the window is whole, and what has been earned towards the next segment is
//! kept beside it.
//!
//! ```text
//! slow start             cwnd += slow_start_increment a segment acknowledged;
//!                        above max_ssthresh at most max_ssthresh/2 a round trip (RFC 3742);
//!                        ends early where the round-trip time shows a queue (delay_brake)
//! congestion avoidance   cwnd += additive_increase * acked / cwnd, or HighSpeed TCP's by the window
//! loss                   ssthresh = cwnd * (1 - multiplicative_decrease), or HighSpeed TCP's,
//!                        less where the loss seems to be random (loss_guess); at least min_ssthresh, or 2
//! idle                   cwnd = restart_window at most
//! ```
//!
//! Who changes one of the two changes the other.

use serde::{Deserialize, Serialize};
use wad_model::{Segments, high_speed};

use super::{Ack, Congestion, CongestionControl, Idle, Needs, Setup, Window};

/// A number of the kernel's: `WAD_SCALE`-ths.
const SCALE: u64 = 1024;
/// Finer, for slow start (`SLOW_START_SCALE`).
const SLOW_START_SCALE: u64 = SCALE * SCALE;
/// Below this a round trip's delay says nothing of a queue, in microseconds (`LEAST_QUEUE_DELAY_US`).
const LEAST_QUEUE_DELAY_US: u64 = 4000;
/// Samples a round trip before the brake acts (`BRAKE_SAMPLES`).
const BRAKE_SAMPLES: u32 = 8;
/// The brake acts once this part of the window stands in the queue (`BRAKE_SHARE`).
const BRAKE_SHARE: u64 = 8;
/// A loss is taken for random where less than this part of the window stands in the queue (`RANDOM_SHARE`).
const RANDOM_SHARE: u64 = 32;
/// Then this part of the decrease is taken (`RANDOM_TEMPER`).
const RANDOM_TEMPER: u64 = 4;

/// The parameters of [`Wad`]: those of `[path.congestion]` and `[path.slow_start]` of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WadConfig {
    /// Segments that congestion avoidance adds a round trip.
    pub additive_increase: f64,
    /// The part of the window that a loss takes.
    pub multiplicative_decrease: f64,
    /// Whether the window decides both, as in HighSpeed TCP.
    pub high_speed: bool,
    /// Segments that slow start adds for each segment acknowledged.
    pub slow_start_increment: f64,
    /// The threshold at the start, in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ssthresh: Option<u32>,
    /// What a loss leaves of the threshold at least, in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ssthresh: Option<u32>,
    /// From here on slow start is limited, in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ssthresh: Option<u32>,
    /// The largest window after an idle time, in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_window: Option<u32>,
    /// How many segments one ACK may send, in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_limit: Option<u32>,
    /// Whether slow start ends where the round-trip time shows a queue.
    pub delay_brake: bool,
    /// Whether a loss without a queue takes less.
    pub loss_guess: bool,
}

impl Default for WadConfig {
    fn default() -> Self {
        Self {
            additive_increase: 1.0,
            multiplicative_decrease: 0.5,
            high_speed: false,
            slow_start_increment: 1.0,
            initial_ssthresh: None,
            min_ssthresh: None,
            max_ssthresh: None,
            restart_window: None,
            burst_limit: None,
            delay_brake: false,
            loss_guess: false,
        }
    }
}

impl WadConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        for (key, value) in [
            ("additive_increase", self.additive_increase),
            ("slow_start_increment", self.slow_start_increment),
        ] {
            if !(1.0 / 1024.0..=1000.0).contains(&value) {
                return Err(format!("{key} = {value}: give a number of segments, from 1/1024 to 1000"));
            }
        }
        match self.multiplicative_decrease {
            b if (1.0 / 1024.0..1.0).contains(&b) => Ok(()),
            b => Err(format!(
                "multiplicative_decrease = {b}: give a part of the window, from 1/1024 to below 1"
            )),
        }
    }
}

/// The control `wad`.
#[derive(Clone, Debug)]
pub struct Wad {
    /// Times [`SCALE`].
    additive_increase: u64,
    /// Times [`SCALE`].
    multiplicative_decrease: u64,
    /// Times [`SCALE`]; none is standard slow start.
    slow_start_increment: Option<u64>,
    config: WadConfig,
    /// Congestion avoidance: earned so far, segments times window times [`SCALE`].
    credit: u64,
    /// Slow start: earned so far, segments times [`SLOW_START_SCALE`].
    slow_start_credit: u64,
    /// The window, while the burst limit holds part of it back.
    withheld: u64,
    /// The window as this control last saw it.
    seen: u64,
    /// The latest round trip in microseconds; zero before the first.
    rtt_us: u64,
    /// The smallest one in microseconds.
    base_us: u64,
    round: Option<Round>,
    started: bool,
}

/// The delay brake's round trip.
#[derive(Clone, Copy, Debug)]
struct Round {
    end: u32,
    rtt_us: u64,
    samples: u32,
}

impl Wad {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &WadConfig, _setup: &Setup) -> Self {
        let increment = scaled(config.slow_start_increment);
        Self {
            additive_increase: scaled(config.additive_increase),
            multiplicative_decrease: scaled(config.multiplicative_decrease),
            slow_start_increment: (increment != SCALE).then_some(increment),
            config: *config,
            credit: 0,
            slow_start_credit: 0,
            withheld: 0,
            seen: 0,
            rtt_us: 0,
            base_us: 0,
            round: None,
            started: false,
        }
    }

    /// Other parameters from now on; what was earned and seen stays (`read_parameters`).
    pub fn retune(&mut self, config: &WadConfig) {
        let increment = scaled(config.slow_start_increment);
        self.additive_increase = scaled(config.additive_increase);
        self.multiplicative_decrease = scaled(config.multiplicative_decrease);
        self.slow_start_increment = (increment != SCALE).then_some(increment);
        self.config = *config;
    }

    /// Returns what is left of `acked` for congestion avoidance (`slow_start`).
    fn slow_start(&mut self, window: &mut Window, ack: &Ack, acked: u64) -> u64 {
        let cwnd = whole(window.cwnd);
        if self.config.delay_brake && self.queue_grows(cwnd, ack) {
            window.ssthresh = float(cwnd);
            return acked;
        }
        let threshold = whole(window.ssthresh);
        if self.slow_start_increment.is_none() && self.config.max_ssthresh.is_none() {
            // tcp_slow_start: up to the threshold, the rest for congestion avoidance.
            let grown = (cwnd + acked).min(threshold);
            set_window(window, grown);
            return acked - (grown - cwnd);
        }
        self.slow_start_credit += acked * self.slow_start_gain(cwnd);
        let grown = cwnd + self.slow_start_credit / SLOW_START_SCALE;
        self.slow_start_credit %= SLOW_START_SCALE;
        set_window(window, grown.min(threshold));
        0
    }

    /// What an acknowledged segment adds, times [`SLOW_START_SCALE`]. RFC 3742 section 2: K = int(cwnd / (0.5 *
    /// max_ssthresh)), and cwnd += MSS / K.
    fn slow_start_gain(&self, cwnd: u64) -> u64 {
        match self.config.max_ssthresh.map(u64::from) {
            Some(limit) if limit > 0 && cwnd > limit => SLOW_START_SCALE / (2 * cwnd / limit),
            _ => self.slow_start_increment.map_or(SLOW_START_SCALE, |increment| increment * SCALE),
        }
    }

    /// Whether slow start has begun to fill the queue.
    fn queue_grows(&mut self, cwnd: u64, ack: &Ack) -> bool {
        let round = match &mut self.round {
            Some(round) if ack.una < round.end => round,
            other => other.insert(Round { end: ack.nxt, rtt_us: u64::MAX, samples: 0 }),
        };
        if self.rtt_us == 0 {
            return false;
        }
        round.rtt_us = round.rtt_us.min(self.rtt_us);
        round.samples += 1;
        if round.samples < BRAKE_SAMPLES || round.rtt_us < self.base_us + LEAST_QUEUE_DELAY_US {
            return false;
        }
        backlog(cwnd, round.rtt_us, self.base_us) * BRAKE_SHARE > cwnd
    }

    fn avoid_congestion(&mut self, window: &mut Window, acked: u64) {
        let cwnd = whole(window.cwnd);
        let scaled = cwnd * SCALE;
        self.credit += acked * self.increase(cwnd);
        if scaled == 0 || self.credit < scaled {
            return;
        }
        let grown = self.credit / scaled;
        self.credit -= grown * scaled;
        set_window(window, cwnd + grown);
    }

    /// Segments a round trip, times [`SCALE`].
    fn increase(&self, cwnd: u64) -> u64 {
        if self.config.high_speed { u64::from(row(cwnd).increase) * SCALE } else { self.additive_increase }
    }

    /// The share of the window that a loss takes, times [`SCALE`].
    fn decrease(&self, cwnd: u64) -> u64 {
        let share = if self.config.high_speed {
            row(cwnd).decrease_1024.into()
        } else {
            self.multiplicative_decrease
        };
        if self.config.loss_guess && self.seems_random(cwnd) { share / RANDOM_TEMPER } else { share }
    }

    fn seems_random(&self, cwnd: u64) -> bool {
        self.rtt_us > 0 && backlog(cwnd, self.rtt_us, self.base_us) * RANDOM_SHARE < cwnd
    }

    /// At most `burst_limit` segments more than are on their way: so many leave at one acknowledgement.
    fn hold_burst_back(&mut self, window: &mut Window, in_flight: u32) {
        let Some(limit) = self.config.burst_limit else { return };
        let (cwnd, allowed) = (whole(window.cwnd), u64::from(in_flight) + u64::from(limit));
        self.withheld = 0;
        if cwnd > allowed {
            self.withheld = cwnd;
            window.cwnd = float(allowed);
        }
    }
}

impl CongestionControl for Wad {
    fn needs(&self) -> Needs {
        let rtt_each_ack = self.config.delay_brake || self.config.loss_guess;
        Needs { rtt_each_ack, ..Needs::default() }
    }

    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        if !self.started {
            self.started = true;
            if let Some(threshold) = self.config.initial_ssthresh {
                window.ssthresh = threshold.into();
            }
        }
        if let Some(rtt) = ack.rtt {
            self.rtt_us = rtt.get() / 1000;
            self.base_us = ack.min_rtt.get() / 1000;
        }
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let mut acked = u64::from(ack.credit);
        window.cwnd = window.cwnd.max(float(self.withheld));
        if whole(window.cwnd) < whole(window.ssthresh) {
            acked = self.slow_start(window, ack, acked);
        }
        if acked > 0 {
            self.avoid_congestion(window, acked);
        }
        self.hold_burst_back(window, ack.in_flight);
        self.seen = whole(window.cwnd).max(self.withheld);
    }

    /// `wad_ssthresh`. The window that counts is cwnd, as in the kernel, also where the receiver's window is smaller.
    fn on_congestion(&mut self, window: &Window, _congestion: &Congestion) -> f64 {
        let cwnd = whole(window.cwnd).max(self.withheld);
        self.withheld = 0;
        self.credit = 0;
        let left = cwnd - cwnd * self.decrease(cwnd) / SCALE;
        let least = u64::from(self.config.min_ssthresh.unwrap_or(0)).max(2);
        self.seen = left;
        float(left.max(least))
    }

    /// `wad_cwnd_event`: where the window was brought down, it may come down less.
    fn on_idle(&mut self, window: &mut Window, idle: &Idle) {
        let restart = self.config.restart_window.filter(|&restart| restart > 0);
        if let (Some(restart), Some(before)) = (restart, idle.before) {
            set_window(window, u64::from(restart).min(whole(before)));
        }
    }
}

/// Segments that stand in the queue of the path: Vegas's estimate.
fn backlog(cwnd: u64, rtt_us: u64, base_us: u64) -> u64 {
    if rtt_us > base_us { cwnd * (rtt_us - base_us) / rtt_us } else { 0 }
}

fn row(cwnd: u64) -> high_speed::Row {
    high_speed::row(Segments::new(u32::try_from(cwnd).unwrap_or(u32::MAX)))
}

/// The kernel's `set_window`: no more than the ceiling.
fn set_window(window: &mut Window, cwnd: u64) {
    window.cwnd = float(cwnd).min(window.ceiling);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as the kernel's ~0 does"
)]
fn whole(segments: f64) -> u64 {
    (segments as u64).min(u32::MAX.into())
}

#[expect(clippy::cast_precision_loss, reason = "windows are far below 2^53 segments")]
fn float(segments: u64) -> f64 {
    segments as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "validated to be within 1000")]
fn scaled(value: f64) -> u64 {
    (value * 1024.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::super::Cause;
    use super::super::testing::{Flow, SETUP};
    use super::*;
    use crate::nanos::Nanos;

    /// The window after each of so many ACKs of one segment, from a window and a threshold.
    fn windows(config: WadConfig, cwnd: f64, ssthresh: f64, acks: usize) -> Vec<u64> {
        let (mut control, mut flow) = (Wad::new(&config, &SETUP), Flow::<Wad>::new());
        control.started = true;
        (flow.window.cwnd, flow.window.ssthresh) = (cwnd, ssthresh);
        (0..acks)
            .map(|_| {
                let ack = flow.ack(Nanos::from_millis(80));
                control.on_sample(&mut flow.window, &ack);
                control.on_ack(&mut flow.window, &ack);
                whole(flow.window.cwnd)
            })
            .collect()
    }

    /// So often each window is seen: (window, ACKs).
    fn runs(windows: &[u64]) -> Vec<(u64, usize)> {
        windows.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
    }

    fn left(config: WadConfig, cwnd: f64) -> f64 {
        let mut flow = Flow::<Wad>::new();
        flow.window.cwnd = cwnd;
        flow.congest(&mut Wad::new(&config, &SETUP), Cause::Loss)
    }

    /// credit grows by 1024 an ACK and 10 * 1024 make a segment, then 11 * 1024.
    #[test]
    fn standard_tcp_by_hand() {
        assert_eq!(
            runs(&windows(WadConfig::default(), 10.0, 5.0, 34)),
            [(10, 9), (11, 11), (12, 12), (13, 2)]
        );
        assert_eq!(windows(WadConfig::default(), 10.0, 13.0, 5), [11, 12, 13, 13, 13]);
    }

    /// 2.5 segments a round trip are 2560 an ACK: 4 ACKs earn a segment at 10 (10240), and nothing is left. At 11 (11264)
    /// it takes 5 (12800), which leaves 1536; at 12 (12288) 5 (1536 + 12800), which leaves 2048; at 13 (13312) 5.
    #[test]
    fn a_fraction_of_a_segment_is_kept() {
        let config = WadConfig { additive_increase: 2.5, ..WadConfig::default() };
        assert_eq!(runs(&windows(config, 10.0, 5.0, 18)), [(10, 3), (11, 5), (12, 5), (13, 5)]);
    }

    /// Row 1 of the table (to 118 segments) adds 2 a round trip, row 2 adds 3: 118 needs 59 ACKs, 119 needs 40.
    #[test]
    fn high_speed_by_hand() {
        let config = WadConfig { high_speed: true, ..WadConfig::default() };
        assert_eq!(runs(&windows(config, 118.0, 5.0, 100)), [(118, 58), (119, 40), (120, 2)]);
        assert_eq!(left(config, 118.0), 118.0 - 51.0, "118 * 451 / 1024 is 51.9");
        assert_eq!(left(config, 38.0), 19.0);
    }

    /// RFC 3742 in the kernel's numbers: 2^20 / 3 is 349525, so that the first segment takes 4 ACKs, later ones 3.
    #[test]
    fn limited_slow_start_by_hand() {
        let config = WadConfig { max_ssthresh: Some(100), ..WadConfig::default() };
        assert_eq!(runs(&windows(config, 150.0, 1e6, 12)), [(150, 3), (151, 3), (152, 3), (153, 3)]);
        assert_eq!(windows(config, 99.0, 1e6, 3), [100, 101, 101], "2 * 101 / 100 is 2");
    }

    #[test]
    fn a_slower_slow_start_by_hand() {
        let config = WadConfig { slow_start_increment: 0.5, ..WadConfig::default() };
        assert_eq!(windows(config, 10.0, 12.0, 6), [10, 11, 11, 12, 12, 12]);
    }

    /// 101 * 512 / 1024 is 50.5, of which the kernel takes 50; 0.3 is 307/1024.
    #[test]
    fn a_loss_takes_whole_segments() {
        assert_eq!(left(WadConfig::default(), 101.0), 51.0);
        assert_eq!(left(WadConfig { multiplicative_decrease: 0.3, ..WadConfig::default() }, 100.0), 71.0);
        assert_eq!(left(WadConfig { min_ssthresh: Some(60), ..WadConfig::default() }, 100.0), 60.0);
        assert_eq!(left(WadConfig::default(), 3.0), 2.0);
    }

    /// A loss at the smallest round trip seems random: a quarter of 512/1024.
    #[test]
    fn a_loss_without_a_queue_takes_less() {
        let config = WadConfig { loss_guess: true, ..WadConfig::default() };
        let (mut control, mut flow) = (Wad::new(&config, &SETUP), Flow::<Wad>::new());
        flow.window.cwnd = 100.0;
        let ack = flow.ack(Nanos::from_millis(80));
        control.on_sample(&mut flow.window, &ack);
        flow.window.cwnd = 100.0;
        assert_eq!(flow.congest(&mut control, Cause::Loss), 88.0, "100 * 128 / 1024 is 12.5");
        // 100 * 10 / 90 = 11 segments stand in the queue: congestion.
        let ack = flow.ack(Nanos::from_millis(90));
        control.on_sample(&mut flow.window, &ack);
        flow.window.cwnd = 100.0;
        assert_eq!(flow.congest(&mut control, Cause::Loss), 50.0);
    }

    /// Eight samples of more than an eighth of the window in the queue end slow start.
    #[test]
    fn the_delay_brake_ends_slow_start() {
        let config = WadConfig { delay_brake: true, ..WadConfig::default() };
        let (mut control, mut flow) = (Wad::new(&config, &SETUP), Flow::<Wad>::new());
        flow.window.cwnd = 64.0;
        assert_eq!(flow.run(&mut control, 80), 128);
        flow.run(&mut control, 100);
        assert!(flow.window.ssthresh < 150.0 && flow.window.ssthresh >= 128.0, "{:?}", flow.window);
    }

    /// 100 in flight and a limit of 10: the window is 110 until more is in flight.
    #[test]
    fn a_burst_is_held_back_and_given_again() {
        let config = WadConfig { burst_limit: Some(10), ..WadConfig::default() };
        let (mut control, mut flow) = (Wad::new(&config, &SETUP), Flow::<Wad>::new());
        (flow.window.cwnd, flow.window.ssthresh) = (200.0, 5.0);
        let ack = Ack { in_flight: 100, ..flow.ack(Nanos::from_millis(80)) };
        control.on_ack(&mut flow.window, &ack);
        assert_eq!(flow.window.cwnd, 110.0);
        control.on_ack(&mut flow.window, &Ack { in_flight: 195, ..ack });
        assert_eq!(flow.window.cwnd, 200.0);
    }

    #[test]
    fn the_window_after_idle_is_the_flows_own() {
        let config =
            WadConfig { restart_window: Some(50), initial_ssthresh: Some(30), ..WadConfig::default() };
        let (mut control, mut flow) = (Wad::new(&config, &SETUP), Flow::<Wad>::new());
        assert_eq!(flow.run(&mut control, 80), 20);
        assert_eq!(flow.window.ssthresh, 30.0);
        flow.window.cwnd = 10.0;
        let idle = Idle { now: flow.now, length: Nanos::from_millis(1000), before: Some(400.0) };
        control.on_idle(&mut flow.window, &Idle { before: None, ..idle });
        assert_eq!(flow.window.cwnd, 10.0);
        control.on_idle(&mut flow.window, &idle);
        assert_eq!(flow.window.cwnd, 50.0);
    }
}
