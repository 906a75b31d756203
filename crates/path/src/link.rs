//! One direction of a path: the stages put together.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::bucket::{Policer, Shaper};
use crate::config::{LinkConfig, Outage};
use crate::counters::{Backlog, Counters, Usage};
use crate::discipline::head::HeadQueue;
use crate::discipline::red::{RedState, Verdict};
use crate::discipline::waiting::{Sent, Waiting};
use crate::discipline::{Discipline, Label};
use crate::jitter::JitterModel;
use crate::loss::LossModel;
use crate::queue::DropTail;
use crate::reorder::Reorderer;
use crate::schedule::Timeline;
use crate::serialiser::Serialiser;
use crate::wire::{Delayed, Packet, Wire};

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
    outage: Option<Outage>,
    black_hole: Option<Bytes>,
    policer: Option<Policer>,
    red: Option<Box<RedState>>,
    /// What waits where the head decides; `queue` then holds the packet in service alone.
    head: Option<Box<HeadQueue<P>>>,
    queue: DropTail,
    serialiser: Serialiser,
    shaper: Option<Shaper>,
    /// When the last packet departs.
    departs: Time,
    reorderer: Option<Reorderer<Delayed<P>>>,
    jitter: Option<JitterModel>,
    wire: Wire<P>,
    counters: Counters,
    /// How many nanoseconds the serialiser was busy, up to `busy_until`.
    busy: u64,
    first_entry: Option<Time>,
    last_entry: Time,
    /// How many packets have departed.
    departed: u64,
    /// The position after the latest in order of departure that has been delivered.
    delivered_up_to: u64,
}

