//! A path whose flows are followed.

use std::collections::BTreeMap;
use std::sync::Arc;

use wad_model::{Segments, Time};

use super::{FlowId, PERIOD, Retuning, Target};
use crate::circumstances::{Circumstances, KnownEstimate};
use crate::config::{BufferMode, Control, HighSpeedMode, Law, Pacing, PathPolicy};
use crate::decision::{Decision, decide_in};
use crate::high_speed;
use crate::limits::HostLimits;
use crate::rules::PathIndex;

/// A path, and its open flows if what they get can change.
#[derive(Clone, Debug)]
pub(super) struct PlannedPath {
    index: PathIndex,
    policy: PathPolicy,
    limits: HostLimits,
    estimate: Option<KnownEstimate>,
    flows: BTreeMap<FlowId, Flow>,
    /// What a flow gets that opens next.
    offer: Arc<Decision>,
    /// When that last changed.
    offered: Option<Time>,
}

#[derive(Clone, Debug)]
struct Flow {
    /// What it has; `None` if that is not known.
    has: Option<Arc<Decision>>,
    /// Its window when constants were last looked up by it.
    used: Option<Segments>,
    /// Its window when it was last seen.
    seen: Option<Segments>,
    /// When it is due.
    due: Time,
}

impl PlannedPath {
    pub(super) fn new(
        index: PathIndex,
        policy: PathPolicy,
        limits: HostLimits,
        estimate: Option<KnownEstimate>,
    ) -> Self {
        let now = Circumstances { limits, estimate, flows: 1, window: None };
        let offer = Arc::new(decide_in(index, &policy, &now));
        Self { index, policy, limits, estimate, flows: BTreeMap::new(), offer, offered: None }
    }

    pub(super) const fn offer(&self) -> &Arc<Decision> {
        &self.offer
    }

    pub(super) fn decision_of(&self, flow: FlowId) -> Option<&Arc<Decision>> {
        self.flows.get(&flow)?.has.as_ref()
    }

    pub(super) fn moves(&self) -> bool {
        let share = self.policy.pacing.is_some_and(|pacing| matches!(pacing.value, Pacing::Share(_)));
        let buffers = &self.policy.buffers;
        let measured = buffers.mode.value == BufferMode::Measured;
        buffers.divide.value || measured || share || self.is_periodic()
    }

    pub(super) fn is_periodic(&self) -> bool {
        let Control::Wad(wad) = &self.policy.congestion.control.value else { return false };
        matches!(wad.law, Law::HighSpeed(mode) if mode.value == HighSpeedMode::Periodic)
    }

    pub(super) fn open(&mut self, opened: Time, flow: FlowId) {
        // A flow as old as the offer may have had the one before.
        let has = self.offered.is_none_or(|changed| changed < opened).then(|| Arc::clone(&self.offer));
        self.flows.insert(flow, Flow { has, used: None, seen: None, due: opened + PERIOD });
    }

    /// The kernel has the offer from now on.
    pub(super) fn offered_at(&mut self, now: Time) {
        self.offered = self.offered.max(Some(now));
    }

    /// When the flow was due.
    pub(super) fn close(&mut self, flow: FlowId) -> Option<Time> {
        self.flows.remove(&flow).map(|flow| flow.due)
    }

    pub(super) fn see_window(&mut self, flow: FlowId, window: Segments) {
        if let Some(flow) = self.flows.get_mut(&flow) {
            flow.seen = Some(window);
        }
    }

    /// Whether the estimate is new.
    pub(super) fn learn(&mut self, estimate: KnownEstimate) -> bool {
        let is_new = self.estimate != Some(estimate);
        self.estimate = Some(estimate);
        is_new
    }

    pub(super) const fn limit(&mut self, limits: HostLimits) {
        self.limits = limits;
    }

    /// What is to be set anew after something happened.
    pub(super) fn plan(&mut self, now: Time) -> Vec<Retuning> {
        let mut retunings = Vec::from_iter(self.plan_offer(now));
        let common = Arc::new(self.decide(self.count(), None));
        let decisions: Vec<_> = self.flows.iter().map(|(id, flow)| (*id, self.own(&common, flow))).collect();
        for (id, decision) in decisions {
            let flow = self.flows.get_mut(&id);
            retunings.extend(flow.and_then(|flow| flow.take(id, decision)));
        }
        retunings
    }

    /// What is to be set anew for a flow that is due.
    pub(super) fn look_up(&mut self, now: Time, id: FlowId) -> Option<Retuning> {
        let flow = self.flows.get_mut(&id)?;
        flow.due = now + PERIOD;
        let same_row = flow.used.map(high_speed::row) == flow.seen.map(high_speed::row);
        if same_row && flow.has.is_some() {
            return None;
        }
        flow.used = flow.seen;
        let used = flow.used;
        let decision = Arc::new(self.decide(self.count(), used));
        self.flows.get_mut(&id)?.take(id, decision)
    }

    fn plan_offer(&mut self, now: Time) -> Option<Retuning> {
        let decision = Arc::new(self.decide(self.count().saturating_add(1), None));
        let before = replaced(&mut self.offer, decision)?;
        self.offered = Some(now);
        let target = Target::NewFlows(self.index);
        Some(Retuning { target, before: Some(before), decision: Arc::clone(&self.offer) })
    }

    /// The decision for a flow: the one for all, unless constants go by its own window.
    fn own(&self, common: &Arc<Decision>, flow: &Flow) -> Arc<Decision> {
        match flow.used {
            None => Arc::clone(common),
            window => Arc::new(self.decide(self.count(), window)),
        }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.flows.len()).unwrap_or(u32::MAX)
    }

    fn decide(&self, flows: u32, window: Option<Segments>) -> Decision {
        let Self { limits, estimate, .. } = *self;
        decide_in(self.index, &self.policy, &Circumstances { limits, estimate, flows, window })
    }
}

impl Flow {
    fn take(&mut self, id: FlowId, decision: Arc<Decision>) -> Option<Retuning> {
        let before = match &mut self.has {
            Some(has) => Some(replaced(has, decision)?),
            None => {
                self.has = Some(decision);
                None
            }
        };
        let decision = Arc::clone(self.has.as_ref()?);
        Some(Retuning { target: Target::Flow(id), before, decision })
    }
}

/// The decision before, if the new one has other numbers. One that only words its reasons otherwise takes its
/// place in silence.
fn replaced(has: &mut Arc<Decision>, decision: Arc<Decision>) -> Option<Arc<Decision>> {
    let differs = has.parameters != decision.parameters;
    let before = std::mem::replace(has, decision);
    differs.then_some(before)
}
