//! A planner in the place that the daemon gives it, around simulated flows: what it decides of a flow that opens, and
//! what it sets anew while the flow runs, becomes parameters of the control `wad` and a window.

use wad_model::{Bytes, Segments, Time};
use wad_sim::control::wad::WadConfig;
use wad_sim::{FlowId, FlowState, Nanos, Orders, Steer};
use wad_tune::{
    Config, Decision, Estimates, FlowId as Cookie, HighSpeedMode, HostLimits, PERIOD, PathIndex, Planner,
    Target,
};

/// Data of a segment; buffers are given in bytes.
const SEGMENT: u32 = 1448;

/// A planner whose only path all flows take.
pub(crate) struct Steering {
    planner: Planner,
    /// What it set anew while flows were open: when, for which, and what.
    pub(crate) retuned: Vec<(Time, FlowId, String)>,
}

impl Steering {
    /// A planner for a configuration that has one path.
    pub(crate) fn new(config: &Config) -> Self {
        let planner = Planner::new(config, HostLimits::default(), &Estimates::default());
        Self { planner, retuned: Vec::new() }
    }

    /// What is to be set for this flow by now. The daemon hears of all flows at once; here each asks for itself.
    fn poll(&mut self, now: Time) {
        for retuning in self.planner.poll(now) {
            let Target::Flow(Cookie(flow)) = retuning.target else { continue };
            let changes: Vec<String> = retuning.changes().iter().map(ToString::to_string).collect();
            let flow = FlowId(u32::try_from(flow).unwrap_or(u32::MAX));
            self.retuned.push((now, flow, changes.join(", ")));
        }
    }

    fn orders(&self, FlowId(flow): FlowId) -> Orders {
        let decision = self.planner.decision_of(Cookie(flow.into()));
        orders_of(decision.unwrap_or_else(|| self.planner.decision(PathIndex(0))))
    }
}

impl Steer for Steering {
    fn interval(&self) -> Option<Nanos> {
        Some(PERIOD.into())
    }

    fn on_open(&mut self, now: Time, flow: FlowId) -> Orders {
        self.planner.handle_open(now, Cookie(flow.0.into()), PathIndex(0));
        self.poll(now);
        self.orders(flow)
    }

    fn on_interval(&mut self, now: Time, flow: FlowId, state: &FlowState) -> Orders {
        let window = Segments::new(whole(state.cwnd));
        self.planner.handle_window(Cookie(flow.0.into()), window);
        self.poll(now);
        self.orders(flow)
    }

    fn on_close(&mut self, now: Time, flow: FlowId) {
        self.planner.handle_close(Cookie(flow.0.into()));
        self.poll(now);
    }
}

/// The numbers of a decision as the simulator takes them. Zero leaves a thing alone, as in the kernel.
fn orders_of(decision: &Decision) -> Orders {
    let parameters = &decision.parameters;
    let given = |value: u32| (value > 0).then_some(value);
    let part = |value: u32, standard: f64| given(value).map_or(standard, |value| f64::from(value) / 1024.0);
    let wad = WadConfig {
        additive_increase: part(parameters.ai_1024, 1.0),
        multiplicative_decrease: part(parameters.md_1024, 0.5),
        high_speed: parameters.high_speed == Some(HighSpeedMode::Continuous),
        slow_start_increment: part(parameters.slow_start_increment_1024, 1.0),
        initial_ssthresh: given(parameters.initial_ssthresh),
        min_ssthresh: given(parameters.min_ssthresh),
        max_ssthresh: given(parameters.max_ssthresh),
        restart_window: given(parameters.restart_window),
        burst_limit: given(parameters.burst_limit),
        ..WadConfig::default()
    };
    let buffer = Bytes::new(parameters.send_bytes.into()).get() / u64::from(SEGMENT);
    Orders {
        wad: Some(wad),
        window: u32::try_from(buffer).ok().and_then(given),
        max_window: given(parameters.max_window),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(window: f64) -> u32 {
    window as u32
}
