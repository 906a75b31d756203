//! What is other in one decision than in another.

use std::fmt;

use super::Decision;
use crate::tunables::Knob;

/// A setting that is other than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is set.
    pub knob: Knob,
    /// What it was; `None` if it was left alone.
    pub from: Option<String>,
    /// What it is; `None` if it is left alone.
    pub to: Option<String>,
    /// Why it is what it is; empty if it is left alone.
    pub reason: String,
}

/// What a decision says of a knob, for a flow or for more.
struct Said<'d> {
    value: String,
    reason: &'d str,
}

pub(super) fn between(before: &Decision, after: &Decision) -> Vec<Change> {
    let change = |knob: Knob| {
        let (old, new) = (said(before, knob), said(after, knob));
        let from = (!old.is_empty()).then(|| joined(&old));
        let to = (!new.is_empty()).then(|| joined(&new));
        let reason = new.first().map(|said| said.reason.to_owned()).unwrap_or_default();
        (from != to).then_some(Change { knob, from, to, reason })
    };
    Knob::ALL.iter().filter_map(|knob| change(*knob)).collect()
}

fn said(decision: &Decision, knob: Knob) -> Vec<Said<'_>> {
    let flow = decision.settings.iter().filter(|setting| setting.knob == knob);
    let flow = flow.map(|setting| Said { value: setting.value.to_string(), reason: &setting.reason });
    let host = decision.host_settings.iter().filter(|setting| setting.knob == knob);
    flow.chain(host.map(|setting| Said { value: setting.action.to_string(), reason: &setting.reason }))
        .collect()
}

fn joined(said: &[Said<'_>]) -> String {
    said.iter().map(|said| said.value.as_str()).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALONE: &str = "left alone";
        let text = |value: &Option<String>| value.as_deref().unwrap_or(ALONE).to_owned();
        write!(f, "{}: {} -> {}", self.knob, text(&self.from), text(&self.to))?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}
