//! What is set for a flow beside buffers and the constants of its control.

use std::time::Duration;

use wad_model::{Bytes, Rate, Segments};

use super::control::{Constants, to_1024};
use super::parameters::{Flags, PACING_OFF, Parameters};
use super::setting::Setting;
use super::sizes::Sizes;
use super::value::Value;
use crate::circumstances::KnownEstimate;
use crate::config::{Control, DelayedAck, Given, Pacing, PathPolicy, WadControl};
use crate::rules::PathIndex;
use crate::tunables::{Knob, Limits};

/// The shortest wait for an acknowledgement that every kernel takes: two of its ticks, of 4 ms each at most.
const SHORTEST_DELAY: Duration = Duration::from_millis(8);

/// A pace, and what is said of it.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_s: u64,
    pub(super) setting: Setting,
}

/// The pace of a path's flows.
pub(super) fn pacing(path: &PathPolicy, estimate: Option<KnownEstimate>) -> Option<Pace> {
    let given = path.pacing?;
    let at = |bytes_per_s, value, reason| {
        Some(Pace { bytes_per_s, setting: Setting { knob: Knob::Pacing, value, reason } })
    };
    match (given.value, estimate) {
        (Pacing::Off, _) => at(PACING_OFF, Value::Word("off"), given.origin()),
        (Pacing::Rate(rate), _) => at(rate.as_bps() / 8, Value::Rate(rate), given.origin()),
        (Pacing::Share(share), None) => {
            let reason = format!(
                "{} wants {share} of the estimated rate, but there is no estimate of the path yet",
                given.origin()
            );
            at(0, Value::Word("none"), reason)
        }
        (Pacing::Share(share), Some(KnownEstimate { estimate, source })) => {
            let rate = within_kernel(share_of(estimate.rate, share));
            let reason = format!("{}: {share} of {} ({source})", given.origin(), estimate.rate);
            at(rate.as_bps() / 8, Value::Rate(rate), reason)
        }
    }
}

/// The rate cut to what the kernel takes.
fn within_kernel(rate: Rate) -> Rate {
    match Knob::Pacing.tunable().limits {
        Limits::Rate(low, high) => rate.clamp(low, high),
        _ => rate,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate is below 2^53 bit/s, and a share is at most 2"
)]
fn share_of(rate: Rate, share: f64) -> Rate {
    Rate::from_bps((rate.as_bps() as f64 * share).round() as u64)
}

