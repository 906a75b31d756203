//! Signatures of known problems, one file for each family. Each takes the same view of a flow and says what it finds.

mod application;
mod contract;
mod loss;
mod options;
mod path;
mod receive_window;
mod send_buffer;
mod slow_start;
mod still;

use crate::finding::{Fact, Finding, Remedy};
use crate::limits::Limits;
use crate::loss_event::{LossEvent, loss_events};
use crate::problem::Problem;
use crate::view::View;

/// What every signature may ask.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) limits: Limits,
    pub(crate) losses: Vec<LossEvent>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(view: &'a View<'a>, limits: Limits) -> Self {
        Self { view, limits, losses: loss_events(view) }
    }

    /// What each signature finds, in no order.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let signatures: [fn(&Case<'_>) -> Option<Finding>; 14] = [
            receive_window::receive_window,
            send_buffer::send_buffer,
            application::nagle,
            application::application,
            slow_start::restart,
            slow_start::early_exit,
            still::pacing_ceiling,
            still::window_clamp,
            options::no_sack,
            loss::loss,
            contract::shaper,
            path::queue,
            path::reordering,
            path::interruption,
        ];
        let mut findings: Vec<Finding> = signatures.iter().filter_map(|signature| signature(self)).collect();
        findings.extend(options::ecn_marks(self));
        findings
    }

    /// The other end, for a configuration entry.
    fn destination(&self) -> String {
        self.view
            .evidence
            .flow
            .map_or_else(|| "192.0.2.1".to_owned(), |flow| flow.destination.ip().to_string())
    }

    /// An entry of WAD's configuration for the flow's destination.
    fn entry(&self, settings: &str) -> Remedy {
        let prefix = self.destination();
        let length = if prefix.contains(':') { 128 } else { 32 };
        Remedy::Wad {
            toml: format!(
                "[[path]]\nname = \"diagnosed\"\ndestination = [\"{prefix}/{length}\"]\n{settings}"
            ),
        }
    }

    /// The share of loss events of which `is_so` holds; events of which nothing is known do not count.
    fn share_of_losses(&self, is_so: impl Fn(&LossEvent) -> Option<bool>) -> Option<f64> {
        let known: Vec<bool> = self.losses.iter().filter_map(is_so).collect();
        let so = known.iter().filter(|so| **so).count();
        (!known.is_empty()).then(|| crate::view::count(so) / crate::view::count(known.len()))
    }
}

fn finding(problem: Problem, confidence: f64, share: f64, facts: &[(&'static str, Option<f64>)]) -> Finding {
    let facts = facts.iter().filter_map(|(name, value)| Some(Fact { name, value: (*value)? }));
    Finding {
        problem,
        confidence: confidence.clamp(0.0, 1.0),
        share: share.clamp(0.0, 1.0),
        evidence: facts.collect(),
        remedies: Vec::new(),
    }
}

impl Finding {
    fn with(mut self, remedies: impl IntoIterator<Item = Remedy>) -> Self {
        self.remedies.extend(remedies);
        self
    }
}

fn ask(question: impl Into<String>) -> Remedy {
    Remedy::Ask { question: question.into() }
}

fn sysctl(host: &'static str, name: &'static str, value: impl Into<String>) -> Remedy {
    Remedy::Sysctl { host, name, value: value.into() }
}
