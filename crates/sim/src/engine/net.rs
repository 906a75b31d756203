//! The links with what is on them, and the ways of the flows through them.

mod join;

use std::ops::Range;

use wad_model::{Bytes, Time};
use wad_path::{Backlog, Conduit, Counters, Discipline, Fate, Fifo, Label, Link, LinkConfig, Usage};

use super::agenda::Agenda;
use super::leg::Leg;
use super::packet::{Kind, Packet};
use crate::observer::{Content, FlowId, LinkId, Observer, PacketEvent, PacketKind};
use crate::scenario::{Endpoints, OneWay};
use crate::tcp::core::NEVER;

/// All links, and how each flow goes through them.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    pub(crate) edges: Vec<Edge>,
    pub(crate) agenda: Agenda,
    /// The links that the agenda is about; others have no deliveries of their own.
    seats: Vec<u32>,
    ways: Vec<Way>,
    /// The links of all ways, one after the other.
    hops: Vec<u32>,
    /// Of each hop that is the first of a leg, the leg.
    legs: Vec<Leg>,
    pub(crate) marks: Marks,
    /// What each link had counted at the marks that its packets have passed.
    readings: Readings,
    pub(crate) losses: Vec<Losses>,
    /// The first way that belongs to cross-traffic.
    pub(crate) cross_from: u32,
}

/// A link, and what the engine knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    carrier: Carrier,
    /// Its place in the agenda.
    seat: u32,
    /// The next mark at which its counts are to be put down.
    next_mark: Time,
}

/// How packets come through a link.
///
/// The representation has the tag in a byte of its own: it is looked at for each packet at each link.
#[derive(Clone, Debug)]
#[repr(u8)]
enum Carrier {
    /// A packet is taken over when it enters, and enters the next link at once, with a later time: see [`Net::join`].
    Direct(Conduit),
    /// A packet is taken over when it enters, and waits here for its time.
    Ahead(Conduit, Fifo<(Time, Packet)>),
    /// The link is polled when its next delivery is due.
    Polled {
        link: Box<Link<Packet>>,
        /// Whether what enters leaves the next delivery as it is.
        steady: bool,
    },
}

/// The times between which everything counts: the end of the warm-up, and the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks(pub(crate) [Time; 2]);

impl Marks {
    /// Whether what happens then counts.
    pub(crate) fn cover(self, at: Time) -> bool {
        at >= self.0[0] && at < self.0[1]
    }
}

/// What each link had counted at each mark.
type Readings = Vec<[Option<Reading>; 2]>;

/// What a link has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) counters: Counters,
    pub(crate) usage: Usage,
}

/// How the packets of a flow travel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Where its links are in the list: from the first to the second those of the data, from there to the third those of
    /// the ACKs.
    bounds: [u32; 3],
    ecn: bool,
    /// Bytes of a data segment, of a SYN or plain ACK, and of what blocks add to an ACK.
    data: u32,
    header: u32,
    /// Whose it is, as observers are told.
    owner: u32,
}

/// Data segments of a flow that did not arrive, or packets of cross-traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) dropped: u64,
    pub(crate) lost: u64,
    /// Both, in bytes on the wire.
    pub(crate) bytes: u64,
}

/// Sizes of a flow's packets, in bytes, and whether they may be marked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) data: u32,
    pub(crate) header: u32,
    pub(crate) ecn: bool,
}

impl Sizes {
    pub(crate) fn of(endpoints: &Endpoints) -> Self {
        let bytes = |bytes: Bytes| u32::try_from(bytes.get()).unwrap_or(u32::MAX);
        Self {
            data: bytes(endpoints.segment + endpoints.header),
            header: bytes(endpoints.header),
            ecn: endpoints.ecn,
        }
    }
}

impl Net {
    pub(crate) fn new(links: &[OneWay], marks: Marks, seed: u64) -> Self {
        let edges = (0..).zip(links).map(|(i, link)| Edge {
            carrier: Carrier::Polled {
                link: Box::new(Link::new(&link.config, mix(seed, i.into())).keep_dropped()),
                steady: is_steady(&link.config),
            },
            seat: i,
            next_mark: marks.0[0],
        });
        Self {
            edges: edges.collect(),
            agenda: Agenda::new(links.len()),
            seats: (0..).take(links.len()).collect(),
            ways: Vec::new(),
            hops: Vec::new(),
            legs: Vec::new(),
            marks,
            readings: vec![[None; 2]; links.len()],
            losses: Vec::new(),
            cross_from: u32::MAX,
        }
    }

