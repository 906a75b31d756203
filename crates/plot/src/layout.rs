//! Where everything in a figure goes, settled before anything is drawn.
//!
//! ```text
//! title
//! subtitle
//! legend, unless every line has its name beside its end
//! y title    names of spans (first panel only)
//!  y ticks | plot                      | names of lines, references
//! y title, next panel ...
//!            x ticks
//!            x title
//! ```

use crate::axis::{Axis, Scale};
use crate::decimate::Pixel;
use crate::figure::{Figure, Panel};
use crate::labels::Label;
use crate::legend::{self, Entry, Names};
use crate::margin::Margin;
use crate::palette::Look;
use crate::ruler::Ruler;
use crate::{spans, text};

const SIZE: (u32, u32) = (960, 540);
const NEXT_PANEL: u32 = 220;
/// Smaller than this nothing can be read.
const SMALLEST: u32 = 320;

/// Around everything.
pub(crate) const PAD: f64 = 24.0;
/// The size of the title's text.
pub(crate) const TITLE: f64 = 20.0;
/// The size of the subtitle's text.
pub(crate) const SUBTITLE: f64 = 14.0;
/// The size of text at ticks and axes.
pub(crate) const SMALL: f64 = 13.0;

const TITLE_LINE: f64 = 26.0;
const SUBTITLE_LINE: f64 = 20.0;
const Y_TITLE: f64 = 34.0;
pub(crate) const SPAN_LINE: f64 = 18.0;
const X_AXIS: f64 = 54.0;
const PANEL_GAP: f64 = 14.0;
const LOWEST_PLOT: f64 = 90.0;
/// Between a plot and the baseline of what is written above it.
pub(crate) const TITLE_GAP: f64 = 14.0;
const TICK_GAP: f64 = 8.0;

/// A figure with a place for each of its parts.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) figure: &'a Figure,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) title: Vec<Line>,
    pub(crate) subtitle: Vec<Line>,
    pub(crate) legend: Vec<Entry<'a>>,
    pub(crate) span_names: Vec<Line>,
    pub(crate) x: Ruler,
    pub(crate) plots: Vec<Plot<'a>>,
}

/// A line of text and where it starts, or has its middle, on its baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) at: Pixel,
    pub(crate) text: String,
}

/// The part of a panel where data are drawn.
#[derive(Debug)]
pub(crate) struct Plot<'a> {
    pub(crate) panel: &'a Panel,
    pub(crate) looks: Vec<Look>,
    pub(crate) labels: Vec<Label>,
    pub(crate) y: Ruler,
    pub(crate) title_baseline: f64,
    pub(crate) frame: Frame,
}

/// A rectangle on the figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(figure: &'a Figure) -> Self {
        let (width, wanted_height) = size(figure);
        let names = Names::new(figure);
        let margin = Margin::new(figure, width);
        let mut cursor = PAD;
        let title = block(&figure.title, TITLE, TITLE_LINE, width, &mut cursor);
        let subtitle = block(&figure.subtitle, SUBTITLE, SUBTITLE_LINE, width, &mut cursor);
        let legend =
            if margin.direct { Vec::new() } else { legend::entries(figure, &names, width, &mut cursor) };

        let mut stack = Stack { top: cursor, panels: figure.panels.len().max(1), span_lines: 0 };
        let rulers = rulers(figure, stack.plot_height(wanted_height, margin.tallest));
        let (left, right) = (ticks_width(&rulers) + PAD, width - margin.width);
        let x = Ruler::horizontal(&figure.x, x_extent(figure), (right - left) / 105.0);
        let y_title = rulers.first().map_or(0.0, |y| text::width(&y.title, SMALL));
        let mut names_above = spans::Names::new(left, right, PAD + y_title);
        names_above.place_all(figure, &x);
        stack.span_lines = names_above.extra_lines();

        let plot_height = stack.plot_height(wanted_height, margin.tallest);
        let frame = |index| stack.frame(index, plot_height, left, right);
        let span_names = names_above.above(frame(0).top);
        let plots = self::rulers(figure, plot_height).into_iter().zip(&figure.panels).enumerate();
        let plot = |(index, (y, panel))| Plot {
            panel,
            looks: names.looks(panel),
            labels: margin.labels(figure, panel, &names, &y, frame(index)),
            y,
            title_baseline: stack.title_baseline(index, plot_height),
            frame: frame(index),
        };
        let plots = plots.map(plot).collect();
        let height = stack.height(plot_height);
        Self { figure, width, height, title, subtitle, legend, span_names, x, plots }
    }
}

