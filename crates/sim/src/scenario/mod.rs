//! A scenario as data: the network, the flows, and how long to look.
//!
//! ```
//! use wad_sim::Scenario;
//!
//! let scenario = Scenario::parse(r#"
//!     duration = "10 s"
//!     seed = 7
//!
//!     [topology.dumbbell]
//!     bottleneck = { forward = { rate = "50 Mbit/s", delay = "20 ms", queue = { packets = 300 } } }
//!
//!     [[flow]]
//!     count = 5
//!     control = "reno"
//!     window = "2 MiB"
//! "#)?;
//! assert_eq!(scenario.flows[0].count, 5);
//! # Ok::<(), wad_sim::ScenarioError>(())
//! ```

mod amount;
mod application;
mod conventions;
mod cross;
mod error;
mod flow;
mod topology;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, format_duration, serde_duration};
use wad_path::traffic::PacketTrace;
use wad_path::{LinkConfig, Queue};

use crate::tcp::sender::needs_record;

pub use amount::Amount;
pub use application::Application;
pub use conventions::Conventions;
pub use cross::{CrossPattern, CrossTraffic, Direction, TraceFile, Web};
pub use error::ScenarioError;
pub use flow::{DelayedAck, Endpoints, FlowConfig, ReceiveLimits, Recovery, TransmissionQueue, WhenFull};
pub use topology::{Custom, CustomLink, Dumbbell, Network, OneWay, ParkingLot, Route, Topology, TwoWay};

/// An experiment in virtual time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// How long it runs.
    #[serde(with = "serde_duration")]
    pub duration: Duration,
    /// What is left out of the results at the begin.
    #[serde(with = "serde_duration")]
    pub warm_up: Duration,
    /// Whatever is random follows from this.
    pub seed: u64,
    /// Whose habits the endpoints have.
    pub conventions: Conventions,
    /// The network.
    pub topology: Topology,
    /// The flows.
    #[serde(rename = "flow")]
    pub flows: Vec<FlowConfig>,
    /// What else is on the network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cross_traffic: Vec<CrossTraffic>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: String::new(),
            duration: Duration::from_secs(60),
            warm_up: Duration::ZERO,
            seed: 1,
            conventions: Conventions::default(),
            topology: Topology::default(),
            flows: vec![FlowConfig::default()],
            cross_traffic: Vec::new(),
        }
    }
}

/// One flow of a scenario: those that are alike are apart here.
#[derive(Clone, Debug)]
pub struct Flow<'a> {
    /// Its name.
    pub name: String,
    /// When it starts.
    pub start: Duration,
    /// What it was made from.
    pub config: &'a FlowConfig,
    /// Links of its data.
    pub forward: Vec<usize>,
    /// Links of its acknowledgements.
    pub backward: Vec<usize>,
}

/// One source of cross-traffic.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// Its name in messages.
    pub name: String,
    /// Which entry of the scenario it was made from, from 0.
    pub entry: usize,
    /// Which of those that are alike.
    pub copy: u32,
    /// What it was made from.
    pub config: &'a CrossTraffic,
    /// Links of its packets, or of the data of its flows.
    pub forward: Vec<usize>,
    /// Links of the acknowledgements of its flows; packets are not acknowledged.
    pub backward: Vec<usize>,
}

impl Scenario {
    /// Flows over one link between two hosts: `link` forwards, the same rate and delay back.
    #[must_use]
    pub fn dumbbell(link: LinkConfig, flow: FlowConfig) -> Self {
        let bottleneck = TwoWay { forward: link, backward: None };
        let topology = Topology::Dumbbell(Dumbbell { bottleneck, access: None, pairs: 1 });
        Self { topology, flows: vec![flow], ..Self::default() }
    }

