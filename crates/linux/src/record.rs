//! What the kernel reports of a flow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Direction, FlowKey, Segments, Time};

use crate::policy::{name_from_kernel, name_to_kernel, saturate};
use crate::skeleton::types;

/// The path of a flow whose path the kernel's side does not know: `WAD_NO_RULE`.
pub const NO_PATH: u32 = u32::MAX;

/// Why a flow is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// It was established and tuned.
    Open,
    /// It is closed; the counters are final.
    Close,
    /// User space asked.
    Sample,
    /// It runs, and is of no path yet.
    Stranger,
    /// An order was carried out.
    Applied,
}

/// A setting that the kernel can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// The congestion control.
    Control,
    /// The initial window.
    InitialWindow,
    /// The send buffer.
    SendBuffer,
    /// The receive buffer.
    ReceiveBuffer,
    /// The bound of the receive window.
    WindowClamp,
    /// The callbacks by which a flow is followed.
    Callbacks,
    /// The ceiling of the congestion window.
    MaxWindow,
    /// The pacing rate.
    Pacing,
    /// How long an acknowledgement may wait.
    DelayedAck,
    /// The shortest retransmission time-out.
    MinRto,
    /// The longest one.
    MaxRto,
    /// How much unsent data may be queued.
    NotsentLowat,
    /// How long data may stay unacknowledged.
    UserTimeout,
    /// Nagle's algorithm.
    Nagle,
    /// The traffic class.
    TrafficClass,
    /// The largest segment.
    SegmentSize,
}

impl Knob {
    /// In the order of `enum wad_knob`.
    const ALL: [Self; 16] = [
        Self::Control,
        Self::InitialWindow,
        Self::SendBuffer,
        Self::ReceiveBuffer,
        Self::WindowClamp,
        Self::Callbacks,
        Self::MaxWindow,
        Self::Pacing,
        Self::DelayedAck,
        Self::MinRto,
        Self::MaxRto,
        Self::NotsentLowat,
        Self::UserTimeout,
        Self::Nagle,
        Self::TrafficClass,
        Self::SegmentSize,
    ];

    /// The words for it in a log line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "congestion control",
            Self::InitialWindow => "initial window",
            Self::SendBuffer => "send buffer",
            Self::ReceiveBuffer => "receive buffer",
            Self::WindowClamp => "window clamp",
            Self::Callbacks => "callbacks",
            Self::MaxWindow => "window ceiling",
            Self::Pacing => "pacing rate",
            Self::DelayedAck => "delayed ACK",
            Self::MinRto => "shortest time-out",
            Self::MaxRto => "longest time-out",
            Self::NotsentLowat => "unsent data",
            Self::UserTimeout => "user time-out",
            Self::Nagle => "Nagle's algorithm",
            Self::TrafficClass => "traffic class",
            Self::SegmentSize => "segment size",
        }
    }
}

/// What of a socket the tuning touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketState {
    /// `sk_sndbuf`: on the kernel's scale, twice what an application asks for.
    pub send_buffer: Bytes,
    /// `sk_rcvbuf`, on the same scale.
    pub receive_buffer: Bytes,
    /// The largest window that the receiver may offer.
    pub window_clamp: Bytes,
    /// The congestion window.
    pub congestion_window: Segments,
    /// The largest congestion window; `None` without a bound.
    pub max_window: Option<Segments>,
    /// The highest rate in bytes a second; `None` without a bound.
    pub pacing_rate: Option<u64>,
    /// How much unsent data the application may queue; `None` as the namespace says.
    pub notsent_lowat: Option<Bytes>,
    /// How long data may stay unacknowledged; `None` as the namespace says.
    pub user_timeout: Option<Duration>,
    /// Whether Nagle's algorithm is on.
    pub nagle: bool,
    /// The traffic class byte of the IP header.
    pub traffic_class: u8,
    /// The congestion control.
    pub control: String,
}

