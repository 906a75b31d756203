//! All stages behind the gate: whatever the discipline, and all that reorders, delays and duplicates.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::bucket::Shaper;
use crate::config::LinkConfig;
use crate::counters::{Backlog, Counters, Usage};
use crate::discipline::head::HeadQueue;
use crate::discipline::red::{RedState, Verdict};
use crate::discipline::waiting::{Sent, Waiting};
use crate::discipline::{Discipline, Label};
use crate::jitter::JitterModel;
use crate::link::{Delivery, Fate};
use crate::queue::{DropTail, Limit};
use crate::reorder::Reorderer;
use crate::schedule::Timeline;
use crate::serialiser::Serialiser;
use crate::wire::{Delayed, Packet, Wire};

/// Queue, serialiser, shaper, reordering, jitter, delay and duplication.
#[derive(Clone, Debug)]
pub(crate) struct Stages<P> {
    red: Option<RedState>,
    /// What waits where the head decides; `queue` then holds the packet in service alone.
    head: Option<HeadQueue<P>>,
    queue: DropTail,
    serialiser: Serialiser,
    shaper: Option<Shaper>,
    /// When the last packet departs.
    departs: Time,
    reorderer: Option<Reorderer<Delayed<P>>>,
    jitter: Option<JitterModel>,
    wire: Wire<P>,
    /// How many nanoseconds the serialiser was busy, up to `busy_until`.
    busy: u64,
    /// How many packets have departed.
    departed: u64,
    /// The position after the latest in order of departure that has been delivered.
    delivered_up_to: u64,
}

impl<P: Clone> Stages<P> {
    pub(crate) fn new(config: &LinkConfig, seed: u64) -> Self {
        let red = match config.discipline {
            Discipline::Red(red) => Some(RedState::new(red, config.rate, seed)),
            _ => None,
        };
        let schedule = config.schedule.as_ref();
        let rates = schedule.and_then(|schedule| Timeline::of_rate(schedule, config.rate));
        Self {
            red,
            head: HeadQueue::new(&config.discipline, seed),
            queue: DropTail::new(Limit::new(config.queue)),
            serialiser: Serialiser::new(config.rate).with_changes(rates),
            shaper: config.shaper.map(Shaper::new),
            departs: Time::ZERO,
            reorderer: config.reordering.as_ref().map(|reordering| Reorderer::new(reordering, seed)),
            jitter: config.jitter.as_ref().map(|jitter| JitterModel::new(jitter, seed)),
            wire: Wire::new(config, seed),
            busy: 0,
            departed: 0,
            delivered_up_to: 0,
        }
    }

    /// The schedule counts from `origin`.
    pub(crate) fn set_origin(&mut self, origin: Time) {
        self.serialiser.set_origin(origin);
        self.wire.set_origin(origin);
    }

    /// What the discipline drops at the head is kept for [`poll_dropped`](Self::poll_dropped).
    pub(crate) fn keep_dropped(&mut self) {
        if let Some(head) = &mut self.head {
            head.keep_dropped();
        }
    }

    pub(crate) fn poll_dropped(&mut self) -> Option<P> {
        self.head.as_mut()?.poll_dropped()
    }

