//! Values over two parameters, as colours: a heat map.
//!
//! ```text
//! title
//! subtitle
//! y title
//!  y names | cells, each with its value       | scale
//!            x names
//!            x title
//! ```
//!
//! Parameters have names and not places: steps of a sweep are often neither even nor numbers.

use crate::layout::{PAD, SMALL, SUBTITLE, TITLE};
use crate::png::{self, PlotError};
use crate::svg::{Px, Svg};
use crate::unit::{Multiple, Unit};
use crate::{draw, number, palette, text};

/// Cells are at least as wide, so that their values have room.
const LEAST_WIDTH: f64 = 58.0;
const MOST_WIDTH: f64 = 110.0;
const CELL_HEIGHT: f64 = 34.0;
const CELL_GAP: f64 = 1.0;
/// What a figure is wide if it has many cells, and at the least.
const WIDTH: f64 = 960.0;
const LEAST: f64 = 480.0;
const SCALE_WIDTH: f64 = 16.0;
const SCALE_GAP: f64 = 28.0;
const SCALE_LABELS: f64 = 96.0;
const TITLE_LINE: f64 = 26.0;
const SUBTITLE_LINE: f64 = 20.0;
/// Beyond so many cells their values would be a grey mist, and only the colours are left.
const MOST_VALUES: usize = 600;

/// The colours from the least to the most: viridis (S. van der Walt, N. Smith 2015), which people of every colour vision
/// order the same way, and printers without colours too.
const RAMP: [[u8; 3]; 9] = [
    [0x44, 0x01, 0x54],
    [0x47, 0x2d, 0x7b],
    [0x3b, 0x52, 0x8b],
    [0x2c, 0x72, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x28, 0xae, 0x80],
    [0x5e, 0xc9, 0x62],
    [0xad, 0xdc, 0x30],
    [0xfd, 0xe7, 0x25],
];

/// A parameter of a heat map, with the names of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    label: String,
    names: Vec<String>,
}

impl Steps {
    /// A parameter named `label`, with its values in the order in which they are drawn: to the right, or upwards.
    pub fn new(label: impl Into<String>, names: impl IntoIterator<Item = String>) -> Self {
        Self { label: label.into(), names: names.into_iter().collect() }
    }
}

/// Values over two parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    title: String,
    subtitle: String,
    x: Steps,
    y: Steps,
    unit: Unit,
    /// Row by row, the lowest first; what is not finite is a gap.
    values: Vec<f64>,
}

impl HeatMap {
    /// A map of values in the base of `unit`: those of the first value of `y` first, in the order of `x`. Missing ones are gaps.
    pub fn new(
        title: impl Into<String>,
        x: Steps,
        y: Steps,
        unit: Unit,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.resize(x.names.len() * y.names.len(), f64::NAN);
        Self { title: title.into(), subtitle: String::new(), x, y, unit, values }
    }

    /// The same map with a line below its title.
    #[must_use]
    pub fn subtitle(self, subtitle: impl Into<String>) -> Self {
        Self { subtitle: subtitle.into(), ..self }
    }

    /// The map as an SVG document with real text.
    pub fn to_svg(&self) -> String {
        Drawing::new(self).svg()
    }

    /// The map as a PNG picture, two pixels for each of the SVG in each direction.
    ///
    /// # Errors
    /// If the picture would be too large, or the SVG cannot be rendered.
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        png::render(&self.to_svg())
    }

    /// The least and the most of the values.
    fn extent(&self) -> Option<(f64, f64)> {
        let finite = self.values.iter().copied().filter(|value| value.is_finite());
        finite.fold(None, |known, value| {
            let (low, high) = known.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })
    }
}

/// A map with a place for each of its parts.
struct Drawing<'m> {
    map: &'m HeatMap,
    titles: Vec<String>,
    subtitles: Vec<String>,
    left: f64,
    top: f64,
    cell: f64,
    extent: (f64, f64),
    multiple: Multiple,
}

impl<'m> Drawing<'m> {
    fn new(map: &'m HeatMap) -> Self {
        let titles = text::wrap(&map.title, TITLE, WIDTH - 2.0 * PAD, 3);
        let subtitles = text::wrap(&map.subtitle, SUBTITLE, WIDTH - 2.0 * PAD, 3);
        let widest = |names: &[String]| names.iter().map(|name| text::width(name, SMALL)).fold(0.0, f64::max);
        let left = PAD + widest(&map.y.names) + 12.0;
        let columns = count(map.x.names.len().max(1));
        let room = (WIDTH - left - SCALE_GAP - SCALE_WIDTH - SCALE_LABELS - PAD) / columns;
        let least = LEAST_WIDTH.max(widest(&map.x.names) + 8.0);
        let extent = map.extent().unwrap_or((0.0, 0.0));
        let multiple = map.unit.multiple(extent.0.abs().max(extent.1.abs()));
        let heads = count(titles.len()) * TITLE_LINE + count(subtitles.len()) * SUBTITLE_LINE;
        let cell = room.min(MOST_WIDTH).max(least).floor();
        Self { map, titles, subtitles, left: left.ceil(), top: PAD + heads + 34.0, cell, extent, multiple }
    }

