//! What something is set to.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use wad_model::{Bytes, Rate, Segments, format_duration};

use crate::config::{BufferMode, ControlName};
use crate::limits::as_number;

/// What something is set to. In JSON the key carries the unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Value {
    /// The mode of the buffers.
    #[serde(rename = "value")]
    Mode(BufferMode),
    /// A size.
    #[serde(rename = "value_bytes", serialize_with = "as_number")]
    Size(Bytes),
    /// A size that is said to the byte.
    #[serde(rename = "value_bytes")]
    Octets(u32),
    /// Yes or no.
    #[serde(rename = "value")]
    Switch(bool),
    /// A congestion control.
    #[serde(rename = "value", serialize_with = "as_name")]
    Control(ControlName),
    /// Segments per round trip.
    #[serde(rename = "value_segments_per_rtt")]
    Growth(f64),
    /// Segments per acknowledged segment.
    #[serde(rename = "value_segments_per_segment")]
    Increment(f64),
    /// A share of the window.
    #[serde(rename = "value_share")]
    Share(f64),
    /// A window.
    #[serde(rename = "value_segments", serialize_with = "as_count")]
    Window(Segments),
    /// A rate.
    #[serde(rename = "value_bps", serialize_with = "as_bps")]
    Rate(Rate),
    /// A time.
    #[serde(rename = "value_s", serialize_with = "as_seconds")]
    Time(Duration),
    /// A number.
    #[serde(rename = "value")]
    Number(u32),
    /// A word of the configuration, or one that says what it comes to.
    #[serde(rename = "value")]
    Word(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => mode.fmt(f),
            Self::Size(size) => size.fmt(f),
            Self::Octets(bytes) => write!(f, "{bytes} bytes"),
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Control(name) => name.fmt(f),
            Self::Growth(segments) => write!(f, "{} per round trip", in_segments(*segments)),
            Self::Increment(segments) => write!(f, "{} per acknowledged segment", in_segments(*segments)),
            Self::Share(share) => write!(f, "{share} of the window"),
            Self::Window(window) => window.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
            Self::Time(time) => f.write_str(&format_duration(*time)),
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

fn in_segments(number: f64) -> String {
    let unit = if number == 1.0 { "segment" } else { "segments" };
    format!("{number} {unit}")
}

pub(super) fn as_name<S: Serializer>(name: &ControlName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn as_count<S: Serializer>(segments: &Segments, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u32(segments.get())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn as_bps<S: Serializer>(rate: &Rate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(rate.as_bps())
}

fn as_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