    /// Adds the way of the next flow.
    #[expect(clippy::cast_possible_truncation, reason = "links are far fewer than 2^32")]
    pub(crate) fn add_way(&mut self, forward: &[usize], backward: &[usize], sizes: Sizes) {
        let route = || forward.iter().chain(backward).map(|&link| link as u32);
        // Flows that follow each other mostly go the same way.
        let last = self.ways.last().map_or(0, |way| way.bounds[0] as usize);
        if !self.hops[last..].iter().copied().eq(route()) {
            self.hops.extend(route());
            self.legs.resize(self.hops.len(), Leg::default());
        }
        let first = (self.hops.len() - forward.len() - backward.len()) as u32;
        let middle = first + forward.len() as u32;
        self.ways.push(Way {
            bounds: [first, middle, middle + backward.len() as u32],
            ecn: sizes.ecn,
            data: sizes.data,
            header: sizes.header,
            owner: self.ways.len() as u32,
        });
        self.losses.push(Losses::default());
    }

    /// Adds a way that is the same as another, and belongs to the same owner.
    pub(crate) fn add_way_like(&mut self, other: u32) {
        self.ways.push(self.ways[other as usize]);
        self.losses.push(Losses::default());
    }

    /// What waits at the first link of a flow's data, the packet in service included.
    pub(crate) fn queued_at_first(&mut self, flow: u32, now: Time) -> u64 {
        let hop = self.ways[flow as usize].bounds[0] as usize;
        self.settle_leg(hop);
        self.edges[self.hops[hop] as usize].backlog(now).packets
    }

    /// A packet as observers are told of it.
    pub(crate) fn event(&self, packet: Packet, kind: PacketKind) -> PacketEvent {
        let way = &self.ways[packet.flow() as usize];
        let content = if packet.flow() >= self.cross_from { Content::Cross } else { packet.content() };
        PacketEvent { kind, flow: FlowId(way.owner), content, size: way.size(packet) }
    }

    /// Packets have gone unhindered through the leg that begins with this hop: those that follow may run.
    #[cold]
    fn start_leg(&mut self, first: usize, size: u32, now: Time) {
        let Self { edges, hops, legs, .. } = self;
        let links = hops[first..first + legs[first].links()].iter();
        let links = links.map(|&link| &edges[link as usize]);
        legs[first].start(
            size,
            now.as_nanos(),
            links.filter_map(|edge| Some((edge.conduit()?, edge.next_mark.as_nanos()))),
        );
    }

    /// The links of the leg that begins with this hop are told of what has run through them, and packets go link by link.
    fn settle_leg(&mut self, first: usize) {
        let Self { edges, hops, legs, .. } = self;
        let Some((count, mut at)) = legs[first].stop() else { return };
        for &link in &hops[first..first + legs[first].links()] {
            if let Some(conduit) = edges[link as usize].conduit_mut() {
                at = conduit.pass_usual(count, at);
            }
        }
    }

    /// A packet enters the next link of its way, and what follows without an event. Returns when it arrives at the end, if
    /// that is without an event, too.
    #[inline]
    pub(crate) fn enter<O: Observer>(&mut self, packet: Packet, now: Time, observer: &mut O) -> Option<Time> {
        let way = &self.ways[packet.flow() as usize];
        self.go_along(way.rest(packet), packet, way.size(packet), now, observer)
    }

    /// A packet of so many bytes goes along these hops.
    fn go_along<O: Observer>(
        &mut self,
        route: Range<usize>,
        packet: Packet,
        size: u32,
        now: Time,
        observer: &mut O,
    ) -> Option<Time> {
        if let Some(leg) = self.legs.get_mut(route.start).filter(|leg| leg.is_running()) {
            if let Some(delivered) = leg.run(size, now.as_nanos()) {
                let delivered = Time::from_nanos(delivered);
                let (passed, left) = (leg.links(), route.len());
                let Self { edges, agenda, hops, .. } = self;
                let edge = &mut edges[hops[route.start + passed - 1] as usize];
                let Carrier::Ahead(_, under_way) = &mut edge.carrier else { return Some(delivered) };
                let delivery = (delivered, packet.after_hops(passed, left));
                put_under_way(under_way, delivery, agenda, edge.seat);
                return None;
            }
            self.settle_leg(route.start);
        }
        let Self { edges, agenda, hops, legs, .. } = self;
        let mut at = now;
        let mut rest = hops[route.clone()].iter();
        while let Some(&link) = rest.next() {
            let link = link as usize;
            let edge = &mut edges[link];
            if at >= edge.next_mark {
                let passed = route.len() - rest.len() - 1;
                let rest = route.start + passed..route.end;
                self.note_marks(link, at, observer);
                return self.go_along(rest, packet.after_hops(passed, route.len()), size, at, observer);
            }
            let (conduit, under_way) = match &mut edge.carrier {
                Carrier::Direct(conduit) => (conduit, None),
                Carrier::Ahead(conduit, under_way) => (conduit, Some(under_way)),
                Carrier::Polled { .. } => {
                    let packet = packet.after_hops(route.len() - rest.len(), route.len());
                    self.hand_over(packet, link, size, at, observer);
                    return None;
                }
            };
            let delivered = match conduit.pass(at, Bytes::new(size.into())) {
                Ok(delivered) => delivered,
                Err(fate) => {
                    self.lose(packet, fate, at);
                    return None;
                }
            };
            if let Some(under_way) = under_way {
                let delivery = (delivered, packet.after_hops(route.len() - rest.len(), route.len()));
                put_under_way(under_way, delivery, agenda, edge.seat);
                if legs[route.start].may_run(size, delivered.as_nanos() - now.as_nanos()) {
                    self.start_leg(route.start, size, now);
                }
                return None;
            }
            at = delivered;
        }
        if legs[route.start].may_run(size, at.as_nanos() - now.as_nanos()) {
            self.start_leg(route.start, size, now);
        }
        Some(at)
    }