/// Counters of a flow's whole life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Payload that left, retransmissions included.
    pub bytes_sent: Bytes,
    /// Payload that the other end acknowledged.
    pub bytes_acked: Bytes,
    /// Payload that arrived in order.
    pub bytes_received: Bytes,
    /// The smallest round-trip time; `None` without a sample.
    pub rtt_min: Option<Duration>,
    /// The mean over one sample a round trip.
    pub rtt_mean: Option<Duration>,
    /// The smoothed round-trip time (RFC 6298).
    pub rtt_smoothed: Option<Duration>,
    /// Segments sent again.
    pub retransmits: u32,
    /// Reductions of the window; counted for flows under the control `wad` only.
    pub congestion_events: Option<u32>,
    /// Of them those that were taken for random; counted where the path asks for that guess.
    pub random_losses: u32,
    /// The round-trip time at the last reduction: beside the smallest one the evidence for the guess.
    pub loss_rtt: Option<Duration>,
    /// The window at which the delay brake ended slow start.
    pub brake_window: Option<Segments>,
    /// The largest congestion window.
    pub largest_window: Segments,
    /// The slow-start threshold; `None` while it is infinite.
    pub slow_start_threshold: Option<Segments>,
}

/// A flow as the kernel reports it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Why it is reported.
    pub kind: RecordKind,
    /// When, on the monotonic clock.
    pub time: Time,
    /// When the flow was established, on the same clock.
    pub opened: Time,
    /// The kernel's number for the socket: unique until the host restarts.
    pub cookie: u64,
    /// Inode number of the network namespace.
    pub namespace: u32,
    /// Its two ends.
    pub key: FlowKey,
    /// Who connected.
    pub direction: Direction,
    /// Index of the path entry. [`NO_PATH`] in the closing record of a flow that moved little while so many others
    /// opened that the kernel's side has forgotten its open: all that the opening record said is then missing.
    pub path: u32,
    /// The send buffer is set to this, or autotuned up to it, as an application would ask for it;
    /// `None` if it is left alone, as one is that the application fixed and no path overrides.
    pub send_ceiling: Option<Bytes>,
    /// The same of the receive buffer.
    pub receive_ceiling: Option<Bytes>,
    /// The buffers were set once instead of being autotuned.
    pub fixed_buffers: bool,
    /// What the application asked for, where that was held back: send buffer.
    pub asked_send: Option<Bytes>,
    /// Receive buffer.
    pub asked_receive: Option<Bytes>,
    /// WAD sizes the send buffer, because the kernel's autotuning could go no further.
    pub send_grown: bool,
    /// The same of the receive buffer.
    pub receive_grown: bool,
    /// It ran before it was tuned.
    pub adopted: bool,
    /// Additive increase that the control `wad` has, in 1/1024 of a segment.
    pub additive_increase_1024: u32,
    /// Multiplicative decrease that the control `wad` has, in 1/1024 of the window.
    pub multiplicative_decrease_1024: u32,
    /// The socket before it was tuned: in opening records, and in those of orders.
    pub before: Option<SocketState>,
    /// The socket now.
    pub now: SocketState,
    /// Counters.
    pub counters: Counters,
    /// Settings that the kernel refused.
    pub refused: Vec<Knob>,
}

const STATE_ACTIVE: u32 = 1 << 1;
const STATE_SEND_GROWN: u32 = 1 << 5;
const STATE_RECEIVE_GROWN: u32 = 1 << 6;
const STATE_FIXED: u32 = 1 << 7;
const STATE_ADOPTED: u32 = 1 << 8;
/// `TCP_INFINITE_SSTHRESH`.
const INFINITE_THRESHOLD: u32 = 0x7fff_ffff;

