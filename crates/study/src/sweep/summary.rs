//! Each point of a sweep over its seeds.

use serde::Serialize;

use super::measure::{MEASURES, Row};
use super::plan::Plan;

/// A figure of a point: mean and standard deviation over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryRow {
    /// Its values, in the order of the axes.
    pub values: Vec<String>,
    /// How many of its runs are done.
    pub runs: usize,
    /// Means of the figures, in the order of [`MEASURES`]; none where no run has one.
    pub means: Vec<Option<f64>>,
    /// Standard deviations of the figures, none for a single run.
    pub deviations: Vec<Option<f64>>,
}

/// All points of which anything is done.
#[must_use]
pub fn summary(plan: &Plan, rows: &[Row]) -> Vec<SummaryRow> {
    let groups = rows.chunk_by(|a, b| plan.point_of(a.run) == plan.point_of(b.run));
    let row = |group: &[Row]| {
        let column =
            |place: usize| -> Vec<f64> { group.iter().filter_map(|row| row.cells[place].number()).collect() };
        let columns: Vec<_> = (0..MEASURES.len()).map(column).collect();
        SummaryRow {
            values: plan.values(plan.point_of(group[0].run)).into_iter().map(str::to_owned).collect(),
            runs: group.len(),
            means: columns.iter().map(|values| mean(values)).collect(),
            deviations: columns.iter().map(|values| deviation(values)).collect(),
        }
    };
    groups.map(row).collect()
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 runs")]
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Of a sample: the sum of squares by one less than its size.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 runs")]
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let deviation = (squares / (values.len() - 1) as f64).sqrt();
    // What rounding leaves of equal values is none.
    Some(if deviation > mean.abs() * 1e-12 { deviation } else { 0.0 })
}
