//! Leaving slow start before the queue overflows: HyStart as Linux has it, and HyStart++ (RFC 9406).
//!
//! Both look at round trips: a queue that fills shows in their smallest delay, once some ACKs have been seen.
//!
//! | | Linux, in `tcp_cubic.c` | HyStart++ |
//! |---|---|---|
//! | signs | delay; also ACKs in a train longer than half the smallest round trip | delay |
//! | compared with | the smallest round trip ever | the smallest of the last round trip |
//! | threshold | an eighth of it, 4 to 16 ms | the same |
//! | then | ssthresh = cwnd: slow start is over | conservative slow start, a quarter as fast, for 5 round trips, and back if the delay falls |
//! | acts | from 16 segments on | from the second round trip on |
//!
//! S. Ha, I. Rhee, "Taming the elephants: new TCP slow start", Computer Networks 55 (2011), is where the first is from.

use serde::{Deserialize, Serialize};
use wad_model::Time;

use super::{Ack, Window};
use crate::nanos::Nanos;

/// Which of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hystart {
    /// None: slow start ends with a loss, a mark, or at ssthresh.
    #[default]
    Off,
    /// That of Linux's CUBIC.
    Linux,
    /// RFC 9406.
    PlusPlus,
}

/// ACKs with a round trip to look at before a judgement (`N_RTT_SAMPLE`, RFC 9406 section 4.3; Linux has the same).
const SAMPLES: u32 = 8;
/// The least rise of the delay that counts (`MIN_RTT_THRESH`).
const MIN_THRESHOLD: Nanos = Nanos::from_millis(4);
/// The rise that always counts (`MAX_RTT_THRESH`).
const MAX_THRESHOLD: Nanos = Nanos::from_millis(16);
/// In conservative slow start the window grows by this less (`CSS_GROWTH_DIVISOR`).
const DIVISOR: f64 = 4.0;
/// Round trips of conservative slow start (`CSS_ROUNDS`).
const CSS_ROUNDS: u32 = 5;
/// Linux acts from this window on, in segments (`hystart_low_window`).
const LOW_WINDOW: f64 = 16.0;
/// ACKs that follow each other as closely make a train in Linux (`hystart_ack_delta_us`).
const TRAIN_GAP: Nanos = Nanos::from_millis(2);

/// Its state, in a box: most flows have none, and the controls are part of every flow.
#[derive(Clone, Debug)]
pub enum State {
    /// Nothing to keep.
    Off,
    /// Linux.
    Linux(Box<Linux>),
    /// RFC 9406.
    PlusPlus(Box<PlusPlus>),
}

impl State {
    /// At the start of a flow.
    #[must_use]
    pub fn new(kind: Hystart) -> Self {
        match kind {
            Hystart::Off => Self::Off,
            Hystart::Linux => Self::Linux(Box::default()),
            Hystart::PlusPlus => Self::PlusPlus(Box::default()),
        }
    }

    /// Looks at an ACK in slow start; may end it by setting ssthresh to the window.
    #[inline]
    pub fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        match self {
            Self::Off => {}
            Self::Linux(linux) => linux.on_sample(window, ack),
            Self::PlusPlus(plus_plus) => plus_plus.on_sample(window, ack),
        }
    }

    /// By how much slow start is slowed down now: 1 but in conservative slow start.
    #[must_use]
    #[inline]
    pub fn divisor(&self) -> f64 {
        match self {
            Self::PlusPlus(plus_plus) if plus_plus.css.is_some() => DIVISOR,
            _ => 1.0,
        }
    }

    /// Slow start was left by congestion. RFC 9406 is for the first slow start only; Linux begins anew.
    pub fn on_congestion(&mut self, timeout: bool) {
        match self {
            Self::Off => {}
            Self::Linux(linux) if timeout => **linux = Linux::default(),
            Self::Linux(_) => {}
            Self::PlusPlus(_) => *self = Self::Off,
        }
    }
}

/// The smallest delay of a round trip.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// It is over when this segment is acknowledged.
    end: u32,
    start: Time,
    least: Nanos,
    samples: u32,
}

impl Round {
    fn new(ack: &Ack) -> Self {
        Self { end: ack.nxt, start: ack.now, least: Nanos::MAX, samples: 0 }
    }

    fn add(&mut self, rtt: Nanos) {
        self.least = self.least.min(rtt);
        self.samples += 1;
    }
}

fn threshold(rtt: Nanos) -> Nanos {
    Nanos::new(rtt.get() / 8).clamp(MIN_THRESHOLD, MAX_THRESHOLD)
}

/// HyStart of Linux (`hystart_update`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux {
    round: Option<Round>,
    last_ack: Time,
    least: Option<Nanos>,
    found: bool,
}