impl Record {
    /// With what only the opening record says, of a flow that moved too little to have state in the kernel.
    #[must_use]
    pub fn completed_by(self, opening: Self) -> Self {
        let before = opening.before;
        if self.path == NO_PATH {
            let Self { kind, time, now, counters, .. } = self;
            return Self { kind, time, now, counters, before, ..opening };
        }
        Self {
            before,
            opened: opening.opened,
            direction: opening.direction,
            adopted: opening.adopted,
            send_ceiling: self.send_ceiling.or(opening.send_ceiling),
            receive_ceiling: self.receive_ceiling.or(opening.receive_ceiling),
            ..self
        }
    }

    /// Reads a record from the bytes of the ring or of the iterator; `None` if they are none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < size_of::<types::wad_record>() {
            return None;
        }
        // SAFETY: the bytes are long enough, and every member of the type is an integer or an
        // array of them, valid for any bits; the source need not be aligned.
        let raw: types::wad_record = unsafe { bytes.as_ptr().cast::<types::wad_record>().read_unaligned() };
        Self::from_kernel(&raw)
    }

    fn from_kernel(raw: &types::wad_record) -> Option<Self> {
        let flow = &raw.flow;
        let size = |bytes: u32| (bytes != 0).then(|| Bytes::new(bytes.into()));
        let state = |bit: u32| flow.state & bit != 0;
        let kind = kind(raw.kind)?;
        let now = socket(&raw.now);
        Some(Self {
            kind,
            time: Time::from_nanos(raw.time_ns),
            opened: Time::from_nanos(flow.opened_ns),
            cookie: raw.cookie,
            namespace: raw.namespace,
            key: FlowKey::new(
                end(raw.family, &raw.local, raw.local_port),
                end(raw.family, &raw.remote, raw.remote_port),
            ),
            direction: if state(STATE_ACTIVE) { Direction::Active } else { Direction::Passive },
            path: flow.path,
            send_ceiling: size(flow.send_ceiling),
            receive_ceiling: size(flow.receive_ceiling),
            fixed_buffers: state(STATE_FIXED),
            asked_send: size(flow.asked_send),
            asked_receive: size(flow.asked_receive),
            send_grown: state(STATE_SEND_GROWN),
            receive_grown: state(STATE_RECEIVE_GROWN),
            adopted: state(STATE_ADOPTED),
            additive_increase_1024: flow.wad.additive_increase,
            multiplicative_decrease_1024: flow.wad.multiplicative_decrease,
            before: matches!(kind, RecordKind::Open | RecordKind::Applied).then(|| socket(&raw.before)),
            counters: counters(raw, now.control == "wad"),
            refused: refused(flow.refused),
            now,
        })
    }
}

fn kind(raw: u32) -> Option<RecordKind> {
    match raw {
        1 => Some(RecordKind::Open),
        2 => Some(RecordKind::Close),
        3 => Some(RecordKind::Sample),
        4 => Some(RecordKind::Stranger),
        5 => Some(RecordKind::Applied),
        _ => None,
    }
}

/// An end of a flow, as the kernel's programs write it: `family` is 4 or 6.
pub(crate) fn end(family: u32, address: &[u8; 16], port: u16) -> SocketAddr {
    let address = if family == 4 {
        IpAddr::V4(Ipv4Addr::new(address[0], address[1], address[2], address[3]))
    } else {
        IpAddr::V6(Ipv6Addr::from(*address))
    };
    SocketAddr::new(address, port)
}

fn socket(raw: &types::wad_socket) -> SocketState {
    SocketState {
        send_buffer: Bytes::new(raw.send_buffer.into()),
        receive_buffer: Bytes::new(raw.receive_buffer.into()),
        window_clamp: Bytes::new(raw.window_clamp.into()),
        congestion_window: Segments::new(raw.congestion_window),
        max_window: (raw.max_window < i32::MAX.unsigned_abs()).then(|| Segments::new(raw.max_window)),
        // bpf_setsockopt() knows 32 bits of it: the largest number is no bound.
        pacing_rate: (raw.pacing_rate < u32::MAX.into()).then_some(raw.pacing_rate),
        notsent_lowat: (raw.notsent_lowat != 0).then(|| Bytes::new(raw.notsent_lowat.into())),
        user_timeout: (raw.user_timeout_ms != 0).then(|| Duration::from_millis(raw.user_timeout_ms.into())),
        nagle: raw.no_nagle == 0,
        traffic_class: raw.traffic_class,
        control: name_from_kernel(&raw.control),
    }
}

