//! One direction of a path: the stages put together.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::bucket::{Policer, Shaper};
use crate::config::LinkConfig;
use crate::counters::{Backlog, Counters, Usage};
use crate::jitter::JitterModel;
use crate::loss::LossModel;
use crate::queue::DropTail;
use crate::reorder::Reorderer;
use crate::serialiser::Serialiser;
use crate::wire::{Packet, Wire};

/// One direction of a path, as a state machine without clock or input and output.
///
/// `P` is what the owner attaches to a packet: an index, a buffer, nothing. The order of calls:
///
/// 1. [`handle_packet`](Self::handle_packet) whenever a packet enters, with the time of its entry.
///    Entries come in order of time; one with an earlier time than the last counts as entering with it.
/// 2. [`poll_timeout`](Self::poll_timeout) after that, to learn when to come back. A packet that enters
///    meanwhile may bring that time forward or put it off: ask again.
/// 3. [`poll_transmit`](Self::poll_transmit) at that time or later, until it returns `None`. Coming
///    later loses nothing: [`Delivery::at`] is the instant at which the model delivers.
///
/// Deliveries do not depend on when they are polled, as long as a packet is handed in before a poll at a
/// time later than its entry.
#[derive(Clone, Debug)]
pub struct Link<P> {
    loss: LossModel,
    black_hole: Option<Bytes>,
    policer: Option<Policer>,
    queue: DropTail,
    serialiser: Serialiser,
    shaper: Option<Shaper>,
    reorderer: Option<Reorderer<Packet<P>>>,
    jitter: Option<JitterModel>,
    wire: Wire<P>,
    counters: Counters,
    /// How long the serialiser was busy, up to `busy_until`.
    busy: Duration,
    first_entry: Option<Time>,
    last_entry: Time,
    /// The position after the latest in order of entry that has been delivered.
    delivered_up_to: u64,
}

/// What became of an entering packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It will be delivered.
    Queued,
    /// The queue was full.
    DroppedByQueue,
    /// The loss model, the policer or the black hole took it.
    LostByModel,
}

/// A packet that comes out of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<P> {
    /// The exact instant at which the model delivers, not after the time of the poll.
    pub at: Time,
    /// When it entered.
    pub entered: Time,
    /// Its size on the wire.
    pub size: Bytes,
    /// What the owner attached.
    pub payload: P,
}

impl<P: Clone> Link<P> {
    /// A link without packets. The same configuration, seed and calls give the same deliveries.
    ///
    /// What [`LinkConfig::validate`] refuses is taken as the nearest thing that has a meaning: a
    /// probability is clamped, a rate of zero is one bit a second.
    #[must_use]
    pub fn new(config: &LinkConfig, seed: u64) -> Self {
        Self {
            loss: LossModel::new(&config.loss, seed),
            black_hole: config.black_hole,
            policer: config.policer.map(Policer::new),
            queue: DropTail::new(config.queue),
            serialiser: Serialiser::new(config.rate),
            shaper: config.shaper.map(Shaper::new),
            reorderer: config.reordering.as_ref().map(|reordering| Reorderer::new(reordering, seed)),
            jitter: config.jitter.as_ref().map(|jitter| JitterModel::new(jitter, seed)),
            wire: Wire::new(config, seed),
            counters: Counters::default(),
            busy: Duration::ZERO,
            first_entry: None,
            last_entry: Time::ZERO,
            delivered_up_to: 0,
        }
    }

    /// A packet of `size` bytes on the wire enters at `now`.
    pub fn handle_packet(&mut self, now: Time, size: Bytes, payload: P) -> Fate {
        let now = self.enter(now);
        let position = self.counters.entered;
        self.counters.entered += 1;
        self.counters.entered_bytes = self.counters.entered_bytes + size;

        if self.loss.strikes(position) || self.is_refused(now, size) {
            self.counters.lost_by_model += 1;
            return Fate::LostByModel;
        }
        if !self.queue.admits(now, size) {
            self.counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        let departs = self.serialise(now, size);
        let jitter = self.jitter.as_mut().map_or(Duration::ZERO, JitterModel::draw);
        self.depart(departs, Packet { position, entered: now, size, jitter, payload });
        Fate::Queued
    }

    /// When `poll_transmit` will next have something, if no packet enters before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let held = self.reorderer.as_ref().and_then(|reorderer| self.wire.next_of_held(reorderer));
        match (self.wire.next(), held) {
            (Some(next), Some(held)) => Some(next.min(held)),
            (next, held) => next.or(held),
        }
    }