/// How the flow begins.
pub(super) fn slow_start(path: &PathPolicy) -> Vec<Setting> {
    let start = &path.slow_start;
    let window =
        |knob, given: Option<Given<Segments>>| given.map(|given| Setting::given(knob, &given, Value::Window));
    [
        window(Knob::InitialWindow, start.initial_window),
        window(Knob::InitialSsthresh, start.initial_ssthresh),
        window(Knob::MaxSsthresh, start.max_ssthresh),
        start.increment.map(|n| Setting::given(Knob::SlowStartIncrement, &n, Value::Increment)),
        start.delay_brake.map(|on| Setting::given(Knob::DelayBrake, &on, Value::Switch)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the other host is let send, and when it is acknowledged.
pub(super) fn receiver(path: &PathPolicy) -> Vec<Setting> {
    let (receive, acks) = (&path.receive, &path.acknowledgements);
    let delay = |delay| match delay {
        DelayedAck::Kernel => Value::Word("on"),
        DelayedAck::Never => Value::Word("off"),
        DelayedAck::AtMost(time) => Value::Time(time),
    };
    [
        receive.initial_window.map(|w| Setting::given(Knob::InitialReceiveWindow, &w, Value::Window)),
        receive.window_clamp.map(|size| Setting::given(Knob::WindowClamp, &size, Value::Size)),
        acks.delayed.map(|given| Setting::given(Knob::DelayedAck, &given, delay)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The rest of what is set of TCP for a flow alone.
pub(super) fn transport(path: &PathPolicy) -> Vec<Setting> {
    let transport = &path.transport;
    let time =
        |knob, given: Option<Given<Duration>>| given.map(|given| Setting::given(knob, &given, Value::Time));
    [
        transport.notsent_lowat.map(|size| Setting::given(Knob::NotsentLowat, &size, Value::Size)),
        transport.nagle.map(|on| Setting::given(Knob::Nagle, &on, Value::Switch)),
        time(Knob::UserTimeout, transport.user_timeout),
        time(Knob::MinRto, transport.min_rto),
        time(Knob::MaxRto, transport.max_rto),
        transport.ecn.map(|on| Setting::given(Knob::Ecn, &on, Value::Switch)),
        transport.segment_size.map(|n| Setting::given(Knob::SegmentSize, &n, Value::Octets)),
        transport.traffic_class.map(|n| Setting::given(Knob::TrafficClass, &n, Value::Number)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All of it as plain numbers.
pub(super) fn parameters(
    path: PathIndex,
    policy: &PathPolicy,
    sizes: &Sizes,
    constants: &Constants,
    pace: Option<&Pace>,
) -> Parameters {
    let (start, transport) = (&policy.slow_start, &policy.transport);
    let wad = match &policy.congestion.control.value {
        Control::Wad(wad) => Some(&**wad),
        Control::Named(_) | Control::Unchanged => None,
    };
    let of_wad = |part: fn(&WadControl) -> Option<Given<Segments>>| segments(wad.and_then(part));
    Parameters {
        path,
        flags: flags(policy, sizes, wad),
        send_bytes: plain(sizes.send.size),
        receive_bytes: plain(sizes.receive.size),
        initial_window: segments(start.initial_window),
        ai_1024: constants.ai_1024,
        md_1024: constants.md_1024,
        high_speed: constants.high_speed,
        initial_ssthresh: segments(start.initial_ssthresh),
        min_ssthresh: of_wad(|wad| wad.min_ssthresh),
        max_ssthresh: segments(start.max_ssthresh),
        slow_start_increment_1024: start.increment.map_or(0, |given| to_1024(given.value).max(1)),
        max_window: segments(policy.congestion.max_window),
        restart_window: of_wad(|wad| wad.restart_window),
        burst_limit: of_wad(|wad| wad.burst_limit),
        pacing_rate_bytes_per_s: pace.map_or(0, |pace| pace.bytes_per_s),
        initial_receive_window: segments(policy.receive.initial_window),
        window_clamp_bytes: bytes(policy.receive.window_clamp),
        delayed_ack_max_us: delay_us(policy.acknowledgements.delayed),
        min_rto_us: transport.min_rto.map_or(0, |given| count(given.value.as_micros())),
        max_rto_ms: transport.max_rto.map_or(0, |given| count(given.value.as_millis())),
        notsent_lowat_bytes: bytes(transport.notsent_lowat),
        user_timeout_ms: transport.user_timeout.map_or(0, |given| count(given.value.as_millis())),
        segment_size: transport.segment_size.map_or(0, |given| given.value),
        traffic_class: transport.traffic_class.and_then(|given| u8::try_from(given.value).ok()),
        control: policy.congestion.control.value.name(),
    }
}

fn flags(policy: &PathPolicy, sizes: &Sizes, wad: Option<&WadControl>) -> Flags {
    let is = |given: Option<Given<bool>>, value: bool| given.is_some_and(|given| given.value == value);
    Flags::default()
        .with(Flags::OVERRIDE_APPLICATION, policy.buffers.override_application.value)
        .with(Flags::FIXED_SEND, sizes.fixed)
        .with(Flags::FIXED_RECEIVE, sizes.fixed)
        .with(Flags::DIVIDE, policy.buffers.divide.value)
        .with(Flags::CONTROL_WAD, wad.is_some())
        .with(Flags::LOSS_GUESS, is(wad.and_then(|wad| wad.loss_guess), true))
        .with(Flags::DELAY_BRAKE, is(policy.slow_start.delay_brake, true))
        .with(Flags::NAGLE, is(policy.transport.nagle, true))
        .with(Flags::NO_NAGLE, is(policy.transport.nagle, false))
        .with(Flags::ECN_ON, is(policy.transport.ecn, true))
        .with(Flags::ECN_OFF, is(policy.transport.ecn, false))
}

/// Without delay, the shortest bound stands in wherever no route of its own makes acknowledgements leave at once.
fn delay_us(delayed: Option<Given<DelayedAck>>) -> u32 {
    match delayed.map(|given| given.value) {
        None | Some(DelayedAck::Kernel) => 0,
        Some(DelayedAck::Never) => count(SHORTEST_DELAY.as_micros()),
        Some(DelayedAck::AtMost(time)) => count(time.as_micros()),
    }
}

fn segments(given: Option<Given<Segments>>) -> u32 {
    given.map_or(0, |given| given.value.get())
}

fn bytes(given: Option<Given<Bytes>>) -> u32 {
    given.map_or(0, |given| plain(given.value))
}

fn plain(size: Bytes) -> u32 {
    u32::try_from(size.get()).unwrap_or(u32::MAX)
}

fn count(number: u128) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
