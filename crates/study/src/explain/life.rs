//! How flows spent their lives: what each waited for, at every moment of a run.

use std::time::Duration;

use serde::Serialize;
use wad_model::Time;
use wad_sim::control::Phase;
use wad_sim::{FlowId, FlowState, Observer, Scenario};

use crate::survey::{FlowFacts, Survey, WindowLimit};

/// Watches a run and adds up what flows waited for.
#[derive(Debug)]
pub struct Lives {
    flows: Vec<Watched>,
    end: Time,
}

#[derive(Debug)]
struct Watched {
    facts: FlowFacts,
    state: Option<FlowState>,
    since: Time,
    times: Times,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    idle: Duration,
    window: Duration,
    slow_start: Duration,
    recovery: Duration,
    congestion_window: Duration,
}

/// Parts of a flow's life, from its start to the end of the run; they add up to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Life {
    /// Nothing was under way: the application had nothing to send.
    pub idle: f64,
    /// The smallest of the windows was full (the receiver's, or what its buffer had room for; the sender's buffer; the
    /// application's own).
    pub window: f64,
    /// The window doubled.
    pub slow_start: f64,
    /// A loss was being repaired.
    pub recovery: f64,
    /// The congestion window, growing slowly: the path, its losses and its queue decide.
    pub congestion_window: f64,
}

impl Lives {
    /// Of the flows of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, survey: &Survey) -> Self {
        let watched = |facts: &FlowFacts| Watched {
            since: Time::ZERO + facts.start,
            facts: facts.clone(),
            state: None,
            times: Times::default(),
        };
        Self { flows: survey.flows.iter().map(watched).collect(), end: Time::ZERO + scenario.duration }
    }

    /// What came of it, flow by flow.
    #[must_use]
    pub fn lives(mut self) -> Vec<Life> {
        let end = self.end;
        self.flows.iter_mut().for_each(|flow| flow.pass(end));
        self.flows.iter().map(|flow| flow.times.parts()).collect()
    }
}

impl Observer for Lives {
    const CHANGES: bool = true;

    fn on_change(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        // Short flows of the cross-traffic have higher numbers.
        let Some(flow) = self.flows.get_mut(flow.0 as usize) else { return };
        flow.pass(now);
        flow.state = Some(*state);
    }
}

impl Watched {
    /// Until now it was as it was.
    fn pass(&mut self, now: Time) {
        let time = now - self.since;
        self.since = self.since.max(now);
        let Some(state) = &self.state else {
            // The connection is being opened.
            self.times.slow_start += time;
            return;
        };
        let unacked = state.sent.saturating_sub(state.retransmitted).saturating_sub(state.acked);
        let has_window = self.facts.window_limit != WindowLimit::None;
        let times = &mut self.times;
        *match state.phase {
            _ if has_window && state.receive_window == 0 => &mut times.window,
            _ if unacked == 0 => &mut times.idle,
            Phase::Recovery | Phase::Loss | Phase::Reduced => &mut times.recovery,
            _ if has_window && unacked >= u64::from(state.receive_window) => &mut times.window,
            _ if state.cwnd < state.ssthresh => &mut times.slow_start,
            _ => &mut times.congestion_window,
        } += time;
    }
}

impl Times {
    fn parts(&self) -> Life {
        let all = self.idle + self.window + self.slow_start + self.recovery + self.congestion_window;
        let part = |time: Duration| if all.is_zero() { 0.0 } else { time.as_secs_f64() / all.as_secs_f64() };
        Life {
            idle: part(self.idle),
            window: part(self.window),
            slow_start: part(self.slow_start),
            recovery: part(self.recovery),
            congestion_window: part(self.congestion_window),
        }
    }
}