    /// The next packet that has been delivered by `now`, in order of delivery.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Delivery<P>> {
        if let Some(reorderer) = &mut self.reorderer {
            let duplicated = &mut self.counters.duplicated;
            reorderer.expire(now, |at, packet| self.wire.launch(at, packet, duplicated));
        }
        let (at, Packet { position, entered, size, payload, .. }) = self.wire.pop(now)?;
        self.count_delivery(position, size);
        Some(Delivery { at, entered, size, payload })
    }

    /// What has been counted so far; deliveries count when they are polled.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Packets, and copies of packets, that are queued or under way and not yet polled.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        let held = self.reorderer.as_ref().map_or(0, |reorderer| reorderer.held().len());
        (self.wire.len() + held) as u64
    }

    /// What waits for the wire at `now`, and what is in service. It looks at every packet that waits. A
    /// time before the last entry counts as that.
    #[must_use]
    pub fn backlog(&self, now: Time) -> Backlog {
        self.queue.backlog(now.max(self.last_entry))
    }

    /// How the queue and the wire were used from the first packet to `now`. It looks at every packet that
    /// waits. A time before the last entry counts as that.
    #[must_use]
    pub fn usage(&self, now: Time) -> Usage {
        let until = now.max(self.last_entry);
        let busy = self.busy.saturating_sub(self.serialiser.busy_until() - until);
        let since = self.first_entry.unwrap_or(until);
        let mut usage = Usage { since, until, busy, ..Usage::default() };
        self.queue.integrate(&mut usage);
        usage
    }

    /// Notes the time of an entry, which is not before the last.
    fn enter(&mut self, now: Time) -> Time {
        self.last_entry = self.last_entry.max(now);
        self.first_entry.get_or_insert(now);
        self.last_entry
    }

    /// Whether the black hole or the policer takes a packet.
    fn is_refused(&mut self, now: Time, size: Bytes) -> bool {
        self.black_hole.is_some_and(|largest| size > largest)
            || self.policer.as_mut().is_some_and(|policer| !policer.admits(now, size))
    }

    /// Queue, serialiser and shaper: the packet's departure. With an infinite rate and no shaper nothing queues.
    fn serialise(&mut self, now: Time, size: Bytes) -> Time {
        if self.serialiser.is_instant() && self.shaper.is_none() {
            return now;
        }
        let starts = self.serialiser.busy_until().max(now);
        let sent = self.serialiser.transmit(now, size);
        self.busy += sent - starts;
        let departs = self.shaper.as_mut().map_or(sent, |shaper| shaper.transmit(now, size).max(sent));
        let backlog = self.queue.push(now, departs, size);
        let Counters { queue_largest_packets, queue_largest_bytes, .. } = &mut self.counters;
        *queue_largest_packets = backlog.packets.max(*queue_largest_packets);
        *queue_largest_bytes = backlog.bytes.max(*queue_largest_bytes);
        departs
    }

    fn depart(&mut self, departs: Time, packet: Packet<P>) {
        let duplicated = &mut self.counters.duplicated;
        let mut launch = |at, packet| self.wire.launch(at, packet, duplicated);
        match &mut self.reorderer {
            None => launch(departs, packet),
            Some(reorderer) => reorderer.depart(departs, packet, launch),
        }
    }

    fn count_delivery(&mut self, position: u64, size: Bytes) {
        self.counters.delivered += 1;
        self.counters.delivered_bytes = self.counters.delivered_bytes + size;
        self.counters.reordered += u64::from(position + 1 < self.delivered_up_to);
        self.delivered_up_to = self.delivered_up_to.max(position + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link in which packet `i` has `1500` bytes and payload `i`.
    struct Trace {
        link: Link<u64>,
        entered: u64,
    }

    const SIZE: Bytes = Bytes::new(1500);

    const fn us(micros: u64) -> Time {
        Time::from_nanos(micros * 1000)
    }

    impl Trace {
        fn of(config: &str) -> Self {
            let config: LinkConfig = toml::from_str(config).unwrap();
            config.validate().unwrap();
            Self { link: Link::new(&config, 1), entered: 0 }
        }

        /// So many packets enter at `at` microseconds; what became of each.
        fn enter(&mut self, at: u64, packets: u64) -> Vec<Fate> {
            let first = self.entered;
            self.entered += packets;
            (first..self.entered).map(|i| self.link.handle_packet(us(at), SIZE, i)).collect()
        }

        /// What is delivered by `until` microseconds: microseconds and packets.
        fn deliver(&mut self, until: u64) -> Vec<(u64, u64)> {
            std::iter::from_fn(|| self.link.poll_transmit(us(until)))
                .map(|delivery| (delivery.at.as_nanos() / 1000, delivery.payload))
                .collect()
        }
    }

    /// A packet takes 1 ms to send, then 10 ms to arrive.
    const LINE: &str = "rate = \"12 Mbit/s\"\ndelay = \"10 ms\"\n";

    #[test]
    fn packets_are_sent_one_after_the_other() {
        let mut trace = Trace::of(LINE);
        trace.enter(0, 2);
        trace.enter(5000, 1);
        assert_eq!(trace.link.poll_timeout(), Some(us(11_000)));
        assert_eq!(trace.deliver(10_999), []);
        assert_eq!(trace.deliver(11_000), [(11_000, 0)]);
        assert_eq!(trace.deliver(60_000), [(12_000, 1), (16_000, 2)]);
        assert_eq!(trace.link.poll_timeout(), None);
    }

    #[test]
    fn a_full_queue_drops_the_tail() {
        use Fate::{DroppedByQueue, Queued};
        let mut trace = Trace::of(&format!("{LINE}queue = {{ packets = 2 }}"));
        assert_eq!(trace.enter(0, 3), [Queued, Queued, DroppedByQueue]);
        assert_eq!(trace.enter(999, 1), [DroppedByQueue]);
        assert_eq!(trace.enter(1000, 2), [Queued, DroppedByQueue]);
        assert_eq!(trace.deliver(60_000), [(11_000, 0), (12_000, 1), (13_000, 4)]);
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let mut trace = Trace::of("delay = \"10 ms\"\nqueue = { packets = 1 }");
        assert_eq!(trace.enter(0, 3), [Fate::Queued; 3]);
        assert_eq!(trace.deliver(10_000), [(10_000, 0), (10_000, 1), (10_000, 2)]);
        assert_eq!(trace.link.counters().queue_largest_packets, 0);
    }

    #[test]
    fn a_lost_packet_takes_no_time_and_no_place() {
        use Fate::{DroppedByQueue, LostByModel, Queued};
        let mut trace = Trace::of(&format!(
            "{LINE}queue = {{ packets = 2 }}\nloss = {{ list = {{ packets = [0, 2] }} }}"
        ));
        assert_eq!(trace.enter(0, 5), [LostByModel, Queued, LostByModel, Queued, DroppedByQueue]);
        assert_eq!(trace.deliver(60_000), [(11_000, 1), (12_000, 3)]);
    }

    #[test]
    fn a_held_packet_is_overtaken_or_times_out() {
        let mut trace = Trace::of(&format!("{LINE}reordering = {{ probability = 1, depth = 2 }}"));
        trace.enter(0, 2);
        assert_eq!(trace.link.poll_timeout(), Some(us(61_000)), "1 ms to send, 50 ms held, 10 ms to arrive");
        assert_eq!(trace.deliver(60_999), []);
        assert_eq!(trace.link.in_flight(), 2);
        assert_eq!(trace.deliver(62_000), [(61_000, 0), (62_000, 1)]);
    }

    #[test]
    fn jitter_keeps_the_order_unless_told_otherwise() {
        let jitter = "jitter = { mean = \"5 ms\", spread = \"5 ms\", reorder = false }";
        let mut trace = Trace::of(&format!("{LINE}{jitter}"));
        trace.enter(0, 100);
        assert!(trace.deliver(200_000).iter().map(|&(_, i)| i).eq(0..100));
        assert_eq!(trace.link.counters().reordered, 0);

        let mut trace = Trace::of(&format!("{LINE}{}", jitter.replace("false", "true")));
        trace.enter(0, 100);
        let delivered = trace.deliver(200_000);
        assert_eq!(delivered.len(), 100);
        assert!(delivered.is_sorted_by_key(|&(at, _)| at));
        assert!(trace.link.counters().reordered > 10);
    }

    #[test]
    fn a_duplicate_arrives_with_its_original() {
        let mut trace = Trace::of(&format!("{LINE}duplication = 1"));
        trace.enter(0, 1);
        assert_eq!(trace.deliver(60_000), [(11_000, 0), (11_000, 0)]);
        let counters = trace.link.counters();
        assert_eq!((counters.duplicated, counters.delivered, counters.reordered), (1, 2, 0));
    }

    #[test]
    fn an_entry_in_the_past_counts_as_the_last() {
        let mut trace = Trace::of("delay = \"10 ms\"");
        trace.enter(500, 1);
        trace.enter(0, 1);
        assert_eq!(trace.deliver(60_000), [(10_500, 0), (10_500, 1)]);
    }

    #[test]
    fn usage_is_exact_between_two_readings() {
        let mut trace = Trace::of(LINE);
        trace.enter(0, 3);
        let middle = trace.link.usage(us(1500));
        assert_eq!(middle.busy, Duration::from_micros(1500));
        assert_eq!(trace.link.backlog(us(1500)), Backlog { packets: 2, bytes: SIZE * 2 });
        // 3 for 1 ms, 2 for half of one.
        assert!((middle.mean_packets() - 4.0 / 1.5).abs() < 1e-9);

        // Then 2 for half a millisecond, 1 for a whole one, none for the last half.
        let rest = trace.link.usage(us(3500)).after(&middle);
        assert!((rest.utilisation() - 0.75).abs() < 1e-9);
        assert!((rest.mean_packets() - 1.0).abs() < 1e-9);
        assert!((rest.mean_bytes() - 1500.0).abs() < 1e-6);
    }
}
