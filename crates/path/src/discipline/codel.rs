//! Controlled delay (RFC 8289): drops at the head of the queue until packets wait no longer than a target.
//!
//! A queue that a burst fills and that empties again does no harm; one that stands does. CoDel therefore looks at
//! how long each leaving packet has waited. Once that has stayed above `target` for a whole `interval`, it drops one
//! packet, and further ones `interval / sqrt(count)` apart, so that the rate of drops grows until the senders heed it:
//!
//! ```text
//!  sojourn > target      for an interval          next drop due            sojourn < target
//!  -----+------------------------+------------------+------------+--------------+---->
//!       first_above_time         drop 1             drop 2       drop 3         stop
//!                                |<--- interval --->|<-- /√2 --->|
//! ```
//!
//! With `ecn`, a packet that is able to carry a mark is marked instead, and goes next.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Time, serde_duration};

use super::waiting::{Fifo, Sent, Waiting};
use crate::error::ConfigError;

/// Controlled delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Codel {
    /// How long a packet may wait (RFC 8289 section 4.3).
    #[serde(with = "serde_duration")]
    pub target: Duration,
    /// For how long it may be more: about the round-trip time of most flows (section 4.3).
    #[serde(with = "serde_duration")]
    pub interval: Duration,
    /// Whether packets that are able to are marked instead of dropped.
    pub ecn: bool,
}

impl Default for Codel {
    /// RFC 8289 section 4.3: 5 ms and 100 ms.
    fn default() -> Self {
        Self { target: Duration::from_millis(5), interval: Duration::from_millis(100), ecn: false }
    }
}

impl Codel {
    pub(super) fn validate(&self, key: &str) -> Result<(), ConfigError> {
        for (name, value) in [("target", self.target), ("interval", self.interval)] {
            if value.is_zero() {
                let key = format!("{key}.{name}");
                return Err(ConfigError::Zero { key, remedy: "give a duration, or leave the key out" });
            }
        }
        Ok(())
    }
}

/// The state of CoDel for one queue; names as in the pseudocode of RFC 8289 section 5.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodelState {
    codel: Codel,
    /// When the wait will have been too long for an interval; none while it is short.
    first_above: Option<Time>,
    drop_next: Time,
    count: u32,
    last_count: u32,
    dropping: bool,
    /// The largest packet so far: a queue of no more than one of it is not full (section 5.6, `maxpacket`).
    largest: Bytes,
}

/// What leaves the head, and whether it has waited too long (section 5.6, `dodequeue_result`).
struct Head<T> {
    packet: Waiting<T>,
    ok_to_drop: bool,
}

impl CodelState {
    pub(crate) const fn new(codel: Codel) -> Self {
        Self {
            codel,
            first_above: None,
            drop_next: Time::ZERO,
            count: 0,
            last_count: 0,
            dropping: false,
            largest: Bytes::ZERO,
        }
    }

    /// The packet that goes next at `now`; those that are dropped before it go to `dropped` (section 5.5).
    pub(crate) fn dequeue<T>(
        &mut self,
        now: Time,
        queue: &mut Fifo<T>,
        dropped: &mut impl FnMut(Waiting<T>),
    ) -> Option<Sent<T>> {
        let Some(mut head) = self.pop(now, queue) else {
            self.dropping = false;
            return None;
        };
        if self.dropping {
            return self.go_on_dropping(now, head, queue, dropped);
        }
        if head.ok_to_drop {
            self.start_dropping(now);
            if self.marks(&head.packet) {
                return Some(Sent { packet: head.packet, marked: true });
            }
            dropped(head.packet);
            head = self.pop(now, queue)?;
        }
        Some(Sent { packet: head.packet, marked: false })
    }

    /// The state in which a drop is due at `drop_next`, and further ones after it.
    fn go_on_dropping<T>(
        &mut self,
        now: Time,
        mut head: Head<T>,
        queue: &mut Fifo<T>,
        dropped: &mut impl FnMut(Waiting<T>),
    ) -> Option<Sent<T>> {
        self.dropping = head.ok_to_drop;
        while self.dropping && now >= self.drop_next {
            self.count += 1;
            if self.marks(&head.packet) {
                self.drop_next = self.control_law(self.drop_next);
                return Some(Sent { packet: head.packet, marked: true });
            }
            dropped(head.packet);
            let next = self.pop(now, queue);
            self.dropping = next.as_ref().is_some_and(|next| next.ok_to_drop);
            if self.dropping {
                self.drop_next = self.control_law(self.drop_next);
            }
            head = next?;
        }
        Some(Sent { packet: head.packet, marked: false })
    }

