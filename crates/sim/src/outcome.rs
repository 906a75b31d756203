//! What came of a simulation: numbers by flow and by link, over the time after the warm-up.

use serde::Serialize;

/// The result of a run. Everything counts from the end of the warm-up to the end of the run.
///
/// Keys carry their units (`_bps` bits a second, `_s` seconds, `_bytes`), as in all of WAD's JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The time over which was counted.
    pub measured_s: f64,
    /// Each flow, in the order of the scenario.
    pub flows: Vec<FlowOutcome>,
    /// Each direction of each link.
    pub links: Vec<LinkOutcome>,
    /// Each entry of the cross-traffic.
    pub cross_traffic: Vec<CrossOutcome>,
    /// All flows together, cross-traffic apart.
    pub total: Total,
    /// What it took to compute.
    pub work: Work,
}

/// All flows together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Total {
    /// The sum of the goodputs at the application.
    pub goodput_bps: f64,
    /// Jain's fairness index of the goodputs: 1 if all are equal, 1/n if one has everything.
    pub fairness: f64,
    /// Data segments sent, retransmissions included.
    pub sent_segments: u64,
    /// Retransmissions.
    pub retransmitted_segments: u64,
    /// Retransmission timer expiries.
    pub timeouts: u64,
}

/// What came of one flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlowOutcome {
    /// Its name.
    pub name: String,
    /// Its congestion control.
    pub control: &'static str,
    /// Data that the receiving application read, in order and once, a second.
    pub goodput_bps: f64,
    /// Data that arrived in order, with the headers of its segments, once each: the goodput at TCP's level on the wire. The
    /// application has read the same, unless it is slow.
    pub tcp_goodput_bps: f64,
    /// Everything that the sender put on the wire, retransmissions and headers included.
    pub sent_bps: f64,
    /// Its part of the goodput of all flows, 0 to 1.
    pub share: f64,
    /// Data that the receiving application read.
    pub received_bytes: u64,
    /// Segments acknowledged cumulatively.
    pub acked_segments: u64,
    /// Data segments sent, retransmissions included.
    pub sent_segments: u64,
    /// Retransmissions.
    pub retransmitted_segments: u64,
    /// Retransmissions of what had arrived already, as the receiver saw them.
    pub spurious_segments: u64,
    /// Windows brought down by losses or marks, time-outs apart.
    pub congestion_events: u64,
    /// Retransmission timer expiries.
    pub timeouts: u64,
    /// How often the host's transmission queue was full.
    pub send_stalls: u64,
    /// Data segments that queues dropped.
    pub dropped_segments: u64,
    /// Data segments that loss models took.
    pub lost_segments: u64,
    /// Lost and dropped of sent, 0 to 1.
    pub loss: f64,
    /// Segments that arrived after one that had been sent later, of those received, 0 to 1.
    pub reordered: f64,
    /// Segments that arrived with a mark of congestion (ECN).
    pub marked_segments: u64,
    /// Round trips, as the sender sampled them; none without a sample.
    pub rtt: Option<RttOutcome>,
    /// The mean congestion window, weighted by time, in segments.
    pub mean_cwnd_segments: f64,
    /// The receiver's buffer, if it or its reader has a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer: Option<ReceiveBufferOutcome>,
    /// When all that the application had to send was acknowledged, from the flow's start, if it had an end.
    pub completed_s: Option<f64>,
}

/// What came of a receiver's buffer, in the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiveBufferOutcome {
    /// The most that lay in it, not read yet or early.
    pub largest_bytes: u64,
    /// What lay in it at the end.
    pub left_bytes: u64,
    /// How often the sender asked for a window that was closed.
    pub window_probes: u64,
}

/// Round trips of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RttOutcome {
    /// How many were sampled.
    pub samples: u64,
    /// The smallest.
    pub min_s: f64,
    /// The mean.
    pub mean_s: f64,
    /// The variance, in square seconds.
    pub variance_s2: f64,
    /// The median, to 1%.
    pub p50_s: f64,
    /// Nine in ten are not above it, to 1%.
    pub p90_s: f64,
    /// 99 in a hundred are not above it, to 1%.
    pub p99_s: f64,
    /// The largest.
    pub max_s: f64,
}

/// What came of one direction of a link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkOutcome {
    /// Its name, such as "r1-r2".
    pub name: String,
    /// The part of the time during which the wire was sending, 0 to 1; 0 for an infinite rate.
    pub utilisation: f64,
    /// The mean queue, the packet in service included.
    pub queue_mean_packets: f64,
    /// The mean queue in bytes.
    pub queue_mean_bytes: f64,
    /// The largest queue in the whole run.
    pub queue_max_packets: u64,
    /// The largest queue in the whole run, in bytes.
    pub queue_max_bytes: u64,
    /// Packets that entered.
    pub entered_packets: u64,
    /// Bytes that entered.
    pub entered_bytes: u64,
    /// Packets that the queue dropped.
    pub dropped_by_queue: u64,
    /// Packets that the loss model took.
    pub lost_by_model: u64,
}

/// What came of an entry of the cross-traffic: of all its sources together.
///
/// Bytes are those on the wire, headers included; of short flows those of data segments, each as often as it was sent. What
/// was offered is delivered, lost, or still under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CrossOutcome {
    /// Its name.
    pub name: String,
    /// Its pattern.
    pub pattern: &'static str,
    /// What was sent.
    pub offered_bytes: u64,
    /// What came out at the end of the way.
    pub delivered_bytes: u64,
    /// What queues dropped and loss models took.
    pub lost_bytes: u64,
    /// What was sent, a second.
    pub offered_bps: f64,
    /// What came out, a second.
    pub delivered_bps: f64,
    /// Of short flows: how many there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfers: Option<TransfersOutcome>,
}

/// Short flows of the cross-traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TransfersOutcome {
    /// How many began.
    pub begun: u64,
    /// How many were refused, because too many were open.
    pub refused: u64,
    /// How many ended: all of their data was acknowledged.
    pub completed: u64,
    /// How long those that ended took in the mean; zero if none did.
    pub mean_duration_s: f64,
}

/// What a run took to compute, whatever the machine. An observer of packets or samples makes more events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Events: deliveries to an end or to a merge of links, timers, starts.
    pub events: u64,
    /// Data segments that were sent in the whole run, warm-up included.
    pub segments: u64,
}