impl SocketState {
    /// For an order that restores it.
    pub(crate) fn to_kernel(&self) -> types::wad_socket {
        types::wad_socket {
            pacing_rate: self.pacing_rate.unwrap_or(u64::MAX),
            send_buffer: saturate(self.send_buffer),
            receive_buffer: saturate(self.receive_buffer),
            window_clamp: saturate(self.window_clamp),
            congestion_window: self.congestion_window.get(),
            // What bpf_setsockopt() takes at most.
            max_window: self.max_window.map_or(i32::MAX.unsigned_abs(), Segments::get),
            notsent_lowat: saturate(self.notsent_lowat.unwrap_or_default()),
            user_timeout_ms: self
                .user_timeout
                .map_or(0, |time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
            no_nagle: u8::from(!self.nagle),
            traffic_class: self.traffic_class,
            control: name_to_kernel(&self.control),
            ..types::wad_socket::default()
        }
    }
}

fn counters(raw: &types::wad_record, counts_events: bool) -> Counters {
    let flow = &raw.flow;
    let micros = |value: u64| Duration::from_micros(value);
    Counters {
        bytes_sent: Bytes::new(raw.bytes_sent),
        // The kernel counts SYN and FIN as a byte each; what left once bounds the payload.
        bytes_acked: Bytes::new(raw.bytes_acked.min(raw.bytes_sent.saturating_sub(raw.bytes_retransmitted))),
        bytes_received: Bytes::new(raw.bytes_received),
        rtt_min: (flow.rtt_min_us != 0).then(|| micros(flow.rtt_min_us.into())),
        rtt_mean: flow.rtt_sum_us.checked_div(flow.rtt_count.into()).map(micros),
        rtt_smoothed: (raw.rtt_smoothed_us != 0).then(|| micros(raw.rtt_smoothed_us.into())),
        retransmits: raw.retransmits,
        congestion_events: counts_events.then_some(flow.congestion_events),
        random_losses: flow.random_losses,
        loss_rtt: (flow.loss_rtt_us != 0).then(|| micros(flow.loss_rtt_us.into())),
        brake_window: (flow.brake_window != 0).then(|| Segments::new(flow.brake_window)),
        largest_window: Segments::new(flow.largest_window),
        slow_start_threshold: (raw.slow_start_threshold < INFINITE_THRESHOLD)
            .then(|| Segments::new(raw.slow_start_threshold)),
    }
}

fn refused(bits: u32) -> Vec<Knob> {
    Knob::ALL
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, knob)| knob)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_or_foreign_record_is_none() {
        assert!(Record::from_bytes(&[0; 10]).is_none());
        assert!(Record::from_bytes(&[0; size_of::<types::wad_record>()]).is_none());
    }

    #[test]
    fn a_record_is_read_as_the_kernel_wrote_it() {
        let mut raw = types::wad_record { kind: 2, family: 4, local_port: 5201, ..Default::default() };
        raw.local[..4].copy_from_slice(&[192, 0, 2, 1]);
        raw.flow.rtt_sum_us = 140_000;
        raw.flow.rtt_count = 2;
        raw.flow.refused = 0b10;
        let record = Record::from_kernel(&raw).unwrap();
        assert_eq!(record.key.source, "192.0.2.1:5201".parse().unwrap());
        assert_eq!(record.counters.rtt_mean, Some(Duration::from_millis(70)));
        assert_eq!(record.counters.congestion_events, None);
        assert_eq!(record.refused, [Knob::InitialWindow]);
    }
}
