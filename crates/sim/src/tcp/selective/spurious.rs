//! Time-outs that were not necessary: F-RTO (RFC 5682, 3.1) as Linux has it (`tcp_process_loss`).
//!
//! After a time-out everything counts as lost, and the first segment goes out again. If its ACK comes because the
//! original was only late, the ACKs of the other originals are on their way, too. So the sender does not repeat more yet:
//!
//! ```text
//!  time-out       repeats the first segment
//!  first ACK      advances, and not over all: sends two new segments in place of repetitions, if there is new data
//!  second ACK     of a segment that was never repeated: the time-out was spurious, and the window is what it was
//!                 of nothing new, or of the new segments alone: the loss was real, all is repeated in slow start
//! ```
//!
//! An ACK of a segment that was never repeated shows it at any of these steps.

use wad_model::Time;

use super::Selective;
use super::segments::Delivered;
use crate::control::{CongestionControl, Phase};
use crate::tcp::core::{Core, Output};

/// What is known of a time-out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    /// It may have been spurious.
    may_be_spurious: bool,
    /// New data goes before repetitions, once.
    new_first: bool,
    /// Time-outs since the last ACK that advanced.
    in_a_row: u32,
}

impl Doubt {
    /// A time-out: F-RTO is for one that finds no recovery under way, or follows another of the same segment.
    pub(super) fn begin(&mut self, phase: Phase) {
        let recovering = matches!(phase, Phase::Recovery | Phase::Loss);
        self.may_be_spurious = !recovering || self.in_a_row > 0;
        self.new_first = false;
        self.in_a_row += 1;
    }

    /// Something was acknowledged.
    pub(super) fn end_repetition(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether the last time-out has not brought an ACK.
    pub(super) fn repeats(self) -> bool {
        self.in_a_row > 0
    }
}

impl Selective {
    /// An ACK after a time-out.
    pub(super) fn doubt_time_out(&mut self, core: &mut Core, delivered: &Delivered, now: Time) {
        if core.phase != Phase::Loss || !self.doubt.may_be_spurious {
            return;
        }
        if delivered.first_original.is_some_and(|original| original < self.phase_ends) {
            self.undo_time_out(core, now);
        } else if core.high > self.phase_ends {
            if delivered.selective > 0 || delivered.acked == 0 {
                self.doubt.may_be_spurious = false;
            }
        } else if delivered.acked > 0 && core.una < self.phase_ends {
            let edge = core.una.saturating_add(core.habits.receive_window);
            self.doubt.new_first = core.nxt < core.data_end.min(edge);
            self.doubt.may_be_spurious = self.doubt.new_first;
        }
    }

    /// Nothing was lost: the window and the phase are what they were.
    fn undo_time_out(&mut self, core: &mut Core, now: Time) {
        self.segments.find_all();
        self.detector.judge_again(core.una);
        if let Some(undo) = self.undo.take() {
            core.control.on_undo(&mut core.window, undo.before);
        }
        self.doubt = Doubt::default();
        core.phase = Phase::Open;
        core.control.on_exit_recovery(&mut core.window, now);
    }

    /// Sends new data in place of repetitions where that is to show whether the time-out was spurious. Repetitions wait for
    /// the next ACK then.
    pub(super) fn send_new_first<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        if std::mem::take(&mut self.doubt.new_first) {
            self.segments.hold_repetitions(true);
            self.transmit(core, now, out);
            self.doubt.may_be_spurious = core.high > self.phase_ends;
            self.segments.hold_repetitions(self.doubt.may_be_spurious);
        }
    }
}
