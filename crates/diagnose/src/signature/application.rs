//! The application limits: it has nothing to send, waits for its peer, or writes in pieces that TCP holds back.

use wad_model::Counter;

use super::{Case, finding, slow_start};
use crate::finding::{Finding, Remedy};
use crate::problem::Problem;
use crate::thresholds::{ANSWERS_PER_ROUND, IDLE_SHARE, NAGLE_SHARE, SMALL_SEGMENT};
use crate::view::{View, count};

/// Nagle's rule holds a small segment back while another is not acknowledged (RFC 9293, section 3.7.4), and the other end
/// delays that acknowledgement (section 3.8.6.3).
pub(super) fn nagle(case: &Case<'_>) -> Option<Finding> {
    let view = case.view;
    let segment = segment_bytes(view)?;
    if segment >= view.mss_bytes * SMALL_SEGMENT {
        return None;
    }
    let is_held = |moment: &&crate::view::Moment| {
        moment.notsent_bytes.is_some_and(|bytes| bytes > 0.0 && bytes < view.mss_bytes)
            && moment.unacked.is_some_and(|segments| (1.0..=2.0).contains(&segments))
    };
    let held = count(view.moments.iter().filter(is_held).count()) / count(view.moments.len());
    if held < NAGLE_SHARE {
        return None;
    }
    let facts = [
        ("mean_segment_bytes", Some(segment)),
        ("small_writes_held_back", Some(held)),
        ("least_rtt_s", view.min_rtt_s),
        ("smoothed_rtt_s", view.last(Counter::SmoothedRTT).map(|micros| micros / 1e6)),
    ];
    let remedies = [
        Remedy::Application {
            advice: "Write each message with one call (writev, or MSG_MORE), or set TCP_NODELAY.".to_owned(),
        },
        case.entry("nagle = false\n"),
    ];
    Some(finding(Problem::NagleDelayedAck, 0.95, 1.0, &facts).with(remedies))
}

pub(super) fn application(case: &Case<'_>) -> Option<Finding> {
    let share = case.limits.application;
    if share < IDLE_SHARE || nagle(case).is_some() || slow_start::restart(case).is_some() {
        return None;
    }
    let view = case.view;
    let answers = answers_per_round(view);
    let facts = [
        ("application_limited", Some(share)),
        ("idle", Some(case.limits.idle)),
        ("answers_per_round_trip", answers),
        ("rate_bps", view.goodput_bps()),
    ];
    if answers.is_some_and(|answers| answers > ANSWERS_PER_ROUND) && case.limits.idle < IDLE_SHARE {
        let under_way = view.moments.iter().filter_map(|moment| moment.unacked).max_by(f64::total_cmp);
        let mut found = finding(Problem::ApplicationWindow, 0.9, share, &facts);
        found
            .evidence
            .extend(under_way.map(|value| crate::finding::Fact { name: "most_under_way_segments", value }));
        let advice = "Raise the application's own window, or use one without (HPN-SSH, bbcp, GridFTP, several streams).";
        return Some(found.with([Remedy::Application { advice: advice.to_owned() }]));
    }
    let advice = "The network could carry more: look at what produces the data (processor, storage, requests in sequence).";
    let remedies = [Remedy::Application { advice: advice.to_owned() }];
    Some(finding(Problem::ApplicationLimited, 0.85, share, &facts).with(remedies))
}

/// The mean payload of a segment.
fn segment_bytes(view: &View<'_>) -> Option<f64> {
    let segments = view.growth(Counter::DataPktsOut).filter(|segments| *segments >= 8.0)?;
    let bytes = view.growth(Counter::DataBytesOut).or_else(|| view.growth(Counter::ThruBytesAcked))?;
    Some(bytes / segments)
}

/// How many segments with data come back in a round trip.
fn answers_per_round(view: &View<'_>) -> Option<f64> {
    let rounds = view.span_s() / view.min_rtt_s?;
    let answers = view.growth(Counter::DataPktsIn).or_else(|| view.growth(Counter::ThruBytesReceived))?;
    (rounds > 0.0).then(|| answers / rounds)
}
