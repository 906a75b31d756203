//! Losses: at random, at a queue that is too short, at a policer, or at a queue that others fill too.
//!
//! ```text
//!                    a queue stands when segments are lost?
//!               no /                                  \ yes
//!     more lost at first than            the flow's rate moves though
//!     a window, then a steady,           the queue stands?
//!     lower rate?
//!    yes /            \ no                 yes /          \ no
//!   policer      much of the first      congestion      its own queue: healthy
//!                window, or all at
//!                like windows?
//!                 yes /     \ no
//!         shallow queue     random loss
//! ```

use super::{Case, ask, finding, path};
use crate::finding::{Finding, Remedy};
use crate::formula::mathis_rate_bps;
use crate::loss_event::LossEvent;
use crate::problem::Problem;
use crate::thresholds::{
    FEWEST_LOSS_EVENTS, HARMLESS_LOSS, LIKE_WINDOWS, LIMITED_SHARE, MOST_EVENTS, OVERSHOOT,
    POLICER_FIRST_LOSS, QUEUE_INFLATION, RATE_STEP, SHARED_RATE_SPREAD, STEADY_RATE,
};
use crate::view::{count, quantile, spread};

pub(super) fn loss(case: &Case<'_>) -> Option<Finding> {
    let rate = case.view.loss_rate()?;
    let others = case.limits.send_buffer.max(case.limits.receive_window).max(case.limits.application);
    if !case.view.is_long_enough()
        || case.limits.network() < others.max(LIMITED_SHARE)
        || rate < HARMLESS_LOSS
    {
        return None;
    }
    // Without anything getting through, round trips and rates are those of before.
    if path::interruption(case).is_some() {
        return None;
    }
    let queued = case.share_of_losses(|event| Some(event.inflation? >= QUEUE_INFLATION))?;
    if let Some(found) = policer(case, rate) {
        return Some(found);
    }
    if queued >= MOST_EVENTS {
        congestion(case, rate, queued)
    } else {
        at_a_limit_or_random(case, rate, queued)
    }
}

/// Only this flow fills its queue: then the rate is the bottleneck's, which is steady.
fn congestion(case: &Case<'_>, loss: f64, queued: f64) -> Option<Finding> {
    let view = case.view;
    // What a full buffer lets through moves for reasons of its own.
    if case.limits.send_buffer.max(case.limits.receive_window) >= LIMITED_SHARE {
        return None;
    }
    let rates = view.sliding_rates();
    let stands = |at: usize| {
        view.inflation(&view.moments[at]).is_some_and(|inflation| inflation >= QUEUE_INFLATION * 0.9)
    };
    // The first rates are those of slow start, and in a recovery the window is not what decides.
    let counts = |(at, _): &&(usize, f64)| stands(*at) && !view.is_recovering_before(*at);
    let mut rates: Vec<f64> =
        rates.iter().skip(rates.len() / 5).filter(counts).map(|(_, rate)| *rate).collect();
    rates.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&rates, 0.1)?, quantile(&rates, 0.9)?);
    if rates.len() < 3 || high < low * SHARED_RATE_SPREAD {
        return None;
    }
    let facts = [
        ("loss_rate", Some(loss)),
        ("losses_with_a_queue", Some(queued)),
        ("rate_low_bps", Some(low)),
        ("rate_high_bps", Some(high)),
        ("rtt_over_least", quantile(&view.inflations(), 0.5)),
    ];
    let remedies =
        [ask("Which link of this path is full at the time of the transfer, and with whose traffic?")];
    Some(finding(Problem::Congestion, 0.8, case.limits.network(), &facts).with(remedies))
}

