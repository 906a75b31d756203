//! A plain link whose packets are handed over as they enter.
//!
//! What it would deliver later is known when it comes in, and the owner takes it at once. So it keeps no packets: when
//! the wire falls free, and when each packet that waits will have gone. Most of a simulation's hops are of this kind, and
//! most packets are of the same size as ever. What packets of one size add to the counts is the same for each, so they
//! are counted, and the rest is worked out when somebody asks; of those that find the wire idle that is all, and
//! of those that wait their place in the queue is noted, too.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::counters::{Backlog, Counters, Usage};
use crate::gate::Gate;
use crate::link::Fate;
use crate::queue::{DropTail, Limit, Place, Stays};
use crate::serialiser::{Serialiser, Service};

/// One direction of a path for an owner that takes packets over as they enter: [`Link::to_conduit`](crate::Link::to_conduit).
///
/// It has a rate, a drop-tail queue, a delay and whatever loses packets before the queue, so that a packet's delivery is
/// known when it enters, and deliveries come in order. A packet that was let in counts as delivered.
#[derive(Clone, Debug)]
pub struct Conduit {
    wire: Serialiser,
    usual: Usual,
    /// Nanoseconds.
    delay: u64,
    queue: DropTail,
    gate: Gate,
    /// Without usual packets that were let in, and without what was delivered.
    counters: Counters,
    /// The sizes of packets that were not let in.
    refused: u64,
    /// How many nanoseconds the wire was busy with other than unhindered packets, up to `busy_until`.
    busy: u64,
    first_entry: Option<Time>,
    /// Of the packets that were not unhindered.
    last_entry: Time,
    last_size: Bytes,
}

/// What a packet takes that finds the wire idle, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unhindered {
    /// To be sent.
    pub service: u64,
    /// To be sent and to arrive.
    pub passage: u64,
}

/// Packets of one size that were let in.
#[derive(Clone, Copy, Debug)]
struct Usual {
    /// No packet is so large as this is before the first.
    service: Service,
    /// How long they take to send and to arrive, in nanoseconds.
    passage: u64,
    /// How many found the wire idle.
    unhindered: u64,
    /// Up to which of those the queue knows.
    queued: u64,
    /// How many had to wait, and how long they stayed in the queue, all told.
    hindered: u64,
    stay_nanos: u128,
}

impl Conduit {
    /// A link without packets.
    pub(crate) fn new(wire: Serialiser, delay: u64, limit: Limit, gate: Gate) -> Self {
        Self {
            wire,
            usual: Usual::of(Service::none(), 0),
            delay,
            queue: DropTail::new(limit),
            gate,
            counters: Counters::default(),
            refused: 0,
            busy: 0,
            first_entry: None,
            last_entry: Time::ZERO,
            last_size: Bytes::ZERO,
        }
    }

    /// A packet of `size` bytes on the wire enters at `now`, and the caller takes it over: returns when it is delivered.
    /// A time before the last entry counts as that.
    ///
    /// # Errors
    /// The fate of a packet that will not be delivered.
    #[inline]
    pub fn pass(&mut self, now: Time, size: Bytes) -> Result<Time, Fate> {
        if size != self.usual.service.size {
            return self.pass_unusual(now, size);
        }
        match now.as_nanos().checked_add(self.usual.passage) {
            Some(delivered) if self.wire.is_idle(now) => {
                self.wire.start(&self.usual.service, Time::from_nanos(delivered - self.delay));
                self.usual.unhindered += 1;
                Ok(Time::from_nanos(delivered))
            }
            _ => self.wait(now),
        }
    }

    /// What a packet of `size` bytes takes that finds the wire idle, if that is the usual size.
    #[must_use]
    pub fn usual(&self, size: Bytes) -> Option<Unhindered> {
        let Usual { service, passage, .. } = self.usual;
        (service.size == size).then_some(Unhindered { service: service.nanos, passage })
    }

    /// So many packets of the usual size have entered since the last call, each of which found the wire idle, the last of
    /// them at `last`, in nanoseconds: returns when that one is delivered.
    pub fn pass_usual(&mut self, count: u64, last: u64) -> u64 {
        let departs = Time::from_nanos(last.saturating_add(self.usual.service.nanos));
        self.wire.start(&self.usual.service, departs);
        self.usual.unhindered += count;
        last.saturating_add(self.usual.passage)
    }

    /// As [`pass`](Self::pass), for a usual packet that finds the wire busy.
    fn wait(&mut self, now: Time) -> Result<Time, Fate> {
        let size = self.usual.service.size;
        if self.wire.is_instant() {
            return self.pass_unusual(now, size);
        }
        self.note_last();
        self.last_size = size;
        self.last_entry = self.last_entry.max(now);
        let now = self.last_entry;
        self.queue.clear(now);
        if !self.queue.has_room(size) {
            self.counters.entered += 1;
            self.counters.entered_bytes = self.counters.entered_bytes + size;
            return Err(self.refuse(size, Fate::DroppedByQueue));
        }
        let free_at = self.wire.busy_until();
        let departs = self.wire.transmit_next(self.usual.service);
        self.busy += departs.as_nanos() - free_at.as_nanos();
        self.usual.hindered += 1;
        self.usual.stay_nanos += u128::from(departs.as_nanos() - now.as_nanos());
        self.counters.note_backlog(self.queue.push_uncounted(departs, size));
        Ok(Time::from_nanos(departs.as_nanos().saturating_add(self.delay)))
    }