    /// Reads the text of a scenario and checks it.
    ///
    /// # Errors
    /// Says at which line and column what is wrong, or which value has no meaning and what would be possible.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|error| ScenarioError::Text(error.to_string()))?;
        scenario.validate()?;
        Ok(scenario)
    }

    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// The first fault: what, where, and what would be possible.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        let network = self.topology.build()?;
        self.check_times()?;
        for flow in self.expand(&network)? {
            self.check_flow(&flow, &network)?;
        }
        for source in self.expand_cross(&network)? {
            self.check_source(&source, &network)?;
        }
        Ok(())
    }

    /// Reads the files that the scenario names, through `read`, which gives the content of a file by its name.
    ///
    /// # Errors
    /// Names the first file that cannot be read, or is not what it should be.
    pub fn read_files<E: fmt::Display>(
        &mut self,
        mut read: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<(), ScenarioError> {
        for cross in &mut self.cross_traffic {
            let CrossPattern::Trace(TraceFile { file, packets, .. }) = &mut cross.pattern else { continue };
            let fault = |problem| ScenarioError::File { file: file.clone(), problem };
            let text = read(file).map_err(|error| fault(error.to_string()))?;
            *packets = Some(PacketTrace::parse(&text).map_err(|error| fault(error.to_string()))?);
        }
        self.validate()
    }

    /// All sources of cross-traffic, each on its own, with their routes.
    ///
    /// # Errors
    /// One names a node that does not exist, or there is no way between its ends.
    pub fn expand_cross(&self, network: &Network) -> Result<Vec<Source<'_>>, ScenarioError> {
        let mut sources = Vec::new();
        for (entry, config) in self.cross_traffic.iter().enumerate() {
            let name = config.name_or(entry + 1);
            let (first, last) = network.crossing();
            let (first, last) = match config.direction {
                Direction::Forward => (first, last),
                Direction::Backward => (last, first),
            };
            let end = |key: &str, named: &Option<String>, default: Option<usize>| {
                network.end(&format!("{name}: {key}"), named.as_deref(), default)
            };
            let from = end("from", &config.from, first)?;
            let to = end("to", &config.to, last)?;
            let forward = network.route(&name, from, to)?;
            let is_web = matches!(config.pattern, CrossPattern::Web(_));
            let backward = if is_web { network.route(&name, to, from)? } else { Vec::new() };
            for copy in 0..config.count {
                let (name, forward, backward) = (name.clone(), forward.clone(), backward.clone());
                sources.push(Source { name, entry, copy, config, forward, backward });
            }
        }
        Ok(sources)
    }

    /// All flows, each on its own, with their routes.
    ///
    /// # Errors
    /// A flow names a node that does not exist, or there is no way between its ends.
    pub fn expand(&self, network: &Network) -> Result<Vec<Flow<'_>>, ScenarioError> {
        let mut flows = Vec::new();
        for config in &self.flows {
            for copy in 0..config.count {
                flows.push(expand_one(config, copy, flows.len(), network)?);
            }
        }
        Ok(flows)
    }

    fn check_times(&self) -> Result<(), ScenarioError> {
        let fault = |key: &str, value: Duration, remedy| {
            let value = format!("\"{}\"", format_duration(value));
            Err(ScenarioError::Value { key: key.to_owned(), value, remedy })
        };
        if self.duration.is_zero() {
            return fault("duration", self.duration, "give how long to run, such as \"60 s\"");
        }
        // Virtual time has 64 bits of nanoseconds; a hundredth of them leaves room for any delay.
        if self.duration > Duration::from_secs(184_467_440) {
            return fault("duration", self.duration, "at most 5 years of virtual time can be counted");
        }
        if self.warm_up >= self.duration {
            return fault(
                "warm_up",
                self.warm_up,
                "it must be shorter than the duration, or nothing is left",
            );
        }
        Ok(())
    }

    fn check_flow(&self, flow: &Flow<'_>, network: &Network) -> Result<(), ScenarioError> {
        let endpoints = flow.config.endpoints(self.conventions);
        let value = |key: &str, value: String, remedy| {
            Err(ScenarioError::Value { key: format!("{}: {key}", flow.name), value, remedy })
        };
        if endpoints.segment == Bytes::ZERO {
            return value("segment", "\"0 B\"".into(), "a segment carries at least one byte");
        }
        if endpoints.initial_window == 0 {
            return value("initial_window", "\"0 segments\"".into(), "give at least one segment");
        }
        if endpoints.window == 0 {
            let remedy = "the smallest of window, receive_buffer, send_buffer and application window must \
                          hold a segment";
            return value("window", "less than a segment".into(), remedy);
        }
        if flow.config.read_rate.is_some_and(|rate| rate.as_bps() == 0) {
            let remedy = "give a rate above 0, or leave the key out for an application that reads at once";
            return value("read_rate", "\"0 bit/s\"".into(), remedy);
        }
        if endpoints.transmission_queue.is_some_and(|queue| queue.packets == 0) {
            let remedy = "give at least one packet, or leave the key out for a queue without limit";
            return value("transmission_queue.packets", "0".into(), remedy);
        }
        flow.config.control.validate().map_err(|fault| ScenarioError::Control {
            flow: flow.name.clone(),
            control: flow.config.control.name(),
            fault,
        })?;
        if !endpoints.recovery.uses_sack() && needs_record(&endpoints, flow.config.control.needs()) {
            let remedy = "its control, or pacing or bursts, need recovery = \"sack\", \"fack\" or \"rack\"";
            return value("recovery", format!("{:?}", endpoints.recovery), remedy);
        }
        let wire = endpoints.segment + endpoints.header;
        for link in flow.forward.iter().map(|&link| &network.links[link]) {
            check_queue(link, &flow.name, wire)?;
        }
        for link in flow.backward.iter().map(|&link| &network.links[link]) {
            check_queue(link, &flow.name, endpoints.header)?;
        }
        Ok(())
    }

    fn check_source(&self, source: &Source<'_>, network: &Network) -> Result<(), ScenarioError> {
        let Source { name, config, forward, backward, .. } = source;
        let fault = |error| ScenarioError::CrossTraffic { name: name.clone(), source: error };
        config.pattern.validate().map_err(fault)?;
        if let Some(packet) = config.pattern.largest_packet() {
            for &link in forward {
                check_queue(&network.links[link], name, packet)?;
            }
        }
        let CrossPattern::Web(web) = &config.pattern else { return Ok(()) };
        if let Some(key) = web.decided_key() {
            return Err(ScenarioError::Value {
                key: format!("{name}: pattern.web.flow.{key}"),
                value: "...".into(),
                remedy: "the pattern and the keys of cross_traffic decide that; leave the key out",
            });
        }
        let (forward, backward) = (forward.clone(), backward.clone());
        let flow = Flow { name: name.clone(), start: config.start, config: &web.flow, forward, backward };
        self.check_flow(&flow, network)
    }
}

