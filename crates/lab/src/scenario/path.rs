//! The path of a scenario: shorthands for both directions, and what each direction has for itself.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use wad_model::{Bytes, Rate, parse_duration};
use wad_path::{
    Discipline, Jitter, LinkConfig, Loss, Outage, PathConfig, Queue, Reordering, Schedule, TokenBucket,
};

use crate::emulator::EmulatorOptions;
use crate::testbed::Mode;

/// `[path]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PathText {
    pub(super) mode: Mode,
    pub(super) mtu: Option<u32>,
    rate: Option<Rate>,
    rtt: Option<DurationText>,
    queue: Option<QueueText>,
    coalesce: Option<DurationText>,
    memory: Option<Bytes>,
    forward: DirectionText,
    backward: DirectionText,
}

/// `[path.forward]` and `[path.backward]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DirectionText {
    rate: Option<Rate>,
    delay: Option<DurationText>,
    queue: Option<QueueText>,
    discipline: Discipline,
    loss: Loss,
    reordering: Option<Reordering>,
    jitter: Option<Jitter>,
    duplication: f64,
    policer: Option<TokenBucket>,
    shaper: Option<TokenBucket>,
    outage: Option<Outage>,
    black_hole: Option<Bytes>,
    schedule: Option<Schedule>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum QueueText {
    Unlimited,
    Packets(u64),
    Bytes(Bytes),
    /// A multiple of the direction's rate times the path's round-trip time.
    Bdp(f64),
}

/// A duration with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DurationText(pub(super) Duration);

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).map_err(de::Error::custom)
    }
}

impl PathText {
    /// The path that is meant, or what is wrong with it.
    pub(super) fn resolve(&self) -> Result<PathConfig, String> {
        let half = self.rtt.map_or(Duration::ZERO, |rtt| rtt.0 / 2);
        let delays =
            [&self.forward, &self.backward].map(|direction| direction.delay.map_or(half, |one| one.0));
        let rtt = delays[0] + delays[1];
        let path = PathConfig {
            forward: self.link(&self.forward, delays[0], rtt)?,
            backward: self.link(&self.backward, delays[1], rtt)?,
        };
        path.validate().map_err(|error| format!("path.{error}"))?;
        Ok(path)
    }

    fn link(&self, direction: &DirectionText, delay: Duration, rtt: Duration) -> Result<LinkConfig, String> {
        let rate = direction.rate.or(self.rate);
        Ok(LinkConfig {
            rate,
            delay,
            queue: direction
                .queue
                .or(self.queue)
                .map_or(Ok(Queue::Unlimited), |queue| queue.resolve(rate, rtt))?,
            discipline: direction.discipline,
            loss: direction.loss.clone(),
            reordering: direction.reordering.clone(),
            jitter: direction.jitter.clone(),
            duplication: direction.duplication,
            policer: direction.policer,
            shaper: direction.shaper,
            outage: direction.outage,
            black_hole: direction.black_hole,
            schedule: direction.schedule.clone(),
        })
    }

    /// How the path is emulated, beside `options`.
    pub(super) fn emulator(&self, options: EmulatorOptions) -> EmulatorOptions {
        EmulatorOptions {
            coalesce: self.coalesce.map_or(options.coalesce, |coalesce| coalesce.0),
            memory: self.memory.unwrap_or(options.memory),
            ..options
        }
    }
}

impl QueueText {
    fn resolve(self, rate: Option<Rate>, rtt: Duration) -> Result<Queue, String> {
        let factor = match self {
            Self::Unlimited => return Ok(Queue::Unlimited),
            Self::Packets(packets) => return Ok(Queue::Packets(packets)),
            Self::Bytes(bytes) => return Ok(Queue::Bytes(bytes)),
            Self::Bdp(factor) => factor,
        };
        let rate = rate.ok_or("a queue of { bdp = ... } needs a rate: give `rate` too")?;
        let scaled = Duration::try_from_secs_f64(rtt.as_secs_f64() * factor)
            .ok()
            .filter(|scaled| !scaled.is_zero())
            .ok_or(
                "a queue of { bdp = ... } needs a factor and a round-trip time above zero: give `rtt` too",
            )?;
        Ok(Queue::Bytes(rate.bytes_in(scaled)))
    }
}