    fn columns(&self) -> f64 {
        count(self.map.x.names.len())
    }

    fn rows(&self) -> f64 {
        count(self.map.y.names.len())
    }

    fn right(&self) -> f64 {
        self.left + self.columns() * self.cell
    }

    fn bottom(&self) -> f64 {
        self.top + self.rows() * CELL_HEIGHT
    }

    fn svg(&self) -> String {
        let mut svg = Svg::default();
        let widest = self.titles.iter().map(|line| text::width(line, TITLE)).fold(LEAST, f64::max);
        let width = (self.right() + SCALE_GAP + SCALE_WIDTH + SCALE_LABELS + PAD).max(widest + 2.0 * PAD);
        let height = self.bottom().max(self.top + 120.0) + 54.0 + PAD / 2.0;
        draw::document(&mut svg, width, height, &self.map.title, &self.description());
        self.heads(&mut svg);
        svg.open("g", &[("font-size", &SMALL), ("fill", &palette::TEXT)]);
        self.names(&mut svg);
        self.cells(&mut svg);
        self.scale(&mut svg);
        svg.close();
        svg.finish()
    }

    fn description(&self) -> String {
        let HeatMap { subtitle, x, y, .. } = self.map;
        format!("{subtitle} {} over {}", y.label, x.label).trim().to_owned()
    }

    fn heads(&self, svg: &mut Svg) {
        let mut y = PAD;
        svg.open("g", &[("font-size", &TITLE), ("font-weight", &600), ("fill", &palette::TITLE)]);
        for line in &self.titles {
            words(svg, (PAD, y + TITLE * 0.8), "start", line);
            y += TITLE_LINE;
        }
        svg.close();
        svg.open("g", &[("font-size", &SUBTITLE), ("fill", &palette::TEXT)]);
        for line in &self.subtitles {
            words(svg, (PAD, y + SUBTITLE * 0.8), "start", line);
            y += SUBTITLE_LINE;
        }
        svg.close();
    }

    fn names(&self, svg: &mut Svg) {
        for (row, name) in self.map.y.names.iter().enumerate() {
            let middle = self.row_top(row) + CELL_HEIGHT / 2.0 + SMALL * 0.36;
            words(svg, (self.left - 8.0, middle), "end", name);
        }
        for (column, name) in self.map.x.names.iter().enumerate() {
            let middle = self.left + (count(column) + 0.5) * self.cell;
            words(svg, (middle, self.bottom() + 20.0), "middle", name);
        }
        svg.open("g", &[("font-weight", &600), ("fill", &palette::TITLE)]);
        words(svg, (PAD, self.top - 14.0), "start", &self.map.y.label);
        words(svg, ((self.left + self.right()) / 2.0, self.bottom() + 44.0), "middle", &self.map.x.label);
        svg.close();
    }

    /// The first row is the lowest, as on any axis.
    fn row_top(&self, row: usize) -> f64 {
        self.bottom() - (count(row) + 1.0) * CELL_HEIGHT
    }

