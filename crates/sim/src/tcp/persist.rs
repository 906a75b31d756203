//! The receiver's window as its ACKs tell it, and probes of one that stays closed.
//!
//! An ACK that opens the window may be lost, and nobody acknowledges ACKs. So a sender that has data, nothing in flight and no
//! window asks (RFC 9293, 3.8.6.1): when the window has been closed for a retransmission time-out, and then each time
//! after twice as long. A probe carries no data, as in Linux (`tcp_write_wakeup`); any receiver answers with an ACK.

use wad_model::Time;

use super::core::NEVER;
use crate::nanos::Nanos;

/// Two probes are never farther apart (Linux's `TCP_RTO_MAX`).
const LONGEST: Nanos = Nanos::from_millis(120_000);

/// What a sender knows of the receiver's window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Persist {
    /// One past the last segment that the receiver has allowed.
    edge: u32,
    /// When to ask next; [`NEVER`] while the window is open.
    probe_at: Time,
    /// Probes since the window was open.
    in_a_row: u32,
    /// All probes.
    probes: u64,
}

impl Persist {
    pub(crate) const fn new() -> Self {
        Self { edge: 0, probe_at: NEVER, in_a_row: 0, probes: 0 }
    }

    /// An ACK tells how far the sender may go; returns whether that is news.
    pub(crate) fn handle_edge(&mut self, edge: u32) -> bool {
        let moved = edge > self.edge;
        self.edge = self.edge.max(edge);
        moved
    }

    /// The segments from `una` on that the receiver has room for.
    pub(crate) const fn window(&self, una: u32) -> u32 {
        self.edge.saturating_sub(una)
    }

    /// After anything has happened: whether the sender now waits for the window alone.
    pub(crate) fn handle_wait(&mut self, waits: bool, time_out: Nanos, now: Time) {
        if !waits {
            (self.probe_at, self.in_a_row) = (NEVER, 0);
        } else if self.probe_at == NEVER {
            self.probe_at = time_out.after(now);
        }
    }

    /// When to ask next.
    pub(crate) const fn poll_timeout(&self) -> Time {
        self.probe_at
    }

    /// A probe goes out.
    pub(crate) fn handle_timeout(&mut self, time_out: Nanos, now: Time) {
        self.probes += 1;
        self.in_a_row += 1;
        let wait = time_out * (1 << self.in_a_row.min(30));
        self.probe_at = wait.min(LONGEST).after(now);
    }

    /// How many probes there were.
    pub(crate) const fn probes(&self) -> u64 {
        self.probes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_go_twice_as_far_apart_each_time_until_the_window_opens() {
        let (rto, mut persist, mut now) = (Nanos::from_millis(300), Persist::new(), Time::ZERO);
        let mut waits = Vec::new();
        for _ in 0..11 {
            persist.handle_wait(true, rto, now);
            waits.push(Nanos::between(now, persist.poll_timeout()).get() / 1_000_000);
            now = persist.poll_timeout();
            persist.handle_timeout(rto, now);
        }
        assert_eq!(waits, [300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 120_000, 120_000]);
        persist.handle_wait(false, rto, now);
        assert_eq!(persist.poll_timeout(), NEVER);
        persist.handle_wait(true, rto, now);
        assert_eq!((persist.poll_timeout(), persist.probes()), (rto.after(now), 11));
    }

    #[test]
    fn an_ack_that_comes_late_does_not_take_the_window_back() {
        let mut persist = Persist::new();
        assert!(persist.handle_edge(10));
        assert!(!persist.handle_edge(7));
        assert_eq!((persist.window(4), persist.window(10), persist.window(11)), (6, 0, 0));
    }
}
