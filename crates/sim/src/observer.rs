//! What can be watched while a simulation runs.
//!
//! An observer is a type parameter of [`Simulation::run`](crate::Simulation::run), and its constants say
//! what it wants: what nobody watches is not even computed. Watching changes no result.

use serde::Serialize;
use wad_model::{Rate, Time};

use crate::control::Phase;
use crate::nanos::Nanos;

/// Watches a simulation. Every method has a default that does nothing.
pub trait Observer {
    /// Whether [`on_change`](Self::on_change) is wanted: every change of a flow's state, synchronously.
    const CHANGES: bool = false;
    /// Whether [`on_packet`](Self::on_packet) is wanted: everything that happens to a packet.
    const PACKETS: bool = false;

    /// How often samples are wanted (asynchronously), if at all.
    fn interval(&self) -> Option<Nanos> {
        None
    }

    /// The link whose queue is wanted with each change of a flow, if any. It does not change during a run.
    fn queue_wanted(&self, flow: FlowId) -> Option<LinkId> {
        let _ = flow;
        None
    }

    /// What waits at a link when a flow changes, the packet in service included, in bytes: told before the change.
    fn on_queue(&mut self, now: Time, link: LinkId, bytes: u64) {
        let _ = (now, link, bytes);
    }

    /// A flow's state has changed.
    fn on_change(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        let _ = (now, flow, state);
    }

    /// Something happened to a packet. In order of time for each link and each end of a flow.
    fn on_packet(&mut self, now: Time, packet: &PacketEvent) {
        let _ = (now, packet);
    }

    /// The state of a flow at the end of an interval.
    fn on_flow_sample(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        let _ = (now, flow, state);
    }

    /// The state of a link at the end of an interval.
    fn on_link_sample(&mut self, now: Time, link: LinkId, state: &LinkState) {
        let _ = (now, link, state);
    }
}

/// Watches nothing.
impl Observer for () {}

/// A flow of a scenario, counted from 0 in the order in which the scenario has them. Sources of cross-traffic are counted
/// on behind the flows; nothing but packets is told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FlowId(pub u32);

/// One direction of a link, counted from 0: the forward direction of each link, then its backward one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LinkId(pub u32);

/// What can be read of a flow at one instant. Segments are counted from the begin of the flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowState {
    /// The congestion window, in segments.
    pub cwnd: f64,
    /// The slow start threshold, in segments; infinite until something sets it.
    pub ssthresh: f64,
    /// What the sender takes to be in flight, in segments.
    pub in_flight: u32,
    /// What may be unacknowledged at most, in segments: the smallest of the windows and the room that the receiver has told of.
    pub receive_window: u32,
    /// Where loss recovery stands.
    pub phase: Phase,
    /// The control's own phase.
    pub control_phase: &'static str,
    /// The latest RTT sample; zero before the first.
    pub rtt: Nanos,
    /// The smoothed RTT.
    pub srtt: Nanos,
    /// The mean deviation of the RTT.
    pub rttvar: Nanos,
    /// The retransmission time-out.
    pub rto: Nanos,
    /// The pacing rate, if segments are paced.
    pub pacing_rate: Option<Rate>,
    /// Segments sent, retransmissions included.
    pub sent: u64,
    /// Segments acknowledged cumulatively.
    pub acked: u64,
    /// Segments that have arrived in order.
    pub received: u64,
    /// Segments that the receiver's application has read.
    pub read: u64,
    /// Retransmissions.
    pub retransmitted: u64,
    /// Windows brought down by losses or marks, time-outs apart.
    pub congestion_events: u64,
    /// Retransmission timer expiries.
    pub timeouts: u64,
}

/// What can be read of a link at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkState {
    /// Packets that wait and the one in service.
    pub queue_packets: u64,
    /// Their bytes.
    pub queue_bytes: u64,
    /// Packets that have entered so far.
    pub entered: u64,
    /// Bytes that have entered so far.
    pub entered_bytes: u64,
    /// Packets dropped by the queue so far.
    pub dropped_by_queue: u64,
    /// Packets lost by the loss model so far.
    pub lost_by_model: u64,
    /// The part of the interval during which the wire was sending, 0 to 1.
    pub utilisation: f64,
}

/// Something that happened to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketEvent {
    /// What happened.
    pub kind: PacketKind,
    /// Whose packet it is.
    pub flow: FlowId,
    /// Data or acknowledgement.
    pub content: Content,
    /// Its size on the wire, in bytes.
    pub size: u32,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Connection setup.
    Syn,
    /// A data segment.
    Data {
        /// Which, counted from 0.
        segment: u32,
        /// Whether it has been sent before.
        retransmission: bool,
    },
    /// An acknowledgement.
    Ack {
        /// The first segment that has not arrived.
        next: u32,
    },
    /// A question for the receiver's window, without data.
    WindowProbe,
    /// Cross-traffic, whatever it carries.
    Cross,
}

/// Where something happened to a packet, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// An end sent it.
    Sent,
    /// It entered a link.
    Entered(LinkId),
    /// A link's queue dropped it.
    Dropped(LinkId),
    /// A link's loss model took it.
    Lost(LinkId),
    /// An end received it.
    Received,
}