    fn cells(&self, svg: &mut Svg) {
        let columns = self.map.x.names.len().max(1);
        let with_values = self.map.values.len() <= MOST_VALUES;
        for (place, value) in self.map.values.iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            let (x, y) = (self.left + count(column) * self.cell, self.row_top(row));
            let (fill, ink) = if value.is_finite() {
                let share = self.share(*value);
                (colour(share), if share < 0.55 { "#ffffff" } else { palette::TITLE })
            } else {
                (palette::GRID.to_owned(), palette::TEXT)
            };
            let (width, height) = (Px(self.cell - CELL_GAP), Px(CELL_HEIGHT - CELL_GAP));
            svg.leaf(
                "rect",
                &[("x", &Px(x)), ("y", &Px(y)), ("width", &width), ("height", &height), ("fill", &fill)],
            );
            if with_values && value.is_finite() {
                let (x, y) = (x + self.cell / 2.0, y + CELL_HEIGHT / 2.0 + SMALL * 0.36);
                let attributes: crate::svg::Attributes<'_> =
                    &[("x", &Px(x)), ("y", &Px(y)), ("text-anchor", &"middle"), ("fill", &ink)];
                svg.text("text", attributes, &self.short(*value));
            }
        }
    }

    /// From the least to the most, 0 to 1; where all are equal, the middle.
    fn share(&self, value: f64) -> f64 {
        let (low, high) = self.extent;
        let span = high - low;
        if span > high.abs().max(low.abs()) * 1e-9 && span.is_finite() { (value - low) / span } else { 0.5 }
    }

    /// Three digits that count.
    fn short(&self, value: f64) -> String {
        let scaled = value / self.multiple.factor;
        let largest = (self.extent.0.abs().max(self.extent.1.abs()) / self.multiple.factor).max(1e-300);
        let step = 10f64.powf(
            (largest.log10().floor() - 2.0).min(scaled.abs().max(largest * 1e-3).log10().floor() - 1.0),
        );
        number::format((scaled / step).round() * step, step.min(1.0))
    }

    fn scale(&self, svg: &mut Svg) {
        let Some((low, high)) = self.map.extent() else {
            let middle = ((self.left + self.right()) / 2.0, (self.top + self.bottom()) / 2.0);
            return words(svg, middle, "middle", "no data");
        };
        let x = self.right() + SCALE_GAP;
        let height = (self.bottom() - self.top).max(120.0) - CELL_GAP;
        // Strips instead of a gradient, whose id could clash with another in the same page.
        let strips = 64u8;
        for strip in 0..strips {
            let share = (f64::from(strip) + 0.5) / f64::from(strips);
            let top = self.top + height * (1.0 - f64::from(strip + 1) / f64::from(strips));
            let (strip_height, fill) = (Px(height / f64::from(strips) + 0.5), colour(share));
            svg.leaf(
                "rect",
                &[
                    ("x", &Px(x)),
                    ("y", &Px(top)),
                    ("width", &Px(SCALE_WIDTH)),
                    ("height", &strip_height),
                    ("fill", &fill),
                ],
            );
        }
        let label = |value| format!("{} {}", self.short(value), self.multiple.name).trim().to_owned();
        let beside = x + SCALE_WIDTH + 6.0;
        words(svg, (beside, self.top + SMALL), "start", &label(high));
        words(svg, (beside, self.top + height), "start", &label(low));
    }
}

fn words(svg: &mut Svg, (x, y): (f64, f64), anchor: &'static str, text: &str) {
    svg.text("text", &[("x", &Px(x)), ("y", &Px(y)), ("text-anchor", &anchor)], text);
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the share is bounded first, and there are nine colours"
)]
fn colour(share: f64) -> String {
    let place = share.clamp(0.0, 1.0) * count(RAMP.len() - 1);
    let below = (place.floor() as usize).min(RAMP.len() - 2);
    let part = place - count(below);
    let [r, g, b] = [0, 1, 2].map(|channel| {
        let (from, to) = (f64::from(RAMP[below][channel]), f64::from(RAMP[below + 1][channel]));
        (from + (to - from) * part).round() as u8
    });
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f64]) -> HeatMap {
        let names = |names: [&str; 2]| names.map(str::to_owned);
        let (x, y) =
            (Steps::new("window", names(["64 KiB", "1 MiB"])), Steps::new("streams", names(["1", "8"])));
        HeatMap::new("Goodput", x, y, Unit::BitsPerSecond, values.iter().copied())
    }

    #[test]
    fn the_scale_goes_from_the_least_to_the_most() {
        let svg = map(&[10e6, 20e6, 30e6, 90e6]).to_svg();
        assert!(svg.contains(">10.0 Mbit/s<") && svg.contains(">90.0 Mbit/s<"), "{svg}");
        for fill in [colour(0.0), colour(1.0), colour(0.125)] {
            assert!(svg.contains(&format!("fill=\"{fill}\"")), "{fill}");
        }
        for name in ["64 KiB", "1 MiB", "window", "streams", "Goodput"] {
            assert!(svg.contains(name), "{name}");
        }
    }

    #[test]
    fn gaps_and_equal_values_are_drawn() {
        assert!(map(&[]).to_svg().contains("no data"));
        let svg = map(&[5.0, 5.0, f64::NAN, 5.0]).to_svg();
        assert!(svg.contains(palette::GRID) && svg.contains(&colour(0.5)));
        assert!(!svg.contains("NaN"));
        assert!(map(&[1.0, f64::INFINITY, -3.0, 1e300]).to_png().is_ok());
    }

    #[test]
    fn the_first_row_is_the_lowest() {
        let map = map(&[1.0, 2.0, 3.0, 4.0]);
        let drawing = Drawing::new(&map);
        assert!(drawing.row_top(0) > drawing.row_top(1));
    }

    #[test]
    fn colours_are_those_of_the_ramp() {
        assert_eq!([colour(0.0), colour(1.0), colour(2.0)], ["#440154", "#fde725", "#fde725"]);
    }
}
