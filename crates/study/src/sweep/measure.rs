//! What is kept of each run.

use wad_plot::Unit;
use wad_sim::{FlowOutcome, LinkOutcome, Outcome, RttOutcome};

/// What came of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number in the plan.
    pub run: usize,
    /// Its figures, in the order of [`MEASURES`].
    pub cells: Vec<Cell>,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// There is none: no flow had a round trip.
    None,
    /// A count.
    Count(u64),
    /// A measured quantity.
    Real(f64),
}

impl Cell {
    /// As a number.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Count(count) => Some(count as f64),
            Self::Real(value) => Some(value),
        }
    }
}

/// A figure of a run.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Its name in files, with its unit.
    pub name: &'static str,
    /// Its name on an axis.
    pub title: &'static str,
    /// Whether it is a count.
    pub is_count: bool,
    of: fn(&Outcome) -> Cell,
}

impl Measure {
    /// The unit of an axis.
    #[must_use]
    pub fn unit(&self) -> Unit {
        let ends = |ending| self.name.ends_with(ending);
        match self.name {
            _ if ends("_bps") => Unit::BitsPerSecond,
            _ if ends("_bytes") => Unit::Bytes,
            _ if ends("_s") => Unit::Seconds,
            _ if ends("_segments") => Unit::Segments,
            "loss" | "utilisation" | "reordered" => Unit::Share,
            _ => Unit::None,
        }
    }
}

/// The measure of a name; its unit may be left out.
#[must_use]
pub fn measure(name: &str) -> Option<(usize, &'static Measure)> {
    let is = |measure: &Measure| {
        measure.name == name || measure.name.strip_prefix(name).is_some_and(|rest| UNITS.contains(&rest))
    };
    MEASURES.iter().enumerate().find(|(_, measure)| is(measure))
}

const UNITS: [&str; 5] = ["_bps", "_bytes", "_s", "_s2", "_segments"];

macro_rules! measures {
    ($($name:literal, $title:literal: $kind:ident $of:expr;)*) => {
        /// All figures.
        pub const MEASURES: &[Measure] = &[$(Measure {
            name: $name,
            title: $title,
            is_count: measures!(@is_count $kind),
            of: measures!(@cell $kind $of),
        }),*];
    };
    (@is_count count) => { true };
    (@is_count $other:ident) => { false };
    (@cell count $of:expr) => { |outcome| Cell::Count($of(outcome)) };
    (@cell real $of:expr) => { |outcome| Cell::Real($of(outcome)) };
    (@cell rtt $of:expr) => { |outcome| rtt(outcome, $of) };
    (@cell maybe $of:expr) => { |outcome| $of(outcome).map_or(Cell::None, Cell::Real) };
}

type O = Outcome;

measures! {
    "goodput_bps", "Goodput": real |o: &O| o.total.goodput_bps;
    "goodput_least_bps", "Goodput of the slowest flow": real |o: &O| least(o);
    "goodput_most_bps", "Goodput of the fastest flow": real |o: &O| most(o);
    "tcp_goodput_bps", "Goodput at TCP's level": real |o: &O| o.flows.iter().map(|f| f.tcp_goodput_bps).sum::<f64>();
    "fairness", "Fairness (Jain)": real |o: &O| o.total.fairness;
    "sent_segments", "Segments sent": count |o: &O| o.total.sent_segments;
    "retransmitted_segments", "Segments sent again": count |o: &O| o.total.retransmitted_segments;
    "congestion_events", "Congestion events": count |o: &O| sum(o, |f| f.congestion_events);
    "timeouts", "Time-outs": count |o: &O| o.total.timeouts;
    "loss", "Segments lost": real |o: &O| part(sum(o, |f| f.lost_segments + f.dropped_segments), o.total.sent_segments);
    "reordered", "Segments out of order": real |o: &O| mean(o, |f| f.reordered);
    "rtt_mean_s", "Mean round trip": rtt |r: &RttOutcome| r.mean_s;
    "rtt_variance_s2", "Variance of the round trip": rtt |r: &RttOutcome| r.variance_s2;
    "rtt_min_s", "Smallest round trip": rtt |r: &RttOutcome| r.min_s;
    "rtt_p50_s", "Median round trip": rtt |r: &RttOutcome| r.p50_s;
    "rtt_p99_s", "Round trip, 99th percentile": rtt |r: &RttOutcome| r.p99_s;
    "rtt_max_s", "Largest round trip": rtt |r: &RttOutcome| r.max_s;
    "cwnd_segments", "Mean congestion window": real |o: &O| mean(o, |f| f.mean_cwnd_segments);
    "completed_s", "Time to completion, last flow": maybe completed;
    "utilisation", "Utilisation of the busiest link": real |o: &O| busiest(o).map_or(0.0, |l| l.utilisation);
    "queue_mean_bytes", "Mean queue of the busiest link": real |o: &O| busiest(o).map_or(0.0, |l| l.queue_mean_bytes);
    "queue_max_bytes", "Largest queue of the busiest link": count |o: &O| busiest(o).map_or(0, |l| l.queue_max_bytes);
    "queue_drops", "Packets dropped by queues": count |o: &O| o.links.iter().map(|l| l.dropped_by_queue).sum::<u64>();
    "link_losses", "Packets lost by links": count |o: &O| o.links.iter().map(|l| l.lost_by_model).sum::<u64>();
}

impl Row {
    /// Keeps the figures of a run.
    #[must_use]
    pub fn new(run: usize, outcome: &Outcome) -> Self {
        Self { run, cells: MEASURES.iter().map(|measure| (measure.of)(outcome)).collect() }
    }
}

fn sum(outcome: &Outcome, of: fn(&FlowOutcome) -> u64) -> u64 {
    outcome.flows.iter().map(of).sum()
}

#[expect(clippy::cast_precision_loss, reason = "flows are far fewer than 2^53")]
fn mean(outcome: &Outcome, of: fn(&FlowOutcome) -> f64) -> f64 {
    outcome.flows.iter().map(of).sum::<f64>() / outcome.flows.len().max(1) as f64
}

fn least(outcome: &Outcome) -> f64 {
    let least = outcome.flows.iter().map(|flow| flow.goodput_bps).fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 0.0 }
}

fn most(outcome: &Outcome) -> f64 {
    outcome.flows.iter().map(|flow| flow.goodput_bps).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn part(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The mean over the flows that have round trips.
fn rtt(outcome: &Outcome, of: fn(&RttOutcome) -> f64) -> Cell {
    let values: Vec<f64> = outcome.flows.iter().filter_map(|flow| flow.rtt.as_ref().map(of)).collect();
    #[expect(clippy::cast_precision_loss, reason = "flows are far fewer than 2^53")]
    let count = values.len() as f64;
    if values.is_empty() { Cell::None } else { Cell::Real(values.iter().sum::<f64>() / count) }
}

/// When the last flow that has an end came to it; none before all did.
fn completed(outcome: &Outcome) -> Option<f64> {
    let times: Vec<f64> = outcome.flows.iter().filter_map(|flow| flow.completed_s).collect();
    (!times.is_empty() && times.len() == outcome.flows.len()).then(|| times.into_iter().fold(0.0, f64::max))
}

fn busiest(outcome: &Outcome) -> Option<&LinkOutcome> {
    outcome.links.iter().max_by(|a, b| a.utilisation.total_cmp(&b.utilisation))
}
