//! What a figure is made of.

use crate::axis::Axis;
use crate::draw;
use crate::layout::Layout;
use crate::png::{self, PlotError};

/// A title, an x axis, and one or more panels above it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) x: Axis,
    pub(crate) panels: Vec<Panel>,
    pub(crate) spans: Vec<Span>,
    pub(crate) size: Option<(u32, u32)>,
}

impl Figure {
    /// A figure without panels yet.
    pub fn new(title: impl Into<String>, x: Axis) -> Self {
        let (subtitle, panels, spans) = (String::new(), Vec::new(), Vec::new());
        Self { title: title.into(), subtitle, x, panels, spans, size: None }
    }

    /// The same figure with a line or two below its title: what was measured, where, how often.
    #[must_use]
    pub fn subtitle(self, subtitle: impl Into<String>) -> Self {
        Self { subtitle: subtitle.into(), ..self }
    }

    /// The same figure with one more panel, below the others.
    #[must_use]
    pub fn panel(self, panel: Panel) -> Self {
        self.panels([panel])
    }

    /// The same figure with more panels, below the others.
    #[must_use]
    pub fn panels(mut self, panels: impl IntoIterator<Item = Panel>) -> Self {
        self.panels.extend(panels);
        self
    }

    /// The same figure with a shaded span or an event, through all panels.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// The same figure in a size of its own, in SVG pixels; 960 by 540 is usual, and higher by 220
    /// for each panel after the first. It becomes higher if its panels need that to be readable.
    #[must_use]
    pub fn size(self, width: u32, height: u32) -> Self {
        Self { size: Some((width, height)), ..self }
    }

    /// The figure as an SVG document with real text.
    pub fn to_svg(&self) -> String {
        draw::figure(&Layout::new(self))
    }

    /// The figure as a PNG picture, two pixels for each of the SVG in each direction.
    ///
    /// # Errors
    /// If the picture would be too large, or the SVG cannot be rendered.
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        png::render(&self.to_svg())
    }
}

/// A y axis and what is drawn against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) references: Vec<Reference>,
}

impl Panel {
    /// A panel without data yet.
    pub fn new(y: Axis) -> Self {
        Self { y, series: Vec::new(), references: Vec::new() }
    }

    /// The same panel with one more series.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The same panel with a horizontal line at `value`, such as "path rate 622 Mbit/s".
    #[must_use]
    pub fn reference(mut self, value: f64, label: impl Into<String>) -> Self {
        self.references.push(Reference { value, label: label.into() });
        self
    }
}

/// Points that belong together.
///
/// Series of one name share a colour, in one panel or in several.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it; an empty name is not in the legend.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Its points in the base units of the axes, in the order in which a line joins them.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A series drawn as a line.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), style: Style::Line, points: points.into_iter().collect() }
    }

    /// The same series in another style.
    #[must_use]
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// A line from point to point.
    #[default]
    Line,
    /// A dashed line, for what was not measured: a model, a forecast.
    Dashed,
    /// A value holds until the next point: states and settings.
    Steps,
    /// A dot for each point.
    Points,
}

/// A horizontal line to compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Where it is, in the base unit of the y axis.
    pub value: f64,
    /// What it stands for; shown beside its end.
    pub label: String,
}

/// A part of the x axis that stands out; one without width is an event, drawn as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where it begins, in the base unit of the x axis.
    pub from: f64,
    /// Where it ends; infinity is the end of the axis.
    pub to: f64,
    /// What happened; shown above the first panel.
    pub label: String,
}

impl Span {
    /// What went on between two points.
    pub fn new(from: f64, to: f64, label: impl Into<String>) -> Self {
        Self { from, to, label: label.into() }
    }

    /// What happened at one point.
    pub fn event(at: f64, label: impl Into<String>) -> Self {
        Self::new(at, at, label)
    }
}
