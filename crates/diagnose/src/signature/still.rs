//! Something holds the flow still: a ceiling on its rate, or on its congestion window.

use wad_model::Counter;

use super::{Case, finding};
use crate::finding::{Finding, Remedy};
use crate::problem::Problem;
use crate::thresholds::{FLAT_INFLATION, LIMITED_SHARE, PACED, STILL_SHARE, STILL_WINDOW};
use crate::view::{count, quantile, spread};

pub(super) fn pacing_ceiling(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    if !view.is_long_enough() {
        return None;
    }
    let goodput = view.goodput_bps()?;
    let ceiling = view.last(Counter::MaxPacingRate).map(|bytes| bytes * 8.0);
    let facts = [
        ("pacing_limited", Some(case.limits.pacing)),
        ("ceiling_bps", ceiling),
        ("rate_bps", Some(goodput)),
        ("least_rtt_s", view.min_rtt_s),
    ];
    // Slow start is below it, which counts in the mean.
    let best = view.best_rate_bps()?;
    if ceiling.is_none_or(|ceiling| best < ceiling * PACED) {
        return None;
    }
    let advice = "Raise or remove the ceiling: SO_MAX_PACING_RATE of the application, `pacing` of WAD's entry, or `maxrate` of fq.";
    let remedies = [Remedy::Application { advice: advice.to_owned() }];
    Some(finding(Problem::PacingCeiling, 0.95, 1.0 - case.limits.application, &facts).with(remedies))
}

/// In congestion avoidance a window grows, with loss it falls: one that does neither is held.
pub(super) fn window_clamp(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    if !view.is_long_enough() || case.limits.congestion_window < STILL_SHARE {
        return None;
    }
    if quantile(&view.inflations(), 0.5)? > FLAT_INFLATION || pacing_ceiling(case).is_some() {
        return None;
    }
    let windows: Vec<f64> = view.moments.iter().filter_map(|moment| moment.cwnd).collect();
    let skip = count(windows.len()) * (1.0 - STILL_SHARE);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a length")]
    let steady = &windows[skip as usize..];
    let smallest = steady.iter().copied().min_by(f64::total_cmp)?;
    let largest = windows.iter().copied().max_by(f64::total_cmp)?;
    let used: Vec<f64> = view
        .moments
        .iter()
        .filter_map(|moment| moment.has_room().map(|room| f64::from(u8::from(!room))))
        .collect();
    let is_used = spread(&used).is_some_and(|(mean, _)| mean > LIMITED_SHARE);
    if smallest < largest * STILL_WINDOW || !is_used {
        return None;
    }
    let facts = [
        ("window_segments", Some(largest)),
        ("window_smallest_segments", Some(smallest)),
        ("rate_bps", view.goodput_bps()),
        ("rtt_over_least", quantile(&view.inflations(), 0.5)),
    ];
    let remedies = [
        Remedy::Command { command: format!("ip route get {}   # look for `cwnd lock`", case.destination()) },
        Remedy::Application {
            advice: "If WAD's own entry has `congestion.max_window` for this path, raise it.".to_owned(),
        },
    ];
    Some(finding(Problem::WindowClamp, 0.9, case.limits.congestion_window, &facts).with(remedies))
}