impl Frame {
    /// The horizontal place of a share of the x axis.
    pub(crate) fn x(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    /// The vertical place of a share of the y axis.
    pub(crate) fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

/// The heights of what stands above one another.
struct Stack {
    top: f64,
    panels: usize,
    span_lines: u8,
}

impl Stack {
    fn spans(&self) -> f64 {
        f64::from(self.span_lines) * SPAN_LINE
    }

    fn count(&self) -> f64 {
        u32::try_from(self.panels).map_or(f64::INFINITY, f64::from)
    }

    /// The height of each plot in a figure `height` high, and at least what `labels` take.
    fn plot_height(&self, height: f64, labels: f64) -> f64 {
        let room = height - self.height(0.0);
        (room / self.count()).floor().max(LOWEST_PLOT).max(labels.ceil())
    }

    fn height(&self, plot_height: f64) -> f64 {
        let panels = self.count() * (Y_TITLE + plot_height) + (self.count() - 1.0) * PANEL_GAP;
        (self.top + self.spans() + panels + X_AXIS + PAD / 2.0).ceil()
    }

    fn title_baseline(&self, index: usize, plot_height: f64) -> f64 {
        let before = u32::try_from(index).map_or(0.0, f64::from);
        self.top + self.spans() + before * (Y_TITLE + plot_height + PANEL_GAP) + Y_TITLE - TITLE_GAP
    }

    fn frame(&self, index: usize, plot_height: f64, left: f64, right: f64) -> Frame {
        let top = (self.title_baseline(index, plot_height) + TITLE_GAP).round();
        Frame { left: left.round(), right: right.round(), top, bottom: top + plot_height }
    }
}

fn size(figure: &Figure) -> (f64, f64) {
    let more = u32::try_from(figure.panels.len()).unwrap_or(u32::MAX).saturating_sub(1);
    let usual = (SIZE.0, SIZE.1.saturating_add(more.saturating_mul(NEXT_PANEL)));
    let (width, height) = figure.size.unwrap_or(usual);
    (f64::from(width.max(SMALLEST)), f64::from(height))
}

/// Lines of text from the left, below `cursor`, which moves on.
fn block(words: &str, size: f64, line: f64, width: f64, cursor: &mut f64) -> Vec<Line> {
    let place = |text| {
        *cursor += line;
        Line { at: (PAD, *cursor - line + size * 0.8), text }
    };
    text::wrap(words, size, width - 2.0 * PAD, 3).into_iter().map(place).collect()
}

fn rulers(figure: &Figure, plot_height: f64) -> Vec<Ruler> {
    let ruler = |p: &Panel| match y_extent(figure, p) {
        None => Ruler::vertical(&p.y, None, 1.0).without_marks(),
        data => Ruler::vertical(&p.y, data, (plot_height / 48.0).max(2.0)),
    };
    figure.panels.iter().map(ruler).collect()
}

fn ticks_width(rulers: &[Ruler]) -> f64 {
    let labels = rulers.iter().flat_map(|r| &r.marks).map(|m| text::width(&m.label, SMALL));
    labels.fold(0.0, f64::max) + TICK_GAP
}

/// Whether an axis can show `value`.
pub(crate) fn can_show(axis: &Axis, value: f64) -> bool {
    value.is_finite() && (axis.scale == Scale::Linear || value > 0.0)
}

/// The points of a panel that can be shown.
fn shown<'a>(figure: &'a Figure, panel: &'a Panel) -> impl Iterator<Item = (f64, f64)> + 'a {
    let points = panel.series.iter().flat_map(|s| s.points.iter().copied());
    points.filter(|(x, y)| can_show(&figure.x, *x) && can_show(&panel.y, *y))
}

pub(crate) fn x_extent(figure: &Figure) -> Option<(f64, f64)> {
    extent(figure.panels.iter().flat_map(|p| shown(figure, p)).map(|p| p.0))
}

fn y_extent(figure: &Figure, panel: &Panel) -> Option<(f64, f64)> {
    let references = panel.references.iter().map(|r| r.value).filter(|v| can_show(&panel.y, *v));
    extent(shown(figure, panel).map(|p| p.1).chain(references))
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |known, v| {
        let (low, high) = known.unwrap_or((v, v));
        Some((v.min(low), v.max(high)))
    })
}
