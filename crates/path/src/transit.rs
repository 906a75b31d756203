//! A link of a rate, a drop-tail queue and a delay whose packets are handed over as they enter.
//!
//! What it would deliver later is known when it comes in, and the owner takes it at once. So it keeps no packets: a
//! serialiser, and when each packet that waits will have gone. Most of a simulation's hops are of this kind.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::counters::{Backlog, Counters, Usage};
use crate::link::Fate;
use crate::queue::DropTail;
use crate::serialiser::Serialiser;

/// What decides when a packet is delivered.
#[derive(Clone, Debug)]
pub(crate) struct Transit {
    pub(crate) serialiser: Serialiser,
    /// Nanoseconds.
    pub(crate) delay: u64,
    pub(crate) queue: DropTail,
    /// How many nanoseconds the wire was busy, up to `busy_until`.
    pub(crate) busy: u64,
    /// Sizes of packets that were not let in.
    pub(crate) refused: u64,
}

impl Transit {
    /// A packet enters: when it is delivered, or what became of it. With an infinite rate it does not wait.
    #[inline]
    pub(crate) fn pass(&mut self, now: Time, size: Bytes, counters: &mut Counters) -> Result<Time, Fate> {
        let free_at = self.serialiser.busy_until();
        let departs = if now >= free_at {
            if !self.queue.has_room_alone(size) {
                return Err(self.refuse(size, counters));
            }
            self.start(now, size, counters)
        } else {
            self.queue.clear(now);
            if !self.queue.has_room(size) {
                return Err(self.refuse(size, counters));
            }
            let departs = self.serialiser.transmit(now, size);
            self.busy += departs.as_nanos() - free_at.as_nanos();
            counters.note_backlog(self.queue.push(now, departs, size));
            departs
        };
        Ok(Time::from_nanos(departs.as_nanos().saturating_add(self.delay)))
    }

    /// A packet finds the wire idle.
    #[inline]
    fn start(&mut self, now: Time, size: Bytes, counters: &mut Counters) -> Time {
        if self.serialiser.is_instant() {
            return now;
        }
        let departs = self.serialiser.transmit_at_once(now, size);
        self.busy += departs.as_nanos() - now.as_nanos();
        counters.note_backlog(self.queue.push_alone(now, departs, size));
        departs
    }

    #[cold]
    fn refuse(&mut self, size: Bytes, counters: &mut Counters) -> Fate {
        counters.dropped_by_queue += 1;
        self.refused += size.get();
        Fate::DroppedByQueue
    }

    /// What is in the queue at `now`, which is not before the last entry.
    pub(crate) fn backlog(&self, now: Time) -> Backlog {
        self.queue.backlog(now)
    }

    /// Adds busy time and backlog up to `usage.until`, which is not before the last entry.
    pub(crate) fn integrate(&self, usage: &mut Usage) {
        let yet_to_come = self.serialiser.busy_until().as_nanos().saturating_sub(usage.until.as_nanos());
        usage.busy = Duration::from_nanos(self.busy.saturating_sub(yet_to_come));
        self.queue.integrate(usage);
    }
}
