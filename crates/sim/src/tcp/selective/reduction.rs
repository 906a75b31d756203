//! How the window comes down: proportional rate reduction (RFC 6937), as Linux has it.
//!
//! While more is in flight than ssthresh, a segment is sent for each `prior / ssthresh` segments delivered, so that the
//! flight shrinks evenly over the round trip. Below ssthresh, what was lost beyond that is made up for: in slow start if
//! the ACK was good (it advanced and showed no further loss), else no faster than segments arrive.

use crate::tcp::core::Report;

/// A reduction under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reduction {
    /// The window before.
    prior: u32,
    delivered: u32,
    sent: u32,
}

impl Reduction {
    pub(super) fn begin(prior: u32) -> Self {
        Self { prior: prior.max(1), delivered: 0, sent: 0 }
    }

    /// A segment goes out.
    pub(super) fn note_sent(&mut self) {
        self.sent += 1;
    }

    /// How many segments an ACK lets go (RFC 6937, 3; `tcp_cwnd_reduction`).
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub(super) fn allow(&mut self, ssthresh: f64, report: &Report, good: bool) -> u32 {
        let ssthresh = ssthresh as u32;
        if report.delivered == 0 {
            return 0;
        }
        self.delivered += report.delivered;
        let allowed = if report.in_flight > ssthresh {
            let due = u64::from(ssthresh) * u64::from(self.delivered);
            let due = due.div_ceil(self.prior.into());
            u32::try_from(due).unwrap_or(u32::MAX).saturating_sub(self.sent)
        } else {
            let room = ssthresh - report.in_flight;
            let arrived = self.delivered.saturating_sub(self.sent).max(report.delivered);
            room.min(arrived + u32::from(good))
        };
        // The first retransmission goes out at once.
        allowed.max(u32::from(self.sent == 0))
    }
}
