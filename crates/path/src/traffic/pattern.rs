//! Patterns of traffic, as written in a scenario.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Rate, format_duration, serde_duration};

use super::PacketTrace;
use crate::config::not_zero;
use crate::error::ConfigError;

/// What is sent, and when.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Packets at equal distances.
    Constant(Constant),
    /// Packets at random instants.
    Poisson(Poisson),
    /// Bursts and pauses.
    ParetoOnOff(ParetoOnOff),
    /// What was recorded.
    Recorded(Recorded),
    /// Connections that open at random instants.
    Transfers(Transfers),
}

/// A packet each `packet / rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Bits on the wire a second.
    pub rate: Rate,
    /// A packet on the wire.
    #[serde(default = "full_packet")]
    pub packet: Bytes,
}

/// Packets that know nothing of each other: the gaps are drawn from an exponential distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisson {
    /// Bits on the wire a second, in the mean.
    pub rate: Rate,
    /// A packet on the wire.
    #[serde(default = "full_packet")]
    pub packet: Bytes,
}

/// Bursts at a constant rate and pauses, whose lengths are drawn from Pareto distributions, as ns-2's
/// `Application/Traffic/Pareto` does it. It begins with a pause. In the mean it sends `rate * on / (on + off)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParetoOnOff {
    /// Bits on the wire a second during a burst.
    pub rate: Rate,
    /// The mean length of a burst; each has at least one packet, and a whole number of them.
    #[serde(with = "serde_duration", default = "half_a_second")]
    pub on: Duration,
    /// The mean length of a pause.
    #[serde(with = "serde_duration", default = "half_a_second")]
    pub off: Duration,
    /// The shape of both distributions: the nearer to 1, the more is in a few very long bursts and pauses. Up to 2 the
    /// variance is infinite.
    #[serde(default = "heavy")]
    pub shape: f64,
    /// A packet on the wire.
    #[serde(default = "full_packet")]
    pub packet: Bytes,
}

/// Packets that were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The packets. Their times count from the first of them.
    pub packets: PacketTrace,
    /// After this time all begins again.
    pub repeat: Option<Duration>,
}

/// Connections that open at random instants (Poisson), each with an amount of data from a Pareto distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfers {
    /// The mean time from one to the next.
    pub every: Duration,
    /// The mean amount of data.
    pub size: Bytes,
    /// The shape of the distribution, above 1.
    pub shape: f64,
}

const fn full_packet() -> Bytes {
    Bytes::new(1500)
}

const fn half_a_second() -> Duration {
    Duration::from_millis(500)
}

const fn heavy() -> f64 {
    1.5
}

impl Pattern {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the first key at fault, its value, and what to do.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Constant(Constant { rate, packet }) | Self::Poisson(Poisson { rate, packet }) => {
                packets(*rate, *packet)
            }
            Self::ParetoOnOff(ParetoOnOff { rate, on, off, shape, packet }) => {
                packets(*rate, *packet)?;
                lasts("on", *on)?;
                lasts("off", *off)?;
                has_a_mean(*shape)
            }
            Self::Recorded(recorded) => recorded.validate(),
            Self::Transfers(Transfers { every, size, shape }) => {
                lasts("every", *every)?;
                not_zero("size", size.get(), "give the mean amount of data, such as \"12 kB\"")?;
                has_a_mean(*shape)
            }
        }
    }
}

impl Recorded {
    fn validate(&self) -> Result<(), ConfigError> {
        let Some(repeat) = self.repeat else { return Ok(()) };
        if repeat < self.packets.duration() {
            return Err(ConfigError::Range {
                key: "repeat".to_owned(),
                value: format_duration(repeat),
                remedy: "the recording lasts longer; give at least its length",
            });
        }
        lasts("repeat", repeat)
    }
}

fn packets(rate: Rate, packet: Bytes) -> Result<(), ConfigError> {
    not_zero("rate", rate.as_bps(), "give a rate, or leave this traffic out")?;
    not_zero("packet", packet.get(), "a packet has at least one byte on the wire")?;
    if packet > Bytes::new(u32::MAX.into()) {
        return Err(ConfigError::Range {
            key: "packet".to_owned(),
            value: packet.to_string(),
            remedy: "a packet has less than 4 GiB",
        });
    }
    Ok(())
}

/// Many times longer than any run; the arithmetic has room for it.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86400);

fn lasts(key: &str, time: Duration) -> Result<(), ConfigError> {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    not_zero(key, nanos, "give a time, such as \"500 ms\"")?;
    if time > LONGEST {
        return Err(ConfigError::Range {
            key: key.to_owned(),
            value: format_duration(time),
            remedy: "give less than 100 years",
        });
    }
    Ok(())
}

fn has_a_mean(shape: f64) -> Result<(), ConfigError> {
    if shape > 1.0 && shape.is_finite() {
        return Ok(());
    }
    Err(ConfigError::Range {
        key: "shape".to_owned(),
        value: shape.to_string(),
        remedy: "give more than 1, as a Pareto distribution of shape 1 or less has no mean; 1.2 to 1.9 are usual",
    })
}
