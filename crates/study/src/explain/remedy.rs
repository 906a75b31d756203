//! What to change, and to what.

use wad_model::Bytes;
use wad_sim::theory::pipe;

use super::{BoundKind, Subject, loss_formulas};
use crate::limits::{bits, bps};
use crate::show;

/// What would help against a limit, the most direct first.
pub(super) fn remedies(subject: &Subject<'_>, limit: BoundKind, expected: f64) -> Vec<String> {
    let Some(possible) = subject.limits.share_bps else {
        return vec!["the path has no rate; what limits is the limit of the flow itself".to_owned()];
    };
    match limit {
        BoundKind::Path => vec![
            "the path is what limits: no parameter of TCP gives more, only a faster path or fewer flows"
                .to_owned(),
        ],
        BoundKind::Window => windows(subject, possible, expected, "--window"),
        BoundKind::ReceiveBuffer => windows(subject, possible, expected, "--receive-buffer"),
        BoundKind::Reader => vec![format!(
            "the receiving application reads {}; the path would carry {}: no window or buffer gives more",
            show::rate(expected),
            show::rate(possible)
        )],
        BoundKind::SendBuffer => windows(subject, possible, expected, "--send-buffer"),
        BoundKind::ApplicationWindow => windows(subject, possible, expected, "the application's window:"),
        BoundKind::Loss => losses(subject, possible, expected),
        BoundKind::Queue => queues(subject),
        BoundKind::SlowStart => beginnings(subject, possible),
        BoundKind::Application => vec![format!(
            "the application offers {}; the path would carry {}",
            show::rate(expected),
            show::rate(possible)
        )],
    }
}

/// The window that fills the share of the path, or as many flows as do with this one.
fn windows(subject: &Subject<'_>, possible: f64, expected: f64, option: &str) -> Vec<String> {
    let needed = needed(subject, possible);
    let streams = (possible / expected).ceil() * f64::from(subject.scenario.flows[subject.flow.entry].count);
    vec![
        format!(
            "{option} {}: the share of the path times the round trip; with a queue that fills, more",
            size(needed)
        ),
        format!("--streams {}: so many flows with this window fill the path", show::number(streams)),
    ]
}

/// What must be in flight for a rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "windows of this world are far below 2^64, and `as` saturates"
)]
fn needed(subject: &Subject<'_>, goodput: f64) -> Bytes {
    Bytes::new((goodput / 8.0 * subject.flow.unloaded.as_secs_f64()).ceil() as u64)
}

/// As an option takes it, rounded up.
fn size(bytes: Bytes) -> String {
    match bytes.get().div_ceil(1024) {
        kibi if kibi >= 2 * 1024 => format!("{}MiB", kibi.div_ceil(1024)),
        kibi => format!("{kibi}KiB"),
    }
}

/// The loss rate that would be low enough, controls that bear more, and more flows.
fn losses(subject: &Subject<'_>, possible: f64, expected: f64) -> Vec<String> {
    let (rtt, segment) = (subject.flow.unloaded, subject.flow.endpoints.segment);
    let window = possible * rtt.as_secs_f64() / bits(segment);
    let mut all = Vec::new();
    if let Some((_, response)) = subject.limits.response {
        all.push(format!(
            "a loss below {} instead of {} would let this control fill the path",
            show::share(response.loss_rate(window, rtt)),
            show::share(subject.limits.loss)
        ));
    }
    let better = loss_formulas()
        .map(|(name, response)| (name, bps(response.rate(subject.limits.loss, segment, rtt)).min(possible)))
        .filter(|(_, rate)| *rate > 1.2 * expected)
        .max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((name, rate)) = better {
        all.push(format!("another control: {name} allows {} at this loss", show::rate(rate)));
    }
    all.push("--control bbr1: its rate does not follow losses as long as they are rare".to_owned());
    let streams = (possible / expected).ceil() * f64::from(subject.scenario.flows[subject.flow.entry].count);
    all.push(format!("--streams {}: the losses of each are those of a slower flow", show::number(streams)));
    let shorter = rtt.as_secs_f64() * expected / possible;
    all.push(format!("a round trip of {} instead of {}", show::time(shorter), show::time(rtt.as_secs_f64())));
    all
}

fn queues(subject: &Subject<'_>) -> Vec<String> {
    let whole = subject.flow.slowest.map(|(_, rate)| rate.bytes_in(subject.flow.round_trip));
    let mut all = vec![format!(
        "--queue 1bdp: {} keep the path full while the window recovers from a loss",
        whole.map_or_else(String::new, |bytes| bytes.to_string())
    )];
    all.push("--control cubic gives up three tenths of the window at a loss, reno a half".to_owned());
    all.push("--streams 8: flows that lose at different times leave the path less often empty".to_owned());
    all
}

fn beginnings(subject: &Subject<'_>, possible: f64) -> Vec<String> {
    let rtt = subject.flow.unloaded;
    let window =
        pipe::window_of(wad_model::Rate::from_bps(whole(possible)), subject.flow.endpoints.segment, rtt);
    vec![
        "a longer transfer, or a connection that is kept open: the beginning then counts less".to_owned(),
        format!(
            "a larger initial window: --initial-window {} saves {} round trips",
            show::number(f64::from(subject.flow.endpoints.initial_window) * 4.0),
            2
        ),
        format!("the path is full at a window of {} segments", show::number(window)),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and below 2^64"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}
