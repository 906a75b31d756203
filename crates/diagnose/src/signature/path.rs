//! What the path does to packets beside losing them: it keeps them long, changes their order, or stops.

use wad_model::Counter;

use super::{Case, ask, contract, finding, sysctl};
use crate::finding::{Finding, Remedy};
use crate::problem::Problem;
use crate::thresholds::{
    BLACK_HOLE_TIMEOUTS, DEEP_INFLATION, FEWEST_REORDERINGS, LIMITED_SHARE, OUTAGE_S, REORDERED,
};
use crate::view::quantile;

/// Bufferbloat.
pub(super) fn queue(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    if !view.is_long_enough() || case.limits.network() < LIMITED_SHARE || contract::shaper(case).is_some() {
        return None;
    }
    let inflation = quantile(&view.inflations(), 0.9)?;
    if inflation < DEEP_INFLATION {
        return None;
    }
    let facts = [
        ("rtt_over_least", Some(inflation)),
        ("least_rtt_s", view.min_rtt_s),
        ("loaded_rtt_s", view.min_rtt_s.map(|rtt| rtt * inflation)),
    ];
    let remedies = [
        ask(
            "How deep is the queue of the slowest link? Could it use CoDel or another active queue management?",
        ),
        case.entry("congestion = { control = \"bbr\" }\n"),
    ];
    Some(finding(Problem::DeepQueue, 0.9, case.limits.network(), &facts).with(remedies))
}

pub(super) fn reordering(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    let (seen, share) = match &view.evidence.packets {
        Some(packets) => {
            let seen = crate::view::float(packets.out_of_order + packets.spurious_retransmits);
            (seen, seen / crate::view::float(packets.packets.max(1)))
        }
        None => {
            let seen = view.last(Counter::ReordSeen)?;
            (seen, seen / view.last(Counter::DataPktsOut).filter(|sent| *sent > 0.0)?)
        }
    };
    if seen < FEWEST_REORDERINGS || share < REORDERED {
        return None;
    }
    let facts = [
        ("reorderings", Some(seen)),
        ("reordered", Some(share)),
        ("reordering_tolerated_segments", view.last(Counter::RetranThresh)),
        ("spurious_retransmits", view.last(Counter::DSACKDups)),
    ];
    let degree = view.last(Counter::RetranThresh).unwrap_or(3.0).max(9.0);
    let remedies = [
        case.entry(&format!("reordering = {degree:.0}\n")),
        ask(
            "Which device spreads the packets of one flow over several links (LAG or ECMP by packet), or has queues in parallel?",
        ),
    ];
    Some(finding(Problem::Reordering, 0.85, case.limits.network().max(0.5), &facts).with(remedies))
}

/// Nothing gets through, for a while or ever.
pub(super) fn interruption(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    let (stalled, longest) = stalls(case);
    if longest < OUTAGE_S {
        return None;
    }
    let timeouts = view
        .last(Counter::Timeouts)
        .map(|first| first + view.last(Counter::SubsequentTimeouts).unwrap_or(0.0));
    let timeouts = timeouts.or_else(|| view.last(Counter::CurBackoff));
    let arrived = view.last(Counter::ThruBytesAcked);
    let facts = [
        ("longest_without_progress_s", Some(longest)),
        ("timeouts", timeouts),
        ("acknowledged_bytes", arrived),
        ("segment_bytes", Some(view.mss_bytes)),
    ];
    if timeouts == Some(0.0) {
        return None;
    }
    let nothing_large = arrived.is_some_and(|bytes| bytes < view.mss_bytes);
    if nothing_large && timeouts.is_some_and(|timeouts| timeouts >= BLACK_HOLE_TIMEOUTS) {
        let remedies = [
            sysctl("sender", "net.ipv4.tcp_mtu_probing", "1"),
            Remedy::Command { command: format!("tracepath {}", case.destination()) },
            ask(
                "Which router drops packets that are too big for the next link without \"fragmentation needed\", or which firewall filters that message?",
            ),
        ];
        return Some(finding(Problem::PmtuBlackHole, 0.95, 1.0, &facts).with(remedies));
    }
    let question = "Was there an outage, a failover or a routing change on this path at that time?";
    Some(finding(Problem::Outage, 0.9, (stalled / view.span_s()).max(0.5), &facts).with([ask(question)]))
}

/// The time in which data was under way and nothing arrived, in stretches that count; and the longest stretch.
fn stalls(case: &Case<'_>) -> (f64, f64) {
    let (mut sum, mut longest, mut stretch) = (0.0, 0.0f64, 0.0);
    for pair in case.view.moments.windows(2) {
        let waits = pair[0].unacked.is_some_and(|segments| segments > 0.0);
        let window_open = pair[1].window_bytes != Some(0.0);
        let moved = pair[1].delivered_bytes > pair[0].delivered_bytes;
        if waits && window_open && !moved {
            stretch += pair[1].time_s - pair[0].time_s;
            continue;
        }
        longest = longest.max(stretch);
        sum += if stretch >= OUTAGE_S { stretch } else { 0.0 };
        stretch = 0.0;
    }
    sum += if stretch >= OUTAGE_S { stretch } else { 0.0 };
    (sum, longest.max(stretch))
}
