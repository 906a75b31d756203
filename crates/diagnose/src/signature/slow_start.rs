//! Slow start ended too early, or begins again after each pause.

use wad_model::Counter;

use super::{Case, finding, still, sysctl};
use crate::finding::{Finding, Remedy};
use crate::problem::Problem;
use crate::thresholds::{
    EARLY_EXIT, FEWEST_RESTARTS, INITIAL_WINDOW_SEGMENTS, LIMITED_SHARE, RAMP_COST, RESTART_FALL,
};
use crate::view::{Moment, View, count};

/// The window is restarted after a pause longer than the time-out (RFC 5681, section 4.1).
pub(super) fn restart(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    if view.evidence.host.number("net.ipv4.tcp_slow_start_after_idle", 0) == Some(0) {
        return None;
    }
    let restarts = restarts(view);
    if restarts.len() < FEWEST_RESTARTS {
        return None;
    }
    let (before, after) = restarts.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let facts = [
        ("restarts", Some(count(restarts.len()))),
        ("window_before_pause_segments", Some(before / count(restarts.len()))),
        ("window_after_pause_segments", Some(after / count(restarts.len()))),
        ("idle", Some(case.limits.idle)),
    ];
    let remedies = [sysctl("sender", "net.ipv4.tcp_slow_start_after_idle", "0")];
    Some(finding(Problem::SlowStartAfterIdle, 0.92, 0.9, &facts).with(remedies))
}

/// The window before and after each pause that made it smaller, with no segment lost between.
fn restarts(view: &View<'_>) -> Vec<(f64, f64)> {
    let mut restarts = Vec::new();
    let mut before: Option<(f64, Option<f64>)> = None;
    let rto = view.last(Counter::CurRTO).map_or(0.2, |micros| micros / 1e6);
    for pair in view.moments.windows(2) {
        if is_pause(&pair[0], rto) && pair[0].cwnd.is_some() {
            before = pair[0].cwnd.map(|cwnd| (cwnd, pair[0].retransmits));
        }
        let resumed = !is_pause(&pair[1], rto) && pair[1].unacked.is_some_and(|segments| segments > 0.0);
        if let (Some((cwnd, lost)), true) = (before, resumed) {
            if let Some(now) =
                pair[1].cwnd.filter(|now| *now < cwnd * RESTART_FALL && lost == pair[1].retransmits)
            {
                restarts.push((cwnd, now));
            }
            before = None;
        }
    }
    restarts
}

fn is_pause(moment: &Moment, rto_s: f64) -> bool {
    moment.unacked == Some(0.0) && moment.idle_s.is_some_and(|idle| idle > rto_s)
}

/// A threshold without a loss before it, that was too low for the path.
pub(super) fn early_exit(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    if !view.is_long_enough()
        || case.limits.network() < LIMITED_SHARE
        || still::pacing_ceiling(case).is_some()
    {
        return None;
    }
    let at = view.moments.iter().position(|moment| moment.ssthresh.is_some())?;
    let moment = view.moments[at];
    if moment.retransmits? > syn_retransmits(view) {
        return None;
    }
    let threshold = moment.ssthresh?;
    let best = view.best_rate_bps()?;
    let carried = view.bdp_segments(best)?;
    let early = early_rate(view)?;
    // A window that grew on without a loss shows that there was room.
    let largest = view.moments.iter().filter_map(|moment| moment.cwnd).max_by(f64::total_cmp)?;
    if threshold >= carried * EARLY_EXIT || threshold >= largest * EARLY_EXIT || early >= best * RAMP_COST {
        return None;
    }
    let cached = view.evidence.host.cached.and_then(|cached| cached.ssthresh_segments);
    let facts = [
        ("threshold_segments", Some(threshold)),
        ("path_carried_segments", Some(carried)),
        ("window_largest_segments", Some(largest)),
        ("rate_at_first_bps", Some(early)),
        ("rate_best_bps", Some(best)),
        ("remembered_threshold_segments", cached.map(crate::view::float)),
        ("hystart_exits", view.evidence.host.grew("TcpExt.TCPHystartDelayDetect").map(crate::view::float)),
    ];
    let share = case.limits.network();
    if at == 0 || threshold < INITIAL_WINDOW_SEGMENTS || cached.is_some_and(|cached| same(cached, threshold))
    {
        let remedies = [
            Remedy::Command { command: format!("ip tcp_metrics delete {}", case.destination()) },
            sysctl("sender", "net.ipv4.tcp_no_metrics_save", "1"),
        ];
        return Some(finding(Problem::CachedSsthresh, 0.93, share, &facts).with(remedies));
    }
    let remedies = [
        case.entry("congestion = { control = \"wad\" }\n"),
        Remedy::Command { command: "echo 0 > /sys/module/tcp_cubic/parameters/hystart".to_owned() },
    ];
    Some(finding(Problem::HystartExit, 0.85, share, &facts).with(remedies))
}

/// What had been retransmitted when nothing had arrived yet: the SYN, of which the kernel forgets what it did to the
/// threshold when the connection is there (`tcp_init_metrics`).
fn syn_retransmits(view: &View<'_>) -> f64 {
    // The kernel counts the SYN as delivered.
    let only_syn = |first: &&Moment| first.delivered_bytes.is_none_or(|bytes| bytes <= view.mss_bytes);
    let first = view.moments.first().filter(only_syn);
    first.and_then(|first| first.retransmits).unwrap_or(0.0)
}

fn same(cached: u64, threshold: f64) -> bool {
    (crate::view::float(cached) - threshold).abs() < 1.0
}

/// The mean rate over the first fifth of the flow's life.
fn early_rate(view: &View<'_>) -> Option<f64> {
    let rates = view.rates();
    let fifth = &rates[..rates.len().div_ceil(5)];
    let sum: f64 = fifth.iter().map(|(_, rate)| rate).sum();
    (!fifth.is_empty()).then(|| sum / count(fifth.len()))
}
