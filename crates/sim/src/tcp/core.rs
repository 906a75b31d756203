//! What every sender has, however it repairs losses: the sequence space, the window, the timer.
//!
//! Segments are counted from 0, and segment 0 is the SYN.
//!
//! ```text
//!      una                nxt              high           data_end
//!       |  in flight       |  go-back-N     |   not yet sent   |
//! ------+------------------+----------------+------------------+-----
//!       first that is not  next to send:    one past the       one past what the
//!       acknowledged       comes back to    foremost that      application has
//!                          una by time-outs was ever sent      written
//! ```

use std::collections::VecDeque;

use wad_model::Time;

use super::push_tightly;
use super::rtt::Estimator;
use super::statistics::{Counters, Moments};
use crate::control::{
    Ack, Cause, Congestion, CongestionControl, Control, Idle, Needs, Phase, RateSample, Window,
};
use crate::nanos::Nanos;
use crate::scenario::WhenFull;

/// What an ACK acknowledged cumulatively, and the round trip that it measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) acked: u32,
    pub(crate) rtt: Option<Nanos>,
}

/// What an ACK did to a sender that keeps a record of segments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) acked: u32,
    pub(crate) delivered: u32,
    pub(crate) lost: u32,
    pub(crate) marked: u32,
    pub(crate) in_flight: u32,
    pub(crate) prior_in_flight: u32,
    pub(crate) rtt: Option<Nanos>,
    pub(crate) rate: Option<RateSample>,
}

/// Takes the segments that a sender sends.
pub(crate) trait Output {
    /// Sends a segment; `again` if it was sent before.
    fn segment(&mut self, segment: u32, again: bool);

    /// Asks the receiver for its window.
    fn window_probe(&mut self);

    /// How many packets wait in the host for the wire, the one in service included.
    fn queued(&mut self) -> u64;
}

/// Habits that a sender keeps for its whole life.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// ns-2's, where they differ from those of an RFC or of Linux.
    pub(crate) ns2: bool,
    /// A new segment for each of the first two duplicate ACKs (RFC 3042).
    pub(crate) limited_transmit: bool,
    /// The receiver's window, the sender's buffer or the application's window: the smallest.
    pub(crate) largest_window: u32,
    /// The same, and what the receiver has room for now.
    pub(crate) receive_window: u32,
    /// The window that data starts with.
    pub(crate) initial_window: u32,
    /// The window comes down after an idle time (RFC 2861).
    pub(crate) slow_start_after_idle: bool,
    /// What the host takes before the wire, if that has a limit.
    pub(crate) host_queue: Option<Box<HostQueue>>,
}

/// The host's queue before its first link (Linux: `txqueuelen`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostQueue {
    /// Packets.
    pub(crate) limit: u64,
    pub(crate) when_full: WhenFull,
    /// How long a segment takes on the wire.
    pub(crate) packet_time: Nanos,
}

impl HostQueue {
    /// How long to wait after so many refusals: half to one and a half times what a segment takes, never the same part
    /// twice (multiples of the golden ratio). At equal distances, of several flows the same one would always find the
    /// place that was left.
    pub(crate) fn retry_after(&self, refusals: u64) -> Nanos {
        let part = (1 << 31) + (refusals.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32);
        let nanos = (u128::from(self.packet_time.get()) * u128::from(part)) >> 32;
        Nanos::new(u64::try_from(nanos).unwrap_or(u64::MAX).max(1))
    }
}

