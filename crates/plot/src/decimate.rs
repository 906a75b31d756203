//! Fewer points, the same picture.
//!
//! Within one column of pixels a line covers the pixels from its lowest to its highest value, and
//! leaves the column at its first and last. These four points, in their order, therefore draw what
//! all of them would (the M4 aggregation of Jugel, Jerzak, Hackenbroich and Markl, "M4: a
//! visualization-oriented time series data aggregation", VLDB 2014).

use std::collections::HashSet;

/// A point on the figure, in pixels from its upper left corner.
pub(crate) type Pixel = (f64, f64);

/// The line through `points`, reduced to at most four points in each column `width` wide.
///
/// A point that is not finite ends a run; each run is a line of its own.
pub(crate) fn runs(points: impl IntoIterator<Item = Pixel>, width: f64) -> Vec<Vec<Pixel>> {
    let mut runs = vec![Run::default()];
    for point in points {
        let Some(run) = runs.last_mut() else { break };
        if point.0.is_finite() && point.1.is_finite() {
            run.add(point, (point.0 / width).floor());
        } else if !run.is_empty() {
            runs.push(Run::default());
        }
    }
    runs.into_iter().map(Run::finish).filter(|run| !run.is_empty()).collect()
}

/// The points that differ by at least `cell` in either direction, for marks instead of lines.
pub(crate) fn distinct(points: impl IntoIterator<Item = Pixel>, cell: f64) -> Vec<Pixel> {
    let mut seen = HashSet::new();
    let key = |v: f64| ((v / cell).round() + 0.0).to_bits();
    let finite = points.into_iter().filter(|p| p.0.is_finite() && p.1.is_finite());
    finite.filter(|p| seen.insert((key(p.0), key(p.1)))).collect()
}

#[derive(Default)]
struct Run {
    done: Vec<Pixel>,
    column: Option<Column>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.column.is_none()
    }

    fn add(&mut self, point: Pixel, index: f64) {
        match &mut self.column {
            Some(column) if column.index == index => column.add(point),
            other => {
                if let Some(full) = other.replace(Column::new(point, index)) {
                    full.append_to(&mut self.done);
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Pixel> {
        if let Some(column) = self.column {
            column.append_to(&mut self.done);
        }
        self.done
    }
}

/// What a column of pixels needs to know of the points met in it.
struct Column {
    index: f64,
    first: Pixel,
    low: Pixel,
    high: Pixel,
    last: Pixel,
    low_before_high: bool,
}

impl Column {
    fn new(point: Pixel, index: f64) -> Self {
        Self { index, first: point, low: point, high: point, last: point, low_before_high: true }
    }

    fn add(&mut self, point: Pixel) {
        self.last = point;
        if point.1 < self.low.1 {
            self.low = point;
            self.low_before_high = false;
        }
        if point.1 > self.high.1 {
            self.high = point;
            self.low_before_high = true;
        }
    }

    fn append_to(self, points: &mut Vec<Pixel>) {
        let (early, late) = if self.low_before_high { (self.low, self.high) } else { (self.high, self.low) };
        for point in [self.first, early, late, self.last] {
            if points.last() != Some(&point) {
                points.push(point);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extremes<'a>(points: impl IntoIterator<Item = &'a Pixel>) -> (f64, f64) {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        points.into_iter().fold(start, |(low, high), p| (low.min(p.1), high.max(p.1)))
    }

    #[test]
    fn a_gap_parts_two_runs() {
        let gap = (2.0, f64::NAN);
        let parted = runs([gap, (0.0, 1.0), (1.0, 2.0), gap, gap, (3.0, 4.0), gap], 0.5);
        assert_eq!(parted, [vec![(0.0, 1.0), (1.0, 2.0)], vec![(3.0, 4.0)]]);
    }

    #[test]
    fn a_million_points_become_what_the_pixels_show() {
        let noise = (0..1_000_000u32)
            .map(|i| (f64::from(i) / 1000.0, f64::from(i.wrapping_mul(2_654_435_761) >> 20)));
        let reduced = runs(noise, 1.0);
        assert_eq!(reduced.len(), 1);
        assert!(reduced[0].len() <= 4000);
    }

    #[test]
    fn marks_on_the_same_pixel_are_one() {
        assert_eq!(
            distinct([(0.1, -0.1), (-0.1, 0.1), (f64::NAN, 0.0), (3.0, 0.0)], 1.0),
            [(0.1, -0.1), (3.0, 0.0)]
        );
    }

    proptest! {
        #[test]
        fn extremes_ends_and_order_survive(
            ys in prop::collection::vec(-1e6..1e6f64, 1..400),
            width in 0.5..50.0f64,
        ) {
            let points: Vec<Pixel> = ys.iter().zip(0u32..).map(|(y, i)| (f64::from(i), *y)).collect();
            let reduced = runs(points.iter().copied(), width).concat();
            prop_assert_eq!(extremes(&reduced), extremes(&points));
            prop_assert_eq!(reduced.first(), points.first());
            prop_assert_eq!(reduced.last(), points.last());
            prop_assert!(reduced.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert!(reduced.iter().all(|p| points.contains(p)));
        }
    }
}
