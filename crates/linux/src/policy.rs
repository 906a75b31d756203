//! The policy in the form that the kernel's maps take.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use wad_model::{Bytes, Segments};

use crate::skeleton::types;

/// Everything that the BPF programs decide by.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Distinct destination prefixes, each with the rule that its list starts with.
    pub prefixes: Vec<(Prefix, u32)>,
    /// The rules; the lists of all prefixes in one table.
    pub rules: Vec<Rule>,
    /// What each path sets; [`Rule::path`] is an index into it.
    pub paths: Vec<Parameters>,
    /// `net.core.wmem_max` before WAD raised it: what untuned applications may have at most.
    pub wmem_max_before: Bytes,
    /// `net.core.rmem_max` before WAD raised it.
    pub rmem_max_before: Bytes,
}

/// An address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address, its host bits zero.
    pub address: IpAddr,
    /// How many bits count.
    pub length: u8,
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// An inclusive range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub low: u16,
    /// The last port.
    pub high: u16,
}

/// One alternative of a path entry.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// This host's address; its family is that of the destination prefix.
    pub source: Prefix,
    /// This host's port.
    pub source_port: PortRange,
    /// The other host's port.
    pub destination_port: PortRange,
    /// Index into [`Policy::paths`].
    pub path: u32,
    /// The rule to try next, if this one does not match.
    pub next: Option<u32>,
}

/// What a path sets; `None` leaves a knob alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// The application's own buffer sizes do not count.
    pub override_application: bool,
    /// Buffers are set once; otherwise the sizes bound what autotuning may reach.
    pub fixed_buffers: bool,
    /// As an application would pass to `SO_SNDBUF`.
    pub send_buffer: Option<Bytes>,
    /// As an application would pass to `SO_RCVBUF`.
    pub receive_buffer: Option<Bytes>,
    /// The congestion window that a connection starts with.
    pub initial_window: Option<Segments>,
    /// The congestion control by name, at most 15 bytes.
    pub control: Option<String>,
    /// Segments a round trip, in units of 1/1024; control `wad` only.
    pub additive_increase_1024: u32,
    /// Share of the window that a loss takes, in units of 1/1024; control `wad` only.
    pub multiplicative_decrease_1024: u32,
    /// Increase and decrease by the window (RFC 3649), instead of the two above; control `wad` only.
    pub high_speed: bool,
    /// Slow start ends where the round-trip time shows a queue; control `wad` only.
    pub delay_brake: bool,
    /// A loss without a queue takes a quarter of the decrease; control `wad` only.
    pub loss_guess: bool,
    /// Segments per acknowledged segment in slow start, in units of 1/1024; control `wad` only.
    pub slow_start_increment_1024: Option<u32>,
    /// Where the first slow start ends; control `wad` only.
    pub initial_ssthresh: Option<Segments>,
    /// What a loss leaves at least; control `wad` only.
    pub min_ssthresh: Option<Segments>,
    /// From here on slow start is limited (RFC 3742); control `wad` only.
    pub max_ssthresh: Option<Segments>,
    /// The largest window after the flow was idle; control `wad` only.
    pub restart_window: Option<Segments>,
    /// How many segments may leave at one acknowledgement; control `wad` only.
    pub burst_limit: Option<Segments>,
    /// The largest congestion window.
    pub max_window: Option<Segments>,
    /// The highest rate, in bytes a second; `u64::MAX` lifts what the application set.
    pub pacing_rate: Option<u64>,
    /// The first receive window.
    pub initial_receive_window: Option<Segments>,
    /// The largest receive window.
    pub window_clamp: Option<Bytes>,
    /// How long an acknowledgement may wait.
    pub delayed_ack_max: Option<Duration>,
    /// The shortest retransmission time-out.
    pub min_rto: Option<Duration>,
    /// The longest retransmission time-out.
    pub max_rto: Option<Duration>,
    /// How much unsent data an application may queue.
    pub notsent_lowat: Option<Bytes>,
    /// How long data may stay unacknowledged.
    pub user_timeout: Option<Duration>,
    /// The largest segment.
    pub segment_size: Option<Bytes>,
    /// Nagle's algorithm on or off.
    pub nagle: Option<bool>,
    /// Ask for ECN.
    pub ecn: bool,
    /// The traffic class byte of the IP header.
    pub traffic_class: Option<u8>,
    /// What running flows have is to be moved by orders: the kernel keeps state of them from their open on.
    pub moves: bool,
}

const POLICY_OVERRIDE: u32 = 1 << 0;
const POLICY_FIXED_BUFFERS: u32 = 1 << 1;
const POLICY_NO_NAGLE: u32 = 1 << 2;
const POLICY_NAGLE: u32 = 1 << 3;
const POLICY_ECN: u32 = 1 << 4;
const POLICY_TRAFFIC_CLASS: u32 = 1 << 5;
const POLICY_FOLLOWED: u32 = 1 << 6;
const POLICY_TRANSPORT: u32 = 1 << 7;
const CONTROL_HIGH_SPEED: u32 = 1 << 0;
const CONTROL_DELAY_BRAKE: u32 = 1 << 1;
const CONTROL_LOSS_GUESS: u32 = 1 << 2;
const NO_RULE: u32 = u32::MAX;

