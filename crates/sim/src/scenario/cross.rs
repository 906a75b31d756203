//! Cross-traffic, as written in a scenario.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, serde_duration};
use wad_path::ConfigError;
use wad_path::traffic::{Constant, PacketTrace, ParetoOnOff, Pattern, Poisson, Recorded, Transfers};

use super::flow::optional_duration;
use super::{Application, FlowConfig};

/// What else is on the network: it shares links and queues with the flows, and is no part of their results.
///
/// ```toml
/// [[cross_traffic]]
/// pattern = { constant = { rate = "10 Mbit/s", packet = "1500 B" } }
///
/// [[cross_traffic]]
/// count = 20
/// pattern = { pareto_on_off = { rate = "4 Mbit/s", on = "500 ms", off = "500 ms", shape = 1.5 } }
/// direction = "backward"
///
/// [[cross_traffic]]
/// pattern = { web = { every = "20 ms", size = "12 kB", shape = 1.2, flow = { control = "cubic" } } }
/// start = "5 s"
///
/// [[cross_traffic]]
/// pattern = { trace = { file = "packets.csv", repeat = "60 s" } }
/// from = "r1"
/// to = "r2"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossTraffic {
    /// Its name in results; cross 1, 2, ... if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many such sources there are, each with randomness of its own.
    #[serde(default = "one")]
    pub count: u32,
    /// What is sent, and when.
    pub pattern: CrossPattern,
    /// The node where it enters. If none: the first router, so that it crosses the bottleneck of a dumbbell, and all
    /// links of a parking lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The node where it leaves; the last router if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where no nodes are named: with the data of the flows, or with their acknowledgements.
    #[serde(default)]
    pub direction: Direction,
    /// When it begins.
    #[serde(default, with = "serde_duration")]
    pub start: Duration,
    /// When it ends; with the run if none. Transfers that are under way go on.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub stop: Option<Duration>,
}

/// What cross-traffic sends, and when. All but `web` are packets that nobody acknowledges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CrossPattern {
    /// Packets at equal distances.
    Constant(Constant),
    /// Packets at random instants.
    Poisson(Poisson),
    /// Bursts and pauses, the lengths of which have heavy tails.
    ParetoOnOff(ParetoOnOff),
    /// What was recorded.
    Trace(TraceFile),
    /// Short TCP flows.
    Web(Box<Web>),
}

/// Which way cross-traffic goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// With the data of the flows.
    #[default]
    Forward,
    /// With their acknowledgements.
    Backward,
}

/// Packets from a file of two columns, time in seconds and bytes on the wire, or from a packet list as CSV; see
/// [`PacketTrace::parse`]. Times count from the first packet, which is sent at `start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFile {
    /// Its name; whoever runs the scenario reads it, see [`Scenario::read_files`](super::Scenario::read_files).
    pub file: String,
    /// After this time all begins again.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Duration>,
    /// Its content, once it was read.
    #[serde(skip)]
    pub packets: Option<PacketTrace>,
}

/// TCP flows that begin at random instants (Poisson), each with an amount of data from a Pareto distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The mean time from the begin of one flow to the begin of the next.
    #[serde(with = "serde_duration")]
    pub every: Duration,
    /// The mean amount of data of a flow.
    #[serde(default = "a_page")]
    pub size: Bytes,
    /// The shape of the distribution of sizes: the nearer to 1, the more is in a few very large ones.
    #[serde(default = "heavy")]
    pub shape: f64,
    /// So many flows are open at once at most; what comes beyond is refused, and counted.
    #[serde(default = "many")]
    pub most: u32,
    /// Their endpoints: `control`, `window`, and all else of a flow but what this pattern decides.
    #[serde(default)]
    pub flow: FlowConfig,
}

const fn one() -> u32 {
    1
}

const fn a_page() -> Bytes {
    Bytes::new(12_000)
}

const fn heavy() -> f64 {
    1.2
}

const fn many() -> u32 {
    10_000
}

impl CrossTraffic {
    /// Its name, or one by its place among the entries, counted from 1.
    pub(crate) fn name_or(&self, place: usize) -> String {
        self.name.clone().unwrap_or_else(|| format!("cross {place}"))
    }
}

impl CrossPattern {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Constant(_) => "constant",
            Self::Poisson(_) => "poisson",
            Self::ParetoOnOff(_) => "pareto_on_off",
            Self::Trace(_) => "trace",
            Self::Web(_) => "web",
        }
    }

    /// What the generator is made from; none if a file has not been read.
    #[must_use]
    pub fn generator(&self) -> Option<Pattern> {
        Some(match self {
            Self::Constant(constant) => Pattern::Constant(*constant),
            Self::Poisson(poisson) => Pattern::Poisson(*poisson),
            Self::ParetoOnOff(on_off) => Pattern::ParetoOnOff(*on_off),
            Self::Trace(TraceFile { repeat, packets, .. }) => {
                Pattern::Recorded(Recorded { packets: packets.clone()?, repeat: *repeat })
            }
            Self::Web(web) => {
                Pattern::Transfers(Transfers { every: web.every, size: web.size, shape: web.shape })
            }
        })
    }

    /// The largest packet on the wire; of TCP flows none, as they say it themselves.
    pub(super) fn largest_packet(&self) -> Option<Bytes> {
        match self {
            Self::Constant(Constant { packet, .. })
            | Self::Poisson(Poisson { packet, .. })
            | Self::ParetoOnOff(ParetoOnOff { packet, .. }) => Some(*packet),
            Self::Trace(trace) => trace.packets.as_ref().map(PacketTrace::largest),
            Self::Web(_) => None,
        }
    }

    /// Checks what the types cannot express.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let Some(generator) = self.generator() else { return Ok(()) };
        generator.validate().map_err(|error| error.inside(&format!("pattern.{}", self.name())))
    }
}

impl Web {
    /// The key of its flow that the pattern decides, if one is set.
    pub(super) fn decided_key(&self) -> Option<&'static str> {
        let flow = &self.flow;
        [
            ("name", flow.name.is_some()),
            ("count", flow.count != 1),
            ("from", flow.from.is_some()),
            ("to", flow.to.is_some()),
            ("start", !flow.start.is_zero()),
            ("stagger", !flow.stagger.is_zero()),
            ("stop", flow.stop.is_some()),
            ("application", flow.application != Application::Bulk),
            ("transmission_queue", flow.transmission_queue.is_some()),
        ]
        .into_iter()
        .find_map(|(key, is_set)| is_set.then_some(key))
    }
}
