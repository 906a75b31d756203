//! A flow as written in a scenario, and with its defaults filled in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Rate, Segments, serde_duration};

use super::{Amount, Application, Conventions};
use crate::control::ControlConfig;

/// How a sender finds and repairs losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// Fast retransmit, then slow start (V. Jacobson 1988).
    Tahoe,
    /// Fast retransmit and fast recovery, over at the first new ACK (RFC 5681).
    Reno,
    /// Fast recovery that goes on at partial ACKs (RFC 6582).
    NewReno,
    /// Selective acknowledgements (RFC 6675).
    Sack,
    /// Forward acknowledgement (Mathis and Mahdavi 1996): what lies more than three segments before the
    /// foremost selective acknowledgement is lost.
    Fack,
    /// Losses by time, and a probe of the tail (RFC 8985), as in Linux.
    Rack,
}

impl Recovery {
    /// Whether the receiver has to tell which segments it has.
    #[must_use]
    pub const fn uses_sack(self) -> bool {
        matches!(self, Self::Sack | Self::Fack | Self::Rack)
    }
}

/// When a receiver acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayedAck {
    /// Each segment at once.
    None,
    /// Every second full segment, or when the first of them has waited long enough; at once what is out of
    /// order or fills a gap (RFC 5681, 4.2).
    Rfc,
    /// As Linux: each segment at first (16 of them at most), then as above with a delay that follows the
    /// spacing of the segments, 40 to 200 ms.
    Linux,
}

/// The queue of a host's interface (Linux: `txqueuelen`), as the sender sees it: the first link of the flow's way, which flows
/// of the same host share. That link's own queue drops what exceeds it, as a router does; this one says what the
/// sender does before it comes to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransmissionQueue {
    /// So many packets wait at most, the one in service included. Single retransmissions and probes go in any case.
    pub packets: u64,
    /// What a sender does that finds it full.
    #[serde(default)]
    pub when_full: WhenFull,
}

/// What a sender does when the host's transmission queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It waits until a packet has left, as in Linux since 3.6 ("TCP small queues").
    #[default]
    Wait,
    /// It takes that for congestion, brings its window down as for a mark of ECN, and goes on at the next ACK: the "send
    /// stall" of earlier kernels, which Web100 counted and Net100 met on long fast paths.
    Reduce,
}

/// One flow, or several that are alike. Everything has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowConfig {
    /// Its name in results; flow 1, 2, ... if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many such flows there are.
    pub count: u32,
    /// The node that sends; the topology's own choice if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The node that receives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// When the first of them starts.
    #[serde(with = "serde_duration")]
    pub start: Duration,
    /// How much later each further one starts.
    #[serde(with = "serde_duration")]
    pub stagger: Duration,
    /// When they send nothing new any more; the end of the run if none.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub stop: Option<Duration>,
    /// What they send.
    pub application: Application,
    /// The congestion control.
    pub control: ControlConfig,
    /// How losses are found and repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// Data in a full segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<Bytes>,
    /// Headers of each segment, and all of an acknowledgement, as they take room on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Bytes>,
    /// The initial congestion window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_window: Option<Segments>,
    /// The initial slow start threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ssthresh: Option<Segments>,
    /// What the congestion window may not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_window: Option<Segments>,
    /// The receiver's window: what it allows to be sent and not acknowledged at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Amount>,
    /// The receiver's buffer: what has arrived, early or not read yet, stays in it, and the window is never more than its
    /// rest. As large as `window` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer: Option<Amount>,
    /// How fast the receiver's application reads; at once if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_rate: Option<Rate>,
    /// The sender's buffer: what is sent and not acknowledged stays in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_buffer: Option<Amount>,
    /// When the receiver acknowledges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delayed_ack: Option<DelayedAck>,
    /// How long an acknowledgement waits at most.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub ack_delay: Option<Duration>,
    /// Timestamps: an RTT sample from every ACK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamps: Option<bool>,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: bool,
    /// Spreads segments over the round trip, as Linux does with a pacing queue.
    pub pacing: bool,
    /// A new segment for each of the first two duplicate ACKs (RFC 3042).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_transmit: Option<bool>,
    /// The window comes down after an idle time (RFC 2861); on if nothing is said, as in Linux
    /// (`tcp_slow_start_after_idle`) and in ns-2 (`slow_start_restart_`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_start_after_idle: Option<bool>,
    /// What the host holds before the wire of its first link, if that has a limit: `{ packets = 100, when_full = "reduce" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmission_queue: Option<TransmissionQueue>,
    /// Segments leave in groups of this size where the window allows, as with segmentation offload.
    pub burst: Segments,
    /// The smallest retransmission time-out.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub min_rto: Option<Duration>,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            name: None,
            count: 1,
            from: None,
            to: None,
            start: Duration::ZERO,
            stagger: Duration::ZERO,
            stop: None,
            application: Application::default(),
            control: ControlConfig::default(),
            recovery: None,
            segment: None,
            header: None,
            initial_window: None,
            initial_ssthresh: None,
            max_window: None,
            window: None,
            receive_buffer: None,
            read_rate: None,
            send_buffer: None,
            delayed_ack: None,
            ack_delay: None,
            timestamps: None,
            ecn: false,
            pacing: false,
            limited_transmit: None,
            slow_start_after_idle: None,
            transmission_queue: None,
            burst: Segments::new(1),
            min_rto: None,
        }
    }
}

