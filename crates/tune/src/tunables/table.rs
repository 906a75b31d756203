//! The table of all that can be set.

use std::time::Duration;

use wad_model::{Bytes, Rate};

use super::Danger::{Dangerous, None as Unmarked, VeryDangerous};
use super::Mechanism::{Calls, Control, Mixed, Option, Policy, Route, SockOps, Sysctl};
use super::Scope::{Destination, Flow, Namespace};
use super::Standard::{Least, Most, Nothing};
use super::{Danger, Knob, Limits, Mechanism, Scope, Standard, Tunable};
use crate::config::{MAX_ADDITIVE_INCREASE, MAX_BUFFER, MAX_INITIAL_WINDOW, MIN_BUFFER};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A row of the table without a danger mark.
const fn row(
    knob: Knob,
    (key, name): (&'static str, &'static str),
    meaning: &'static str,
    (mechanism, scope): (Mechanism, Scope),
    limits: Limits,
) -> Tunable {
    Tunable {
        knob,
        key,
        name,
        meaning,
        mechanism,
        scope,
        danger: Unmarked,
        standard: Nothing,
        limits,
        safe: "",
    }
}

impl Tunable {
    const fn marked(self, danger: Danger, standard: Standard) -> Self {
        Self { danger, standard, ..self }
    }

    const fn safe(self, safe: &'static str) -> Self {
        Self { safe, ..self }
    }
}

/// The largest window in segments, thresholds and ceilings included: 1.4 GB of 1448-byte segments.
const LARGEST_WINDOW: u32 = 1_000_000;
/// Socket buffers: below 4 KiB the kernel takes its own minimum.
const BUFFER: Limits = Limits::Size(MIN_BUFFER, MAX_BUFFER);
/// Two segments are the least slow-start threshold of RFC 5681, section 3.1.
const THRESHOLD: Limits = Limits::Segments(2, LARGEST_WINDOW);

