//! A trace as the series of its flows: what figures and statistics are made of.
//!
//! Times are seconds since the recording began, by the monotonic clock. Values are in the bases of their units: bytes,
//! seconds, segments. What is absent is NaN, which a figure shows as a gap.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use wad_model::Time;

use crate::error::ReadError;
use crate::flow::{Flow, FlowId};
use crate::header::Header;
use crate::reader::{Block, Reader};
use crate::unit::Unit;

/// Some columns of a table, flow by flow.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What the file says of itself.
    pub header: Header,
    /// The flows that have samples, in the order of their numbers.
    pub flows: Vec<Track>,
}

/// The samples of one flow.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its number in the trace.
    pub id: FlowId,
    /// What is known of it, unless the part of the file that told was damaged.
    pub flow: Option<Flow>,
    /// When it closed, if it did.
    pub closed: Option<f64>,
    /// The times of its samples.
    pub times: Vec<f64>,
    columns: BTreeMap<String, Vec<f64>>,
}

/// Points of a line.
pub type Points = Vec<(f64, f64)>;

impl Recording {
    /// Reads these columns of a table, those of them that it has, up to where the file is torn; also returns what was
    /// wrong with the file.
    pub fn read<R: Read>(reader: &mut Reader<R>, table: &str, columns: &[&str]) -> (Self, Vec<ReadError>) {
        let header = reader.header().clone();
        let mut recording = Self { header: header.clone(), flows: Vec::new() };
        let Some(number) = header.table(table) else { return (recording, Vec::new()) };
        let schema = &header.tables[number];
        let wanted: Vec<_> = columns
            .iter()
            .filter_map(|name| {
                let place = schema.position(name)?;
                Some(Wanted { place, name, unit: schema.columns[place].unit.parse().ok()? })
            })
            .collect();
        reader.only(number, &wanted.iter().map(|column| column.place).collect::<Vec<_>>());

        let since_start = |time: Time| seconds_between(header.start.monotonic, time);
        let mut tracks: BTreeMap<FlowId, Track> = BTreeMap::new();
        let mut closed = BTreeMap::new();
        let mut faults = Vec::new();
        loop {
            match reader.next_batch() {
                Ok(None) => break,
                Err(fault) => faults.push(fault),
                Ok(Some(batch)) => {
                    for block in batch.blocks.iter().filter(|block| block.table() == number) {
                        for (id, rows) in block.flows() {
                            let track = tracks.entry(id).or_insert_with(|| Track::new(id, &wanted));
                            track.times.extend(rows.clone().map(|row| since_start(block.time(row))));
                            track.extend(block, rows, &wanted);
                        }
                    }
                    closed.extend(batch.closed.iter().map(|closed| (closed.flow, since_start(closed.at))));
                }
            }
        }
        recording.flows = tracks.into_values().collect();
        for track in &mut recording.flows {
            track.flow = reader.flows().get(&track.id).cloned();
            track.closed = closed.get(&track.id).copied();
        }
        (recording, faults)
    }

    /// The same recording with those flows only that `keep` says.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&Track) -> bool) -> Self {
        self.flows.retain(keep);
        self
    }

    /// How much the flows did together, at the end of each step: of a counter the rate over the step, in its unit a
    /// second. Between two samples a counter is taken to grow evenly.
    #[must_use]
    pub fn total_rate(&self, column: &str, step: Duration) -> Points {
        let counters: Vec<Points> = self.flows.iter().map(|track| track.present(column)).collect();
        self.steps(step)
            .map(|(from, to)| {
                let grown: f64 = counters.iter().map(|points| grown(points, from, to)).sum();
                (to, grown / (to - from))
            })
            .collect()
    }

    /// The sum of a gauge over the flows that are open, at the end of each step.
    #[must_use]
    pub fn total(&self, column: &str, step: Duration) -> Points {
        let gauges: Vec<_> = self.flows.iter().map(|track| (track.closed, track.present(column))).collect();
        let slack = 1.5 * self.header.interval.unwrap_or(step).max(step).as_secs_f64();
        let sum = |at| {
            let open = gauges.iter().filter(|(closed, _)| closed.is_none_or(|closed| at <= closed));
            open.filter_map(|(_, points)| held(points, at, slack)).sum()
        };
        self.steps(step).map(|(_, at)| (at, sum(at))).collect()
    }

    /// From the first to the last sample of all, in steps.
    fn steps(&self, step: Duration) -> impl Iterator<Item = (f64, f64)> + use<> {
        let first =
            self.flows.iter().filter_map(|track| track.times.first().copied()).fold(f64::INFINITY, f64::min);
        let last = self.flows.iter().filter_map(|track| track.times.last().copied()).fold(first, f64::max);
        let step = step.as_secs_f64().max(1e-6);
        // The last step may be cut off: a part of one would be as noisy as a part of an interval is.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "both are bounded just here"
        )]
        let count = if first < last { ((last - first) / step + 1e-6).min(1e7) as u32 } else { 0 };
        (0..count).map(move |number| (first + f64::from(number) * step, first + f64::from(number + 1) * step))
    }
}

