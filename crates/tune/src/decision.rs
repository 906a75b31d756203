//! What is set for the flows of a path, and why.

use std::fmt;

use serde::{Serialize, Serializer};
use wad_model::{Bytes, Segments};

use crate::config::{
    AdditiveIncrease, BufferMode, Control, ControlName, Given, MultiplicativeDecrease, PathPolicy,
};
use crate::limits::{HostLimits, KERNEL_MAX_BUFFER, as_number};
use crate::rules::PathIndex;

/// What is set for the flows of a path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Each setting with its reason, for people. What is not among them is left to the kernel.
    pub settings: Vec<Setting>,
    /// The same as plain numbers, for the kernel.
    pub parameters: Parameters,
}

/// One thing that is set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// What is set.
    pub knob: Knob,
    /// To what.
    #[serde(flatten)]
    pub value: Value,
    /// Why: where the policy says so, and what limits it.
    pub reason: String,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.knob, self.value, self.reason)
    }
}

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Knob {
    /// How the sizes of buffers are meant.
    BufferMode,
    /// The send buffer.
    SendBuffer,
    /// The receive buffer.
    ReceiveBuffer,
    /// Whether the application's own sizes give way.
    OverrideApplication,
    /// The congestion control.
    CongestionControl,
    /// How fast its window grows.
    AdditiveIncrease,
    /// How much of the window a loss takes.
    MultiplicativeDecrease,
    /// The congestion window before the first data segment.
    InitialWindow,
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferMode => "buffer mode",
            Self::SendBuffer => "send buffer",
            Self::ReceiveBuffer => "receive buffer",
            Self::OverrideApplication => "override of the application",
            Self::CongestionControl => "congestion control",
            Self::AdditiveIncrease => "additive increase",
            Self::MultiplicativeDecrease => "multiplicative decrease",
            Self::InitialWindow => "initial window",
        })
    }
}

/// What something is set to. In JSON the key carries the unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Value {
    /// The mode of the buffers.
    #[serde(rename = "value")]
    Mode(BufferMode),
    /// A size.
    #[serde(rename = "value_bytes", serialize_with = "as_number")]
    Size(Bytes),
    /// Yes or no.
    #[serde(rename = "value")]
    Switch(bool),
    /// A congestion control.
    #[serde(rename = "value", serialize_with = "as_name")]
    Control(ControlName),
    /// Segments per round trip.
    #[serde(rename = "value_segments_per_rtt")]
    Growth(f64),
    /// A share of the window.
    #[serde(rename = "value_share")]
    Share(f64),
    /// A window.
    #[serde(rename = "value_segments", serialize_with = "as_count")]
    Window(Segments),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => mode.fmt(f),
            Self::Size(size) => size.fmt(f),
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Control(name) => name.fmt(f),
            Self::Growth(segments) if *segments == 1.0 => write!(f, "1 segment per round trip"),
            Self::Growth(segments) => write!(f, "{segments} segments per round trip"),
            Self::Share(share) => write!(f, "{share} of the window"),
            Self::Window(window) => window.fmt(f),
        }
    }
}

/// The settings of a path as plain numbers, ready to be copied into a map of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// The path.
    pub path: PathIndex,
    /// What is on.
    pub flags: Flags,
    /// The send buffer as `SO_SNDBUF` takes it, in bytes.
    pub send_bytes: u32,
    /// The receive buffer as `SO_RCVBUF` takes it, in bytes.
    pub receive_bytes: u32,
    /// The initial window, in segments; zero leaves it alone.
    #[serde(rename = "initial_window_segments")]
    pub initial_window: u32,
    /// The additive increase in 1/1024 of a segment per round trip; zero unless the control is WAD's.
    pub ai_1024: u32,
    /// The share that a loss takes away in 1/1024 of the window; zero unless the control is WAD's.
    pub md_1024: u32,
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

    fn with(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { self }
    }
}

/// What is set for the flows of a path on a host with these limits.
#[must_use]
pub fn decide(index: PathIndex, path: &PathPolicy, limits: &HostLimits) -> Decision {
    let send = limited(path.buffers.send, limits.wmem_max, "net.core.wmem_max");
    let receive = limited(path.buffers.receive, limits.rmem_max, "net.core.rmem_max");
    let parameters = parameters(index, path, &send, &receive);
    let mut settings = buffer_settings(path, send, receive);
    settings.extend(control_settings(&path.congestion.control));
    settings.extend(path.slow_start.initial_window.map(|w| setting(Knob::InitialWindow, &w, Value::Window)));
    Decision { settings, parameters }
}

