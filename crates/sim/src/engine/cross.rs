//! Cross-traffic in a run: packets that nobody acknowledges, and short TCP flows.
//!
//! Ids of packets and timers go on behind those of the flows: first one for each source, then one for each *slot*, in
//! which a short flow stays while it is open.
//!
//! ```text
//!   0 .. flows | flows .. flows + sources | ...
//!     flow            source                slots, as many as flows were ever open at once
//! ```
//!
//! A flow that has ended leaves its slot to the next of the same source, so that memory follows the flows that are open,
//! not those that ever were. What is still under way of an earlier guest is told by the `guest` of its packets, and
//! goes no further.

use wad_model::Time;
use wad_path::traffic::{Emission, Traffic};

use super::application::Writer;
use super::far_end::FarEnd;
use super::flow::Flow;
use super::net::{Marks, Net, Sizes, mix};
use super::packet::Packet;
use super::timers::Timers;
use super::{Port, announce, expire, receive};
use crate::control::ControlConfig;
use crate::nanos::Nanos;
use crate::observer::{Observer, PacketKind};
use crate::outcome::{CrossOutcome, TransfersOutcome};
use crate::scenario::{CrossPattern, CrossTraffic, Endpoints, Scenario, ScenarioError, Source as Planned};
use crate::tcp::core::NEVER;
use crate::tcp::sender::Sender;

/// All cross-traffic of a run.
#[derive(Clone, Debug)]
pub(crate) struct Cross {
    /// The id of the first source.
    first: u32,
    /// Names and patterns of the scenario's entries.
    entries: Vec<(String, &'static str)>,
    sources: Vec<Source>,
    slots: Vec<Slot>,
    marks: Marks,
    /// Segments of guests that have left.
    segments: u64,
}

/// One source.
#[derive(Clone, Debug)]
struct Source {
    /// Which entry of the scenario it was made from.
    entry: usize,
    traffic: Traffic,
    /// Bytes on the wire between the marks; of TCP flows those of data segments.
    offered: u64,
    delivered: u64,
    web: Option<Box<Web>>,
}

/// A source of short flows.
#[derive(Clone, Debug)]
struct Web {
    endpoints: Endpoints,
    control: ControlConfig,
    seed: u64,
    most: u32,
    open: u32,
    /// Seats without a guest.
    free: Vec<usize>,
    begun: u64,
    /// Flows between the marks: begun, refused, ended, and how long those that ended took.
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    begun: u64,
    refused: u64,
    completed: u64,
    duration: Nanos,
}

/// A place for a short flow.
#[derive(Clone, Debug)]
struct Slot {
    source: usize,
    /// How many flows sat here before.
    guest: u16,
    open: bool,
    flow: Flow,
}

/// What an id stands for.
#[derive(Clone, Copy, Debug)]
enum Place {
    Source(usize),
    Slot(usize),
}

/// What the engine lends for a call.
pub(crate) struct Lent<'a, O> {
    pub(crate) net: &'a mut Net,
    pub(crate) timers: &'a mut Timers,
    pub(crate) observer: &'a mut O,
    pub(crate) now: Time,
}

