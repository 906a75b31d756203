//! The engine: virtual time, links, flows.
//!
//! What makes it fast is what it does not do. There is no event for a packet that waits, is being sent or
//! propagates: a link knows when it will deliver a packet as soon as that packet has entered, and keeps what is
//! under way in a queue in order of time. So one event is pending for each link, its next delivery, and one
//! for each flow, its next deadline. The next of all is found by a tournament among links and a heap of
//! deadlines that are put off without being moved.
//!
//! ```text
//!   flow: sender --segments--> link --> link --> flow: receiver      each link: a queue in order of time
//!           ^                                        |
//!           +----------- link <-- link <----ACKs-----+
//! ```
//!
//! Where a link's packets go on to links that nothing else feeds, even that event is spared: see `Net::join`.
//!
//! Nothing depends on the order of a hash, on a thread or on a clock, so that the same scenario and seed
//! give the same numbers bit for bit, watched or not.
//!
//! # Equal times
//! At one instant deadlines come before deliveries (they were set before the packets departed, and in ns-2, too, what
//! was scheduled first comes first), links of lower number before others, and each link delivers in the order in which
//! it took packets in. A mark (the end of the warm-up, an interval, the end) comes before all of it.
//!
//! Flows that start together meet such instants all the time: a delayed ACK shifts a burst by exactly its delay, and the
//! next timer expires when the shifted burst arrives. Departures are rounded to nanoseconds, so a
//! receiver takes a segment that comes less than [`ROUNDING`] before its deadline as one that comes with it.

mod agenda;
mod application;
mod blocks;
mod cross;
mod far_end;
mod flow;
mod leg;
mod measure;
mod net;
mod packet;
mod timers;

use wad_model::Time;
use wad_path::LinkConfig;

use crate::nanos::Nanos;
use crate::observer::{FlowId, FlowState, LinkId, Observer, PacketKind};
use crate::outcome::{Outcome, Work};
use crate::scenario::{Endpoints, Scenario, ScenarioError, TransmissionQueue};
use crate::steer::Steer;
use crate::tcp::core::{HostQueue, NEVER, Output};
use crate::tcp::receiver::{Acknowledgement, Details};
use crate::tcp::selective::Arrived;
use crate::tcp::sender::Sender;

use application::Writer;
use cross::{Cross, Lent};
use far_end::FarEnd;
use flow::Flow;
use measure::Meter;
use net::{Net, Sizes, mix};
use packet::Packet;
use timers::Timers;

/// A scenario, ready to run.
#[derive(Clone, Debug)]
pub struct Simulation {
    net: Net,
    flows: Vec<Flow>,
    timers: Timers,
    meter: Meter,
    cross: Cross,
    events: u64,
}

/// Where a flow's packets go: into the next link of its way.
struct Port<'a, O> {
    net: &'a mut Net,
    observer: &'a mut O,
    flow: u32,
    guest: u16,
    now: Time,
}

/// Where a sender's segments go: into the first link, and if every link hands over at once, to the far end.
struct Outlet<'a, 'b, O> {
    port: &'a mut Port<'b, O>,
    far: &'a mut FarEnd,
}

impl<O: Observer> Output for Outlet<'_, '_, O> {
    fn queued(&mut self) -> u64 {
        self.port.net.queued_at_first(self.port.flow, self.port.now)
    }

    #[cold]
    fn window_probe(&mut self) {
        self.port.send(Packet::window_probe(self.port.flow, self.port.guest));
    }

    #[inline]
    fn segment(&mut self, segment: u32, again: bool) {
        let packet = Packet::segment(self.port.flow, segment, again, self.port.guest);
        if let Some(at) = self.port.send(packet) {
            receive_ahead(self.far, packet, at, self.port);
        }
    }
}

impl<O: Observer> Port<'_, O> {
    #[inline]
    fn acknowledge(&mut self, ack: Acknowledgement, far: &mut FarEnd) {
        let blocks = far.keep_details(ack);
        self.send(Packet::ack(self.flow, ack, blocks, self.guest));
    }

    /// A packet of cross-traffic without TCP.
    fn send_cross(&mut self, size: u32) {
        self.send(Packet::cross(self.flow, size));
    }

    /// Returns when the packet arrives, if nothing can come between.
    #[inline]
    fn send(&mut self, packet: Packet) -> Option<Time> {
        if O::PACKETS {
            announce(self.net, packet, PacketKind::Sent, self.now, self.observer);
        }
        self.net.enter(packet, self.now, self.observer)
    }
}

