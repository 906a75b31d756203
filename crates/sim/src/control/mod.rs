//! Congestion controls: how large the window is, and how fast it is sent.
//!
//! A control is a pure state machine. The sender tells it what happened; it moves the [`Window`], which
//! both of them see, or, like BBR, also says how fast to send. It knows neither packets nor timers: which
//! segments are lost, when to retransmit, and how the window comes down in a recovery is the sender's.
//! The cut is that of Linux's `tcp_congestion_ops`, and the calls come in the same order:
//!
//! ```text
//!              every ACK that acknowledges anything
//!                             |
//!                             v
//!                        on_sample                 RTT, rate of delivery, marks: for all phases
//!                             |
//!      losses found?  --yes-> on_congestion        the new ssthresh; the sender starts a recovery
//!                             |
//!      may it grow?   --yes-> on_ack               slow start, congestion avoidance
//!                             |
//!      recovery over? --yes-> on_exit_recovery     or on_undo, if nothing had been lost after all
//! ```
//!
//! A time-out calls `on_congestion` with [`Cause::Timeout`]; an idle sender calls `on_idle`.
//!
//! # Units
//! Windows are segments, as a double: a fraction is what congestion avoidance has gathered towards the
//! next segment, and the sender uses the whole part. Times are nanoseconds since the begin of the
//! simulation. The arithmetic of a control must give the same on every machine: the basic operations
//! and `sqrt` do, `powf`, `exp`, `ln`, `cbrt` of `std` do not.
//!
//! # A new control
//! One file here, and one line in `choice.rs`. `reno.rs` is the example.

mod aggregation;
pub mod bbr1;
pub mod bbr3;
mod choice;
pub mod cubic;
pub mod dctcp;
pub mod high_speed;
pub mod hystart;
pub mod limited_slow_start;
#[cfg(test)]
mod paced;
#[cfg(test)]
pub mod patient;
mod policer;
pub mod reno;
pub mod scalable;
pub mod slow_start;
#[cfg(test)]
mod testing;
pub mod vegas;
pub mod virtual_mss;
pub mod wad;
mod windowed;

use wad_model::{Bytes, Rate, Time};

use crate::nanos::Nanos;

pub use choice::{Control, ControlConfig};
pub use wad_model::math;

/// The algorithm of one flow.
pub trait CongestionControl {
    /// What it wants of the sender. Asked once, before the flow starts.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// An ACK has acknowledged something, cumulatively or selectively, in whatever phase the sender is.
    ///
    /// The place to take samples. A control that [owns the window](Needs::owns_window) does all its work
    /// here, after the sender has looked for losses.
    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        let _ = (window, ack);
    }

    /// An ACK lets the window grow: it acknowledged something new, the window was in use, and the sender
    /// is not in a recovery that holds the window.
    fn on_ack(&mut self, window: &mut Window, ack: &Ack);

    /// Congestion was found; returns the new ssthresh in segments.
    ///
    /// The sender stores it and brings the window down to it in its own way (at once, or by proportional
    /// rate reduction); after a time-out it starts from one segment. Asked at most once a recovery. The
    /// sender sees to it that ssthresh is at least 2.
    fn on_congestion(&mut self, window: &Window, congestion: &Congestion) -> f64;

    /// A recovery is over, and the window is down.
    #[inline]
    fn on_exit_recovery(&mut self, window: &mut Window, now: Time) {
        let _ = (window, now);
    }

    /// What was taken for a loss was none: the window goes back to what it was `before`.
    fn on_undo(&mut self, window: &mut Window, before: Window) {
        window.cwnd = window.cwnd.max(before.cwnd);
        window.ssthresh = window.ssthresh.max(before.ssthresh);
    }

    /// The sender starts again after a while without anything in flight.
    fn on_idle(&mut self, window: &mut Window, idle: &Idle) {
        let _ = (window, idle);
    }

    /// How fast to send, where the control decides that; none leaves it to the sender.
    #[inline]
    fn pacing_rate(&self) -> Option<Rate> {
        None
    }

    /// The phase that it is in, for traces: "slow start", "ProbeBW".
    fn phase(&self, window: &Window) -> &'static str {
        if window.cwnd < window.ssthresh { "slow start" } else { "congestion avoidance" }
    }
}

/// The window that a control and its sender share, in segments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The congestion window.
    pub cwnd: f64,
    /// The slow start threshold; infinite until something sets it.
    pub ssthresh: f64,
    /// What the window may not exceed: the cap that the flow's configuration names, else infinite.
    pub ceiling: f64,
}

impl Window {
    /// Whether the window is below its threshold.
    #[must_use]
    #[inline]
    pub fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// Adds to the window, up to its ceiling; one that is already above keeps what it has.
    #[inline]
    pub fn grow(&mut self, segments: f64) {
        let grown = self.cwnd + segments;
        if grown <= self.ceiling {
            self.cwnd = grown;
        } else if self.cwnd < self.ceiling {
            self.cwnd = self.ceiling;
        }
    }
}

