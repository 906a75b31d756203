//! Names beside the ends of lines, in the margin to the right, where they cover no data.

use crate::text;

/// The size of their text.
pub(crate) const SIZE: f64 = 13.0;
const LINE: f64 = 16.0;
const MOST_LINES: usize = 3;
/// Between a plot and its labels, for the stroke that joins a line with its name.
pub(crate) const JOINT: f64 = 16.0;

/// A name, the height where it belongs, and the height where there is room for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    pub(crate) wanted: f64,
    pub(crate) middle: f64,
    pub(crate) lines: Vec<String>,
    pub(crate) ink: &'static str,
    pub(crate) bold: bool,
}

impl Label {
    /// A label that belongs at height `wanted`, its text no wider than `room`.
    pub(crate) fn new(name: &str, wanted: f64, ink: &'static str, bold: bool, room: f64) -> Self {
        let lines = text::wrap(name, SIZE, room, MOST_LINES);
        Self { wanted, middle: wanted, lines, ink, bold }
    }

    /// The heights of the baselines of its lines.
    pub(crate) fn baselines(&self) -> impl Iterator<Item = (f64, &str)> {
        let first = self.middle - self.height() / 2.0 + LINE / 2.0 + SIZE * 0.36;
        let baselines = std::iter::successors(Some(first), |y| Some(y + LINE));
        baselines.zip(self.lines.iter().map(String::as_str))
    }

    pub(crate) fn width(&self) -> f64 {
        self.lines.iter().map(|line| text::width(line, SIZE)).fold(0.0, f64::max)
    }

    pub(crate) fn height(&self) -> f64 {
        self.lines.iter().map(|_| LINE).sum()
    }
}

/// Whether `name` is shown in full beside a line.
pub(crate) fn fits(name: &str, room: f64) -> bool {
    !text::wrap(name, SIZE, room, MOST_LINES).iter().any(|line| line.ends_with('…'))
}

/// Moves labels as little as is simple until none covers another and, if there is room for all,
/// none lies outside `top..bottom`.
pub(crate) fn spread(labels: &mut [Label], top: f64, bottom: f64) {
    labels.sort_by(|a, b| a.wanted.total_cmp(&b.wanted));
    let mut free = top;
    for label in labels.iter_mut() {
        let half = label.height() / 2.0;
        label.middle = label.wanted.max(free + half);
        free = label.middle + half;
    }
    let mut free = bottom;
    for label in labels.iter_mut().rev() {
        let half = label.height() / 2.0;
        label.middle = label.middle.min(free - half);
        free = label.middle - half;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(wanted: &[f64]) -> Vec<Label> {
        wanted.iter().map(|y| Label::new("name", *y, "#000", false, 100.0)).collect()
    }

    #[test]
    fn labels_with_room_stay() {
        let mut apart = labels(&[80.0, 20.0]);
        spread(&mut apart, 0.0, 100.0);
        assert_eq!([apart[0].middle, apart[1].middle], [20.0, 80.0]);
    }

    proptest! {
        #[test]
        fn labels_that_fit_lie_within_and_apart(wanted in prop::collection::vec(-50.0..250.0f64, 0..12)) {
            let mut labels = labels(&wanted);
            spread(&mut labels, 0.0, 200.0);
            for pair in labels.windows(2) {
                prop_assert!(pair[1].middle - pair[0].middle >= LINE - 1e-9);
            }
            for label in &labels {
                prop_assert!(label.middle >= LINE / 2.0 - 1e-9 && label.middle <= 200.0 - LINE / 2.0 + 1e-9);
            }
        }
    }
}
