//! What is sent, and when: repetitions before new data, in groups, paced if wanted.

use wad_model::Time;

use super::{Selective, Sending};
use crate::control::{CongestionControl, Phase};
use crate::nanos::Nanos;
use crate::tcp::core::{Core, NEVER, Output};

/// Spreads segments over time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacer {
    sending: Sending,
    /// The next group may leave now.
    next_at: Time,
    /// Whether something waits for that.
    waiting: bool,
}

impl Pacer {
    pub(super) fn new(sending: Sending) -> Self {
        Self { sending, next_at: Time::ZERO, waiting: false }
    }

    /// When a waiting group may leave.
    #[inline]
    pub(super) fn deadline(&self, now: Time) -> Time {
        if self.waiting && self.next_at > now { self.next_at } else { NEVER }
    }

    /// A group of `segments` has left.
    #[expect(clippy::cast_precision_loss, reason = "a rate to 15 digits")]
    fn charge(&mut self, segments: u32, core: &Core, now: Time) {
        let bits = f64::from(segments) * f64::from(self.sending.wire) * 8.0;
        let rate = core.control.pacing_rate().map(|rate| rate.as_bps() as f64);
        let rate = rate.or_else(|| linux_rate(core, self.sending.wire));
        let Some(rate) = rate.filter(|rate| *rate > 0.0) else { return };
        self.next_at = Nanos::from_secs_f64(bits / rate).after(self.next_at.max(now));
    }
}

/// Linux's own choice: the window a round trip, twice that in slow start, 1.2 times that later.
fn linux_rate(core: &Core, wire: u32) -> Option<f64> {
    let srtt = core.estimator.smoothed().as_secs_f64();
    let ahead = if core.window.cwnd < core.window.ssthresh / 2.0 { 2.0 } else { 1.2 };
    (srtt > 0.0).then(|| ahead * core.window.cwnd * f64::from(wire) * 8.0 / srtt)
}

impl Selective {
    /// Sends what the window, the receiver and the pacing allow.
    #[inline]
    pub(super) fn transmit<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        self.pacer.waiting = false;
        let paced = self.pacer.sending.pacing || core.needs.pacing;
        loop {
            if paced && self.pacer.next_at > now {
                self.pacer.waiting = self.has_something(core);
                return;
            }
            let sent = self.send_group(core, now, out);
            if sent == 0 {
                return;
            }
            if paced {
                self.pacer.charge(sent, core, now);
            }
        }
    }

    /// Sends a group; returns how many segments it had.
    fn send_group<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) -> u32 {
        let mut room = core.usable_congestion_window().saturating_sub(self.segments.in_flight());
        let mut sent = 0;
        let group = self.pacer.sending.burst;
        while room > 0 && sent < group {
            let Some(segment) = self.segments.next_to_repeat(core.una) else { break };
            if !core.host_has_room(out) {
                break;
            }
            self.emit(core, segment, now, out);
            (room, sent) = (room - 1, sent + 1);
        }
        let edge = core.una.saturating_add(core.habits.receive_window);
        let available = core.data_end.min(edge).saturating_sub(core.nxt);
        if sent == 0 && self.waits_for_group(core, room.min(available), available) {
            core.window_limited = true;
            return 0;
        }
        let mut new = 0;
        while new < room.min(available).min(group - sent) && core.host_has_room(out) {
            self.emit(core, core.nxt, now, out);
            new += 1;
        }
        let left = room - new;
        core.window_limited = left == 0;
        if let (Some(rates), true) = (&mut self.rates, left > 0 && core.nxt >= core.data_end) {
            rates.note_app_limited(core, self.segments.in_flight());
        }
        core.note_flight(self.segments.in_flight());
        sent + new
    }

    /// A group that is not full waits for more room while ACKs are to come (Linux's `tcp_tso_should_defer`): for a third
    /// of the window at most.
    fn waits_for_group(&self, core: &Core, sendable: u32, available: u32) -> bool {
        let third = core.usable_congestion_window() / 3;
        let group = self.pacer.sending.burst.min(third.max(1));
        let open = matches!(core.phase, Phase::Open | Phase::Disorder);
        open && sendable < group && available > sendable && self.segments.in_flight() > 0
    }

    fn has_something(&mut self, core: &Core) -> bool {
        let room = core.usable_congestion_window() > self.segments.in_flight();
        let edge = core.una.saturating_add(core.habits.receive_window);
        room && (core.nxt < core.data_end.min(edge) || self.segments.next_to_repeat(core.una).is_some())
    }

    /// Sends one segment.
    #[inline]
    pub(super) fn emit<O: Output>(&mut self, core: &mut Core, segment: u32, now: Time, out: &mut O) {
        let again = segment < core.high;
        core.count_sent(segment, again, now);
        self.segments.send(core.una, segment, now);
        core.nxt = core.nxt.max(core.high);
        if let Some(rates) = &mut self.rates {
            rates.note_sent(core, segment, self.segments.in_flight(), now);
        }
        if again {
            self.detector.note_repeated(segment, now);
            if let Some(undo) = &mut self.undo {
                undo.unproven += 1;
                undo.any = true;
            }
        }
        self.reduction.note_sent();
        out.segment(segment, again);
    }
}
