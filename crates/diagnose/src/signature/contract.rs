//! A shaper: what exceeds its contract waits.

use super::{Case, ask, finding};
use crate::finding::Finding;
use crate::problem::Problem;
use crate::thresholds::{HARMLESS_LOSS, LIMITED_SHARE, QUEUE_INFLATION, RATE_STEP, STEADY_RATE};
use crate::view::{count, spread};

/// The rate is higher at first without a queue, and lower and steady then, with one.
pub(super) fn shaper(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    let network = case.limits.network() + case.limits.pacing;
    if !view.is_long_enough()
        || network < 1.0 - LIMITED_SHARE
        || view.loss_rate().is_some_and(|loss| loss > HARMLESS_LOSS)
    {
        return None;
    }
    let rates = view.rates();
    let (at, best) = rates
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.1.total_cmp(&b.1.1))
        .map(|(at, rate)| (at, rate.1))?;
    let later: Vec<(usize, f64)> = rates.iter().skip(at + 2).copied().collect();
    let (sustained, variation) = spread(&later.iter().map(|(_, rate)| *rate).collect::<Vec<_>>())?;
    let queued = later
        .iter()
        .filter(|(at, _)| view.inflation(&view.moments[*at]).is_some_and(|i| i >= QUEUE_INFLATION));
    let queued = count(queued.count()) / count(later.len());
    if later.len() < 4
        || best < sustained * RATE_STEP
        || queued < 0.8
        || variation > STEADY_RATE * 1.5
        || at > rates.len() / 2
    {
        return None;
    }
    let facts = [
        ("rate_at_first_bps", Some(best)),
        ("rate_after_bps", Some(sustained)),
        ("rate_after_coefficient_of_variation", Some(variation)),
        ("rtt_over_least", crate::view::quantile(&view.inflations(), 0.9)),
    ];
    let remedies = [
        ask(format!(
            "Is there a shaper of about {:.0} Mbit/s on this path, or on this host (tc -s qdisc)?",
            sustained / 1e6
        )),
        case.entry(&format!("pacing = {{ rate = \"{:.0} kbit/s\" }}\n", sustained / 1e3 * 0.95)),
    ];
    Some(finding(Problem::Shaper, 0.9, 1.0 - case.limits.application, &facts).with(remedies))
}
