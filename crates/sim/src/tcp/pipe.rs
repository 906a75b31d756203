//! Selective acknowledgements with a variable `pipe`: the algorithm of K. Fall and S. Floyd, "Simulation-based
//! Comparisons of Tahoe, Reno, and SACK TCP" (1996), as ns-2.35's `Sack1` has it.
//!
//! In a recovery `pipe` estimates what is in flight: each ACK takes one segment off it, a partial ACK two
//! (the retransmission that it acknowledges, and the original that was lost), each segment sent adds one. A
//! segment goes out while `pipe < cwnd`: the next hole below the foremost selective acknowledgement, else new
//! data. Each hole is retransmitted once; what is lost again waits for the timer.
//!
//! RFC 6675 computes `pipe` from the scoreboard instead, which `scoreboard.rs` does.

use wad_model::Time;

use super::classic::{DUPLICATES, time_out};
use super::core::{Core, Output};
use super::runs::{Run, Runs};
use crate::control::{Cause, CongestionControl, Phase};

/// Loss recovery by `pipe`.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    selective: Runs,
    /// Holes before this have been retransmitted.
    repaired_to: u32,
    duplicates: u32,
    recovering: bool,
    /// Since a time-out nothing new was acknowledged: duplicates mean nothing.
    timed_out: bool,
    pipe: i64,
    /// One past the foremost segment that was sent when the window was last reduced; 1 after a recovery.
    recover: u32,
    /// Whether the last reduction was for a mark or a time-out.
    last: Option<Cause>,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        Self {
            selective: Runs::default(),
            repaired_to: 0,
            duplicates: 0,
            recovering: false,
            timed_out: false,
            pipe: 0,
            recover: 1,
            last: None,
        }
    }

    /// An ACK of everything before `next`, and of `blocks`; `marked` if it echoes congestion (ECN).
    #[inline]
    pub(crate) fn handle_ack<O: Output>(
        &mut self,
        core: &mut Core,
        next: u32,
        blocks: &[Run],
        marked: bool,
        now: Time,
        out: &mut O,
    ) {
        if marked {
            self.handle_mark(core, next, now);
        }
        if self.recovering {
            self.handle_in_recovery(core, next, blocks, now);
            self.send(core, now, out);
            return;
        }
        if next > core.una {
            self.handle_new(core, next, marked, now);
        } else if next == core.una && !self.timed_out {
            self.handle_duplicate(core, blocks, now, out);
        }
        if self.duplicates == 0 {
            self.send(core, now, out);
        }
    }

    /// The retransmission timer has expired.
    pub(crate) fn handle_timeout<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        self.duplicates = 0;
        self.recovering = false;
        self.timed_out = true;
        self.recover = core.high;
        self.last = Some(Cause::Timeout);
        self.clear();
        time_out(core, now);
        self.send(core, now, out);
    }

    /// Sends what the window, or in a recovery `pipe`, leaves room for.
    #[inline]
    pub(crate) fn send<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        if !self.recovering && self.selective.is_empty() {
            core.send_within(core.usable(0), u32::MAX, now, out);
        } else {
            self.repair(core, now, out);
        }
    }

    /// The host's queue is full: as a mark, if the window has not come down since what is in flight was sent.
    pub(crate) fn handle_stall(&mut self, core: &mut Core, now: Time) {
        self.handle_mark(core, core.una, now);
    }

    fn handle_mark(&mut self, core: &mut Core, next: u32, now: Time) {
        if next > self.recover || self.last == Some(Cause::Timeout) {
            self.recover = core.high;
            self.last = Some(Cause::Mark);
            core.window.cwnd = core.congestion(Cause::Mark, 0, now);
        }
    }

    #[inline]
    fn handle_new(&mut self, core: &mut Core, next: u32, marked: bool, now: Time) {
        let starts_data = core.una == 0;
        self.clear();
        self.duplicates = 0;
        self.timed_out = false;
        core.phase = Phase::Open;
        let acknowledged = core.acknowledge(next, now);
        if marked {
            core.observe(acknowledged, now);
        } else {
            core.grow(acknowledged, now);
        }
        if starts_data {
            core.begin();
        }
    }

    fn handle_duplicate<O: Output>(&mut self, core: &mut Core, blocks: &[Run], now: Time, out: &mut O) {
        if !self.update(core.una, blocks) {
            return;
        }
        self.duplicates += 1;
        if self.duplicates == DUPLICATES {
            self.find_loss(core, now, out);
        } else if self.duplicates < DUPLICATES && core.habits.limited_transmit {
            core.send_one(self.duplicates, now, out);
        }
    }

    fn find_loss<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        if core.una <= self.recover && core.una != 1 {
            return;
        }
        self.recover = core.high;
        self.last = Some(Cause::Loss);
        self.pipe = i64::from(core.high) - i64::from(core.una) - i64::from(DUPLICATES);
        self.recovering = true;
        self.repaired_to = self.repaired_to.max(core.una + 1);
        core.phase = Phase::Recovery;
        core.stop_timing();
        core.restart_timer(now);
        core.window.cwnd = core.congestion(Cause::Loss, 0, now);
        core.emit(core.una, now, out);
    }

    fn handle_in_recovery(&mut self, core: &mut Core, next: u32, blocks: &[Run], now: Time) {
        self.pipe -= 1;
        if next >= self.recover {
            self.recover = 1;
            self.recovering = false;
            self.timed_out = false;
            self.duplicates = 0;
            self.clear();
            core.phase = Phase::Open;
            let acknowledged = core.acknowledge(next, now);
            core.observe(acknowledged, now);
            core.control.on_exit_recovery(&mut core.window, now);
        } else if next > core.una {
            self.pipe -= 1;
            core.acknowledge_partially(next, now);
            self.update(core.una, blocks);
        } else {
            self.update(core.una, blocks);
        }
    }

    /// Holes first, then new data.
    fn repair<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        while self.has_room(core) && core.host_has_room(out) {
            let edge = core.una.saturating_add(core.habits.receive_window);
            let hole = self.selective.next_hole(self.repaired_to.max(core.una));
            let segment = match hole {
                Some(hole) if self.recover > 1 && hole < edge => {
                    self.repaired_to = self.repaired_to.max(hole + 1);
                    hole
                }
                Some(_) => return,
                None if core.nxt < edge.min(core.data_end) && self.may_send_new(core) => core.nxt,
                None => return,
            };
            core.emit(segment, now, out);
            core.nxt = core.nxt.max(segment + 1);
            self.pipe += 1;
        }
    }

    fn has_room(&self, core: &Core) -> bool {
        if self.recovering {
            self.pipe < i64::from(core.usable_congestion_window())
        } else {
            self.may_send_new(core)
        }
    }

    fn may_send_new(&self, core: &Core) -> bool {
        self.recovering || core.nxt < core.una.saturating_add(core.usable(0))
    }

    /// Notes what is acknowledged selectively; returns whether any of it is news.
    fn update(&mut self, una: u32, blocks: &[Run]) -> bool {
        self.selective.remove_before(una);
        let mut news = 0;
        for block in blocks {
            news += self.selective.insert(Run { start: block.start.max(una), end: block.end });
        }
        news > 0
    }

    #[inline]
    fn clear(&mut self) {
        self.selective.clear();
        self.repaired_to = 0;
    }
}
