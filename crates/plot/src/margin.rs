//! What stands to the right of the plots: the names of references, and those of the lines where
//! each can stand beside its end. A reader then needs no legend.

use std::collections::HashSet;

use crate::figure::{Figure, Panel, Series};
use crate::labels::{self, JOINT, Label};
use crate::layout::{self, Frame, PAD};
use crate::legend::Names;
use crate::palette;
use crate::ruler::Ruler;

/// The margin to the right of every plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Margin {
    /// Whether the names of lines stand here, and not in a legend.
    pub(crate) direct: bool,
    pub(crate) width: f64,
    /// The room that the labels of the fullest plot need from top to bottom.
    pub(crate) tallest: f64,
    room: f64,
}

/// More labels than this beside one plot are hard to follow to their lines.
const TALLEST_DIRECT: f64 = 130.0;

impl Margin {
    pub(crate) fn new(figure: &Figure, width: f64) -> Self {
        let room = (width * 0.17).min(150.0);
        let x = Ruler::horizontal(&figure.x, layout::x_extent(figure), 1.0);
        let draft = Self { direct: true, width: 0.0, tallest: 0.0, room };
        let direct = figure.panels.iter().all(|panel| {
            can_name_ends(figure, panel, &x, room) && height(&draft.names(panel)) <= TALLEST_DIRECT
        });
        let draft = Self { direct, ..draft };
        let labels: Vec<_> = figure.panels.iter().map(|p| draft.names(p)).collect();
        let widest = labels.iter().flatten().map(Label::width).fold(0.0, f64::max);
        let joint = if widest > 0.0 { JOINT } else { 0.0 };
        let tallest = labels.iter().map(|l| height(l)).fold(0.0, f64::max);
        Self { width: PAD + joint + widest, tallest, ..draft }
    }

    /// The labels of one plot, each where there is room for it.
    pub(crate) fn labels(
        &self,
        figure: &Figure,
        panel: &Panel,
        names: &Names,
        y: &Ruler,
        frame: Frame,
    ) -> Vec<Label> {
        let place = |value: f64| Some(frame.y(y.share(value).clamp(0.0, 1.0))).filter(|y| y.is_finite());
        let references = panel.references.iter().filter(|r| y.contains(r.value)).filter_map(|r| {
            Some(Label::new(&r.label, place(r.value)?, palette::REFERENCE, false, self.room))
        });
        let series = panel.series.iter().filter(|_| self.direct).filter_map(|s| {
            let (_, value) = end(figure, panel, s)?;
            Some(Label::new(&s.name, place(value)?, names.look(&s.name).ink, true, self.room))
        });
        let mut labels: Vec<_> = references.chain(series).filter(|l| !l.lines.is_empty()).collect();
        labels::spread(&mut labels, frame.top - 8.0, frame.bottom + 8.0);
        labels
    }

    /// The labels of a plot whose height is not known yet.
    fn names(&self, panel: &Panel) -> Vec<Label> {
        let references = panel.references.iter().map(|r| (&r.label, false));
        let series = panel.series.iter().filter(|_| self.direct).map(|s| (&s.name, true));
        references.chain(series).map(|(name, bold)| Label::new(name, 0.0, "", bold, self.room)).collect()
    }
}

fn height(labels: &[Label]) -> f64 {
    labels.iter().map(Label::height).sum()
}

/// Whether every named series ends near the right end of the axis, under a name of its own that
/// fits there.
fn can_name_ends(figure: &Figure, panel: &Panel, x: &Ruler, room: f64) -> bool {
    let mut seen = HashSet::new();
    panel.series.iter().filter(|s| !s.name.trim().is_empty()).all(|series| {
        let at_the_end = |(at, _)| (0.9..1.001).contains(&x.share(at));
        end(figure, panel, series).is_some_and(at_the_end)
            && seen.insert(&series.name)
            && labels::fits(&series.name, room)
    })
}

/// The last point of a series that can be shown.
fn end(figure: &Figure, panel: &Panel, series: &Series) -> Option<(f64, f64)> {
    let shown = |(x, y): &&(f64, f64)| layout::can_show(&figure.x, *x) && layout::can_show(&panel.y, *y);
    series.points.iter().rev().find(shown).copied()
}