#[cold]
fn announce<O: Observer>(net: &Net, packet: Packet, kind: PacketKind, now: Time, observer: &mut O) {
    observer.on_packet(now, &net.event(packet, kind));
}

impl Simulation {
    /// Builds what a scenario describes.
    ///
    /// # Errors
    /// The scenario's first fault: what, where, and what would be possible.
    pub fn new(scenario: &Scenario) -> Result<Self, ScenarioError> {
        scenario.validate()?;
        let network = scenario.topology.build()?;
        let expanded = scenario.expand(&network)?;
        let meter = Meter::new(scenario, &network, &expanded);
        let mut net = Net::new(&network.links, meter.marks(), scenario.seed);
        let mut flows = Vec::with_capacity(expanded.len());
        let mut timers = Timers::new(expanded.len());
        for (index, flow) in (0u32..).zip(&expanded) {
            let endpoints = flow.config.endpoints(scenario.conventions);
            net.add_way(&flow.forward, &flow.backward, Sizes::of(&endpoints));
            let seed = mix(!scenario.seed, index.into());
            let start = Nanos::from(flow.start).after(Time::ZERO);
            timers.set(index, start);
            let mut sender = Sender::new(&endpoints, &flow.config.control, seed, start);
            let queue = host_queue(&endpoints, &network.links[flow.forward[0]].config);
            sender.core.habits.host_queue = queue.map(Box::new);
            flows.push(Flow {
                sender,
                far: FarEnd::new(&endpoints),
                writer: Writer::new(flow.config, start, endpoints.segment),
                completed: NEVER,
                is_closed: false,
            });
        }
        let sources = scenario.expand_cross(&network)?;
        let cross = Cross::new(scenario, &sources, &mut net, &mut timers, meter.marks())?;
        Ok(Self { net, flows, timers, meter, cross, events: 0 })
    }

    /// Runs to the end; what happens on the way goes to `observer`.
    pub fn run<O: Observer>(self, observer: &mut O) -> Outcome {
        self.run_steered(observer, &mut ())
    }

    /// As [`run`](Self::run), and `steer` sets flows anew as they open and while they run.
    pub fn run_steered<O: Observer, S: Steer>(mut self, observer: &mut O, steer: &mut S) -> Outcome {
        self.meter.set_interval(observer.interval());
        self.meter.set_steering(steer.interval());
        // Who watches packets or queues wants to see them at their time.
        let wants_queue = |flow| observer.queue_wanted(FlowId(flow)).is_some();
        let wants_queues = O::CHANGES && (0..).zip(&self.flows).any(|(flow, _)| wants_queue(flow));
        if !O::PACKETS && observer.interval().is_none() && !wants_queues {
            let is_watched = O::CHANGES || steer.interval().is_some();
            self.net.join(|way| {
                let flow = self.flows.get(way).filter(|_| !is_watched);
                flow.is_some_and(|flow| flow.far.receiver.is_prompt())
            });
        }
        loop {
            let (delivery, seat) = self.net.agenda.earliest();
            let timer = self.timers.next();
            if delivery.min(timer) >= self.meter.next_mark() {
                if self.mark(observer, steer) {
                    return self.outcome();
                }
                continue;
            }
            self.events += 1;
            if delivery < timer {
                if let Some((now, packet)) = self.net.take(seat, Time::from_nanos(delivery), observer) {
                    self.arrive(packet, now, observer);
                }
            } else if let Some((time, flow)) = self.timers.pop() {
                self.expire(flow, Time::from_nanos(time), observer, steer);
            }
        }
    }

    /// A packet comes out of a link.
    #[inline]
    fn arrive<O: Observer>(&mut self, packet: Packet, now: Time, observer: &mut O) {
        if packet.hop() != Packet::LAST_HOP {
            self.go_on(packet, now, observer);
            return;
        }
        let Self { net, flows, timers, cross, .. } = self;
        let Some(flow) = flows.get_mut(packet.flow() as usize) else {
            cross.arrive(packet, &mut Lent { net, timers, observer, now });
            return;
        };
        let before = (O::CHANGES && packet.is_ack()).then(|| flow.sender.state());
        receive(flow, packet, &mut Port { net, observer, flow: packet.flow(), guest: 0, now });
        if before.is_some() {
            tell_change(net, flow, packet.flow(), before, now, observer);
        }
        // A segment moves no deadline but the receiver's.
        let deadline = if packet.is_ack() { flow.deadline() } else { flow.far.receiver.ack_at };
        timers.set(packet.flow(), deadline);
    }