/// A size after the limits, and why it is what it is.
struct Limited {
    size: Bytes,
    reason: String,
}

/// The size that takes effect: the kernel cuts what is above its limit without a word.
fn limited(wanted: Given<Bytes>, limit: Option<Bytes>, name: &str) -> Limited {
    let (size, origin) = (wanted.value, wanted.origin());
    let host = limit.filter(|limit| *limit < size.min(KERNEL_MAX_BUFFER));
    match host {
        Some(limit) => Limited {
            size: limit,
            reason: format!("{origin} wants {size}, but the host's {name} is {limit}"),
        },
        None if size > KERNEL_MAX_BUFFER => {
            let reason = format!("{origin}; the kernel takes {} bytes at most", KERNEL_MAX_BUFFER.get());
            Limited { size: KERNEL_MAX_BUFFER, reason }
        }
        None => Limited { size, reason: origin },
    }
}

fn setting<T: Copy>(knob: Knob, given: &Given<T>, value: impl FnOnce(T) -> Value) -> Setting {
    Setting { knob, value: value(given.value), reason: given.origin() }
}

fn buffer_settings(path: &PathPolicy, send: Limited, receive: Limited) -> Vec<Setting> {
    let size =
        |knob, limited: Limited| Setting { knob, value: Value::Size(limited.size), reason: limited.reason };
    vec![
        setting(Knob::BufferMode, &path.buffers.mode, Value::Mode),
        size(Knob::SendBuffer, send),
        size(Knob::ReceiveBuffer, receive),
        setting(Knob::OverrideApplication, &path.buffers.override_application, Value::Switch),
    ]
}

fn control_settings(control: &Given<Control>) -> Vec<Setting> {
    let Some(name) = control.value.name() else { return Vec::new() };
    let reason = control.origin();
    let mut settings = vec![Setting { knob: Knob::CongestionControl, value: Value::Control(name), reason }];
    if let Control::Wad { additive_increase, multiplicative_decrease } = &control.value {
        settings.push(setting(Knob::AdditiveIncrease, additive_increase, |ai| Value::Growth(ai.get())));
        settings.push(setting(Knob::MultiplicativeDecrease, multiplicative_decrease, |md| {
            Value::Share(md.get())
        }));
    }
    settings
}

fn parameters(path: PathIndex, policy: &PathPolicy, send: &Limited, receive: &Limited) -> Parameters {
    let control = &policy.congestion.control.value;
    let (ai_1024, md_1024) = match control {
        Control::Wad { additive_increase, multiplicative_decrease } => {
            (increase_1024(additive_increase.value), decrease_1024(multiplicative_decrease.value))
        }
        Control::Named(_) | Control::Unchanged => (0, 0),
    };
    Parameters {
        path,
        flags: flags(policy),
        send_bytes: plain(send.size),
        receive_bytes: plain(receive.size),
        initial_window: policy.slow_start.initial_window.map_or(0, |window| window.value.get()),
        ai_1024,
        md_1024,
        control: control.name(),
    }
}

fn flags(policy: &PathPolicy) -> Flags {
    let fixed = policy.buffers.mode.value == BufferMode::Fixed;
    Flags::default()
        .with(Flags::OVERRIDE_APPLICATION, policy.buffers.override_application.value)
        .with(Flags::FIXED_SEND, fixed)
        .with(Flags::FIXED_RECEIVE, fixed)
        .with(Flags::CONTROL_WAD, matches!(policy.congestion.control.value, Control::Wad { .. }))
}

fn plain(size: Bytes) -> u32 {
    u32::try_from(size.get()).unwrap_or(u32::MAX)
}

/// At least one part, so that a window that should grow does.
fn increase_1024(increase: AdditiveIncrease) -> u32 {
    to_1024(increase.get()).max(1)
}

/// At least one part and not all of them, so that a loss takes something and leaves something.
fn decrease_1024(decrease: MultiplicativeDecrease) -> u32 {
    to_1024(decrease.get()).clamp(1, 1023)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both types hold numbers above zero and up to 1000"
)]
fn to_1024(number: f64) -> u32 {
    (number * 1024.0).round() as u32
}

fn as_name<S: Serializer>(name: &ControlName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

fn as_name_or_null<S: Serializer>(name: &Option<ControlName>, serializer: S) -> Result<S::Ok, S::Error> {
    match name {
        Some(name) => serializer.collect_str(name),
        None => serializer.serialize_none(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn as_count<S: Serializer>(segments: &Segments, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(segments.get())
}