/// All that can be set, in the order of [`Knob`].
pub const TUNABLES: [Tunable; 41] = [
    row(
        Knob::BufferMode,
        ("buffers.mode", "buffer mode"),
        "how the sizes of buffers are meant",
        (Policy, Flow),
        Limits::Words("\"ceiling\", \"fixed\" or \"measured\""),
    ),
    row(
        Knob::SendBuffer,
        ("buffers.send", "send buffer"),
        "the send buffer",
        (Option("SO_SNDBUF"), Flow),
        BUFFER,
    ),
    row(
        Knob::ReceiveBuffer,
        ("buffers.receive", "receive buffer"),
        "the receive buffer",
        (Option("SO_RCVBUF"), Flow),
        BUFFER,
    ),
    row(
        Knob::BufferHeadroom,
        ("buffers.headroom", "buffer headroom"),
        "a measured buffer in bandwidth-delay products",
        (Policy, Flow),
        Limits::Number(1.0, 16.0),
    ),
    row(
        Knob::BufferDivide,
        ("buffers.divide", "division of buffers"),
        "the sizes are the path's, divided among its concurrent flows",
        (Policy, Flow),
        Limits::Switch,
    ),
    row(
        Knob::BufferFloor,
        ("buffers.floor", "floor of buffers"),
        "the least share of a divided buffer",
        (Policy, Flow),
        BUFFER,
    ),
    row(
        Knob::OverrideApplication,
        ("buffers.override_application", "override of the application"),
        "sizes that the application sets give way",
        (Calls("`setsockopt` and `getsockopt`"), Flow),
        Limits::Switch,
    ),
    row(
        Knob::CongestionControl,
        ("congestion.control", "congestion control"),
        "the congestion control",
        (Option("TCP_CONGESTION"), Flow),
        Limits::Words("1 to 15 letters, digits, hyphens, underscores"),
    ),
    row(
        Knob::AdditiveIncrease,
        ("congestion.additive_increase", "additive increase"),
        "segments by which the window grows in a round trip without loss",
        (Control, Flow),
        Limits::Above(0.0, MAX_ADDITIVE_INCREASE),
    )
    .marked(Dangerous, Most(1.0))
    .safe("up to 8"),
    row(
        Knob::MultiplicativeDecrease,
        ("congestion.multiplicative_decrease", "multiplicative decrease"),
        "the share of the window that a loss takes away",
        (Control, Flow),
        Limits::Between(0.0, 1.0),
    )
    .marked(Dangerous, Least(0.5))
    .safe("from 0.25"),
    row(
        Knob::VirtualMss,
        ("congestion.virtual_mss", "virtual MSS"),
        "growth and initial window as if segments were so many times larger",
        (Control, Flow),
        Limits::Segments(1, 1000),
    )
    .marked(Dangerous, Most(1.0))
    .safe("up to 6"),
    row(
        Knob::HighSpeed,
        ("congestion.high_speed", "HighSpeed TCP"),
        "increase and decrease follow the window as RFC 3649 says",
        (Control, Flow),
        Limits::Words("\"at_start\", \"periodic\" or \"continuous\""),
    )
    .marked(Dangerous, Nothing)
    .safe("with buffers of one bandwidth-delay product"),
    row(
        Knob::EquivalentStreams,
        ("congestion.equivalent_streams", "equivalent streams"),
        "increase N and decrease 1/(2N), so that one flow acts as N do",
        (Control, Flow),
        Limits::Whole(1, 64),
    )
    .marked(Dangerous, Most(1.0))
    .safe("up to 2; 4 with buffers of one bandwidth-delay product"),
    row(
        Knob::LossGuess,
        ("congestion.loss_guess", "guess at losses"),
        "a loss that looks random takes less of the window than one that looks like congestion",
        (Control, Flow),
        Limits::Switch,
    )
    .marked(Dangerous, Most(0.0))
    .safe("`true`"),
    row(
        Knob::MinSsthresh,
        ("congestion.min_ssthresh", "lowest slow-start threshold"),
        "no loss brings the slow-start threshold below it",
        (Control, Flow),
        THRESHOLD,
    )
    .marked(Dangerous, Most(2.0))
    .safe("up to 30, of 345 that fit the path"),
    row(
        Knob::MaxWindow,
        ("congestion.max_window", "largest window"),
        "the ceiling of the congestion window, under any control",
        (Option("TCP_BPF_SNDCWND_CLAMP"), Flow),
        Limits::Segments(2, LARGEST_WINDOW),
    )
    .marked(VeryDangerous, Nothing)
    .safe("two bandwidth-delay products"),
    row(
        Knob::RestartWindow,
        ("congestion.restart_window", "restart window"),
        "the congestion window after the flow was idle (RFC 5681, section 4.1)",
        (Control, Flow),
        Limits::Segments(1, LARGEST_WINDOW),
    )
    .marked(Dangerous, Most(10.0)),
    row(
        Knob::BurstLimit,
        ("congestion.burst_limit", "burst limit"),
        "the most segments that leave at once",
        (Control, Flow),
        Limits::Segments(2, 65_535),
    )
    .marked(VeryDangerous, Nothing)
    .safe("10"),
    row(
        Knob::InitialWindow,
        ("slow_start.initial_window", "initial window"),
        "the congestion window before the first data segment (RFC 6928: 10 segments)",
        (Option("TCP_BPF_IW"), Flow),
        Limits::Segments(1, MAX_INITIAL_WINDOW.get()),
    )
    .marked(Dangerous, Most(10.0))
    .safe("up to 100"),
    row(
        Knob::InitialSsthresh,
        ("slow_start.initial_ssthresh", "initial slow-start threshold"),
        "the window at which the first slow start ends",
        (Control, Flow),
        THRESHOLD,
    )
    .marked(VeryDangerous, Nothing)
    .safe("two bandwidth-delay products"),
    row(
        Knob::MaxSsthresh,
        ("slow_start.max_ssthresh", "limited slow start"),
        "the window above which slow start adds half of this in a round trip (RFC 3742)",
        (Control, Flow),
        THRESHOLD,
    )
    .safe("100"),
    row(
        Knob::SlowStartIncrement,
        ("slow_start.increment", "slow-start increment"),
        "segments by which the window grows for each acknowledged segment in slow start",
        (Control, Flow),
        Limits::Above(0.0, 32.0),
    )
    .marked(Dangerous, Most(1.0))
    .safe("up to 2"),
    row(
        Knob::DelayBrake,
        ("slow_start.delay_brake", "delay brake"),
        "slow start ends when the round-trip time shows that a queue grows",
        (Control, Flow),
        Limits::Switch,
    ),
    row(
        Knob::Pacing,
        ("pacing", "pacing"),
        "the highest rate at which segments leave",
        (Option("SO_MAX_PACING_RATE"), Flow),
        // In bytes a second the kernel takes 32 bits from a BPF program, all ones for no limit.
        Limits::Rate(Rate::from_bps(8_000), Rate::from_bps(8 * (u32::MAX as u64 - 1))),
    )
    .safe("the path's rate"),
    row(
        Knob::Estimate,
        ("estimate", "estimate"),
        "rate and round-trip time of the path",
        (Policy, Flow),
        Limits::Words("a rate of 1 kbit/s to 10 Tbit/s, a round-trip time of 1 us to 1 min"),
    ),
    row(
        Knob::InitialReceiveWindow,
        ("receive.initial_window", "initial receive window"),
        "the first receive window",
        (SockOps("reply to `RWND_INIT`; `SO_RCVBUF` before the SYN"), Flow),
        Limits::Segments(1, 1000),
    ),
    row(
        Knob::WindowClamp,
        ("receive.window_clamp", "largest receive window"),
        "the ceiling of the receive window",
        (Option("TCP_WINDOW_CLAMP"), Flow),
        BUFFER,
    ),
    row(
        Knob::DelayedAck,
        ("delayed_ack", "delayed acknowledgements"),
        "how long acknowledgements may wait for more data or for each other; `false` is for the destination, too",
        (Mixed("socket option `TCP_BPF_DELACK_MAX`; `false`: also route metric `quickack`"), Flow),
        // The kernel takes two jiffies at least: 8 ms where it ticks 250 times a second.
        Limits::Time(ms(8), ms(200)),
    )
    .marked(Dangerous, Nothing),
    row(
        Knob::QuickAck,
        ("quick_ack", "quick acknowledgements"),
        "each segment is acknowledged at once",
        (Route("quickack"), Destination),
        Limits::Switch,
    )
    .marked(Dangerous, Most(0.0))
    .safe("`true`"),
    row(
        Knob::Reordering,
        ("reordering", "reordering threshold"),
        "how many segments may arrive before an earlier one until that counts as lost",
        (Sysctl("net/ipv4/tcp_reordering"), Namespace),
        // The kernel's own `tcp_max_reordering`.
        Limits::Whole(3, 300),
    )
    .safe("30"),
    row(
        Knob::NotsentLowat,
        ("notsent_lowat", "unsent data"),
        "how much unsent data the application may queue",
        (Option("TCP_NOTSENT_LOWAT"), Flow),
        Limits::Size(Bytes::new(1 << 10), Bytes::new(1 << 30)),
    ),
    row(
        Knob::Nagle,
        ("nagle", "Nagle's algorithm"),
        "small segments wait until earlier data is acknowledged",
        (Option("TCP_NODELAY"), Flow),
        Limits::Switch,
    ),
    row(
        Knob::UserTimeout,
        ("user_timeout", "user time-out"),
        "how long data may stay unacknowledged before the flow is given up (RFC 5482)",
        (Option("TCP_USER_TIMEOUT"), Flow),
        Limits::Time(ms(100), Duration::from_secs(86_400)),
    ),
    row(
        Knob::MinRto,
        ("min_rto", "shortest retransmission time-out"),
        "the least that a retransmission timer waits beyond the round-trip time",
        (Option("TCP_BPF_RTO_MIN"), Flow),
        Limits::Time(ms(5), ms(200)),
    ),
    row(
        Knob::MaxRto,
        ("max_rto", "longest retransmission time-out"),
        "the most that a retransmission timer waits; Linux 6.15 and later",
        (Option("TCP_RTO_MAX_MS"), Flow),
        Limits::Time(ms(1_000), ms(120_000)),
    ),
    row(
        Knob::Ecn,
        ("ecn", "explicit congestion notification"),
        "whether ECN is asked for; switching it off is for the namespace",
        (Mixed("`sock_ops`: reply to `NEEDS_ECN`; off: sysctl `net/ipv4/tcp_ecn`"), Flow),
        Limits::Switch,
    ),
    row(
        Knob::MtuProbing,
        ("mtu_probing", "MTU probing"),
        "smaller segments are tried where a black hole swallows large ones (RFC 4821)",
        (Sysctl("net/ipv4/tcp_mtu_probing"), Namespace),
        Limits::Switch,
    ),
    row(
        Knob::SegmentSize,
        ("segment_size", "segment size"),
        "the largest segment in bytes, TCP options included, as the SYN announces it",
        (Option("TCP_MAXSEG"), Flow),
        // The kernel's TCP_MIN_MSS and MAX_TCP_WINDOW.
        Limits::Whole(88, 32_767),
    ),
    row(
        Knob::TrafficClass,
        ("traffic_class", "traffic class"),
        "the byte of the IP header; its two ECN bits stay TCP's",
        (Mixed("socket options `IP_TOS` and `IPV6_TCLASS`"), Flow),
        Limits::Whole(0, 255),
    ),
    row(
        Knob::MetricsCache,
        ("metrics_cache", "metrics cache"),
        "whether new flows begin with what the kernel remembers of the destination",
        (Mixed("sysctl `net/ipv4/tcp_no_metrics_save`; `flush`: netlink `tcp_metrics`"), Namespace),
        Limits::Words("\"on\", \"off\" or \"flush\""),
    ),
    row(
        Knob::Profile,
        ("profile", "profile"),
        "a ready set of settings",
        (Policy, Flow),
        Limits::Words("\"latency\""),
    ),
];