    /// A packet enters a link and stays there until its delivery.
    fn hand_over<O: Observer>(&mut self, packet: Packet, link: usize, size: u32, at: Time, observer: &mut O) {
        let Self { edges, agenda, ways, .. } = self;
        let Edge { carrier: Carrier::Polled { link: carrier, steady }, seat, .. } = &mut edges[link] else {
            return;
        };
        let is_ack = packet.is_ack();
        let ecn_capable = ways[packet.flow() as usize].ecn && !is_ack;
        let label = Label { flow: u64::from(packet.flow()) << 1 | u64::from(is_ack), ecn_capable };
        let fate = carrier.handle_labelled(at, Bytes::new(size.into()), label, packet);
        let is_queued = matches!(fate, Fate::Queued | Fate::Marked);
        if is_queued && (!*steady || agenda.time_of(*seat as usize) == Agenda::NEVER) {
            agenda.set(*seat as usize, next_delivery(carrier));
        }
        if O::PACKETS {
            observer.on_packet(at, &self.event(packet, kind_of(fate, link)));
        }
        if !is_queued {
            self.lose(packet, fate, at);
        }
        self.note_dropped(link, at, observer);
    }

    /// What a link has dropped after it had been let in.
    #[inline]
    fn note_dropped<O: Observer>(&mut self, link: usize, now: Time, observer: &mut O) {
        while let Carrier::Polled { link: carrier, .. } = &mut self.edges[link].carrier
            && let Some(packet) = carrier.poll_dropped()
        {
            if O::PACKETS {
                observer.on_packet(now, &self.event(packet, kind_of(Fate::DroppedEarly, link)));
            }
            self.lose(packet, Fate::DroppedEarly, now);
        }
    }

    /// A packet is about to enter this link at `at`: puts down what was counted up to the marks before that.
    #[cold]
    fn note_marks<O: Observer>(&mut self, link: usize, at: Time, observer: &mut O) {
        for (place, mark) in self.marks.0.into_iter().enumerate() {
            if at >= mark && self.readings[link][place].is_none() {
                self.settle(link, mark, observer);
                self.readings[link][place] = Some(self.edges[link].read(mark));
            }
        }
        self.edges[link].next_mark = if at >= self.marks.0[1] { NEVER } else { self.marks.0[1] };
    }

    /// A mark has come: what has departed before it from a link that decides at the head is to be decided on.
    pub(crate) fn settle_all<O: Observer>(&mut self, mark: Time, observer: &mut O) {
        for first in 0..self.legs.len() {
            self.settle_leg(first);
        }
        for link in 0..self.edges.len() {
            self.settle(link, mark, observer);
        }
    }

    fn settle<O: Observer>(&mut self, link: usize, mark: Time, observer: &mut O) {
        let before = Time::from_nanos(mark.as_nanos().saturating_sub(1));
        let Edge { carrier, seat, .. } = &mut self.edges[link];
        if let Carrier::Polled { link: carrier, .. } = carrier {
            carrier.decide(before);
            self.agenda.set(*seat as usize, next_delivery(carrier));
            self.note_dropped(link, before, observer);
        }
    }

    /// What a link had counted at a mark, which is now unless its packets are ahead.
    pub(crate) fn reading(&mut self, link: usize, mark: usize) -> Reading {
        let Self { edges, readings, marks, .. } = self;
        *readings[link][mark].get_or_insert_with(|| edges[link].read(marks.0[mark]))
    }

    /// A packet will not arrive. The losses of segments count between the marks.
    #[cold]
    fn lose(&mut self, packet: Packet, fate: Fate, at: Time) {
        let counts = !packet.is_ack() && packet.number() > 0;
        if !counts || !self.marks.cover(at) {
            return;
        }
        let size = self.size(packet);
        let losses = &mut self.losses[packet.flow() as usize];
        if fate == Fate::LostByModel {
            losses.lost += 1;
        } else {
            losses.dropped += 1;
        }
        losses.bytes += u64::from(size);
    }