    /// Section 5.5: a queue that was in this state not long ago takes up nearly where it was.
    fn start_dropping(&mut self, now: Time) {
        let delta = self.count - self.last_count;
        let recent = now - self.drop_next < self.codel.interval * 16;
        self.dropping = true;
        self.count = if delta > 1 && recent { delta } else { 1 };
        self.last_count = self.count;
        self.drop_next = self.control_law(now);
    }

    /// Section 5.6, `dodequeue`: the head, and whether packets have waited too long for an interval.
    fn pop<T>(&mut self, now: Time, queue: &mut Fifo<T>) -> Option<Head<T>> {
        let Some(packet) = queue.pop() else {
            self.first_above = None;
            return None;
        };
        self.largest = self.largest.max(packet.size);
        if now - packet.entered < self.codel.target || queue.bytes() <= self.largest {
            self.first_above = None;
            return Some(Head { packet, ok_to_drop: false });
        }
        let due = *self.first_above.get_or_insert(now + self.codel.interval);
        Some(Head { packet, ok_to_drop: now >= due })
    }

    fn marks<T>(&self, packet: &Waiting<T>) -> bool {
        self.codel.ecn && packet.ecn_capable
    }

    /// Section 5.3: `t + interval / sqrt(count)`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an interval is far below 2^53 nanoseconds"
    )]
    fn control_law(&self, from: Time) -> Time {
        let nanos = self.codel.interval.as_nanos() as f64 / f64::from(self.count.max(1)).sqrt();
        from + Duration::from_nanos(nanos as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Bytes = Bytes::new(1500);

    const fn ms(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// A packet enters every millisecond, and one leaves 20 ms later at the same pace; what became of each by
    /// the time of its leaving: `.` sent, `x` dropped, `!` marked.
    fn standing_queue(codel: Codel, millis: u32) -> (String, Vec<f64>) {
        let mut state = CodelState::new(codel);
        let mut queue = Fifo::new();
        let (mut fates, mut hits) = (String::new(), Vec::new());
        for now in 0..u64::from(millis) {
            // Drops make room for more, so that the queue stands.
            while queue.bytes() < SIZE * 20 {
                queue.push(Waiting {
                    entered: ms(now.saturating_sub(19)),
                    size: SIZE,
                    ecn_capable: true,
                    item: (),
                });
            }
            let mut drops = String::new();
            let sent = state.dequeue(ms(now), &mut queue, &mut |_| drops.push('x'));
            let sent = if sent.is_some_and(|sent| sent.marked) { '!' } else { '.' };
            if sent == '!' || !drops.is_empty() {
                #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
                hits.push(now as f64);
            }
            fates.push_str(&drops);
            fates.push(sent);
        }
        (fates, hits)
    }

    /// Section 5.3: the first drop after an interval above the target, then at interval / sqrt(count).
    #[test]
    fn drops_follow_the_control_law() {
        let (_, hits) = standing_queue(Codel::default(), 500);
        // The wait passes the target at 5 ms; 100/√1, 100/√2, 100/√3 ... later.
        let mut due = 105.0;
        let mut expected = vec![105.0];
        for count in 1..6 {
            due += 100.0 / f64::from(count).sqrt();
            expected.push(due.ceil());
        }
        assert_eq!(hits[..6], expected);
    }

    #[test]
    fn a_mark_takes_the_place_of_a_drop() {
        let (dropped, at) = standing_queue(Codel::default(), 400);
        let (marked, when) = standing_queue(Codel { ecn: true, ..Codel::default() }, 400);
        assert!(dropped.contains('x') && !dropped.contains('!'));
        assert!(marked.contains('!') && !marked.contains('x'));
        assert_eq!(at, when);
    }

    #[test]
    fn a_burst_that_empties_again_is_left_alone() {
        let mut state = CodelState::new(Codel::default());
        let mut queue = Fifo::new();
        for _ in 0..90 {
            queue.push(Waiting { entered: ms(0), size: SIZE, ecn_capable: false, item: () });
        }
        for now in 0..90 {
            assert!(state.dequeue(ms(now), &mut queue, &mut |_| panic!("dropped at {now} ms")).is_some());
        }
    }

    /// Section 5.6: with no more than a packet behind it, the head is never dropped, however long it waited.
    #[test]
    fn a_slow_wire_is_not_starved() {
        let mut state = CodelState::new(Codel::default());
        let mut queue = Fifo::new();
        for now in (0..10_000).step_by(1000) {
            queue.push(Waiting { entered: ms(now), size: SIZE, ecn_capable: false, item: () });
            queue.push(Waiting { entered: ms(now), size: SIZE, ecn_capable: false, item: () });
            for later in [400, 800] {
                assert!(state.dequeue(ms(now + later), &mut queue, &mut |_| panic!("dropped")).is_some());
            }
        }
    }
}