struct Wanted<'a> {
    place: usize,
    name: &'a str,
    unit: Unit,
}

impl Track {
    fn new(id: FlowId, wanted: &[Wanted<'_>]) -> Self {
        let columns = wanted.iter().map(|column| (column.name.to_owned(), Vec::new())).collect();
        Self { id, flow: None, closed: None, times: Vec::new(), columns }
    }

    fn extend(&mut self, block: &Block, rows: std::ops::Range<usize>, wanted: &[Wanted<'_>]) {
        for Wanted { place, name, unit } in wanted {
            if let Some(values) = self.columns.get_mut(*name) {
                values.extend(rows.clone().map(|row| in_base(block.value(row, *place), unit)));
            }
        }
    }

    /// What to call it in a legend: the port of this end, and the other end.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.flow {
            Some(flow) => format!("{} → {}", flow.key.source.port(), flow.key.destination),
            None => format!("flow {}", self.id),
        }
    }

    /// The values of a column over time, absent ones as gaps; empty if the trace has no such column.
    #[must_use]
    pub fn points(&self, column: &str) -> Points {
        let Some(values) = self.columns.get(column) else { return Vec::new() };
        self.times.iter().copied().zip(values.iter().copied()).collect()
    }

    /// Whether a column has a value anywhere.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns.get(column).is_some_and(|values| values.iter().any(|value| value.is_finite()))
    }

    /// The last value of a column.
    #[must_use]
    pub fn last(&self, column: &str) -> Option<f64> {
        self.columns.get(column)?.iter().rev().copied().find(|value| value.is_finite())
    }

    /// Takes the values of a column away.
    pub(crate) fn forget(&mut self, column: &str) {
        self.columns.remove(column);
    }

    /// How fast a counter grew, over steps of at least `step`: shorter ones show the sampling and not the flow.
    #[must_use]
    pub fn rate(&self, column: &str, step: Duration) -> Points {
        // A little less, as a timer is sometimes early.
        let step = step.as_secs_f64() * 0.99;
        let mut points = self.present(column).into_iter();
        let Some(mut from) = points.next() else { return Vec::new() };
        let mut rates = Vec::new();
        for to in points {
            if to.1 < from.1 {
                // It was set anew.
                rates.push((to.0, f64::NAN));
                from = to;
            } else if to.0 - from.0 >= step && to.0 > from.0 {
                rates.push((to.0, (to.1 - from.1) / (to.0 - from.0)));
                from = to;
            }
        }
        rates
    }

    /// How fast a counter has grown on average since the first sample.
    #[must_use]
    pub fn average_rate(&self, column: &str) -> Points {
        let points = self.present(column);
        let Some(first) = points.first().copied() else { return Vec::new() };
        let later = points.into_iter().skip(1).filter(|point| point.0 > first.0);
        later.map(|(time, value)| (time, (value - first.1) / (time - first.0))).collect()
    }

    /// How much a counter has grown since the first sample.
    #[must_use]
    pub fn growth(&self, column: &str) -> Points {
        let points = self.points(column);
        let first = points.iter().map(|point| point.1).find(|value| value.is_finite()).unwrap_or(0.0);
        points.into_iter().map(|(time, value)| (time, value - first)).collect()
    }

    fn present(&self, column: &str) -> Points {
        self.points(column).into_iter().filter(|(_, value)| value.is_finite()).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "above 2^53 the nearest number is near enough for a figure")]
fn in_base(value: Option<u64>, unit: &Unit) -> f64 {
    value.map_or(f64::NAN, |value| unit.to_base(value as f64))
}

/// Seconds from one time to another, which may be the earlier one.
fn seconds_between(from: Time, to: Time) -> f64 {
    if to >= from { (to - from).as_secs_f64() } else { -(from - to).as_secs_f64() }
}

/// How much a counter grew within a span.
fn grown(points: &[(f64, f64)], from: f64, to: f64) -> f64 {
    match (at(points, from), at(points, to)) {
        (Some(from), Some(to)) => (to - from).max(0.0),
        _ => 0.0,
    }
}

/// A counter at a time: before the first sample as there, after the last as there, evenly in between.
fn at(points: &[(f64, f64)], time: f64) -> Option<f64> {
    let next = points.partition_point(|point| point.0 < time);
    let before = next.checked_sub(1).map(|place| points[place]);
    match (before, points.get(next)) {
        (Some((t0, v0)), Some((t1, v1))) if *t1 > t0 => Some(v0 + (v1 - v0) * (time - t0) / (t1 - t0)),
        (Some((_, value)), _) => Some(value),
        (None, after) => after.map(|(_, value)| *value),
    }
}

/// A gauge at a time: of the last sample, if that is not too old.
fn held(points: &[(f64, f64)], time: f64, slack: f64) -> Option<f64> {
    let next = points.partition_point(|point| point.0 <= time);
    let (sampled, value) = points.get(next.checked_sub(1)?)?;
    (time - sampled <= slack).then_some(*value)
}
