//! `[observe]`: how often flows are looked at, and what is computed of their counters.

use std::time::Duration;

use super::table::{Findings, Found, Span, Table};
use super::value::Problem;
use crate::tunables::Limits;

/// How often flows are looked at unless the configuration says otherwise.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often they can be looked at.
const INTERVALS: Limits = Limits::Time(Duration::from_millis(10), Duration::from_secs(3600));

/// How often flows are looked at, and what is computed of their counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observe {
    /// The time between two samples of a flow.
    pub interval: Duration,
    /// Definitions of derived events, in their own language; later ones may use earlier ones.
    pub derived: Vec<String>,
}

impl Default for Observe {
    fn default() -> Self {
        Self { interval: INTERVAL, derived: Vec::new() }
    }
}

/// What is wrong with a definition of a derived event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedProblem {
    /// Which definition, from 0.
    pub index: usize,
    /// The character of it at fault, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// Judges definitions of derived events. Their language belongs to another crate, which is given here.
pub type DerivedCheck<'c> = &'c dyn Fn(&[&str]) -> Vec<DerivedProblem>;

/// The section as read, with the places of its definitions.
#[derive(Debug, Default)]
pub(super) struct ReadObserve {
    pub(super) observe: Observe,
    spans: Vec<Span>,
}

impl ReadObserve {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let interval = table.bounded::<Duration>("interval", &INTERVALS);
        let derived = table.list::<String>("derived").unwrap_or_default();
        table.finish();
        let interval = interval.map_or(INTERVAL, |found| found.value);
        let (derived, spans) = derived.into_iter().map(|Found { value, span, .. }| (value, span)).unzip();
        Self { observe: Observe { interval, derived }, spans }
    }

    /// Notes what is wrong with the definitions, each at its place in the file.
    pub(super) fn check(&self, check: DerivedCheck<'_>, findings: &mut Findings<'_>) {
        let texts: Vec<&str> = self.observe.derived.iter().map(String::as_str).collect();
        for DerivedProblem { index, column, message } in check(&texts) {
            let (Some(text), Some(span)) = (texts.get(index), self.spans.get(index)) else { continue };
            let span = findings.within_text(span, text, column);
            findings.add(span, Problem { message: format!("`derived`: {message}"), help: None });
        }
    }
}
