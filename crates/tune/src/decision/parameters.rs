//! The settings of a flow as plain numbers.

use serde::{Serialize, Serializer};

use crate::config::{ControlName, HighSpeedMode};
use crate::rules::PathIndex;

/// [`Parameters::pacing_rate_bytes_per_s`] that lifts a limit which the application set.
pub const PACING_OFF: u64 = u64::MAX;

/// The settings of a flow as plain numbers, ready to be copied into a map of the kernel. Zero, `None` and a flag
/// that is not set leave a thing alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Parameters {
    /// The path.
    pub path: PathIndex,
    /// What is on.
    pub flags: Flags,
    /// The send buffer as `SO_SNDBUF` takes it, in bytes.
    pub send_bytes: u32,
    /// The receive buffer as `SO_RCVBUF` takes it, in bytes.
    pub receive_bytes: u32,
    /// The initial window, in segments.
    #[serde(rename = "initial_window_segments")]
    pub initial_window: u32,
    /// The additive increase in 1/1024 of a segment per round trip; zero unless the control is WAD's.
    pub ai_1024: u32,
    /// The share that a loss takes away in 1/1024 of the window; zero unless the control is WAD's.
    pub md_1024: u32,
    /// When increase and decrease are looked up by the window; `ai_1024` and `md_1024` hold what was looked up, or
    /// what standard TCP has as long as there is nothing to look up by.
    pub high_speed: Option<HighSpeedMode>,
    /// The window at which the first slow start ends, in segments.
    #[serde(rename = "initial_ssthresh_segments")]
    pub initial_ssthresh: u32,
    /// The lowest slow-start threshold, in segments.
    #[serde(rename = "min_ssthresh_segments")]
    pub min_ssthresh: u32,
    /// The window from which on slow start is limited (RFC 3742), in segments.
    #[serde(rename = "max_ssthresh_segments")]
    pub max_ssthresh: u32,
    /// The growth of the window in slow start, in 1/1024 of a segment per acknowledged segment.
    pub slow_start_increment_1024: u32,
    /// The ceiling of the congestion window, in segments.
    #[serde(rename = "max_window_segments")]
    pub max_window: u32,
    /// The congestion window after the flow was idle, in segments.
    #[serde(rename = "restart_window_segments")]
    pub restart_window: u32,
    /// The most segments that leave at once.
    #[serde(rename = "burst_limit_segments")]
    pub burst_limit: u32,
    /// The highest rate at which the flow sends, in bytes per second; [`PACING_OFF`] for no limit.
    pub pacing_rate_bytes_per_s: u64,
    /// The first receive window, in segments.
    #[serde(rename = "initial_receive_window_segments")]
    pub initial_receive_window: u32,
    /// The ceiling of the receive window, in bytes.
    pub window_clamp_bytes: u32,
    /// How long an acknowledgement may wait, in microseconds.
    pub delayed_ack_max_us: u32,
    /// The shortest retransmission time-out, in microseconds.
    pub min_rto_us: u32,
    /// The longest retransmission time-out, in milliseconds.
    pub max_rto_ms: u32,
    /// How much unsent data the application may queue, in bytes.
    pub notsent_lowat_bytes: u32,
    /// How long data may stay unacknowledged, in milliseconds.
    pub user_timeout_ms: u32,
    /// The largest segment, in bytes.
    #[serde(rename = "segment_size_bytes")]
    pub segment_size: u32,
    /// The byte of the IP header; zero is a value of its own.
    pub traffic_class: Option<u8>,
    /// The congestion control; `None` leaves it alone.
    #[serde(serialize_with = "as_name_or_null")]
    pub control: Option<ControlName>,
}

/// What is on, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Flags(u32);

impl Flags {
    /// Sizes that the application sets give way.
    pub const OVERRIDE_APPLICATION: Self = Self(1);
    /// The send buffer has its size from the start; otherwise the size is a ceiling.
    pub const FIXED_SEND: Self = Self(1 << 1);
    /// The receive buffer has its size from the start; otherwise the size is a ceiling.
    pub const FIXED_RECEIVE: Self = Self(1 << 2);
    /// The control is WAD's own.
    pub const CONTROL_WAD: Self = Self(1 << 3);
    /// Nagle's algorithm is off.
    pub const NO_NAGLE: Self = Self(1 << 5);
    /// Nagle's algorithm is on, whatever the application asked for.
    pub const NAGLE: Self = Self(1 << 6);
    /// ECN is asked for.
    pub const ECN_ON: Self = Self(1 << 7);
    /// ECN is not to be used.
    pub const ECN_OFF: Self = Self(1 << 8);
    /// Slow start ends when the round-trip time shows that a queue grows.
    pub const DELAY_BRAKE: Self = Self(1 << 9);
    /// A loss that looks random takes less of the window.
    pub const LOSS_GUESS: Self = Self(1 << 10);
    /// The sizes are shares of the path's, and change as its flows come and go.
    pub const DIVIDE: Self = Self(1 << 11);

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is on.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn with(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { self }
    }
}

fn as_name_or_null<S: Serializer>(name: &Option<ControlName>, serializer: S) -> Result<S::Ok, S::Error> {
    match name {
        Some(name) => serializer.collect_str(name),
        None => serializer.serialize_none(),
    }
}
