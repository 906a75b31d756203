//! From measured quantities to a row.

use std::collections::{BTreeMap, BTreeSet};

use crate::experiment::{Check, Experiment};
use crate::quantity::Quantity;
use crate::row::{CheckResult, Row};
use crate::statistics::Spread;

/// The variant with the daemon on a host with today's defaults.
const WAD_TODAY: &str = "wad today";

/// What each variant came to, one map for each run.
pub(crate) type Measurements = BTreeMap<String, Vec<BTreeMap<Quantity, f64>>>;

type Spreads = BTreeMap<String, BTreeMap<Quantity, Spread>>;

/// Judges an experiment by what was measured.
#[must_use]
pub(crate) fn judge(experiment: &Experiment, measurements: &Measurements, kernel: &str) -> Row {
    let all: Spreads = measurements.iter().map(|(variant, runs)| (variant.clone(), spreads(runs))).collect();
    let checks: Vec<CheckResult> = experiment.checks.iter().map(|check| result(check, &all)).collect();
    let mut measured = all.clone();
    for (variant, quantities) in &mut measured {
        let shown = shown(experiment, variant);
        quantities.retain(|quantity, _| shown.contains(quantity));
    }
    Row {
        id: experiment.id.clone(),
        title: experiment.title.clone(),
        source: experiment.source.clone(),
        reported_path: experiment.reported_path.clone(),
        choices: experiment.choices.clone(),
        variants: experiment.variants.iter().map(|variant| variant.name.clone()).collect(),
        reported: reported(experiment),
        measured,
        reported_ratio: checks.first().and_then(|check| check.reported_ratio),
        measured_ratio: checks.first().and_then(|check| check.measured_ratio),
        gain_over_today: gains(experiment, &all),
        repetitions: measurements.values().map(Vec::len).max().unwrap_or(0),
        kernel: kernel.to_owned(),
        holds: checks.iter().all(|check| check.holds),
        checks,
    }
}

fn spreads(runs: &[BTreeMap<Quantity, f64>]) -> BTreeMap<Quantity, Spread> {
    let quantities: BTreeSet<Quantity> = runs.iter().flat_map(|run| run.keys().copied()).collect();
    let of = |quantity| runs.iter().filter_map(|run| run.get(&quantity).copied()).collect::<Vec<f64>>();
    quantities.into_iter().filter_map(|quantity| Some((quantity, Spread::of(&of(quantity))?))).collect()
}

/// What is kept of all that is measured of a variant: what was reported of any, what is checked of it, and what
/// always matters.
fn shown(experiment: &Experiment, variant: &str) -> BTreeSet<Quantity> {
    let reported = experiment.variants.iter().flat_map(|variant| variant.reported.keys().copied());
    let named = |check: &&Check| check.variant == variant || check.over.as_deref() == Some(variant);
    let checked = experiment.checks.iter().filter(named).map(|check| check.quantity);
    let always = [Quantity::GoodputBps, Quantity::Retransmits, Quantity::CongestionEvents];
    // What is beside a flow is always of interest.
    let beside = [Quantity::BesideShareOfFair];
    reported.chain(checked).chain(always).chain(beside).collect()
}

fn reported(experiment: &Experiment) -> BTreeMap<String, BTreeMap<Quantity, f64>> {
    let with = experiment.variants.iter().filter(|variant| !variant.reported.is_empty());
    with.map(|variant| (variant.name.clone(), variant.reported.clone())).collect()
}

fn result(check: &Check, all: &Spreads) -> CheckResult {
    let of = |variant: &str| Some(all.get(variant)?.get(&check.quantity)?.median);
    let below = match &check.over {
        Some(over) => of(over),
        None => check.expected,
    };
    let ratio = of(&check.variant).zip(below).map(|(above, below)| ratio(above, below));
    CheckResult {
        says: check.says.clone(),
        quantity: check.quantity,
        variant: check.variant.clone(),
        over: check.over.clone(),
        expected: check.expected,
        reported_ratio: check.reported,
        measured_ratio: ratio.filter(|ratio| ratio.is_finite()),
        wanted: check.wanted(),
        holds: ratio.is_some_and(|ratio| check.holds(ratio)),
    }
}

/// Nothing is as much as nothing.
fn ratio(above: f64, below: f64) -> f64 {
    if above == 0.0 && below == 0.0 { 1.0 } else { above / below }
}

/// The goodput of today's host with the daemon over that without it; without such a variant, that of the first
/// check's variant.
fn gains(experiment: &Experiment, all: &Spreads) -> BTreeMap<String, f64> {
    let Some(check) = experiment.checks.first() else { return BTreeMap::new() };
    let of = |variant: &str| Some(all.get(variant)?.get(&Quantity::GoodputBps)?.median);
    let tuned = if experiment.variant(WAD_TODAY).is_some() { WAD_TODAY } else { &check.variant };
    let today = experiment.variants.iter().filter(|variant| variant.is_today());
    today
        .filter_map(|variant| Some((variant.name.clone(), of(tuned)? / of(&variant.name)?)))
        .filter(|(_, gain)| gain.is_finite())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_over_nothing_is_one() {
        assert_eq!(ratio(0.0, 0.0), 1.0);
        assert_eq!(ratio(3.0, 0.0), f64::INFINITY);
    }
}