/// What became of an entering packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It will be delivered, unless a discipline that decides at the head drops it later.
    Queued,
    /// It will be delivered with a congestion mark.
    Marked,
    /// The queue was full.
    DroppedByQueue,
    /// The discipline dropped it before the queue was full.
    DroppedEarly,
    /// The loss model, the outage, the black hole or the policer took it.
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
    /// Whether a discipline has marked it (CE, RFC 3168).
    pub marked: bool,
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
        let red = match config.discipline {
            Discipline::Red(red) => Some(Box::new(RedState::new(red, config.rate, seed))),
            _ => None,
        };
        let schedule = config.schedule.as_ref();
        let rates = schedule.and_then(|schedule| Timeline::of_rate(schedule, config.rate));
        Self {
            loss: LossModel::new(&config.loss, seed),
            outage: config.outage,
            black_hole: config.black_hole,
            policer: config.policer.map(Policer::new),
            red,
            head: HeadQueue::new(&config.discipline, seed).map(Box::new),
            queue: DropTail::new(config.queue),
            serialiser: Serialiser::new(config.rate).with_changes(rates),
            shaper: config.shaper.map(Shaper::new),
            departs: Time::ZERO,
            reorderer: config.reordering.as_ref().map(|reordering| Reorderer::new(reordering, seed)),
            jitter: config.jitter.as_ref().map(|jitter| JitterModel::new(jitter, seed)),
            wire: Wire::new(config, seed),
            counters: Counters::default(),
            busy: 0,
            first_entry: None,
            last_entry: Time::ZERO,
            departed: 0,
            delivered_up_to: 0,
        }
    }

    /// The same link, whose [schedule](LinkConfig::schedule) counts from `origin` instead of zero.
    #[must_use]
    pub fn with_origin(self, origin: Time) -> Self {
        Self { serialiser: self.serialiser.with_origin(origin), wire: self.wire.with_origin(origin), ..self }
    }

    /// A packet of `size` bytes on the wire enters at `now`. It belongs to flow 0 and cannot be marked.
    #[inline]
    pub fn handle_packet(&mut self, now: Time, size: Bytes, payload: P) -> Fate {
        self.handle_labelled(now, size, Label::default(), payload)
    }

    /// A packet of `size` bytes on the wire enters at `now`, with what a discipline may want to know of it.
    #[inline]
    pub fn handle_labelled(&mut self, now: Time, size: Bytes, label: Label, payload: P) -> Fate {
        let now = self.enter(now);
        let position = self.counters.entered;
        self.counters.entered += 1;
        self.counters.entered_bytes = self.counters.entered_bytes + size;

        if self.loss.strikes(position) || self.is_refused(now, size) {
            self.counters.lost_by_model += 1;
            return Fate::LostByModel;
        }
        if self.head.is_some() {
            return self.wait(now, size, label, payload);
        }
        self.queue.clear(now);
        let verdict = if self.red.is_some() { self.judge(now, label) } else { Fate::Queued };
        if verdict == Fate::DroppedEarly {
            self.counters.dropped_early += 1;
            return verdict;
        }
        if !self.queue.admits(size, Backlog::default()) {
            self.counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        self.send(
            now,
            Sent {
                packet: Waiting { entered: now, size, item: payload, ecn_capable: false },
                marked: verdict == Fate::Marked,
            },
        );
        verdict
    }

    /// When `poll_transmit` will next have something, if no packet enters before.
    ///
    /// With a discipline that decides at the head *and* reordering, of whatever kind, that is not known: it is then
    /// also the time of the next departure, at which there may be nothing yet.
    #[inline]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.reorderer.is_none() && self.head.is_none() {
            return self.wire.next();
        }
        let held = self.reorderer.as_ref().and_then(|reorderer| self.wire.next_of_held(reorderer));
        let waits = self.head.as_ref().is_some_and(|head| !head.is_empty());
        let head = (waits && (self.reorderer.is_some() || self.wire.is_any_order())).then_some(self.departs);
        [self.wire.next(), held, head].into_iter().flatten().min()
    }

    /// The next packet that has been delivered by `now`, in order of delivery.
    #[inline]
    pub fn poll_transmit(&mut self, now: Time) -> Option<Delivery<P>> {
        if self.head.is_some() {
            self.advance(now);
        }
        if let Some(reorderer) = &mut self.reorderer {
            let duplicated = &mut self.counters.duplicated;
            reorderer.expire(now, |at, packet| self.wire.launch(at, packet, duplicated));
        }
        let (at, Packet { position, entered, size, marked, payload }) = self.wire.pop(now)?;
        let size = Bytes::new(size.into());
        self.count_delivery(position, size);
        Some(Delivery { at, entered, size, marked, payload })
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
        let waiting = self.head.as_ref().map_or(0, |head| head.backlog().packets);
        (self.wire.len() + held) as u64 + waiting
    }

    /// What waits for the wire at `now`, and what is in service. It looks at every packet that waits. A
    /// time before the last entry counts as that.
    ///
    /// A discipline that decides at the head has decided up to the last entry or poll: poll first.
    #[must_use]
    pub fn backlog(&self, now: Time) -> Backlog {
        let ahead = self.queue.backlog(now.max(self.last_entry));
        let waiting = self.waiting();
        Backlog { packets: ahead.packets + waiting.packets, bytes: ahead.bytes + waiting.bytes }
    }

    /// How the queue and the wire were used from the first packet to `now`. It looks at every packet that
    /// waits. A time before the last entry counts as that. As for [`backlog`](Self::backlog), poll first.
    #[must_use]
    pub fn usage(&self, now: Time) -> Usage {
        let until = now.max(self.last_entry);
        let yet_to_come = self.serialiser.busy_until().as_nanos().saturating_sub(until.as_nanos());
        let busy = Duration::from_nanos(self.busy.saturating_sub(yet_to_come));
        let since = self.first_entry.unwrap_or(until);
        let mut usage = Usage { since, until, busy, ..Usage::default() };
        self.queue.integrate(&mut usage);
        if let Some(head) = &self.head {
            head.integrate(&mut usage);
        }
        usage
    }

    /// Notes the time of an entry, which is not before the last.
    #[inline]
    fn enter(&mut self, now: Time) -> Time {
        self.last_entry = self.last_entry.max(now);
        self.first_entry.get_or_insert(now);
        self.last_entry
    }

    /// Whether the outage, the black hole or the policer takes a packet.
    #[inline]
    fn is_refused(&mut self, now: Time, size: Bytes) -> bool {
        let since_first = now - self.first_entry.unwrap_or(now);
        self.outage.is_some_and(|outage| outage.covers(since_first))
            || self.black_hole.is_some_and(|largest| size > largest)
            || self.policer.as_mut().is_some_and(|policer| !policer.admits(now, size))
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
    fn wait(&mut self, now: Time, size: Bytes, label: Label, payload: P) -> Fate {
        self.advance(now);
        self.queue.clear(now);
        let Some(head) = &mut self.head else { return Fate::DroppedByQueue };
        if head.drops_the_tail() && !self.queue.admits(size, head.backlog()) {
            self.counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        while !head.is_empty() && !self.queue.admits(size, head.backlog()) {
            head.make_room(now);
            self.counters.dropped_by_queue += 1;
        }
        if !self.queue.admits(size, head.backlog()) {
            self.counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        head.enqueue(now, size, label, payload);
        // A wire that is idle may send at once.
        self.departs = self.departs.max(now);
        let waiting = head.backlog();
        let in_service = self.queue.backlog(now);
        self.note_backlog(Backlog {
            packets: waiting.packets + in_service.packets,
            bytes: waiting.bytes + in_service.bytes,
        });
        self.advance(now);
        Fate::Queued
    }

    /// Lets the discipline at the head decide on every departure up to `now`.
    fn advance(&mut self, now: Time) {
        while let Some(head) = &mut self.head {
            let at = self.departs;
            if head.is_empty() || at > now {
                return;
            }
            let (sent, dropped) = head.dequeue(at);
            self.counters.dropped_early += dropped;
            if let Some(sent) = sent {
                self.queue.clear(at);
                self.send(at, sent);
            }
        }
    }

    /// Queue, serialiser, shaper: a packet goes onto the wire at `now`, or as soon as those before it have gone. With
    /// an infinite rate and no shaper nothing queues.
    #[inline]
    fn send(&mut self, now: Time, Sent { packet, marked }: Sent<P>) {
        let Waiting { entered, size, item: payload, .. } = packet;
        let departs = self.serialise(now, size);
        self.departs = departs;
        self.counters.marked += u64::from(marked);
        let jitter = self.jitter.as_mut().map_or(0, JitterModel::draw);
        let position = self.departed;
        self.departed += 1;
        let size = u32::try_from(size.get()).unwrap_or(u32::MAX);
        self.depart(departs, Delayed { packet: Packet { position, entered, size, marked, payload }, jitter });
    }

    #[inline]
    fn serialise(&mut self, now: Time, size: Bytes) -> Time {
        if self.serialiser.is_instant() && self.shaper.is_none() {
            return now;
        }
        let starts = self.serialiser.busy_until().max(now);
        let sent = self.serialiser.transmit(now, size);
        self.busy += sent.as_nanos().saturating_sub(starts.as_nanos());
        let departs = self.shaper.as_mut().map_or(sent, |shaper| shaper.transmit(now, size).max(sent));
        let backlog = self.queue.push(now, departs, size);
        if self.head.is_none() {
            self.note_backlog(backlog);
        }
        departs
    }

    #[inline]
    fn note_backlog(&mut self, backlog: Backlog) {
        let Counters { queue_largest_packets, queue_largest_bytes, .. } = &mut self.counters;
        *queue_largest_packets = backlog.packets.max(*queue_largest_packets);
        *queue_largest_bytes = backlog.bytes.max(*queue_largest_bytes);
    }

    fn waiting(&self) -> Backlog {
        self.head.as_ref().map_or_else(Backlog::default, |head| head.backlog())
    }

    #[inline]
    fn depart(&mut self, departs: Time, packet: Delayed<P>) {
        let duplicated = &mut self.counters.duplicated;
        let mut launch = |at, packet| self.wire.launch(at, packet, duplicated);
        match &mut self.reorderer {
            None => launch(departs, packet),
            Some(reorderer) => reorderer.depart(departs, packet, launch),
        }
    }

    #[inline]
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
        #[inline]
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
    fn nothing_passes_an_outage_and_nothing_large_a_black_hole() {
        use Fate::{LostByModel, Queued};
        let mut trace = Trace::of("outage = { after = \"1 ms\", length = \"2 ms\" }");
        let fates = [0, 1000, 2999, 3000].map(|at| trace.enter(at, 1)[0]);
        assert_eq!(fates, [Queued, LostByModel, LostByModel, Queued]);
        assert_eq!(Trace::of("black_hole = \"1500 B\"").enter(0, 1), [Queued]);
        assert_eq!(Trace::of("black_hole = \"1499 B\"").enter(0, 1), [LostByModel]);
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
