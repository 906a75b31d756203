//! The diagnosis of one flow.

use serde::Serialize;
use wad_model::{Counter, Rate};

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::formula::{mathis_loss, mathis_rate_bps};
use crate::limits::Limits;
use crate::signature::Case;
use crate::thresholds::{LEAST_SCORE, QUEUE_INFLATION};
use crate::view::{View, quantile};

/// What a flow does, what limits it, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The flow as numbers.
    pub summary: Summary,
    /// How much of its life each party limited it; none if the evidence does not tell.
    pub limits: Option<Limits>,
    /// Problems, the likeliest gain first; none if nothing is wrong.
    pub findings: Vec<Finding>,
    /// What the path would allow.
    pub outlook: Outlook,
}

/// A flow as numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How long it was watched.
    pub duration_s: f64,
    /// Samples.
    pub samples: usize,
    /// The mean rate at which payload arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput_bps: Option<f64>,
    /// The payload of a full segment.
    pub segment_bytes: f64,
    /// The least round-trip time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_rtt_s: Option<f64>,
    /// The median round-trip time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_rtt_s: Option<f64>,
    /// Segments sent again, for each segment sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_rate: Option<f64>,
    /// Segments sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<f64>,
    /// The last congestion window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_segments: Option<f64>,
}

/// What the path would allow.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outlook {
    /// The best rate that was seen. Where a queue stood meanwhile it is what the path carries, else less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_rate_bps: Option<f64>,
    /// Whether a queue stood: then the best rate is the path's.
    pub is_capacity: bool,
    /// The rate that standard TCP has with the loss seen (Mathis).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_by_loss_bps: Option<f64>,
    /// The rate that was asked about, or else the best rate seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_bps: Option<f64>,
    /// The largest loss rate with which standard TCP has that rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_for_target: Option<f64>,
    /// The window, and the buffers at both ends, that it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer_for_target_bytes: Option<f64>,
}

/// Says what limits a flow, and what is wrong with it. `target` is a rate that its user would like.
#[must_use]
pub fn diagnose(evidence: &Evidence, target: Option<Rate>) -> Diagnosis {
    let view = View::new(evidence);
    let limits = Limits::of(&view);
    let mut findings = limits.map(|limits| Case::new(&view, limits).findings()).unwrap_or_default();
    findings.retain(|finding| finding.score() >= LEAST_SCORE);
    findings.sort_by(|a, b| b.score().total_cmp(&a.score()));
    Diagnosis { summary: summary(&view), limits, findings, outlook: outlook(&view, target) }
}

fn summary(view: &View<'_>) -> Summary {
    Summary {
        duration_s: view.span_s(),
        samples: view.moments.len(),
        goodput_bps: view.goodput_bps(),
        segment_bytes: view.mss_bytes,
        least_rtt_s: view.min_rtt_s,
        median_rtt_s: quantile(&view.inflations(), 0.5).zip(view.min_rtt_s).map(|(over, least)| over * least),
        loss_rate: view.loss_rate(),
        retransmits: view.last(Counter::PktsRetrans),
        window_segments: view.last(Counter::CurCwnd),
    }
}

fn outlook(view: &View<'_>, target: Option<Rate>) -> Outlook {
    let best = view.best_rate_bps();
    let loss = view.loss_rate().filter(|loss| *loss > 0.0);
    let by_loss = loss.zip(view.min_rtt_s).and_then(|(loss, rtt)| mathis_rate_bps(view.mss_bytes, rtt, loss));
    let target = target.map(|rate| crate::view::float(rate.as_bps())).or(best).filter(|rate| *rate > 0.0);
    let of_target = target.zip(view.min_rtt_s);
    Outlook {
        best_rate_bps: best,
        is_capacity: quantile(&view.inflations(), 0.5).is_some_and(|inflation| inflation >= QUEUE_INFLATION),
        rate_by_loss_bps: by_loss,
        target_bps: target,
        loss_for_target: of_target.and_then(|(rate, rtt)| mathis_loss(view.mss_bytes, rtt, rate)),
        buffer_for_target_bytes: of_target.map(|(rate, rtt)| rate / 8.0 * rtt),
    }
}