impl Parameters {
    pub(crate) fn to_kernel(&self) -> types::wad_parameters {
        types::wad_parameters {
            pacing_rate: self.pacing_rate.unwrap_or_default(),
            policy: self.policy_bits(),
            send_buffer: bytes(self.send_buffer),
            receive_buffer: bytes(self.receive_buffer),
            initial_window: segments(self.initial_window),
            initial_receive_window: segments(self.initial_receive_window),
            window_clamp: bytes(self.window_clamp),
            max_window: segments(self.max_window),
            delayed_ack_max_us: micros(self.delayed_ack_max),
            min_rto_us: micros(self.min_rto),
            max_rto_ms: millis(self.max_rto),
            notsent_lowat: bytes(self.notsent_lowat),
            user_timeout_ms: millis(self.user_timeout),
            segment_size: bytes(self.segment_size),
            traffic_class: self.traffic_class.unwrap_or_default().into(),
            wad: self.control_to_kernel(),
            control: name_to_kernel(self.control.as_deref().unwrap_or("")),
            unused: 0,
        }
    }

    /// Whether something must be set before the SYN of a connection leaves.
    pub(crate) const fn acts_at_connect(&self) -> bool {
        self.segment_size.is_some() || self.traffic_class.is_some()
    }

    /// Whether there is anything beside the control, the initial window and the buffers: mostly there is not, and the
    /// kernel's side then looks at none of it.
    const fn sets_transport(&self) -> bool {
        self.max_window.is_some()
            || self.delayed_ack_max.is_some()
            || self.min_rto.is_some()
            || self.max_rto.is_some()
            || self.notsent_lowat.is_some()
            || self.user_timeout.is_some()
            || self.pacing_rate.is_some()
            || self.nagle.is_some()
            || self.traffic_class.is_some()
    }

    fn policy_bits(&self) -> u32 {
        on(self.override_application, POLICY_OVERRIDE)
            | on(self.fixed_buffers, POLICY_FIXED_BUFFERS)
            | on(self.nagle == Some(false), POLICY_NO_NAGLE)
            | on(self.nagle == Some(true), POLICY_NAGLE)
            | on(self.ecn, POLICY_ECN)
            | on(self.traffic_class.is_some(), POLICY_TRAFFIC_CLASS)
            | on(self.moves, POLICY_FOLLOWED)
            | on(self.sets_transport(), POLICY_TRANSPORT)
    }

    fn control_to_kernel(&self) -> types::wad_control {
        types::wad_control {
            flags: on(self.high_speed, CONTROL_HIGH_SPEED)
                | on(self.delay_brake, CONTROL_DELAY_BRAKE)
                | on(self.loss_guess, CONTROL_LOSS_GUESS),
            additive_increase: self.additive_increase_1024,
            multiplicative_decrease: self.multiplicative_decrease_1024,
            slow_start_increment: self.slow_start_increment_1024.unwrap_or_default(),
            initial_ssthresh: segments(self.initial_ssthresh),
            min_ssthresh: segments(self.min_ssthresh),
            max_ssthresh: segments(self.max_ssthresh),
            restart_window: segments(self.restart_window),
            burst_limit: segments(self.burst_limit),
        }
    }
}

const fn on(is: bool, bit: u32) -> u32 {
    if is { bit } else { 0 }
}

fn bytes(size: Option<Bytes>) -> u32 {
    saturate(size.unwrap_or_default())
}

fn segments(window: Option<Segments>) -> u32 {
    window.unwrap_or_default().get()
}

fn micros(time: Option<Duration>) -> u32 {
    u32::try_from(time.unwrap_or_default().as_micros()).unwrap_or(u32::MAX)
}

fn millis(time: Option<Duration>) -> u32 {
    u32::try_from(time.unwrap_or_default().as_millis()).unwrap_or(u32::MAX)
}

impl Prefix {
    pub(crate) fn to_kernel(self) -> types::wad_prefix {
        let family: u32 = if self.address.is_ipv4() { 4 } else { 6 };
        types::wad_prefix {
            length: 32 + u32::from(self.length),
            family: family.to_be(),
            address: address_to_kernel(self.address),
        }
    }
}

impl Rule {
    pub(crate) fn to_kernel(self) -> types::wad_rule {
        types::wad_rule {
            source: address_to_kernel(self.source.address),
            source_length: self.source.length.into(),
            source_port_low: self.source_port.low,
            source_port_high: self.source_port.high,
            destination_port_low: self.destination_port.low,
            destination_port_high: self.destination_port.high,
            path: self.path,
            next: self.next.unwrap_or(NO_RULE),
        }
    }
}

pub(crate) fn saturate(bytes: Bytes) -> u32 {
    u32::try_from(bytes.get()).unwrap_or(u32::MAX)
}

fn address_to_kernel(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

pub(crate) fn name_to_kernel(name: &str) -> [i8; 16] {
    let mut raw = [0; 16];
    for (to, from) in raw[..15].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    raw
}

pub(crate) fn name_from_kernel(raw: &[i8; 16]) -> String {
    let bytes: Vec<u8> = raw.iter().take_while(|byte| **byte != 0).map(|byte| byte.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_stays_terminated() {
        let raw = name_to_kernel("a-name-of-twenty-char");
        assert_eq!(name_from_kernel(&raw), "a-name-of-twent");
    }
}