/// The state that all senders share.
///
/// In the order in which it is written: what every ACK touches comes first, so that of ten thousand flows, whose states do not
/// fit the processor's near caches, each ACK waits for few lines of memory.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Core {
    /// The first segment that is not acknowledged.
    pub(crate) una: u32,
    /// The next segment to send.
    pub(crate) nxt: u32,
    /// One past the foremost segment ever sent.
    pub(crate) high: u32,
    /// One past the last segment that the application has written.
    pub(crate) data_end: u32,
    pub(crate) window: Window,
    /// When the retransmission timer expires; [`NEVER`] if it is off.
    pub(crate) time_out_at: Time,
    /// When to try again; [`NEVER`] if nothing waits for the host.
    pub(crate) retry_at: Time,
    /// The integral of the window over time, in segment seconds, up to `counted_until`.
    pub(crate) window_seconds: f64,
    pub(crate) counted_until: Time,
    pub(crate) total_delivered: u64,
    /// When data was last sent; [`NEVER`] before the first.
    last_sent: Time,
    /// What is in flight.
    pub(crate) in_flight: u32,
    /// The most that was in flight in this round trip, and where the round trip ends.
    most_in_flight: u32,
    most_until: u32,
    /// The most that was in flight since the window was last in use or validated, and when that was.
    used: u32,
    validated_at: Time,
    pub(crate) phase: Phase,
    /// Whether the last attempt to send stopped because of the window, not for lack of data.
    pub(crate) window_limited: bool,
    /// The host's queue has just refused a segment.
    pub(crate) stalled: bool,
    pub(crate) needs: Needs,
    pub(crate) habits: Habits,
    /// The segment whose round trip is being measured, and when it was sent.
    timed: Option<(u32, Time)>,
    /// The smallest round trip of the whole flow.
    min_rtt: Nanos,
    pub(crate) estimator: Estimator,
    /// With timestamps: when each segment in flight was sent, from `una`.
    sent_at: Option<VecDeque<SentAt>>,
    pub(crate) counters: Counters,
    pub(crate) control: Control,
    pub(crate) rtts: Moments,
}

/// A time that never comes.
pub(crate) const NEVER: Time = Time::from_nanos(u64::MAX);

/// When a segment was last sent, and in the topmost bit whether it had been sent before.
#[derive(Clone, Copy, Debug)]
struct SentAt(u64);

impl SentAt {
    const AGAIN: u64 = 1 << 63;

    fn new(at: Time, again: bool) -> Self {
        Self(at.as_nanos() & !Self::AGAIN | if again { Self::AGAIN } else { 0 })
    }

    /// When it was sent, unless what acknowledges it may mean another transmission (Karn).
    fn if_once(self) -> Option<Time> {
        (self.0 & Self::AGAIN == 0).then_some(Time::from_nanos(self.0))
    }
}

impl Core {
    pub(crate) fn new(
        habits: Habits,
        control: Control,
        window: Window,
        estimator: Estimator,
        timestamps: bool,
    ) -> Self {
        let needs = control.needs();
        let sent_at = (timestamps || needs.rtt_each_ack).then(VecDeque::new);
        Self {
            habits,
            control,
            needs,
            window,
            phase: Phase::Open,
            una: 0,
            nxt: 0,
            high: 0,
            data_end: 1,
            estimator,
            time_out_at: NEVER,
            timed: None,
            sent_at,
            counters: Counters::default(),
            rtts: Moments::default(),
            min_rtt: Nanos::MAX,
            window_seconds: 0.0,
            counted_until: Time::ZERO,
            window_limited: false,
            in_flight: 0,
            most_in_flight: 0,
            most_until: 0,
            total_delivered: 0,
            last_sent: NEVER,
            used: 0,
            validated_at: Time::ZERO,
            stalled: false,
            retry_at: NEVER,
        }
    }

