//! Tahoe, Reno and NewReno: losses found and repaired by duplicate ACKs alone.
//!
//! | | third duplicate ACK | further ones | a new ACK |
//! |---|---|---|---|
//! | Tahoe | window to 1, back to the first hole | nothing | slow start |
//! | Reno (RFC 5681, 3.2) | window to ssthresh, retransmits one | each inflates the window by one | recovery is over, and the inflation |
//! | NewReno (RFC 6582) | the same | the same | over if it covers `recover`; else the next hole is retransmitted, and the window deflated by what was acknowledged |
//!
//! The three are one machine, and differ in what they do at those points. The inflation is kept apart
//! from the window, so that the window is always what remains when recovery is over.
//!
//! What follows ns-2.35 in either convention: a second window reduction is refused until `recover` is
//! passed (its `bugFix_`), NewReno sends at most two segments for a duplicate ACK, and restarts its timer for
//! the first partial ACK only (RFC 6582, section 4: "impatient").

use wad_model::Time;

use super::core::{Acknowledged, Core, Output};
use crate::control::{Cause, CongestionControl, Phase};

/// Duplicate ACKs that show a loss (RFC 5681, 3.2).
pub(crate) const DUPLICATES: u32 = 3;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tahoe,
    Reno,
    NewReno,
}

/// Loss recovery by duplicate ACKs.
#[derive(Clone, Debug)]
pub(crate) struct Classic {
    kind: Kind,
    duplicates: u32,
    /// Segments that have left the network since the loss was found.
    inflation: u32,
    /// One past the foremost segment that was sent when the window was last reduced.
    recover: u32,
    last: LastAction,
    /// Whether this recovery has seen a partial ACK.
    partial_seen: bool,
}

/// Why the window was last reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastAction {
    None,
    Duplicates,
    Exited,
    Timeout,
    Mark,
}

