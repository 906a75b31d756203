//! One direction of a path: what a packet meets from its entry to its delivery.

use wad_model::{Bytes, Time};

use crate::conduit::Conduit;
use crate::config::LinkConfig;
use crate::counters::{Backlog, Counters, Usage};
use crate::discipline::Label;
use crate::gate::Gate;
use crate::lane::Lane;
use crate::stages::Stages;

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
    gate: Gate,
    body: Body<P>,
    counters: Counters,
    first_entry: Option<Time>,
    last_entry: Time,
}

/// What lies behind the gate.
#[derive(Clone, Debug)]
enum Body<P> {
    /// A rate, a drop-tail queue and a delay: most links.
    Lane(Lane<P>),
    /// All stages.
    Stages(Box<Stages<P>>),
}

/// What became of an entering packet.
///
/// As wide as a [`Time`], so that a result of either is returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
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
        let body = if Lane::<P>::suffices(config) {
            Body::Lane(Lane::new(config))
        } else {
            Body::Stages(Box::new(Stages::new(config, seed)))
        };
        Self {
            gate: Gate::new(config, seed),
            body,
            counters: Counters::default(),
            first_entry: None,
            last_entry: Time::ZERO,
        }
    }

    /// The same link, whose [schedule](LinkConfig::schedule) counts from `origin` instead of zero.
    #[must_use]
    pub fn with_origin(mut self, origin: Time) -> Self {
        if let Body::Stages(stages) = &mut self.body {
            stages.set_origin(origin);
        }
        self
    }

    /// The same, and packets that were let in and dropped later can be asked for: [`poll_dropped`](Self::poll_dropped).
    #[must_use]
    pub fn keep_dropped(mut self) -> Self {
        if let Body::Stages(stages) = &mut self.body {
            stages.keep_dropped();
        }
        self
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

        if self.passes(position, now, size) {
            return match &mut self.body {
                Body::Lane(lane) => lane.handle(now, size, payload, &mut self.counters),
                Body::Stages(stages) => stages.handle(now, size, label, payload, &mut self.counters),
            };
        }
        self.counters.lost_by_model += 1;
        Fate::LostByModel
    }

    /// The same link for an owner that takes packets over as they enter; none if a packet has entered, or if the link has
    /// more than a rate, a drop-tail queue, a delay and what loses packets before the queue.
    ///
    /// For a link whose packets go on to another at the time of their delivery, whatever happens elsewhere: that
    /// spares the event.
    #[must_use]
    pub fn to_conduit(&self) -> Option<Conduit> {
        match &self.body {
            Body::Lane(lane) if self.counters.entered == 0 => Some(lane.to_conduit(self.gate.clone())),
            Body::Lane(_) | Body::Stages(_) => None,
        }
    }

    /// When `poll_transmit` will next have something, if no packet enters before.
    ///
    /// With a discipline that decides at the head *and* reordering, of whatever kind, that is not known: it is then
    /// also the time of the next departure, at which there may be nothing yet.
    #[inline]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        match &self.body {
            Body::Lane(lane) => lane.next(),
            Body::Stages(stages) => stages.next(),
        }
    }

    /// The next packet that has been delivered by `now`, in order of delivery.
    #[inline]
    pub fn poll_transmit(&mut self, now: Time) -> Option<Delivery<P>> {
        let delivery = match &mut self.body {
            Body::Lane(lane) => lane.poll(now)?,
            Body::Stages(stages) => stages.poll(now, &mut self.counters)?,
        };
        self.counters.delivered += 1;
        self.counters.delivered_bytes = self.counters.delivered_bytes + delivery.size;
        Some(delivery)
    }

    /// Lets a discipline that decides at the head decide on all that departs by `now`, which it else does when a packet
    /// enters or is polled.
    pub fn decide(&mut self, now: Time) {
        if let Body::Stages(stages) = &mut self.body {
            stages.advance(now, &mut self.counters);
        }
    }

    /// The next of the packets that a discipline at the head has dropped after they had been let in, if they are
    /// [kept](Self::keep_dropped).
    #[inline]
    pub fn poll_dropped(&mut self) -> Option<P> {
        match &mut self.body {
            Body::Lane(_) => None,
            Body::Stages(stages) => stages.poll_dropped(),
        }
    }

    /// What has been counted so far; deliveries count when they are polled.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Packets, and copies of packets, that are queued or under way and not yet polled.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        match &self.body {
            Body::Lane(lane) => lane.in_flight(),
            Body::Stages(stages) => stages.in_flight(),
        }
    }

    /// What waits for the wire at `now`, and what is in service. It looks at every packet that waits. A
    /// time before the last entry counts as that.
    ///
    /// A discipline that decides at the head has decided up to the last entry or poll: let it [`decide`](Self::decide) first.
    #[must_use]
    pub fn backlog(&self, now: Time) -> Backlog {
        let now = now.max(self.last_entry);
        match &self.body {
            Body::Lane(lane) => lane.backlog(now),
            Body::Stages(stages) => stages.backlog(now),
        }
    }

    /// How the queue and the wire were used from the first packet to `now`. It looks at every packet that
    /// waits. A time before the last entry counts as that. As for [`backlog`](Self::backlog), let it decide first.
    #[must_use]
    pub fn usage(&self, now: Time) -> Usage {
        let until = now.max(self.last_entry);
        let since = self.first_entry.unwrap_or(until);
        let mut usage = Usage { since, until, ..Usage::default() };
        match &self.body {
            Body::Lane(lane) => lane.integrate(&mut usage),
            Body::Stages(stages) => stages.integrate(&mut usage),
        }
        usage
    }

    /// Whether the gate lets a packet pass.
    #[inline]
    fn passes(&mut self, position: u64, now: Time, size: Bytes) -> bool {
        self.gate.is_open() || self.gate.passes(position, now, now - self.first_entry.unwrap_or(now), size)
    }

    /// Notes the time of an entry, which is not before the last.
    #[inline]
    fn enter(&mut self, now: Time) -> Time {
        self.last_entry = self.last_entry.max(now);
        if self.first_entry.is_none() {
            self.first_entry = Some(self.last_entry);
        }
        self.last_entry
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wad_model::Rate;

    use super::*;
    use crate::config::Queue;
    use crate::discipline::{Codel, Discipline, FqCodel};

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

    #[test]
    fn what_is_dropped_at_the_head_can_be_asked_for() {
        for discipline in [Discipline::Codel(Codel::default()), Discipline::FqCodel(FqCodel::default())] {
            let rate = Some(Rate::from_bps(12_000_000));
            let config = LinkConfig { rate, queue: Queue::Packets(300), discipline, ..LinkConfig::default() };
            let mut link = Link::new(&config, 1).keep_dropped();
            let fates: Vec<Fate> =
                (0..400u32).map(|i| link.handle_packet(Time::ZERO, Bytes::new(1500), i)).collect();
            link.decide(Time::from_nanos(1_000_000_000));
            let dropped: Vec<u32> = std::iter::from_fn(|| link.poll_dropped()).collect();
            let delivered: Vec<u32> =
                std::iter::from_fn(|| link.poll_transmit(Time::from_nanos(1_000_000_000)))
                    .map(|delivery| delivery.payload)
                    .collect();
            let refused = fates.iter().filter(|fate| **fate == Fate::DroppedByQueue).count();
            assert_eq!(dropped.len() + delivered.len() + refused, 400);
            assert!(!dropped.is_empty() && dropped.iter().all(|packet| !delivered.contains(packet)));
            let counters = link.counters();
            let counted = counters.dropped_early + counters.dropped_by_queue;
            assert_eq!(counted, (dropped.len() + refused) as u64);
        }
    }
}