impl Cross {
    /// Sources with their ways and timers, behind the flows that are there.
    pub(crate) fn new(
        scenario: &Scenario,
        planned: &[Planned<'_>],
        net: &mut Net,
        timers: &mut Timers,
        marks: Marks,
    ) -> Result<Self, ScenarioError> {
        let entries = (1..)
            .zip(&scenario.cross_traffic)
            .map(|(number, config)| (config.name_or(number), config.pattern.name()));
        let mut cross = Self {
            first: timers.len(),
            entries: entries.collect(),
            sources: Vec::new(),
            slots: Vec::new(),
            marks,
            segments: 0,
        };
        for planned in planned {
            let CrossTraffic { pattern, start, stop, .. } = planned.config;
            let generator = pattern.generator().ok_or_else(|| ScenarioError::Value {
                key: format!("{}: pattern.trace.file", planned.name),
                value: "...".to_owned(),
                remedy: "the file has not been read: call Scenario::read_files before the run",
            })?;
            let at = |time| Nanos::from(time).after(Time::ZERO);
            let seed = mix(mix(scenario.seed.rotate_left(32), planned.entry as u64), planned.copy.into());
            let traffic = Traffic::new(&generator, at(*start), stop.map(at), seed);
            let web = Web::new(scenario, pattern, seed);
            let sizes = web.as_ref().map_or_else(Sizes::default, |web| Sizes::of(&web.endpoints));
            net.add_way(&planned.forward, &planned.backward, sizes);
            let id = timers.add();
            timers.set(id, traffic.poll_timeout().unwrap_or(NEVER));
            cross.sources.push(Source { entry: planned.entry, traffic, offered: 0, delivered: 0, web });
        }
        net.cross_from = cross.first;
        Ok(cross)
    }

    /// A packet has come to the end of its way.
    #[cold]
    pub(crate) fn arrive<O: Observer>(&mut self, packet: Packet, lent: &mut Lent<'_, O>) {
        let place = self.place(packet.flow());
        if !packet.is_ack() && packet.number() > 0 && self.marks.cover(lent.now) {
            let source = self.source_of(place);
            self.sources[source].delivered += u64::from(lent.net.size(packet));
        }
        match place {
            Place::Slot(slot) if self.slots[slot].guest == packet.guest() => {
                self.serve(slot, packet.flow(), lent, |flow, port| receive(flow, packet, port));
            }
            _ if O::PACKETS => announce(lent.net, packet, PacketKind::Received, lent.now, lent.observer),
            _ => {}
        }
    }

    /// The deadline of a source or of a short flow may have come.
    #[cold]
    pub(crate) fn expire<O: Observer>(&mut self, id: u32, lent: &mut Lent<'_, O>) {
        match self.place(id) {
            Place::Slot(slot) => self.serve(slot, id, lent, |flow, port| expire(flow, port)),
            Place::Source(source) => {
                while let Some(emission) = self.sources[source].traffic.poll_emission(lent.now) {
                    if self.sources[source].web.is_some() {
                        self.open(source, emission, lent);
                    } else {
                        self.send(source, emission, lent);
                    }
                }
                let next = self.sources[source].traffic.poll_timeout();
                lent.timers.set(id, next.unwrap_or(NEVER));
            }
        }
    }

    /// What came of each entry of the scenario.
    pub(crate) fn outcome(&self, net: &Net, seconds: f64) -> Vec<CrossOutcome> {
        let entries = self.entries.iter().map(|(name, pattern)| CrossOutcome::new(name.clone(), pattern));
        let mut outcomes: Vec<CrossOutcome> = entries.collect();
        for (id, source) in (self.first..).zip(&self.sources) {
            let outcome = &mut outcomes[source.entry];
            outcome.offered_bytes += source.offered;
            outcome.delivered_bytes += source.delivered;
            outcome.lost_bytes += net.losses[id as usize].bytes;
            if let Some(web) = &source.web {
                outcome.transfers.get_or_insert_default().add(&web.counts);
            }
        }
        let slots = self.first as usize + self.sources.len();
        for (slot, losses) in self.slots.iter().zip(&net.losses[slots..]) {
            outcomes[self.sources[slot.source].entry].lost_bytes += losses.bytes;
        }
        for outcome in &mut outcomes {
            outcome.finish(seconds);
        }
        outcomes
    }

    /// Data segments that short flows have sent.
    pub(crate) fn segments(&self) -> u64 {
        self.segments + self.slots.iter().map(|slot| slot.flow.sender.core.counters.sent).sum::<u64>()
    }

    fn place(&self, id: u32) -> Place {
        let place = (id - self.first) as usize;
        match place.checked_sub(self.sources.len()) {
            None => Place::Source(place),
            Some(slot) => Place::Slot(slot),
        }
    }

    fn source_of(&self, place: Place) -> usize {
        match place {
            Place::Source(source) => source,
            Place::Slot(slot) => self.slots[slot].source,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "sources are counted by 32 bits, and packets have less than 4 GiB"
    )]
    fn send<O: Observer>(&mut self, source: usize, emission: Emission, lent: &mut Lent<'_, O>) {
        let size = emission.size.get() as u32;
        if self.marks.cover(emission.at) {
            self.sources[source].offered += u64::from(size);
        }
        let mut port = lent.port(self.first + source as u32, 0);
        port.send_cross(size);
    }

    /// A short flow begins, if there is a slot for it.
    fn open<O: Observer>(&mut self, source: usize, emission: Emission, lent: &mut Lent<'_, O>) {
        let counted = self.marks.cover(emission.at);
        let Some(web) = &mut self.sources[source].web else { return };
        if web.open == web.most {
            web.counts.refused += u64::from(counted);
            return;
        }
        web.counts.begun += u64::from(counted);
        let flow = web.flow(emission);
        let free = web.free.pop();
        let slot = free.unwrap_or(self.slots.len());
        if free.is_some() {
            let slot = &mut self.slots[slot];
            self.segments += slot.flow.sender.core.counters.sent;
            (slot.guest, slot.open, slot.flow) = (slot.guest.wrapping_add(1), true, flow);
        } else {
            self.slots.push(Slot { source, guest: 0, open: true, flow });
            let id = self.first + u32::try_from(source).unwrap_or(u32::MAX);
            lent.net.add_way_like(id);
            lent.timers.add();
        }
        let id = self.first + u32::try_from(self.sources.len() + slot).unwrap_or(u32::MAX);
        self.serve(slot, id, lent, |flow, port| expire(flow, port));
    }

    /// Lets a short flow do something, and counts what came of it.
    fn serve<O: Observer>(
        &mut self,
        slot: usize,
        id: u32,
        lent: &mut Lent<'_, O>,
        act: impl FnOnce(&mut Flow, &mut Port<'_, O>),
    ) {
        let covered = self.marks.cover(lent.now);
        let Slot { source, guest, open, flow } = &mut self.slots[slot];
        let source = &mut self.sources[*source];
        let Some(web) = &mut source.web else { return };
        let sent = flow.sender.core.counters.sent;
        act(flow, &mut lent.port(id, *guest));
        if covered {
            source.offered += (flow.sender.core.counters.sent - sent) * web.wire();
        }
        if let (true, Some(duration)) = (*open, flow.duration()) {
            *open = false;
            web.open -= 1;
            web.free.push(slot);
            if covered {
                web.counts.completed += 1;
                web.counts.duration += duration;
            }
        }
        lent.timers.set(id, flow.deadline());
    }
}

impl Web {
    fn new(scenario: &Scenario, pattern: &CrossPattern, seed: u64) -> Option<Box<Self>> {
        let CrossPattern::Web(web) = pattern else { return None };
        Some(Box::new(Self {
            endpoints: web.flow.endpoints(scenario.conventions),
            control: web.flow.control.clone(),
            seed,
            most: web.most,
            open: 0,
            free: Vec::new(),
            begun: 0,
            counts: Counts::default(),
        }))
    }

    /// A flow that begins now.
    fn flow(&mut self, Emission { at, size }: Emission) -> Flow {
        self.open += 1;
        self.begun += 1;
        let endpoints = &self.endpoints;
        Flow {
            sender: Sender::new(endpoints, &self.control, mix(!self.seed, self.begun), at),
            far: FarEnd::new(endpoints),
            writer: Writer::of_file(size, at, endpoints.segment),
            completed: NEVER,
            is_closed: false,
        }
    }

    /// A data segment on the wire, in bytes.
    fn wire(&self) -> u64 {
        (self.endpoints.segment + self.endpoints.header).get()
    }
}

impl TransfersOutcome {
    fn add(&mut self, counts: &Counts) {
        self.begun += counts.begun;
        self.refused += counts.refused;
        self.completed += counts.completed;
        // The sum, until `finish` makes it a mean.
        self.mean_duration_s += counts.duration.as_secs_f64();
    }
}

impl CrossOutcome {
    fn new(name: String, pattern: &'static str) -> Self {
        Self { name, pattern, ..Self::default() }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    fn finish(&mut self, seconds: f64) {
        self.offered_bps = self.offered_bytes as f64 * 8.0 / seconds;
        self.delivered_bps = self.delivered_bytes as f64 * 8.0 / seconds;
        if let Some(transfers) = &mut self.transfers {
            transfers.mean_duration_s /= transfers.completed.max(1) as f64;
        }
    }
}

impl<O> Lent<'_, O> {
    fn port(&mut self, id: u32, guest: u16) -> Port<'_, O> {
        Port { net: self.net, observer: self.observer, flow: id, guest, now: self.now }
    }
}