    /// A packet enters the next link.
    fn go_on<O: Observer>(&mut self, packet: Packet, now: Time, observer: &mut O) {
        let Self { net, flows, .. } = self;
        let Some(at) = net.enter(packet, now, observer) else { return };
        if let Some(flow) = flows.get_mut(packet.flow() as usize) {
            let port = &mut Port { net, observer, flow: packet.flow(), guest: 0, now };
            receive_ahead(&mut flow.far, packet, at, port);
        }
    }

    /// The deadline of a flow or of cross-traffic may have come.
    fn expire<O: Observer, S: Steer>(&mut self, index: u32, now: Time, observer: &mut O, steer: &mut S) {
        let Self { net, flows, timers, cross, .. } = self;
        let Some(flow) = flows.get_mut(index as usize) else {
            cross.expire(index, &mut Lent { net, timers, observer, now });
            return;
        };
        let before = O::CHANGES.then(|| flow.sender.state());
        if !flow.writer.started && flow.writer.wakes <= now {
            flow.sender.handle_orders(&steer.on_open(now, FlowId(index)), now);
        }
        expire(flow, &mut Port { net, observer, flow: index, guest: 0, now });
        tell_change(net, flow, index, before, now, observer);
        timers.set(index, flow.deadline());
    }

    /// A mark has come: returns whether it is the end.
    fn mark<O: Observer, S: Steer>(&mut self, observer: &mut O, steer: &mut S) -> bool {
        let now = self.meter.next_mark_time();
        self.net.settle_all(now, observer);
        if self.meter.is_sample() && observer.interval().is_some() {
            self.sample(now, observer);
        }
        if self.meter.is_warm_up() {
            self.meter.note_warm_up(&mut self.net, &mut self.flows);
        }
        if self.meter.is_steering() {
            self.steer(now, steer);
        }
        self.meter.advance()
    }

    /// The end of an interval of whoever steers. What it sets acts with the next ACK.
    fn steer<S: Steer>(&mut self, now: Time, steer: &mut S) {
        for (index, flow) in (0..).zip(&mut self.flows) {
            if !flow.writer.started || flow.is_closed {
                continue;
            }
            if flow.is_complete() {
                flow.is_closed = true;
                steer.on_close(now, FlowId(index));
            } else {
                let orders = steer.on_interval(now, FlowId(index), &state_of(flow, now));
                flow.sender.handle_orders(&orders, now);
            }
        }
    }

    fn sample<O: Observer>(&mut self, now: Time, observer: &mut O) {
        for (index, flow) in (0..).zip(&self.flows) {
            observer.on_flow_sample(now, FlowId(index), &state_of(flow, now));
        }
        for link in 0..self.net.edges.len() {
            let state = self.meter.link_state(&self.net, link, now);
            observer.on_link_sample(now, LinkId(u32::try_from(link).unwrap_or(u32::MAX)), &state);
        }
    }

    fn outcome(mut self) -> Outcome {
        let segments: u64 = self.flows.iter().map(|flow| flow.sender.core.counters.sent).sum();
        let work = Work { events: self.events, segments: segments + self.cross.segments() };
        let outcome = self.meter.outcome(&mut self.net, std::mem::take(&mut self.flows), work);
        let cross_traffic = self.cross.outcome(&self.net, outcome.measured_s);
        Outcome { cross_traffic, ..outcome }
    }
}

/// The transmission queue before a host's link; none if nothing ever waits there.
fn host_queue(endpoints: &Endpoints, link: &LinkConfig) -> Option<HostQueue> {
    let TransmissionQueue { packets, when_full } = endpoints.transmission_queue?;
    let packet_time = link.rate?.time_to_send(endpoints.segment + endpoints.header);
    Some(HostQueue { limit: packets, when_full, packet_time: packet_time.into() })
}

/// What roundings add up to: less than a nanosecond a link, and a route has few.
const ROUNDING: Nanos = Nanos::new(16);

