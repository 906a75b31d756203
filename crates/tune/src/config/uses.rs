//! What a path sets, each with its place: what contradicts what, what another control does not have, and
//! what needs a grant is decided when all of it is known.

use super::congestion::Control;
use super::given::Given;
use super::table::{Findings, Span};
use super::value::Problem;
use crate::error::Related;
use crate::tunables::{Knob, Mechanism};

/// A setting that a path gives.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) knob: Knob,
    pub(super) span: Span,
    pub(super) line: u32,
    /// Whether the value carries the danger mark of its knob.
    pub(super) dangerous: bool,
}

/// All that a path sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Vec<Use>);

/// What cannot stand together, and why. The second is what to leave out.
const CONTRADICTIONS: &[(Knob, Knob, &str)] = &[
    (Knob::HighSpeed, Knob::AdditiveIncrease, AIMD_OF_HIGH_SPEED),
    (Knob::HighSpeed, Knob::MultiplicativeDecrease, AIMD_OF_HIGH_SPEED),
    (Knob::HighSpeed, Knob::EquivalentStreams, AIMD_OF_HIGH_SPEED),
    (Knob::HighSpeed, Knob::VirtualMss, AIMD_OF_HIGH_SPEED),
    (Knob::EquivalentStreams, Knob::AdditiveIncrease, AIMD_OF_STREAMS),
    (Knob::EquivalentStreams, Knob::MultiplicativeDecrease, AIMD_OF_STREAMS),
    (Knob::EquivalentStreams, Knob::VirtualMss, AIMD_OF_STREAMS),
    (Knob::VirtualMss, Knob::AdditiveIncrease, "the virtual MSS is the additive increase"),
];
const AIMD_OF_HIGH_SPEED: &str = "HighSpeed TCP chooses increase and decrease itself";
const AIMD_OF_STREAMS: &str = "the number of equivalent streams gives increase and decrease";

impl Uses {
    /// What has been noted since this was last called.
    pub(super) fn take(findings: &mut Findings<'_>) -> Self {
        Self(std::mem::take(&mut findings.uses))
    }

    pub(super) fn find(&self, knob: Knob) -> Option<&Use> {
        self.0.iter().find(|one| one.knob == knob)
    }

    /// What carries a danger mark.
    pub(super) fn dangerous(&self) -> impl Iterator<Item = &Use> {
        self.0.iter().filter(|one| one.dangerous)
    }

    /// Refuses settings that say the same thing twice.
    pub(super) fn refuse_contradictions(&self, findings: &mut Findings<'_>) {
        for (strong, weak, why) in CONTRADICTIONS {
            if let (Some(strong), Some(weak)) = (self.find(*strong), self.find(*weak)) {
                contradiction(weak, strong, why, findings);
            }
        }
    }

    /// Refuses what only WAD's control has, where the path has another. It does nothing, so it is forgotten.
    pub(super) fn refuse_foreign(&mut self, control: &Given<Control>, findings: &mut Findings<'_>) {
        if matches!(control.value, Control::Wad(_)) {
            return;
        }
        let is_foreign = |one: &mut Use| one.knob.tunable().mechanism == Mechanism::Control;
        for one in self.0.extract_if(.., is_foreign) {
            let key = one.knob.tunable().short_key();
            let problem = match control.value.name() {
                Some(name) => Problem::new(
                    format!("`{key}`: the control \"{name}\" has no such parameter"),
                    format!("leave out `{key}`, or write control = \"wad\""),
                ),
                None => Problem::new(
                    format!(
                        "`{key}`: only the control \"wad\" has it, and this path leaves the control alone"
                    ),
                    format!("leave out `{key}`, or add congestion = {{ control = \"wad\" }}"),
                ),
            };
            findings.add(one.span.clone(), problem);
        }
    }

    /// Refuses a window larger than the ceiling of windows.
    pub(super) fn refuse_above_ceiling(&self, windows: &[(Knob, Option<u32>)], findings: &mut Findings<'_>) {
        let value = |knob: Knob| windows.iter().find(|(k, _)| *k == knob).and_then(|(_, value)| *value);
        let mut ordered = |small: Knob, large: Knob| {
            let (Some(low), Some(high)) = (value(small), value(large)) else { return };
            if low > high {
                self.refuse_order(small, large, (low, high), findings);
            }
        };
        ordered(Knob::InitialWindow, Knob::MaxWindow);
        ordered(Knob::RestartWindow, Knob::MaxWindow);
        ordered(Knob::MinSsthresh, Knob::MaxWindow);
        ordered(Knob::MinSsthresh, Knob::InitialSsthresh);
    }

    fn refuse_order(&self, small: Knob, large: Knob, values: (u32, u32), findings: &mut Findings<'_>) {
        // An initial window may come with the virtual MSS; then that is what is there to point to.
        let place = self.find(small).or_else(|| self.find(Knob::VirtualMss));
        let (Some(place), Some(other)) = (place, self.find(large)) else { return };
        let (key, other_key) = (small.tunable().key, large.tunable().key);
        let message = format!(
            "`{key}`: {} segments are more than the {} of `{other_key}` at line {}",
            values.0, values.1, other.line
        );
        let help = format!("lower `{key}`, or raise `{other_key}`");
        let related = Related { span: other.span.clone(), label: format!("`{other_key}` is here") };
        findings.add_related(place.span.clone(), Problem::new(message, help), Some(related));
    }
}

fn contradiction(weak: &Use, strong: &Use, why: &str, findings: &mut Findings<'_>) {
    let (key, other) = (weak.knob.tunable().short_key(), strong.knob.tunable().short_key());
    let message = format!("`{key}` contradicts `{other}` at line {}: {why}", strong.line);
    let help = format!("leave out `{key}` or `{other}`");
    let related = Related { span: strong.span.clone(), label: format!("`{other}` is here") };
    findings.add_related(weak.span.clone(), Problem::new(message, help), Some(related));
}