/// The parameters of a flow's endpoints, with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    /// Whose habits they have.
    pub conventions: Conventions,
    /// How losses are found and repaired.
    pub recovery: Recovery,
    /// Data in a full segment.
    pub segment: Bytes,
    /// Headers of a segment, and all of an acknowledgement.
    pub header: Bytes,
    /// The initial congestion window, in segments.
    pub initial_window: u32,
    /// The initial slow start threshold, in segments.
    pub initial_ssthresh: Option<u32>,
    /// What the congestion window may not exceed, in segments.
    pub max_window: Option<u32>,
    /// What may be in flight at most (the receiver's window and buffer, the sender's buffer, the application's own
    /// window), in segments.
    pub window: u32,
    /// What the receiver has room for; none if it has no buffer of its own and reads at once.
    pub receive_limits: Option<ReceiveLimits>,
    /// When the receiver acknowledges.
    pub delayed_ack: DelayedAck,
    /// How long an acknowledgement waits at most.
    pub ack_delay: Duration,
    /// An RTT sample from every ACK.
    pub timestamps: bool,
    /// Explicit congestion notification.
    pub ecn: bool,
    /// Spreads segments over the round trip.
    pub pacing: bool,
    /// A new segment for each of the first two duplicate ACKs.
    pub limited_transmit: bool,
    /// The window comes down after an idle time.
    pub slow_start_after_idle: bool,
    /// The host's queue before the wire.
    pub transmission_queue: Option<TransmissionQueue>,
    /// Segments that leave together.
    pub burst: u32,
    /// The smallest retransmission time-out.
    pub min_rto: Duration,
}

/// The limits of a receiver with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveLimits {
    /// What the buffer holds, in segments.
    pub buffer: u32,
    /// What a window says at most, in segments.
    pub window: u32,
    /// How fast the application reads; at once if none.
    pub read_rate: Option<Rate>,
}

/// Where no window is given there is none to speak of: more than any path holds, and sums do not overflow.
const NO_WINDOW: u32 = 1 << 30;

impl FlowConfig {
    /// Fills in what is left open.
    #[must_use]
    pub fn endpoints(&self, conventions: Conventions) -> Endpoints {
        let linux = conventions == Conventions::Linux;
        let timestamps = self.timestamps.unwrap_or(linux);
        let header = Bytes::new(if timestamps && linux { 52 } else { 40 });
        let segment = self.segment.unwrap_or(Bytes::new(if linux { 1448 } else { 1460 }));
        let delayed_ack =
            self.delayed_ack.unwrap_or(if linux { DelayedAck::Linux } else { DelayedAck::None });
        let window = self.window_in_segments(segment);
        Endpoints {
            conventions,
            recovery: self.recovery.unwrap_or(if linux { Recovery::Rack } else { Recovery::Sack }),
            segment,
            header: self.header.unwrap_or(header),
            initial_window: self.initial_window.map_or(if linux { 10 } else { 2 }, Segments::get),
            initial_ssthresh: self.initial_ssthresh.map(Segments::get).or((!linux).then_some(window)),
            max_window: self.max_window.map(Segments::get),
            window,
            receive_limits: self.receive_limits(segment),
            delayed_ack,
            ack_delay: self.ack_delay.unwrap_or(Duration::from_millis(if linux { 40 } else { 100 })),
            timestamps,
            ecn: self.ecn,
            pacing: self.pacing,
            limited_transmit: self.limited_transmit.unwrap_or(true),
            slow_start_after_idle: self.slow_start_after_idle.unwrap_or(true),
            transmission_queue: self.transmission_queue,
            burst: self.burst.get().max(1),
            min_rto: self.min_rto.unwrap_or(Duration::from_millis(200)),
        }
    }

    /// The smallest of the windows that are given.
    fn window_in_segments(&self, segment: Bytes) -> u32 {
        let own = match self.application {
            Application::Window { bytes } => Some(Amount::Bytes(bytes)),
            _ => None,
        };
        // ns-2's own default is 20 segments, which nobody means; its scenarios always name a window.
        [self.window, self.receive_buffer, self.send_buffer, own]
            .into_iter()
            .flatten()
            .map(|amount| amount.in_segments(segment))
            .fold(NO_WINDOW, u32::min)
    }

    /// Without a buffer of its own the receiver's is as large as its window.
    fn receive_limits(&self, segment: Bytes) -> Option<ReceiveLimits> {
        let in_segments = |amount: Amount| amount.in_segments(segment).min(NO_WINDOW);
        let window = self.window.map_or(NO_WINDOW, in_segments);
        let buffer = self.receive_buffer.map_or(window, in_segments);
        let has_limits = self.receive_buffer.is_some() || self.read_rate.is_some();
        has_limits.then_some(ReceiveLimits { buffer, window, read_rate: self.read_rate })
    }
}

/// Durations that may be absent, as text.
pub(super) mod optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};
    use wad_model::serde_duration;

    #[derive(Deserialize)]
    struct Text(#[serde(with = "serde_duration")] Duration);

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        Text::deserialize(d).map(|text| Some(text.0))
    }

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(in super::super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serde_duration::serialize(duration, s),
            None => s.serialize_none(),
        }
    }
}
