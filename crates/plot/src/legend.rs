//! Which look belongs to which name, and the legend that says so.

use crate::decimate::Pixel;
use crate::figure::{Figure, Panel, Style};
use crate::layout::{PAD, SMALL};
use crate::palette::{self, Look};
use crate::text;

/// The sample of a line, before its name.
pub(crate) const SAMPLE: f64 = 24.0;
const NAME_GAP: f64 = 8.0;
const ENTRY_GAP: f64 = 24.0;
const LINE: f64 = 22.0;

/// The names of a figure's series, each once, in the order of their looks.
#[derive(Debug)]
pub(crate) struct Names<'a>(Vec<&'a str>);

/// A name in the legend.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Where the sample starts, at half its height.
    pub(crate) at: Pixel,
    pub(crate) name: &'a str,
    pub(crate) style: Style,
    pub(crate) look: Look,
}

impl<'a> Names<'a> {
    pub(crate) fn new(figure: &'a Figure) -> Self {
        let mut names = Vec::new();
        for series in figure.panels.iter().flat_map(|p| &p.series) {
            if !names.contains(&series.name.as_str()) {
                names.push(series.name.as_str());
            }
        }
        Self(names)
    }

    /// The looks of a panel's series.
    pub(crate) fn looks(&self, panel: &Panel) -> Vec<Look> {
        panel.series.iter().map(|s| self.look(&s.name)).collect()
    }

    pub(crate) fn look(&self, name: &str) -> Look {
        palette::look(self.0.iter().position(|n| *n == name).unwrap_or(0))
    }
}

/// The legend in lines below `cursor`, which moves on.
pub(crate) fn entries<'a>(
    figure: &Figure,
    names: &Names<'a>,
    width: f64,
    cursor: &mut f64,
) -> Vec<Entry<'a>> {
    let mut x = PAD;
    let mut entries = Vec::new();
    for name in names.0.iter().filter(|n| !n.trim().is_empty()) {
        let entry_width = SAMPLE + NAME_GAP + text::width(name, SMALL);
        if x > PAD && x + entry_width > width - PAD {
            x = PAD;
            *cursor += LINE;
        }
        let (style, look) = (style(figure, name), names.look(name));
        entries.push(Entry { at: (x, *cursor + LINE / 2.0), name, style, look });
        x += entry_width + ENTRY_GAP;
    }
    if !entries.is_empty() {
        *cursor += LINE + 4.0;
    }
    entries
}

/// Where the name of an entry starts, after its sample.
pub(crate) fn name_start(entry: &Entry) -> f64 {
    entry.at.0 + SAMPLE + NAME_GAP
}

fn style(figure: &Figure, name: &str) -> Style {
    let mut series = figure.panels.iter().flat_map(|p| &p.series);
    series.find(|s| s.name == name).map_or(Style::Line, |s| s.style)
}