impl Classic {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, duplicates: 0, inflation: 0, recover: 1, last: LastAction::None, partial_seen: false }
    }

    /// An ACK of everything before `next`; `marked` if it echoes congestion (ECN).
    #[inline]
    pub(crate) fn handle_ack<O: Output>(
        &mut self,
        core: &mut Core,
        next: u32,
        marked: bool,
        now: Time,
        out: &mut O,
    ) {
        if marked {
            self.handle_mark(core, next, now);
        }
        if next > core.una {
            self.handle_new(core, next, marked, now, out);
        } else if next == core.una {
            self.handle_duplicate(core, now, out);
        }
        self.send(core, now, out);
    }

    /// The retransmission timer has expired.
    pub(crate) fn handle_timeout<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        self.inflation = 0;
        // Reno and NewReno forget the duplicates; ns-2's Tahoe counts on.
        if self.kind != Kind::Tahoe {
            self.duplicates = 0;
        }
        self.recover = core.high;
        self.last = LastAction::Timeout;
        time_out(core, now);
        core.send_within(core.usable(0), u32::MAX, now, out);
    }

    /// More data, or room for it.
    pub(crate) fn send<O: Output>(&self, core: &mut Core, now: Time, out: &mut O) {
        let allowed = core.usable(self.inflation);
        match self.kind {
            Kind::Tahoe => core.send_within(allowed, u32::MAX, now, out),
            _ if self.duplicates == 0 => core.send_within(allowed, u32::MAX, now, out),
            Kind::Reno if self.duplicates >= DUPLICATES => core.send_within(allowed, u32::MAX, now, out),
            Kind::NewReno if self.duplicates >= DUPLICATES => core.send_within(allowed, 2, now, out),
            _ => {}
        }
    }

    /// The host's queue is full: as a mark, if the window has not come down since what is in flight was sent.
    pub(crate) fn handle_stall(&mut self, core: &mut Core, now: Time) {
        self.handle_mark(core, core.una, now);
    }

    /// RFC 3168, 6.1.2: as a loss, but nothing is retransmitted; once a window.
    fn handle_mark(&mut self, core: &mut Core, next: u32, now: Time) {
        if next > self.recover || self.last == LastAction::Timeout {
            self.recover = core.high;
            self.last = LastAction::Mark;
            core.window.cwnd = core.congestion(Cause::Mark, self.inflation, now);
        }
    }

    #[inline]
    fn handle_new<O: Output>(&mut self, core: &mut Core, next: u32, marked: bool, now: Time, out: &mut O) {
        let recovering = self.last == LastAction::Duplicates;
        if recovering && self.kind == Kind::NewReno && next < self.recover {
            self.handle_partial(core, next, now, out);
            return;
        }
        if recovering && self.kind != Kind::Tahoe {
            self.last = LastAction::Exited;
        }
        self.inflation = 0;
        self.partial_seen = false;
        self.duplicates = 0;
        let starts_data = core.una == 0;
        let acknowledged = core.acknowledge(next, now);
        if core.phase != Phase::Open {
            leave(core, recovering, acknowledged, now);
        } else if marked {
            core.observe(acknowledged, now);
        } else {
            core.grow(acknowledged, now);
        }
        if starts_data {
            core.begin();
        }
    }

    /// RFC 6582, 3.2, step 5: the hole after the partial ACK is lost too.
    fn handle_partial<O: Output>(&mut self, core: &mut Core, next: u32, now: Time, out: &mut O) {
        let acked = next - core.una;
        // Deflates by what was acknowledged, and adds one for the retransmission.
        if self.inflation > acked {
            self.inflation -= acked - 1;
        } else {
            core.window.cwnd = (core.window.cwnd - f64::from(acked - self.inflation)).max(1.0);
            self.inflation = 1;
        }
        let time_out_at = core.time_out_at;
        let acknowledged = core.acknowledge(next, now);
        if self.partial_seen {
            core.time_out_at = time_out_at;
        }
        self.partial_seen = true;
        core.observe(acknowledged, now);
        core.emit(core.una, now, out);
    }

    fn handle_duplicate<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        self.duplicates += 1;
        if self.duplicates == DUPLICATES {
            self.find_loss(core, now, out);
        } else if self.duplicates > DUPLICATES {
            self.inflation += u32::from(self.last == LastAction::Duplicates && self.kind != Kind::Tahoe);
        } else if core.habits.limited_transmit {
            core.send_one(self.duplicates, now, out);
        }
    }

    /// The third duplicate ACK.
    fn find_loss<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        let past_recover = core.una > self.recover || core.una == 1;
        let again = self.kind == Kind::Reno && self.last == LastAction::Duplicates;
        if !past_recover && !again {
            return;
        }
        self.recover = core.high;
        self.last = LastAction::Duplicates;
        let window = core.congestion(Cause::Loss, self.inflation, now);
        core.phase = Phase::Recovery;
        core.stop_timing();
        core.restart_timer(now);
        if self.kind == Kind::Tahoe {
            core.window.cwnd = 1.0;
            core.nxt = core.una;
            return;
        }
        core.window.cwnd = window;
        core.emit(core.una, now, out);
        self.inflation = DUPLICATES;
    }
}

/// The end of a recovery by duplicate ACKs or after a time-out.
fn leave(core: &mut Core, recovered: bool, acknowledged: Acknowledged, now: Time) {
    let after_time_out = core.phase == Phase::Loss;
    core.phase = Phase::Open;
    core.control.on_exit_recovery(&mut core.window, now);
    // RFC 5681, 3.2, step 6 leaves the window at ssthresh; ns-2 lets this ACK grow it already, and so does
    // either after a time-out and in Tahoe, where it belongs to the slow start.
    if recovered && !after_time_out && !core.habits.ns2 && !core.window.in_slow_start() {
        core.observe(acknowledged, now);
    } else {
        core.grow(acknowledged, now);
    }
}

/// What a time-out does to any sender: RFC 5681, 3.1 (equation 4 and below), and RFC 6298, 5.5.
pub(crate) fn time_out(core: &mut Core, now: Time) {
    core.stop_timing();
    if core.una == core.high {
        // Nothing was in flight: the timer has only measured how long the flow was idle.
        if core.habits.slow_start_after_idle {
            core.window.cwnd = 1.0;
        }
        core.restart_timer(now);
        return;
    }
    if core.una == 0 {
        // RFC 5681, 3.1: after a lost SYN data starts with one segment. ns-2 lowers ssthresh, too.
        core.habits.initial_window = 1;
    }
    if core.una > 0 || core.habits.ns2 {
        core.congestion(Cause::Timeout, 0, now);
    }
    core.phase = Phase::Loss;
    core.window.cwnd = 1.0;
    core.estimator.back_off();
    core.restart_timer(now);
    core.nxt = core.una;
}