/// A packet arrives at an end of a flow.
#[inline]
fn receive<O: Observer>(flow: &mut Flow, packet: Packet, port: &mut Port<'_, O>) {
    if !packet.is_ack() {
        send_due_ack(flow, port);
    }
    if O::PACKETS {
        announce(port.net, packet, PacketKind::Received, port.now, port.observer);
    }
    if packet.is_ack() {
        receive_ack(flow, packet, port.now, port);
    } else {
        receive_segment(flow, packet, port.now, port);
    }
}

/// A delayed ACK that is due when a segment arrives goes first.
#[inline]
fn send_due_ack<O: Observer>(flow: &mut Flow, port: &mut Port<'_, O>) {
    if flow.far.receiver.ack_at <= ROUNDING.after(port.now) {
        let ack = flow.far.receiver.handle_timeout(port.now);
        port.acknowledge(ack, &mut flow.far);
    }
}

/// Whatever is due of a flow.
fn expire<O: Observer>(flow: &mut Flow, port: &mut Port<'_, O>) {
    let now = port.now;
    if flow.writer.wakes <= now {
        let core = &flow.sender.core;
        let end = flow.writer.handle_wake(now, core.high, core.data_end);
        flow.sender.handle_write(end, now, &mut Outlet { port, far: &mut flow.far });
    }
    if flow.far.receiver.ack_at <= now {
        let ack = flow.far.receiver.handle_timeout(now);
        port.acknowledge(ack, &mut flow.far);
    }
    if flow.sender.deadline() <= now {
        flow.sender.handle_timeout(now, &mut Outlet { port, far: &mut flow.far });
    }
}

#[inline]
fn receive_segment<O: Observer>(flow: &mut Flow, packet: Packet, now: Time, port: &mut Port<'_, O>) {
    if packet.is_window_probe() {
        let ack = flow.far.receiver.handle_window_probe(now);
        port.acknowledge(ack, &mut flow.far);
        return;
    }
    let (again, marked) = (packet.is_again(), packet.is_marked());
    if let Some(ack) = flow.far.receiver.handle_segment(packet.number(), again, marked, now) {
        port.acknowledge(ack, &mut flow.far);
    }
}

/// A segment will arrive at `at`, and its ACK starts then: nothing can come between.
#[inline]
fn receive_ahead<O: Observer>(far: &mut FarEnd, packet: Packet, at: Time, port: &mut Port<'_, O>) {
    let (again, marked) = (packet.is_again(), packet.is_marked());
    let Some(ack) = far.take_ahead(packet.number(), again, marked, at, &port.net.marks) else { return };
    let now = std::mem::replace(&mut port.now, at);
    port.acknowledge(ack, far);
    port.now = now;
}

#[inline]
fn receive_ack<O: Observer>(flow: &mut Flow, packet: Packet, now: Time, port: &mut Port<'_, O>) {
    let (marked, duplicate) = (packet.is_marked(), packet.is_duplicate());
    let ack = Arrived { next: packet.number(), blocks: &[], marked, duplicate, edge: None };
    let far = &mut flow.far;
    if packet.blocks() == 0 {
        flow.sender.handle_ack(ack, now, &mut Outlet { port, far });
    } else {
        let Details { count, blocks, edge } = far.take_details(packet.blocks());
        let ack = Arrived { blocks: &blocks[..count.into()], edge, ..ack };
        flow.sender.handle_ack(ack, now, &mut Outlet { port, far });
    }
    let core = &flow.sender.core;
    if core.una >= core.data_end && flow.writer.handle_all_acknowledged(now) {
        flow.completed = flow.completed.min(now);
    }
}

fn state_of(flow: &Flow, now: Time) -> FlowState {
    let receiver = &flow.far.receiver;
    FlowState { received: receiver.delivered(), read: receiver.read_by(now), ..flow.sender.state() }
}

/// Tells of a flow whose window, threshold, phase, round trip or counts have changed.
#[inline]
fn tell_change<O: Observer>(
    net: &Net,
    flow: &Flow,
    index: u32,
    before: Option<FlowState>,
    now: Time,
    observer: &mut O,
) {
    if !O::CHANGES {
        return;
    }
    let after = flow.sender.state();
    if before != Some(after) {
        if let Some(link) = observer.queue_wanted(FlowId(index)) {
            let backlog = net.edges[link.0 as usize].backlog(now);
            observer.on_queue(now, link, backlog.bytes.get());
        }
        observer.on_change(now, FlowId(index), &state_of(flow, now));
    }
}
