//! From the report of a run to quantities.

use std::collections::BTreeMap;

use wad_lab::{Iperf3, Report};

use crate::compose::{BESIDE, CLIENT, PORT};
use crate::experiment::Variant;
use crate::formula;
use crate::quantity::Quantity;
use crate::statistics::{mean, median};
use crate::windows::{self, Windows};

/// How much has to arrive for [`Quantity::First2MbS`].
const FIRST_BYTES: u64 = 2_000_000;
/// A stretch of fewer samples is no line.
const FEW_SAMPLES: usize = 20;

/// All quantities that the run has.
#[must_use]
pub fn measure(report: &Report, variant: &Variant) -> BTreeMap<Quantity, f64> {
    let windows = Windows::of(report, PORT);
    let parts = [transfer(report), beside(report), path(report), growth(&windows, variant), losses(&windows)];
    parts.into_iter().flatten().filter_map(|(quantity, value)| Some((quantity, value?))).collect()
}

type Values = Vec<(Quantity, Option<f64>)>;

fn transfer(report: &Report) -> Values {
    let Some(iperf3) = result_of(report, CLIENT) else { return Vec::new() };
    let retransmits = iperf3.retransmits.map(count);
    let delivered = iperf3.received_bytes.map(count).filter(|bytes| *bytes > 0.0);
    let per_gb = retransmits.zip(delivered).map(|(retransmits, bytes)| retransmits / bytes * 1e9);
    let link = &report.path.forward.direction.link;
    let needed = count(link.lost_by_model_packets + link.dropped_by_queue_packets);
    vec![
        (Quantity::GoodputBps, iperf3.goodput_bps),
        (Quantity::Retransmits, retransmits),
        (Quantity::RetransmitsPerGb, per_gb),
        (Quantity::SpuriousRetransmits, retransmits.map(|retransmits| (retransmits - needed).max(0.0))),
        (Quantity::First2MbS, time_to(&windows::arrivals(report, PORT), FIRST_BYTES)),
    ]
}

fn beside(report: &Report) -> Values {
    let goodput = result_of(report, BESIDE).and_then(|iperf3| iperf3.goodput_bps);
    let fair = report.path.forward.rate_bps.map(|rate| count(rate) / 2.0);
    let share = goodput.zip(fair).map(|(goodput, fair)| goodput / fair);
    vec![(Quantity::BesideGoodputBps, goodput), (Quantity::BesideShareOfFair, share)]
}

fn path(report: &Report) -> Values {
    let windows = Windows::of(report, PORT);
    let rtts: Vec<f64> = windows.instants().iter().filter_map(windows::rtt).collect();
    let packets = |link: &wad_lab::report::LinkReport| count(link.direction.link.delivered_packets);
    let acks = packets(&report.path.backward) / packets(&report.path.forward);
    vec![
        (Quantity::AcksPerSegment, Some(acks).filter(|acks| acks.is_finite())),
        (Quantity::RttMeanS, mean(&rtts)),
        (Quantity::RttMaxS, rtts.iter().copied().reduce(f64::max)),
        (Quantity::WindowMaxSegments, windows.instants().iter().map(windows::window).reduce(f64::max)),
    ]
}

fn growth(windows: &Windows<'_>, variant: &Variant) -> Values {
    let avoidance = windows.avoidance();
    let line = windows::over_round_trips(avoidance);
    let acked = windows::over_acknowledged(avoidance);
    let enough = line.len() >= FEW_SAMPLES;
    let third = line.len() / 3;
    let late = formula::slope(&line[line.len() - third..]).zip(formula::slope(&line[..third]));
    let limited = variant.max_ssthresh.and_then(|threshold| {
        formula::slope(&windows::over_round_trips(windows.slow_start(threshold.into())))
    });
    vec![
        (Quantity::IncreaseSegmentsPerRtt, formula::slope(&line).filter(|_| enough)),
        (Quantity::IncreaseLateOverEarly, late.map(|(late, early)| late / early).filter(|_| enough)),
        (
            Quantity::HighSpeedIncreaseRatio,
            formula::growth_ratio(&acked, formula::high_speed_increase).filter(|_| enough),
        ),
        (Quantity::SlowStartSegmentsPerRtt, limited),
    ]
}

fn losses(windows: &Windows<'_>) -> Values {
    let events = windows.events();
    let avoidance = || events.iter().filter(|event| event.avoidance);
    let shares: Vec<f64> = avoidance().map(|event| formula::decrease(event.before, event.after)).collect();
    let high_speed: Vec<f64> =
        avoidance().map(|event| event.after / formula::high_speed_after_loss(event.before)).collect();
    let hits: usize = events.iter().map(|event| event.streams).sum();
    vec![
        (Quantity::CongestionEvents, u64::try_from(hits).ok().map(count)),
        (Quantity::DecreaseShare, median(&shares)),
        (Quantity::HighSpeedDecreaseRatio, median(&high_speed)),
    ]
}

fn result_of<'r>(report: &'r Report, name: &str) -> Option<&'r Iperf3> {
    report.applications.iter().find(|one| one.name == name)?.iperf3.as_ref()
}

/// When so many bytes had arrived, counted from the last time when none had; between samples in proportion.
fn time_to(arrivals: &[(f64, u64)], bytes: u64) -> Option<f64> {
    let begin = arrivals.iter().rev().find(|(_, arrived)| *arrived < 1000).or(arrivals.first())?.0;
    let pair = arrivals.windows(2).find(|pair| pair[1].1 >= bytes)?;
    let part = count(bytes.saturating_sub(pair[0].1)) / count(pair[1].1 - pair[0].1).max(1.0);
    Some((pair[1].0 - pair[0].0).mul_add(part.min(1.0), pair[0].0) - begin)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn count(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_an_amount_is_between_samples() {
        let arrivals = [(1.0, 0), (2.0, 10), (3.0, 1_000_000), (5.0, 3_000_000)];
        assert_eq!(time_to(&arrivals, 2_000_000), Some(2.0));
        assert_eq!(time_to(&arrivals, 4_000_000), None);
    }
}
