//! The policy of the configuration in the form that the kernel takes.

use std::time::Duration;

use wad_linux::{Parameters, Policy, PortRange, Prefix, Rule, SocketState};
use wad_model::{Bytes, Segments};
use wad_tune::{Config, Flags, HighSpeedMode, PathIndex, Planner, RuleTable};

/// What the BPF programs decide by, from a configuration, its rules, and what its paths get now.
///
/// `wmem_max_before` and `rmem_max_before` are the host's limits before the daemon raised them.
#[must_use]
pub fn kernel_policy(
    config: &Config,
    table: &RuleTable,
    planner: &Planner,
    wmem_max_before: Bytes,
    rmem_max_before: Bytes,
) -> Policy {
    let indices = (0..).zip(&config.paths).map(|(index, _)| PathIndex(index));
    Policy {
        prefixes: table.prefixes.iter().map(|entry| (prefix(entry.prefix), entry.first.0)).collect(),
        rules: table.rules.iter().map(rule).collect(),
        paths: indices.map(|index| offered(planner, index)).collect(),
        wmem_max_before,
        rmem_max_before,
    }
}

fn prefix(prefix: wad_tune::Prefix) -> Prefix {
    Prefix { address: prefix.address(), length: prefix.length() }
}

fn ports(range: wad_tune::PortRange) -> PortRange {
    PortRange { low: range.low(), high: range.high() }
}

fn rule(rule: &wad_tune::Rule) -> Rule {
    Rule {
        source: prefix(rule.source),
        source_port: ports(rule.source_port),
        destination_port: ports(rule.destination_port),
        path: rule.path.0,
        next: rule.next.map(|next| next.0),
    }
}

/// What the next flow of a path gets.
pub(crate) fn offered(planner: &Planner, path: PathIndex) -> Parameters {
    Parameters { moves: planner.moves(path), ..parameters(&planner.decision(path).parameters) }
}

/// The settings of a flow in the form that the kernel takes.
pub(crate) fn parameters(decided: &wad_tune::Parameters) -> Parameters {
    let size = |bytes: u32| (bytes != 0).then(|| Bytes::new(bytes.into()));
    let window = |segments: u32| (segments != 0).then(|| Segments::new(segments));
    let micros = |time: u32| (time != 0).then(|| Duration::from_micros(time.into()));
    let millis = |time: u32| (time != 0).then(|| Duration::from_millis(time.into()));
    let has = |flag| decided.flags.contains(flag);
    Parameters {
        override_application: has(Flags::OVERRIDE_APPLICATION),
        fixed_buffers: has(Flags::FIXED_SEND),
        send_buffer: size(decided.send_bytes),
        receive_buffer: size(decided.receive_bytes),
        initial_window: window(decided.initial_window),
        control: decided.control.map(|name| name.as_str().to_owned()),
        additive_increase_1024: decided.ai_1024,
        multiplicative_decrease_1024: decided.md_1024,
        high_speed: decided.high_speed == Some(HighSpeedMode::Continuous),
        delay_brake: has(Flags::DELAY_BRAKE),
        loss_guess: has(Flags::LOSS_GUESS),
        slow_start_increment_1024: non_zero(decided.slow_start_increment_1024),
        initial_ssthresh: window(decided.initial_ssthresh),
        min_ssthresh: window(decided.min_ssthresh),
        max_ssthresh: window(decided.max_ssthresh),
        restart_window: window(decided.restart_window),
        burst_limit: window(decided.burst_limit),
        max_window: window(decided.max_window),
        pacing_rate: (decided.pacing_rate_bytes_per_s != 0).then_some(decided.pacing_rate_bytes_per_s),
        initial_receive_window: window(decided.initial_receive_window),
        window_clamp: size(decided.window_clamp_bytes),
        delayed_ack_max: micros(decided.delayed_ack_max_us),
        min_rto: micros(decided.min_rto_us),
        max_rto: millis(decided.max_rto_ms),
        notsent_lowat: size(decided.notsent_lowat_bytes),
        user_timeout: millis(decided.user_timeout_ms),
        segment_size: size(decided.segment_size),
        nagle: nagle(decided.flags),
        ecn: has(Flags::ECN_ON),
        traffic_class: decided.traffic_class,
        moves: false,
    }
}

/// What of a socket is to be put back: what differs from before, and what was set that a socket does not show.
pub(crate) fn undoing(set: Parameters, now: &SocketState, before: &SocketState) -> Parameters {
    Parameters {
        control: (now.control != before.control).then(|| now.control.clone()),
        max_window: now.max_window.filter(|_| now.max_window != before.max_window),
        pacing_rate: now.pacing_rate.filter(|_| now.pacing_rate != before.pacing_rate),
        notsent_lowat: now.notsent_lowat.filter(|_| now.notsent_lowat != before.notsent_lowat),
        user_timeout: now.user_timeout.filter(|_| now.user_timeout != before.user_timeout),
        nagle: (now.nagle != before.nagle).then_some(now.nagle),
        traffic_class: (now.traffic_class != before.traffic_class).then_some(now.traffic_class),
        ..set
    }
}

fn nagle(flags: Flags) -> Option<bool> {
    if flags.contains(Flags::NO_NAGLE) {
        return Some(false);
    }
    flags.contains(Flags::NAGLE).then_some(true)
}

fn non_zero(number: u32) -> Option<u32> {
    (number != 0).then_some(number)
}
