//! What a run will cost before it starts: how much there is to compute, how long that takes, how much memory it needs.
//!
//! The work of a run is the segments that it sends. Their number follows from the [limits](crate::limits) of the flows. What a
//! segment costs depends on the machine, the control and the state of the path, so it is measured: a [`pilot`] is the same
//! scenario cut short, which the caller runs and times.

use std::time::Duration;

use wad_sim::scenario::Application;
use wad_sim::{Outcome, Scenario, ScenarioError};

use crate::limits::{Limits, bits, count};
use crate::survey::Survey;

/// Memory of a segment in flight or waiting in a queue, in bytes (record of the sender, packet in a ring).
const SEGMENT_BYTES: f64 = 64.0;
/// Memory of a flow, in bytes.
const FLOW_BYTES: f64 = 2048.0;
/// Memory of a process that simulates nothing yet, in bytes.
const BASE_BYTES: f64 = 8e6;
/// What a flow and its timers cost even if it sends nothing, in segments.
const FLOW_SEGMENTS: f64 = 20.0;
/// A pilot is about as long, in segments: some ten milliseconds.
const PILOT_SEGMENTS: f64 = 50_000.0;

/// How much there is to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Segments that will be sent.
    pub segments: f64,
    /// The most memory, in bytes.
    pub memory_bytes: f64,
}

/// Looks at a scenario.
///
/// # Errors
/// It has no network, or flows have no way through it.
pub fn load(scenario: &Scenario) -> Result<Load, ScenarioError> {
    let survey = Survey::new(scenario)?;
    let rates: Vec<f64> =
        survey.flows.iter().map(|flow| Limits::of(scenario, &survey, flow).lowest_bps()).collect();
    let (mut segments, mut in_flight) = (0.0, 0.0);
    for (flow, rate) in survey.flows.iter().zip(rates) {
        let config = &scenario.flows[flow.entry];
        let stop = config.stop.unwrap_or(scenario.duration).min(scenario.duration);
        let active = stop.saturating_sub(flow.start).as_secs_f64();
        let segment = bits(flow.endpoints.segment);
        let most = match config.application {
            Application::File { size } => bits(size) / segment,
            _ => f64::INFINITY,
        };
        // A flow without any bound sends a window of all it has each round trip.
        let sent = (rate * active / segment).min(most).min(1e18);
        let window = f64::from(flow.endpoints.window.min(flow.endpoints.max_window.unwrap_or(u32::MAX)));
        let pipe = rate / segment * flow.unloaded.as_secs_f64();
        segments += sent + FLOW_SEGMENTS;
        in_flight += (pipe + queue_segments(&survey, flow.slowest, flow.wire)).min(window).min(sent);
    }
    let memory_bytes = BASE_BYTES + FLOW_BYTES * count(survey.flows.len()) + SEGMENT_BYTES * in_flight;
    Ok(Load { segments, memory_bytes })
}

/// What fits into the queue of a flow's slowest link, in its share.
fn queue_segments(survey: &Survey, slowest: Option<(usize, wad_model::Rate)>, wire: wad_model::Bytes) -> f64 {
    let Some((link, _)) = slowest else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "queues of this world are far below 2^53")]
    let room = match survey.network.links[link].config.queue {
        wad_path::Queue::Packets(packets) => packets as f64,
        wad_path::Queue::Bytes(bytes) => bits(bytes) / bits(wire),
        wad_path::Queue::Unlimited => f64::INFINITY,
    };
    room / count(survey.flows_over(link))
}

/// The scenario cut short, to be timed. If it is over too soon to be timed, take one of twice the duration.
#[must_use]
pub fn pilot(scenario: &Scenario, load: &Load) -> Scenario {
    let part = (PILOT_SEGMENTS / load.segments.max(1.0)).min(1.0);
    of_duration(scenario, scenario.duration.mul_f64(part))
}

/// The same scenario, over after this time.
#[must_use]
pub fn of_duration(scenario: &Scenario, duration: Duration) -> Scenario {
    let duration = duration.clamp(Duration::from_nanos(1), scenario.duration);
    Scenario { duration, warm_up: Duration::ZERO, ..scenario.clone() }
}

/// How long a load takes, in seconds, by what a pilot took.
#[must_use]
pub fn seconds(load: &Load, pilot: &Outcome, pilot_seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "segments of a pilot are far below 2^53")]
    let segments = pilot.work.segments as f64 + FLOW_SEGMENTS * count(pilot.flows.len());
    pilot_seconds / segments.max(1.0) * load.segments
}