fn check_queue(link: &OneWay, flow: &str, segment: Bytes) -> Result<(), ScenarioError> {
    match link.config.queue {
        Queue::Bytes(queue) if queue < segment => Err(ScenarioError::QueueTooSmall {
            link: link.name.clone(),
            queue,
            flow: flow.to_owned(),
            segment,
        }),
        _ => Ok(()),
    }
}

fn expand_one<'a>(
    config: &'a FlowConfig,
    copy: u32,
    index: usize,
    network: &Network,
) -> Result<Flow<'a>, ScenarioError> {
    let name = match (&config.name, config.count) {
        (None, _) => format!("flow {}", index + 1),
        (Some(name), 1) => name.clone(),
        (Some(name), _) => format!("{name} {}", copy + 1),
    };
    let defaults = network.default_ends(index);
    let end = |key: &str, named: &Option<String>, default: Option<usize>| {
        network.end(&format!("{name}: {key}"), named.as_deref(), default)
    };
    let from = end("from", &config.from, defaults.map(|ends| ends.0))?;
    let to = end("to", &config.to, defaults.map(|ends| ends.1))?;
    let forward = network.route(&name, from, to)?;
    let backward = network.route(&name, to, from)?;
    let start = config.start + config.stagger * copy;
    Ok(Flow { name, start, config, forward, backward })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Scenario::parse(text).unwrap_err().to_string()
    }

    const LINE: &str = "[topology.dumbbell]\nbottleneck = { forward = { rate = \"8 Mbit/s\", \
                        delay = \"10 ms\", queue = { bytes = \"1000 B\" } } }\n";

    #[test]
    fn an_empty_text_is_a_scenario() {
        assert_eq!(Scenario::parse("").unwrap(), Scenario::default());
    }

    #[test]
    fn a_scenario_survives_its_text_form() {
        let mut scenario = Scenario::default();
        scenario.flows[0].window = Some(Amount::segments(500));
        scenario.flows[0].stop = Some(Duration::from_secs(3));
        let text = toml::to_string(&scenario).unwrap();
        assert_eq!(Scenario::parse(&text), Ok(scenario));
    }

    #[test]
    fn a_queue_without_room_for_a_segment_is_refused() {
        assert_eq!(
            fault(LINE),
            "link r1-r2: queue.bytes = \"1000 B\" cannot hold a segment of flow 1, which has 1500 B on the \
             wire: give at least that, or make its segment smaller"
        );
    }

    #[test]
    fn what_has_no_meaning_is_refused_with_a_remedy() {
        assert_eq!(
            fault("duration = \"1 s\"\nwarm_up = \"1 s\""),
            "warm_up = \"1 s\": it must be shorter than the duration, or nothing is left"
        );
        assert_eq!(
            fault("[[flow]]\nname = \"a\"\ncontrol = { reno = { multiplicative_decrease = 2.0 } }"),
            "a: control.reno.multiplicative_decrease = 2: give a part of the window, between 0 and 1"
        );
        assert_eq!(fault("[[flow]]\nto = \"r9\""), "flow 1: to = \"r9\" is no node: there are r1, r2");
        assert!(fault("[[flow]]\nwindw = \"1 MiB\"").contains("line 2"));
    }
}