/// What a control wants of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Samples of the rate of delivery ([`Ack::rate`]); they cost a record a segment.
    pub rate_samples: bool,
    /// An RTT sample from every ACK, not one a round trip; this too costs a record a segment.
    pub rtt_each_ack: bool,
    /// Segments are spread over the round trip, whatever the flow's configuration says.
    pub pacing: bool,
    /// The control sets the window in every phase, and the sender never brings it down by itself (BBR).
    pub owns_window: bool,
    /// Marks of ECN are echoed one by one, as RFC 8257 wants it, not once a round trip.
    pub every_mark: bool,
}

/// What an ACK says, seen from the control. Counts are segments.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// When it arrived.
    pub now: Time,
    /// What it acknowledged cumulatively.
    pub acked: u32,
    /// What it delivered: the above less what had been acknowledged selectively before, and what it
    /// acknowledges selectively now.
    pub delivered: u32,
    /// By how many segments' worth the window may grow: `acked`, or one an ACK where the conventions of
    /// the scenario are those of ns-2, which does not count bytes (RFC 3465).
    pub credit: u32,
    /// What it showed to be lost.
    pub lost: u32,
    /// How many of `delivered` had been marked by a queue (ECN).
    pub marked: u32,
    /// What is in flight after it.
    pub in_flight: u32,
    /// What was in flight before it.
    pub prior_in_flight: u32,
    /// All that has been delivered since the flow began.
    pub total_delivered: u64,
    /// The first segment that is not acknowledged.
    pub una: u32,
    /// The next segment that will be sent for the first time: an ACK beyond it is a round trip away.
    pub nxt: u32,
    /// The latest round trip, if this ACK measured one.
    pub rtt: Option<Nanos>,
    /// The smoothed round trip (RFC 6298), zero before the first sample.
    pub srtt: Nanos,
    /// The smallest round trip so far, [`Nanos::MAX`] before the first sample.
    pub min_rtt: Nanos,
    /// The rate of delivery, if [`Needs::rate_samples`] asked for it and this ACK measured it.
    pub rate: Option<RateSample>,
    /// Whether the sender was short of data or of the receiver's window, not of the congestion window.
    pub app_limited: bool,
    /// Where the sender's loss recovery stands.
    pub phase: Phase,
}

/// A sample of the rate of delivery, as `draft-cheng-iccrg-delivery-rate-estimation` defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSample {
    /// Segments delivered over `interval`.
    pub delivered: u32,
    /// How long that took: the longer of the spans over which they were sent and acknowledged.
    pub interval: Nanos,
    /// The count of all delivered segments when the sampled one was sent: a new round trip begins when
    /// this reaches what had been delivered at the begin of the last.
    pub prior_delivered: u64,
    /// Segments in flight when the sampled one was sent.
    pub in_flight_when_sent: u32,
    /// Segments found lost between the sending and the delivery of the sampled one.
    pub lost: u32,
    /// Whether the sender was short of data when it sent the sampled one: the path can do at least this.
    pub app_limited: bool,
}

impl RateSample {
    /// Segments a second; zero for no time.
    #[must_use]
    #[inline]
    pub fn segments_per_second(&self) -> f64 {
        match self.interval.get() {
            0 => 0.0,
            _ => f64::from(self.delivered) / self.interval.as_secs_f64(),
        }
    }
}

/// Where a sender's loss recovery stands, as in Linux's `tcp_ca_state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing is missing.
    #[default]
    Open,
    /// There are signs of a loss, not enough of them yet.
    Disorder,
    /// The window comes down because of a mark, nothing is lost.
    Reduced,
    /// A loss is being repaired.
    Recovery,
    /// The retransmission timer has expired.
    Loss,
}

impl Phase {
    /// Its name in traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Disorder => "disorder",
            Self::Reduced => "reduced",
            Self::Recovery => "recovery",
            Self::Loss => "loss",
        }
    }
}

/// A sign of congestion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Congestion {
    /// What showed it.
    pub cause: Cause,
    /// When.
    pub now: Time,
    /// Segments in flight.
    pub in_flight: u32,
    /// What the sender could use of the window: the smaller of cwnd and the receiver's window, in segments.
    pub usable: f64,
    /// The next segment that will be sent for the first time.
    pub nxt: u32,
}

/// What shows congestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A segment is taken for lost because later ones arrived.
    Loss,
    /// A queue has marked a segment (ECN).
    Mark,
    /// The retransmission timer has expired.
    Timeout,
}

/// A while without anything in flight, which is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// When the sender starts again.
    pub now: Time,
    /// How long ago it sent last.
    pub length: Nanos,
    /// What the window was before the sender brought it down, as it does where that is longer than the retransmission
    /// time-out (RFC 2861).
    pub before: Option<f64>,
}

/// What a control is told when its flow starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// When.
    pub now: Time,
    /// Data in a full segment.
    pub segment: Bytes,
    /// A segment on the wire.
    pub wire: Bytes,
    /// The initial window in segments.
    pub initial_window: u32,
    /// For controls that toss a coin: different for every flow, the same in every run.
    pub seed: u64,
}