/// A burst passes at the line's rate; then all that exceeds the contract is dropped, with no queue.
fn policer(case: &Case<'_>, loss: f64) -> Option<Finding> {
    let view = case.view;
    let first = case.losses.first()?;
    let dropped = first.retransmits / first.cwnd?;
    let rates = view.rates();
    let before =
        rates.iter().filter(|(at, _)| *at <= first.at + 3).map(|(_, rate)| *rate).max_by(f64::total_cmp)?;
    let after: Vec<f64> = rates.iter().filter(|(at, _)| *at > first.at + 3).map(|(_, rate)| *rate).collect();
    let (sustained, variation) = spread(&after)?;
    let best = peak_delivery(case).map_or(before, |peak| peak.max(before));
    if dropped < POLICER_FIRST_LOSS || best < sustained * RATE_STEP || variation > STEADY_RATE {
        return None;
    }
    let facts = [
        ("loss_rate", Some(loss)),
        ("first_loss_over_window", Some(dropped)),
        ("rate_at_first_bps", Some(best)),
        ("rate_after_bps", Some(sustained)),
        ("rate_after_coefficient_of_variation", Some(variation)),
    ];
    let remedies = [
        ask(format!(
            "Is there a policer of about {:.0} Mbit/s on this path? Could it shape instead, or have a deeper bucket?",
            sustained / 1e6
        )),
        case.entry(&format!("pacing = {{ rate = \"{:.0} kbit/s\" }}\n", sustained / 1e3 * 0.95)),
    ];
    Some(finding(Problem::Policer, 0.9, case.limits.network(), &facts).with(remedies))
}

/// The best delivery rate that the sender measured.
fn peak_delivery(case: &Case<'_>) -> Option<f64> {
    let rates = case.view.evidence.values(wad_model::Counter::DeliveryRate);
    rates.max().map(|bytes| crate::view::float(bytes) * 8.0)
}

fn at_a_limit_or_random(case: &Case<'_>, loss: f64, queued: f64) -> Option<Finding> {
    let view = case.view;
    // What the flow's own queue took, as slow start does once, is not asked about here.
    let stood = |event: &&LossEvent| event.inflation.is_some_and(|inflation| inflation >= QUEUE_INFLATION);
    let by_queue: f64 = case.losses.iter().filter(stood).map(|event| event.retransmits).sum();
    let all: f64 = case.losses.iter().map(|event| event.retransmits).sum();
    if loss * (1.0 - by_queue / all) < HARMLESS_LOSS {
        return None;
    }
    // Slow start overshoots: the first event's window is no measure, if there are others.
    let skip = usize::from(case.losses.len() > FEWEST_LOSS_EVENTS);
    let windows: Vec<f64> = case.losses.iter().skip(skip).filter_map(|event| event.cwnd).collect();
    let (window, variation) = spread(&windows)?;
    let first = case.losses.first()?;
    let overshoot = first.cwnd.map(|cwnd| first.retransmits / cwnd);
    let facts = [
        ("first_loss_over_window", overshoot),
        ("loss_rate", Some(loss)),
        ("loss_events", Some(count(case.losses.len()))),
        ("losses_with_a_queue", Some(queued)),
        ("window_at_losses_segments", Some(window)),
        ("window_at_losses_coefficient_of_variation", Some(variation)),
        ("rate_bps", view.goodput_bps()),
        ("rate_by_mathis_bps", view.min_rtt_s.and_then(|rtt| mathis_rate_bps(view.mss_bytes, rtt, loss))),
    ];
    let share = case.limits.network();
    let is_alike = case.losses.len() > FEWEST_LOSS_EVENTS && variation <= LIKE_WINDOWS;
    if overshoot.is_some_and(|overshoot| overshoot >= OVERSHOOT) || is_alike {
        let remedies = [
            case.entry(&format!("pacing = {{ rate = \"{:.0} kbit/s\" }}\n", view.best_rate_bps()? / 1e3)),
            Remedy::Command { command: "tc qdisc replace dev DEVICE root fq".to_owned() },
            ask(
                "How long is the queue of the slowest link on this path? It should hold at least a tenth of a second, or use active queue management.",
            ),
        ];
        return Some(finding(Problem::ShallowQueue, 0.8, share, &facts).with(remedies));
    }
    let remedies = [
        ask(format!(
            "Which link of this path has errors (CRC, FEC, optical level, duplex)? About {loss:.1e} of all packets are lost without a queue."
        )),
        case.entry("congestion = { control = \"bbr\" }\n"),
    ];
    Some(finding(Problem::RandomLoss, 0.82, share, &facts).with(remedies))
}