impl Linux {
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        let Some(rtt) = ack.rtt else { return };
        let least = self.least.map_or(rtt, |least| least.min(rtt));
        self.least = Some(least);
        if self.found || !window.in_slow_start() {
            return;
        }
        let round = match &mut self.round {
            Some(round) if ack.una <= round.end => round,
            other => {
                self.last_ack = ack.now;
                other.insert(Round::new(ack))
            }
        };
        if window.cwnd < LOW_WINDOW {
            return;
        }
        let judged = round.samples >= SAMPLES;
        round.add(rtt);
        let delayed = judged && round.least > least + threshold(least);
        let in_train = Nanos::between(self.last_ack, ack.now) <= TRAIN_GAP;
        if in_train {
            self.last_ack = ack.now;
        }
        let long = in_train && Nanos::between(round.start, ack.now) > Nanos::new(least.get() / 2);
        if delayed || long {
            self.found = true;
            window.ssthresh = window.cwnd;
        }
    }
}

/// HyStart++ (RFC 9406 section 4.2).
#[derive(Clone, Copy, Debug, Default)]
pub struct PlusPlus {
    round: Option<Round>,
    /// The smallest delay of the last round trip.
    last: Option<Nanos>,
    css: Option<Css>,
}

/// Conservative slow start.
#[derive(Clone, Copy, Debug)]
struct Css {
    /// The delay at which it was entered.
    baseline: Nanos,
    rounds: u32,
}

impl PlusPlus {
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        if !window.in_slow_start() {
            return;
        }
        let round = match &mut self.round {
            Some(round) if ack.una < round.end => round,
            other => {
                self.last = other.map(|round| round.least).filter(|&least| least < Nanos::MAX).or(self.last);
                if let Some(css) = &mut self.css {
                    css.rounds += 1;
                }
                other.insert(Round::new(ack))
            }
        };
        if self.css.is_some_and(|css| css.rounds >= CSS_ROUNDS) {
            window.ssthresh = window.cwnd;
            return;
        }
        if let Some(rtt) = ack.rtt {
            round.add(rtt);
        }
        if round.samples < SAMPLES {
            return;
        }
        match (self.css, self.last) {
            (Some(css), _) if round.least < css.baseline => self.css = None,
            (None, Some(last)) if round.least >= last + threshold(last) => {
                self.css = Some(Css { baseline: round.least, rounds: 0 });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Flow;
    use super::*;
    use crate::control::reno::Reno;

    /// Slow start from 10 segments; the round trips' delays in ms, and the window after each.
    fn windows(kind: Hystart, rtts: &[u64]) -> Vec<u32> {
        let mut flow = Flow::<Reno>::new();
        flow.window.cwnd = 10.0;
        let mut state = State::new(kind);
        let grow = |window: &mut Window, ack: &Ack, state: &mut State| {
            state.on_sample(window, ack);
            if window.in_slow_start() {
                window.grow(1.0 / state.divisor());
            }
        };
        rtts.iter().map(|&rtt| flow.round(rtt, |window, ack| grow(window, ack, &mut state))).collect()
    }

    #[test]
    fn without_a_queue_slow_start_goes_on() {
        assert_eq!(windows(Hystart::PlusPlus, &[100; 4]), [20, 40, 80, 160]);
        assert_eq!(windows(Hystart::Off, &[100, 150, 200, 300]), [20, 40, 80, 160]);
    }

    /// RFC 9406 section 4.2: more than 12.5 ms above the last round trip; then a quarter as fast for five of them.
    #[test]
    fn plus_plus_slows_down_and_then_ends() {
        let windows = windows(Hystart::PlusPlus, &[100, 100, 113, 113, 113, 113, 113, 113, 113]);
        assert_eq!(windows[..2], [20, 40]);
        let growth: Vec<u32> = windows.windows(2).map(|pair| 100 * pair[1] / pair[0] - 100).collect();
        assert!((20..60).contains(&growth[1]), "the rest of the round trip is slow: {windows:?}");
        assert!(growth[2..5].iter().all(|growth| (23..27).contains(growth)), "{windows:?}");
        assert_eq!(growth[growth.len() - 1], 0, "{windows:?}");
    }

    /// Section 4.2: if the delay falls below that at which it slowed down, it was jitter.
    #[test]
    fn plus_plus_takes_up_slow_start_again() {
        let windows = windows(Hystart::PlusPlus, &[100, 100, 120, 100, 100]);
        assert!(windows[4] * 10 > windows[3] * 18, "{windows:?}");
    }

    #[test]
    fn a_little_delay_does_not_count() {
        assert_eq!(windows(Hystart::PlusPlus, &[100, 103, 106, 109]), [20, 40, 80, 160]);
        assert_eq!(windows(Hystart::Linux, &[100, 103, 106]), [20, 40, 80]);
    }

    /// `hystart_update`: an eighth above the smallest delay ends slow start for good.
    #[test]
    fn linux_ends_slow_start_at_once() {
        let windows = windows(Hystart::Linux, &[100, 100, 114, 100, 100]);
        assert!(windows[2] < 60 && windows[2] == windows[4], "{windows:?}");
    }

    /// ACKs that follow each other within 2 ms for longer than half the round trip: the pipe is full.
    #[test]
    fn linux_knows_a_full_pipe_by_the_train_of_acks() {
        let windows = windows(Hystart::Linux, &[20; 8]);
        // A round trip's ACKs come evenly over 20 ms here: a train once they are 2 ms apart.
        assert!(windows[7] <= 40, "{windows:?}");
    }
}
