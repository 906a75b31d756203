//! The links with what is on them, and the ways of the flows through them.

use wad_model::{Bytes, Time};
use wad_path::{Discipline, Fate, Label, Link, LinkConfig};

use super::agenda::Agenda;
use super::packet::{Kind, Packet};
use crate::observer::{FlowId, LinkId, Observer, PacketEvent, PacketKind};
use crate::scenario::OneWay;

/// All links, and how each flow goes through them.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    pub(crate) links: Vec<Link<Packet>>,
    /// Whether what enters a link leaves its next delivery as it is.
    steady: Vec<bool>,
    pub(crate) agenda: Agenda,
    ways: Vec<Way>,
    /// The links of all ways, one after the other.
    hops: Vec<u32>,
    pub(crate) losses: Vec<Losses>,
}

/// How the packets of a flow travel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Where its links begin in the list: first those of the data, then those of the ACKs.
    first: u32,
    forward: u8,
    backward: u8,
    ecn: bool,
    /// Bytes of a data segment, of a SYN or plain ACK, and of what blocks add to an ACK.
    data: u32,
    header: u32,
}

/// Data segments of a flow that did not arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) dropped: u64,
    pub(crate) lost: u64,
}

/// Sizes of a flow's packets, in bytes, and whether they may be marked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) data: u32,
    pub(crate) header: u32,
    pub(crate) ecn: bool,
}

impl Net {
    pub(crate) fn new(links: &[OneWay], seed: u64) -> Self {
        Self {
            links: (0..).zip(links).map(|(i, link)| Link::new(&link.config, mix(seed, i))).collect(),
            steady: links.iter().map(|link| is_steady(&link.config)).collect(),
            agenda: Agenda::new(links.len()),
            ways: Vec::new(),
            hops: Vec::new(),
            losses: Vec::new(),
        }
    }

    /// Adds the way of the next flow.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "links are far fewer than 2^32, and a route has 255 at most"
    )]
    pub(crate) fn add_way(&mut self, forward: &[usize], backward: &[usize], sizes: Sizes) {
        let first = self.hops.len() as u32;
        self.hops.extend(forward.iter().chain(backward).map(|&link| link as u32));
        self.ways.push(Way {
            first,
            forward: forward.len() as u8,
            backward: backward.len() as u8,
            ecn: sizes.ecn,
            data: sizes.data,
            header: sizes.header,
        });
        self.losses.push(Losses::default());
    }

    /// Whether a packet has come to the end of its way.
    #[inline]
    pub(crate) fn has_arrived(&self, packet: Packet) -> bool {
        let way = &self.ways[packet.flow as usize];
        packet.hop == if packet.kind == Kind::Ack { way.backward } else { way.forward }
    }

    /// A packet enters the next link of its way.
    #[inline]
    pub(crate) fn enter<O: Observer>(&mut self, mut packet: Packet, now: Time, observer: &mut O) {
        let way = self.ways[packet.flow as usize];
        let place = match packet.kind {
            Kind::Ack => u32::from(way.forward) + u32::from(packet.hop),
            _ => packet.hop.into(),
        };
        let link = self.hops[(way.first + place) as usize] as usize;
        let size = way.size(packet);
        packet.hop += 1;
        let label = Label {
            flow: u64::from(packet.flow) << 1 | u64::from(packet.kind == Kind::Ack),
            ecn_capable: way.ecn && packet.kind != Kind::Ack,
        };
        let fate = self.links[link].handle_labelled(now, Bytes::new(size.into()), label, packet);
        if O::PACKETS {
            report(packet, fate, link, size, now, observer);
        }
        match fate {
            Fate::Queued | Fate::Marked => {
                if !self.steady[link] || self.agenda.time_of(link) == Agenda::NEVER {
                    self.schedule(link);
                }
            }
            Fate::DroppedByQueue | Fate::DroppedEarly => self.count(packet).dropped += 1,
            Fate::LostByModel => self.count(packet).lost += 1,
        }
    }

    /// Takes the next delivery of a link, if it has one by `now`.
    #[inline]
    pub(crate) fn take(&mut self, link: usize, now: Time) -> Option<(Time, Packet)> {
        let delivery = self.links[link].poll_transmit(now);
        self.schedule(link);
        let delivery = delivery?;
        let mut packet = delivery.payload;
        packet.marked |= delivery.marked;
        Some((delivery.at, packet))
    }

    /// Bytes of a packet on the wire.
    pub(crate) fn size(&self, packet: Packet) -> u32 {
        self.ways[packet.flow as usize].size(packet)
    }

    #[inline]
    fn schedule(&mut self, link: usize) {
        let next = self.links[link].poll_timeout().map_or(Agenda::NEVER, Time::as_nanos);
        self.agenda.set(link, next);
    }

    /// Where the loss of a packet counts; those of ACKs count nowhere.
    fn count(&mut self, packet: Packet) -> &mut Losses {
        let spare = self.losses.len() - 1;
        let data = packet.kind != Kind::Ack && packet.number > 0;
        &mut self.losses[if data { packet.flow as usize } else { spare }]
    }

    /// To be called when all flows have their ways.
    pub(crate) fn close(&mut self) {
        // One more place, for what counts nowhere.
        self.losses.push(Losses::default());
    }
}

impl Way {
    #[inline]
    fn size(&self, packet: Packet) -> u32 {
        match packet.kind {
            Kind::Ack => self.header + 8 * u32::from(packet.block_count),
            _ if packet.number == 0 => self.header,
            _ => self.data,
        }
    }
}

/// Whether deliveries come in order and none waits for what enters later.
fn is_steady(config: &LinkConfig) -> bool {
    config.discipline == Discipline::DropTail && config.reordering.is_none() && config.jitter.is_none()
}

#[cold]
fn report<O: Observer>(packet: Packet, fate: Fate, link: usize, size: u32, now: Time, observer: &mut O) {
    let link = LinkId(u32::try_from(link).unwrap_or(u32::MAX));
    let kind = match fate {
        Fate::Queued | Fate::Marked => PacketKind::Entered(link),
        Fate::DroppedByQueue | Fate::DroppedEarly => PacketKind::Dropped(link),
        Fate::LostByModel => PacketKind::Lost(link),
    };
    observer
        .on_packet(now, &PacketEvent { kind, flow: FlowId(packet.flow), content: packet.content(), size });
}

/// A seed for the `index`-th user of `seed`: splitmix64 (Steele, Lea, Flood 2014).
pub(crate) fn mix(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
