//! The receiver's window limits: it is small, or cannot be announced larger, or the application behind it reads slowly.

use wad_model::Counter;

use super::{Case, ask, finding, sysctl};
use crate::finding::Finding;
use crate::problem::Problem;
use crate::thresholds::{LIMITED_SHARE, UNSCALED_WINDOW_BYTES, WINDOW_INFLATION, WINDOW_SHRINKS};
use crate::view::{quantile, spread};

pub(super) fn receive_window(case: &Case<'_>) -> Option<Finding> {
    let share = case.limits.receive_window;
    if share < LIMITED_SHARE {
        return None;
    }
    let view = case.view;
    let all: Vec<f64> = view.moments.iter().filter_map(|moment| moment.window_bytes).collect();
    // While the window is opened at first it limits too; what counts is where it gets.
    let mut settled = all[all.len() / 3..].to_vec();
    settled.sort_by(f64::total_cmp);
    let low = quantile(&settled, 0.1);
    let high = all.iter().copied().max_by(f64::total_cmp);
    let inflation = quantile(&view.inflations(), 0.5);
    let facts = [
        ("receive_window_limited", Some(share)),
        ("window_low_bytes", low),
        ("window_high_bytes", high),
        ("rtt_over_least", inflation),
        ("least_rtt_s", view.min_rtt_s),
        ("window_coefficient_of_variation", spread(&settled).map(|(_, variation)| variation)),
    ];
    let shrinks = low.zip(high).is_some_and(|(low, high)| low < high * WINDOW_SHRINKS);
    let is_late = inflation.is_some_and(|inflation| inflation > WINDOW_INFLATION);
    if high.is_none_or(|high| high <= UNSCALED_WINDOW_BYTES) && lacks_scaling(case) && !shrinks {
        let remedies = [
            sysctl("receiver", "net.ipv4.tcp_window_scaling", "1"),
            sysctl("sender", "net.ipv4.tcp_window_scaling", "1"),
            ask(
                "Does a firewall or middlebox on the path remove the TCP option \"window scale\" from SYN segments?",
            ),
        ];
        return Some(finding(Problem::NoWindowScaling, 0.97, share, &facts).with(remedies));
    }
    if shrinks || is_late {
        let question = "Is the receiving application short of processor time, or does it wait for its storage? (top, iostat)";
        return Some(finding(Problem::SlowReceiver, 0.9, share, &facts).with([ask(question)]));
    }
    let wanted = (high.unwrap_or(UNSCALED_WINDOW_BYTES) * 8.0).max(32e6);
    let remedies = [
        sysctl("receiver", "net.ipv4.tcp_rmem", format!("4096 131072 {wanted:.0}")),
        sysctl("receiver", "net.ipv4.tcp_moderate_rcvbuf", "1"),
        ask(
            "Does the receiving application set SO_RCVBUF? A WAD on the receiving host with `buffers = { mode = \"ceiling\", override_application = true }` for this path lets the window grow all the same.",
        ),
    ];
    Some(finding(Problem::ReceiveWindow, 0.92, share, &facts).with(remedies))
}

/// Whether the ends did not agree on window scaling; false where that is not known.
fn lacks_scaling(case: &Case<'_>) -> bool {
    let evidence = case.view.evidence;
    if let Some(packets) = &evidence.packets {
        return [packets.sender_offers_scaling, packets.receiver_offers_scaling].contains(&Some(false));
    }
    let options_known = evidence.last(Counter::TimestampsEnabled).is_some();
    options_known && evidence.last(Counter::SndWinScale).is_none()
}