    /// The whole segments of the window, and of the receiver's.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub(crate) fn usable(&self, inflation: u32) -> u32 {
        (self.window.cwnd as u32).saturating_add(inflation).min(self.habits.receive_window)
    }

    /// The whole segments of the congestion window.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub(crate) fn usable_congestion_window(&self) -> u32 {
        self.window.cwnd as u32
    }

    /// What the window and the largest of the receiver allow, with the fraction.
    pub(crate) fn usable_exactly(&self, inflation: u32) -> f64 {
        (self.window.cwnd + f64::from(inflation)).min(f64::from(self.habits.largest_window))
    }

    /// Sends a segment, and starts what its sending starts.
    #[inline]
    pub(crate) fn emit<O: Output>(&mut self, segment: u32, now: Time, out: &mut O) {
        let again = segment < self.high;
        let idle = self.una == self.high;
        self.count_sent(segment, again, now);
        if !again {
            self.start_timing(segment, now);
        }
        self.note_sent(segment, SentAt::new(now, again));
        out.segment(segment, again);
        if self.time_out_at == NEVER || idle {
            self.restart_timer(now);
        }
    }

    #[inline]
    pub(crate) fn count_sent(&mut self, segment: u32, again: bool, now: Time) {
        let data = u64::from(segment > 0);
        self.counters.sent += data;
        if segment > 0 {
            self.last_sent = now;
        }
        if again {
            self.counters.retransmitted += data;
        } else {
            self.high = segment + 1;
        }
    }

    /// Sends from `nxt` on as long as `allowed` segments from `una` on may be in flight, `burst` at most.
    #[inline]
    pub(crate) fn send_within<O: Output>(&mut self, allowed: u32, burst: u32, now: Time, out: &mut O) {
        let edge = self.una.saturating_add(allowed);
        let end = edge.min(self.data_end).min(self.nxt.saturating_add(burst));
        while self.nxt < end && self.host_has_room(out) {
            self.emit(self.nxt, now, out);
            self.nxt += 1;
        }
        self.window_limited = self.nxt >= edge;
        self.note_flight(self.nxt.saturating_sub(self.una));
    }

    /// Whether the host takes a segment now; else it is noted that it did not.
    #[inline]
    pub(crate) fn host_has_room<O: Output>(&mut self, out: &mut O) -> bool {
        if let Some(queue) = &self.habits.host_queue {
            self.stalled |= out.queued() >= queue.limit;
        }
        !self.stalled
    }

    /// One segment beyond the window for a duplicate ACK (RFC 3042).
    pub(crate) fn send_one<O: Output>(&mut self, duplicates: u32, now: Time, out: &mut O) {
        let within_receiver = self.nxt < self.una.saturating_add(self.habits.receive_window);
        let outstanding = f64::from(self.nxt - self.una) + 1.0;
        let within_window = outstanding <= self.window.cwnd + f64::from(duplicates);
        if within_receiver && within_window && self.nxt < self.data_end {
            self.emit(self.nxt, now, out);
            self.nxt += 1;
        }
    }

    #[inline]
    pub(crate) fn restart_timer(&mut self, now: Time) {
        self.time_out_at = self.estimator.time_out().after(now);
    }

    /// Everything before `next` is acknowledged: takes RTT samples and restarts the timer.
    #[inline]
    pub(crate) fn acknowledge(&mut self, next: u32, now: Time) -> Acknowledged {
        let acked = next - self.una;
        self.una = next;
        self.nxt = self.nxt.max(next);
        self.total_delivered += u64::from(acked);
        let rtt = self.take_sample(acked, now);
        self.restart_timer(now);
        // ns-2 leaves the timer on when nothing is in flight: its expiry then is the restart of an idle flow.
        if !self.habits.ns2 && self.una == self.high {
            self.time_out_at = NEVER;
        }
        Acknowledged { acked, rtt }
    }

    /// A partial ACK in a recovery: no RTT sample, as what was timed lies beyond it.
    pub(crate) fn acknowledge_partially(&mut self, next: u32, now: Time) {
        let acked = next - self.una;
        self.una = next;
        self.nxt = self.nxt.max(next);
        self.total_delivered += u64::from(acked);
        if let Some(times) = &mut self.sent_at {
            let acked = times.len().min(acked as usize);
            times.drain(..acked);
        }
        self.estimator.end_back_off();
        self.restart_timer(now);
    }

    /// Lets the control grow the window for an ACK.
    #[inline]
    pub(crate) fn grow(&mut self, acknowledged: Acknowledged, now: Time) {
        let ack = self.describe(acknowledged, now);
        self.control.on_sample(&mut self.window, &ack);
        if self.habits.ns2 || self.in_use() {
            self.control.on_ack(&mut self.window, &ack);
        }
        if !self.habits.ns2 {
            self.validate_window(ack.prior_in_flight, now);
        }
    }

    /// Tells the control of an ACK that must not grow the window.
    pub(crate) fn observe(&mut self, acknowledged: Acknowledged, now: Time) {
        let ack = self.describe(acknowledged, now);
        self.control.on_sample(&mut self.window, &ack);
    }

    /// Asks the control what congestion makes of the window; sets ssthresh, and returns the new window.
    pub(crate) fn congestion(&mut self, cause: Cause, inflation: u32, now: Time) -> f64 {
        let congestion = Congestion {
            cause,
            now,
            in_flight: self.in_flight,
            usable: self.usable_exactly(inflation),
            nxt: self.nxt,
        };
        let target = self.control.on_congestion(&self.window, &congestion);
        match cause {
            Cause::Timeout => self.counters.timeouts += 1,
            Cause::Loss | Cause::Mark => self.counters.congestion_events += 1,
        }
        // ns-2 keeps ssthresh as a whole number, and the window with its fraction.
        let threshold = if self.habits.ns2 { target.floor() } else { target };
        self.window.ssthresh = threshold.max(2.0);
        target.max(1.0)
    }

    /// Data is to be sent, and nothing is in flight. `restarts` if the window comes down here, and not by a timer.
    pub(crate) fn end_idle(&mut self, restarts: bool, now: Time) {
        if self.last_sent == NEVER {
            return;
        }
        let length = Nanos::between(self.last_sent, now);
        let restarts = restarts && self.habits.slow_start_after_idle && !self.needs.owns_window;
        let before = (restarts && length > self.estimator.time_out()).then_some(self.window.cwnd);
        if before.is_some() {
            self.restart(length);
        }
        self.control.on_idle(&mut self.window, &Idle { now, length, before });
    }

    /// RFC 2861, 3: the window halves for each time-out that the flow was idle, down to what a flow begins with
    /// (RFC 5681, 4.1). As `tcp_cwnd_restart`.
    fn restart(&mut self, idle: Nanos) {
        let time_out = self.estimator.time_out();
        let least = f64::from(self.habits.initial_window).min(self.window.cwnd);
        self.keep_threshold();
        let mut left = idle.saturating_sub(time_out);
        while left > Nanos::ZERO && self.window.cwnd > least {
            self.window.cwnd = (self.window.cwnd / 2.0).floor();
            left = left.saturating_sub(time_out);
        }
        self.window.cwnd = self.window.cwnd.max(least);
    }

    /// RFC 2861, 3: a window that the application does not fill for a time-out comes half way down to what is used.
    /// As `tcp_cwnd_validate`.
    pub(crate) fn validate_window(&mut self, prior_in_flight: u32, now: Time) {
        if self.in_use() || self.nxt < self.data_end {
            (self.used, self.validated_at) = (0, now);
            return;
        }
        self.used = self.used.max(prior_in_flight);
        let due = Nanos::between(self.validated_at, now) >= self.estimator.time_out();
        if !due || !self.habits.slow_start_after_idle || self.needs.owns_window {
            return;
        }
        let used = f64::from(self.used.max(self.habits.initial_window));
        if self.phase == Phase::Open && used < self.window.cwnd {
            self.keep_threshold();
            self.window.cwnd = ((self.window.cwnd + used) / 2.0).floor();
        }
        (self.used, self.validated_at) = (0, now);
    }

    /// What the window was is remembered: three quarters of it are found again in slow start (`tcp_current_ssthresh`).
    fn keep_threshold(&mut self) {
        self.window.ssthresh = self.window.ssthresh.max((self.window.cwnd * 0.75).floor());
    }

    /// Somebody else keeps a record of when segments were sent.
    pub(crate) fn forgo_times(&mut self) {
        self.sent_at = None;
    }

    /// Stops the measurement of a round trip: what was timed may be retransmitted (Karn).
    pub(crate) fn stop_timing(&mut self) {
        self.timed = None;
    }

    /// The begin of data: the window is what the flow's configuration says.
    pub(crate) fn begin(&mut self) {
        self.window.cwnd = f64::from(self.habits.initial_window);
    }

    /// Adds the window since the last call to its integral.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "a span between two ACKs is far below 2^53 ns")]
    pub(crate) fn count_window(&mut self, now: Time) {
        let nanos = now.as_nanos().saturating_sub(self.counted_until.as_nanos());
        // A signed number converts in one instruction.
        self.window_seconds += self.window.cwnd * (nanos.cast_signed() as f64 * 1e-9);
        self.counted_until = now;
    }

    /// Whether the window was in use (RFC 7661; Linux's `tcp_is_cwnd_limited`).
    pub(crate) fn in_use(&self) -> bool {
        self.window_limited
            || (self.window.in_slow_start() && self.window.cwnd < 2.0 * f64::from(self.most_in_flight))
    }

    #[inline]
    pub(crate) fn note_flight(&mut self, in_flight: u32) {
        self.in_flight = in_flight;
        if self.una > self.most_until || in_flight > self.most_in_flight {
            self.most_in_flight = in_flight;
            self.most_until = self.nxt;
        }
    }

    #[inline]
    fn start_timing(&mut self, segment: u32, now: Time) {
        if self.timed.is_none() {
            self.timed = Some((segment, now));
        }
    }

    #[inline]
    fn note_sent(&mut self, segment: u32, sent: SentAt) {
        let Some(times) = &mut self.sent_at else { return };
        let place = (segment - self.una) as usize;
        match times.get_mut(place) {
            Some(time) => *time = sent,
            None => push_tightly(times, sent),
        }
    }

    /// The round trip that an ACK measures, if it does. `una` has moved on by `acked` segments.
    #[inline]
    fn take_sample(&mut self, acked: u32, now: Time) -> Option<Nanos> {
        let timed = self.timed.filter(|&(segment, _)| self.una > segment);
        if timed.is_some() {
            self.timed = None;
        }
        let sent = match &mut self.sent_at {
            None => timed.map(|(_, sent)| sent),
            Some(times) => newest(times, acked),
        }?;
        self.estimator.end_back_off();
        self.estimator.sample(sent, now, self.una, self.nxt);
        let rtt = Nanos::between(sent, now);
        self.note_rtt(rtt);
        Some(rtt)
    }

    #[inline]
    pub(crate) fn note_rtt(&mut self, rtt: Nanos) {
        self.rtts.add(rtt);
        self.min_rtt = self.min_rtt.min(rtt);
    }

    /// The smallest round trip so far, [`Nanos::MAX`] before the first.
    pub(crate) fn min_rtt(&self) -> Nanos {
        self.min_rtt
    }

    #[inline]
    fn describe(&self, Acknowledged { acked, rtt }: Acknowledged, now: Time) -> Ack {
        let in_flight = self.nxt.saturating_sub(self.una);
        let report = Report {
            acked,
            delivered: acked,
            lost: 0,
            marked: 0,
            in_flight,
            prior_in_flight: in_flight + acked,
            rtt,
            rate: None,
        };
        self.describe_report(&report, now)
    }

    /// An ACK as the control sees it.
    #[inline]
    pub(crate) fn describe_report(&self, report: &Report, now: Time) -> Ack {
        Ack {
            now,
            acked: report.acked,
            delivered: report.delivered,
            credit: if self.habits.ns2 { report.acked.min(1) } else { report.acked },
            lost: report.lost,
            marked: report.marked,
            in_flight: report.in_flight,
            prior_in_flight: report.prior_in_flight,
            total_delivered: self.total_delivered,
            una: self.una,
            nxt: self.high,
            rtt: report.rtt,
            srtt: self.estimator.smoothed(),
            min_rtt: self.min_rtt,
            rate: report.rate,
            app_limited: !self.window_limited,
            phase: self.phase,
        }
    }
}

/// Forgets the first `acked` segments; returns when the last of them that was sent only once was sent (Karn).
fn newest(times: &mut VecDeque<SentAt>, acked: u32) -> Option<Time> {
    let acked = times.len().min(acked as usize);
    times.drain(..acked).rev().find_map(SentAt::if_once)
}
