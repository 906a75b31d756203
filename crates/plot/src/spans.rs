//! The names of spans and events, above the first plot, where they cover neither data nor another.

use crate::figure::Figure;
use crate::layout::{Line, SMALL, SPAN_LINE, TITLE_GAP};
use crate::ruler::Ruler;
use crate::text;

/// Beyond so many lines a name is left out.
const MOST_LINES: usize = 4;

/// Names placed in lines from the plot upwards; the lowest is that of the y axis's title.
#[derive(Debug)]
pub(crate) struct Names {
    left: f64,
    right: f64,
    /// Where each line has room from.
    free: [f64; MOST_LINES],
    lines: u8,
    placed: Vec<(f64, u8, String)>,
}

impl Names {
    /// No names yet above a plot from `left` to `right`, beside a title that ends at `title`.
    pub(crate) fn new(left: f64, right: f64, title: f64) -> Self {
        let mut free = [f64::NEG_INFINITY; MOST_LINES];
        free[0] = title + SMALL;
        Self { left, right, free, lines: 1, placed: Vec::new() }
    }

    pub(crate) fn place_all(&mut self, figure: &Figure, x: &Ruler) {
        let middle = |(from, to): (f64, f64)| (from + to) / 2.0;
        let named = figure.spans.iter().filter(|s| !s.label.trim().is_empty());
        let mut shares: Vec<_> =
            named.filter_map(|s| Some((middle(x.within(s.from, s.to)?), s.label.trim()))).collect();
        shares.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (share, name) in shares {
            self.place(self.left + share * (self.right - self.left), name);
        }
    }

    /// Lines that need room above that of the title.
    pub(crate) fn extra_lines(&self) -> u8 {
        self.lines - 1
    }

    /// The names above a plot whose upper edge is at `top`, each at its middle.
    pub(crate) fn above(self, top: f64) -> Vec<Line> {
        let baseline = |line| top - TITLE_GAP - f64::from(line) * SPAN_LINE;
        self.placed.into_iter().map(|(x, line, text)| Line { at: (x, baseline(line)), text }).collect()
    }

    /// Places a name in the lowest line with room around `middle`.
    fn place(&mut self, middle: f64, name: &str) {
        let half = text::width(name, SMALL) / 2.0;
        let middle = middle.min(self.right - half).max(self.left + half);
        let line = self.free.iter_mut().zip(0u8..).find(|(free, _)| **free <= middle - half);
        if let Some((free, line)) = line {
            *free = middle + half + SMALL;
            self.lines = self.lines.max(line + 1);
            self.placed.push((middle, line, name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_room_goes_a_line_up() {
        let mut names = Names::new(50.0, 800.0, 150.0);
        names.place(300.0, "first");
        names.place(310.0, "second");
        names.place(500.0, "third");
        names.place(60.0, "beside the title");
        assert_eq!(names.extra_lines(), 2);
        let baselines: Vec<_> = names.above(214.0).into_iter().map(|l| l.at.1).collect();
        assert_eq!(baselines, [200.0, 182.0, 200.0, 164.0]);
    }
}