    /// As [`pass`](Self::pass), for a packet of any size.
    fn pass_unusual(&mut self, now: Time, size: Bytes) -> Result<Time, Fate> {
        // Where sizes take turns neither is usual: one packet of another size changes nothing.
        let comes_again = !self.note_last() && size == self.last_size;
        self.last_size = size;
        self.last_entry = self.last_entry.max(now);
        let now = self.last_entry;
        if self.first_entry.is_none() {
            self.first_entry = Some(now);
        }
        let position = self.counters.entered;
        self.counters.entered += 1;
        self.counters.entered_bytes = self.counters.entered_bytes + size;
        if !self.gate.is_open() {
            let since_first = now - self.first_entry.unwrap_or(now);
            if !self.gate.passes(position, now, since_first, size) {
                return Err(self.refuse(size, Fate::LostByModel));
            }
        }
        self.queue.clear(now);
        if !self.queue.has_room(size) {
            return Err(self.refuse(size, Fate::DroppedByQueue));
        }
        let free_at = self.wire.busy_until();
        let departs = self.wire.transmit(now, size);
        if !self.wire.is_instant() {
            self.busy += departs.as_nanos() - free_at.max(now).as_nanos();
            self.counters.note_backlog(self.queue.push(now, departs, size));
        }
        if comes_again && size != self.usual.service.size && self.gate.is_open() {
            self.learn(size);
        }
        Ok(Time::from_nanos(departs.as_nanos().saturating_add(self.delay)))
    }

    fn refuse(&mut self, size: Bytes, fate: Fate) -> Fate {
        self.refused += size.get();
        if fate == Fate::LostByModel {
            self.counters.lost_by_model += 1;
        } else {
            self.counters.dropped_by_queue += 1;
        }
        fate
    }

    /// Tells the queue of the last packet, if it was an unhindered one; returns whether it was.
    #[inline]
    fn note_last(&mut self) -> bool {
        let Some(alone) = self.alone() else { return false };
        self.usual.queued = self.usual.unhindered;
        self.last_entry = self.usual.entry(alone.departs());
        self.queue.replace(alone);
        true
    }

    /// Packets of this size, which the queue has just taken in, are the usual ones from now on.
    fn learn(&mut self, size: Bytes) {
        self.counters = self.counters();
        self.busy += self.usual.busy();
        self.usual.add_stays(self.queue.stays_mut());
        self.usual = Usual::of(self.wire.service(size), self.delay);
    }

    /// What has been counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let counters = self.counters;
        let usual = self.usual.unhindered + self.usual.hindered;
        let bytes = if usual == 0 { Bytes::ZERO } else { self.usual.service.size * usual };
        Counters {
            entered: counters.entered + usual,
            entered_bytes: counters.entered_bytes + bytes,
            delivered: counters.entered + usual - counters.dropped_by_queue - counters.lost_by_model,
            delivered_bytes: counters.entered_bytes + bytes - Bytes::new(self.refused),
            ..counters
        }
    }

    /// What waits for the wire at `now`, and what is in service. It looks at every packet that waits. A time before the
    /// last entry counts as that.
    #[must_use]
    pub fn backlog(&self, now: Time) -> Backlog {
        let now = now.max(self.last_entry());
        match self.alone() {
            Some(alone) if alone.departs() > now => Backlog { packets: 1, bytes: alone.size() },
            Some(_) => Backlog::default(),
            None => self.queue.backlog(now),
        }
    }

    /// How the queue and the wire were used from the first packet to `now`. It looks at every packet that waits. A time
    /// before the last entry counts as that.
    #[must_use]
    pub fn usage(&self, now: Time) -> Usage {
        let until = now.max(self.last_entry());
        let mut usage = Usage { since: self.first_entry.unwrap_or(until), until, ..Usage::default() };
        let yet_to_come = self.wire.busy_until().as_nanos().saturating_sub(until.as_nanos());
        let busy = self.busy + self.usual.busy();
        usage.busy = Duration::from_nanos(busy.saturating_sub(yet_to_come));
        let mut stays = self.queue.stays();
        self.usual.add_stays(&mut stays);
        let mut to_come = Stays::default();
        match self.alone() {
            Some(alone) => to_come.add(until, alone.departs(), alone.size()),
            None => self.queue.to_come(until, &mut to_come),
        }
        stays.less(to_come, &mut usage);
        usage
    }

    /// The last packet, if it was an unhindered one: all others have departed, and the queue does not know.
    #[inline]
    fn alone(&self) -> Option<Place> {
        let Usual { service, unhindered, queued, .. } = &self.usual;
        (unhindered != queued).then(|| Place::new(self.wire.busy_until(), service.size))
    }

    fn last_entry(&self) -> Time {
        self.alone().map_or(self.last_entry, |alone| self.usual.entry(alone.departs()))
    }
}

impl Usual {
    /// None yet of those that take this service.
    fn of(service: Service, delay: u64) -> Self {
        let passage = service.nanos.saturating_add(delay);
        Self { service, passage, unhindered: 0, queued: 0, hindered: 0, stay_nanos: 0 }
    }

    /// When an unhindered packet entered that departs then.
    fn entry(&self, departs: Time) -> Time {
        Time::from_nanos(departs.as_nanos().saturating_sub(self.service.nanos))
    }

    /// How many nanoseconds the wire was busy with unhindered ones.
    fn busy(&self) -> u64 {
        self.unhindered * self.service.nanos
    }

    /// Adds the stays of all of them.
    fn add_stays(&self, stays: &mut Stays) {
        if self.unhindered + self.hindered > 0 {
            let unhindered = u128::from(self.unhindered) * u128::from(self.service.nanos);
            stays.add_many(unhindered + self.stay_nanos, self.service.size);
        }
    }
}