    /// A packet has passed the gate.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        size: Bytes,
        label: Label,
        payload: P,
        counters: &mut Counters,
    ) -> Fate {
        if self.head.is_some() {
            return self.wait(now, size, label, payload, counters);
        }
        self.queue.clear(now);
        let verdict = self.judge(now, label);
        if verdict == Fate::DroppedEarly {
            counters.dropped_early += 1;
            return verdict;
        }
        if !self.queue.admits(size, Backlog::default()) {
            counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        let packet = Waiting { entered: now, size, item: payload, ecn_capable: label.ecn_capable };
        self.send(now, Sent { packet, marked: verdict == Fate::Marked }, counters);
        verdict
    }

    /// When `poll` will next have something, or, where that is not known, at the next departure.
    pub(crate) fn next(&self) -> Option<Time> {
        let held = self.reorderer.as_ref().and_then(|reorderer| self.wire.next_of_held(reorderer));
        let waits = self.head.as_ref().is_some_and(|head| !head.is_empty());
        let head = (waits && (self.reorderer.is_some() || self.wire.is_any_order())).then_some(self.departs);
        [self.wire.next(), held, head].into_iter().flatten().min()
    }

    /// The next packet that has been delivered by `now`.
    pub(crate) fn poll(&mut self, now: Time, counters: &mut Counters) -> Option<Delivery<P>> {
        self.advance(now, counters);
        if let Some(reorderer) = &mut self.reorderer {
            let duplicated = &mut counters.duplicated;
            reorderer.expire(now, |at, packet| self.wire.launch(at, packet, duplicated));
        }
        let (at, Packet { position, entered, size, marked, payload }) = self.wire.pop(now)?;
        counters.reordered += u64::from(position + 1 < self.delivered_up_to);
        self.delivered_up_to = self.delivered_up_to.max(position + 1);
        Some(Delivery { at, entered, size: Bytes::new(size.into()), marked, payload })
    }

    pub(crate) fn in_flight(&self) -> u64 {
        let held = self.reorderer.as_ref().map_or(0, |reorderer| reorderer.held().len());
        (self.wire.len() + held) as u64 + self.waiting().packets
    }

    /// What is in the queue at `now`, which is not before the last entry.
    pub(crate) fn backlog(&self, now: Time) -> Backlog {
        let ahead = self.queue.backlog(now);
        let waiting = self.waiting();
        Backlog { packets: ahead.packets + waiting.packets, bytes: ahead.bytes + waiting.bytes }
    }

    /// Adds busy time and backlog up to `usage.until`, which is not before the last entry.
    pub(crate) fn integrate(&self, usage: &mut Usage) {
        let yet_to_come = self.serialiser.busy_until().as_nanos().saturating_sub(usage.until.as_nanos());
        usage.busy = Duration::from_nanos(self.busy.saturating_sub(yet_to_come));
        self.queue.integrate(usage);
        if let Some(head) = &self.head {
            head.integrate(usage);
        }
    }

    /// RED's verdict on a packet.
    fn judge(&mut self, now: Time, label: Label) -> Fate {
        let Some(red) = &mut self.red else { return Fate::Queued };
        let idle = now - self.departs;
        match red.judge(self.queue.packets(), idle) {
            Verdict::Pass => Fate::Queued,
            Verdict::Notify if label.ecn_capable => Fate::Marked,
            Verdict::Notify | Verdict::Drop => Fate::DroppedEarly,
        }
    }

    /// A packet enters where the head decides. What is due by then has left before.
    fn wait(&mut self, now: Time, size: Bytes, label: Label, payload: P, counters: &mut Counters) -> Fate {
        self.advance(now, counters);
        self.queue.clear(now);
        let Some(head) = &mut self.head else { return Fate::DroppedByQueue };
        if head.drops_the_tail() && !self.queue.admits(size, head.backlog()) {
            counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        while !head.is_empty() && !self.queue.admits(size, head.backlog()) {
            head.make_room(now);
            counters.dropped_by_queue += 1;
        }
        if !self.queue.admits(size, head.backlog()) {
            counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        head.enqueue(now, size, label, payload);
        // A wire that is idle may send at once.
        self.departs = self.departs.max(now);
        let waiting = head.backlog();
        let in_service = self.queue.backlog(now);
        counters.note_backlog(Backlog {
            packets: waiting.packets + in_service.packets,
            bytes: waiting.bytes + in_service.bytes,
        });
        self.advance(now, counters);
        Fate::Queued
    }

    /// Lets the discipline at the head decide on every departure up to `now`.
    pub(crate) fn advance(&mut self, now: Time, counters: &mut Counters) {
        while let Some(head) = &mut self.head {
            let at = self.departs;
            if head.is_empty() || at > now {
                return;
            }
            let (sent, dropped) = head.dequeue(at);
            counters.dropped_early += dropped;
            if let Some(sent) = sent {
                self.queue.clear(at);
                self.send(at, sent, counters);
            }
        }
    }

    /// Queue, serialiser, shaper: a packet goes onto the wire at `now`, or as soon as those before it have gone. With
    /// an infinite rate and no shaper nothing queues.
    #[inline]
    fn send(&mut self, now: Time, Sent { packet, marked }: Sent<P>, counters: &mut Counters) {
        let Waiting { entered, size, item: payload, .. } = packet;
        let departs = self.serialise(now, size, counters);
        self.departs = departs;
        counters.marked += u64::from(marked);
        let jitter = self.jitter.as_mut().map_or(0, JitterModel::draw);
        let position = self.departed;
        self.departed += 1;
        let size = u32::try_from(size.get()).unwrap_or(u32::MAX);
        self.depart(
            departs,
            Delayed { packet: Packet { position, entered, size, marked, payload }, jitter },
            counters,
        );
    }

    #[inline]
    fn serialise(&mut self, now: Time, size: Bytes, counters: &mut Counters) -> Time {
        if self.serialiser.is_instant() && self.shaper.is_none() {
            return now;
        }
        let starts = self.serialiser.busy_until().max(now);
        let sent = self.serialiser.transmit(now, size);
        self.busy += sent.as_nanos().saturating_sub(starts.as_nanos());
        let departs = self.shaper.as_mut().map_or(sent, |shaper| shaper.transmit(now, size).max(sent));
        let backlog = self.queue.push(now, departs, size);
        if self.head.is_none() {
            counters.note_backlog(backlog);
        }
        departs
    }

    fn waiting(&self) -> Backlog {
        self.head.as_ref().map_or_else(Backlog::default, |head| head.backlog())
    }

    #[inline]
    fn depart(&mut self, departs: Time, packet: Delayed<P>, counters: &mut Counters) {
        let duplicated = &mut counters.duplicated;
        let mut launch = |at, packet| self.wire.launch(at, packet, duplicated);
        match &mut self.reorderer {
            None => launch(departs, packet),
            Some(reorderer) => reorderer.depart(departs, packet, launch),
        }
    }
}