    /// Takes the next delivery of the link with this place in the agenda, if it has one by `now`.
    #[inline]
    pub(crate) fn take<O: Observer>(
        &mut self,
        seat: usize,
        now: Time,
        observer: &mut O,
    ) -> Option<(Time, Packet)> {
        let place = self.seats[seat] as usize;
        match &mut self.edges[place].carrier {
            Carrier::Ahead(_, under_way) => {
                let delivery = under_way.pop_front();
                let next = under_way.front().map_or(Agenda::NEVER, |(at, _)| at.as_nanos());
                self.agenda.set(seat, next);
                delivery
            }
            Carrier::Polled { link, .. } => {
                let delivery = link.poll_transmit(now);
                self.agenda.set(seat, next_delivery(link));
                self.note_dropped(place, now, observer);
                let delivery = delivery?;
                let packet = delivery.payload;
                Some((delivery.at, if delivery.marked { packet.with_mark() } else { packet }))
            }
            Carrier::Direct(_) => None,
        }
    }

    /// Bytes of a packet on the wire.
    pub(crate) fn size(&self, packet: Packet) -> u32 {
        self.ways[packet.flow() as usize].size(packet)
    }
}

impl Edge {
    /// The same link for packets that are taken over when they enter, if that can be.
    fn to_conduit(&self) -> Option<Conduit> {
        match &self.carrier {
            Carrier::Polled { link, .. } => link.to_conduit(),
            Carrier::Direct(_) | Carrier::Ahead(..) => None,
        }
    }

    /// The link, if it takes packets over as they enter.
    fn conduit(&self) -> Option<&Conduit> {
        match &self.carrier {
            Carrier::Direct(conduit) | Carrier::Ahead(conduit, _) => Some(conduit),
            Carrier::Polled { .. } => None,
        }
    }

    fn conduit_mut(&mut self) -> Option<&mut Conduit> {
        match &mut self.carrier {
            Carrier::Direct(conduit) | Carrier::Ahead(conduit, _) => Some(conduit),
            Carrier::Polled { .. } => None,
        }
    }

    /// What waits for the wire, the packet in service included.
    pub(crate) fn backlog(&self, now: Time) -> Backlog {
        match &self.carrier {
            Carrier::Direct(conduit) | Carrier::Ahead(conduit, _) => conduit.backlog(now),
            Carrier::Polled { link, .. } => link.backlog(now),
        }
    }

    /// What the link has counted up to `now`.
    pub(crate) fn read(&self, now: Time) -> Reading {
        match &self.carrier {
            Carrier::Direct(conduit) | Carrier::Ahead(conduit, _) => {
                Reading { counters: conduit.counters(), usage: conduit.usage(now) }
            }
            Carrier::Polled { link, .. } => Reading { counters: link.counters(), usage: link.usage(now) },
        }
    }
}

/// A packet that was taken over waits for its time.
#[inline]
fn put_under_way(
    under_way: &mut Fifo<(Time, Packet)>,
    delivery: (Time, Packet),
    agenda: &mut Agenda,
    seat: u32,
) {
    if under_way.is_empty() {
        agenda.set(seat as usize, delivery.0.as_nanos());
    }
    under_way.push_back(delivery);
}

/// When a link delivers next.
#[inline]
fn next_delivery(link: &Link<Packet>) -> u64 {
    link.poll_timeout().map_or(Agenda::NEVER, Time::as_nanos)
}

impl Way {
    /// Which of the hops are before a packet.
    #[inline]
    fn rest(&self, packet: Packet) -> Range<usize> {
        let leg = usize::from(packet.is_ack());
        self.bounds[leg] as usize + usize::from(packet.hop())..self.bounds[leg + 1] as usize
    }

    #[inline]
    fn size(&self, packet: Packet) -> u32 {
        match packet.kind() {
            Kind::Ack => self.header + 8 * packet.block_count(),
            Kind::Cross => packet.number(),
            _ if packet.number() == 0 => self.header,
            _ => self.data,
        }
    }
}

/// Whether deliveries come in order and none waits for what enters later.
fn is_steady(config: &LinkConfig) -> bool {
    config.discipline == Discipline::DropTail && config.reordering.is_none() && config.jitter.is_none()
}

/// What became of a packet at a link, as observers are told.
fn kind_of(fate: Fate, link: usize) -> PacketKind {
    let link = LinkId(u32::try_from(link).unwrap_or(u32::MAX));
    match fate {
        Fate::Queued | Fate::Marked => PacketKind::Entered(link),
        Fate::DroppedByQueue | Fate::DroppedEarly => PacketKind::Dropped(link),
        Fate::LostByModel => PacketKind::Lost(link),
    }
}

/// A seed for the `index`-th user of `seed`: splitmix64 (Steele, Lea, Flood 2014).
pub(crate) fn mix(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
