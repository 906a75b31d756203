//! A figure that is laid out, as SVG.

use crate::decimate::{self, Pixel};
use crate::figure::{Series, Style};
use crate::labels::{self, JOINT, Label};
use crate::layout::{Frame, Layout, Line, PAD, Plot, SMALL, SUBTITLE, TITLE, TITLE_GAP};
use crate::legend::{self, Entry, SAMPLE};
use crate::palette::{self, Look};
use crate::png::DENSITY;
use crate::svg::{Path, Px, Svg};
use crate::text;

/// Inter first, which the PNG is rendered with; then what hosts have that is like it.
const FONTS: &str = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
const STROKE: f64 = 2.0;
const THIN: f64 = 1.2;
/// A line that goes up and down as far as so many heights of its plot is crowded.
const CROWDED: f64 = 25.0;
const DOT: f64 = 4.5;
/// How far strokes at the edge may reach beyond the plot.
const BLEED: f64 = 3.0;
/// Further out than this nothing is seen of a point, and a renderer may lose its precision.
const FAR: f64 = 50.0;

/// The document.
pub(crate) fn figure(layout: &Layout) -> String {
    let mut svg = Svg::default();
    document(&mut svg, layout.width, layout.height, &layout.figure.title, &description(layout));
    head(&mut svg, layout);
    for plot in &layout.plots {
        panel(&mut svg, layout, plot);
    }
    if let Some(last) = layout.plots.last() {
        x_axis(&mut svg, layout, last.frame);
    }
    svg.finish()
}

/// Opens a document of this size, white, with its title and what it shows in words.
pub(crate) fn document(svg: &mut Svg, width: f64, height: f64, title: &str, description: &str) {
    let (width, height) = (Px(width), Px(height));
    let view = format!("0 0 {width} {height}");
    let namespace = "http://www.w3.org/2000/svg";
    svg.open(
        "svg",
        &[
            ("xmlns", &namespace),
            ("width", &width),
            ("height", &height),
            ("viewBox", &view),
            ("font-family", &FONTS),
            ("role", &"img"),
        ],
    );
    svg.text("title", &[], title);
    svg.text("desc", &[], description);
    svg.leaf("rect", &[("width", &"100%"), ("height", &"100%"), ("fill", &"#fff")]);
}

/// What the picture shows, for those who do not see it.
fn description(layout: &Layout) -> String {
    let panel = |plot: &Plot| {
        let names: Vec<_> =
            plot.panel.series.iter().map(|s| s.name.as_str()).filter(|n| !n.is_empty()).collect();
        let over = format!("{} over {}", plot.y.title, layout.x.title);
        if names.is_empty() { over } else { format!("{over}: {}", names.join(", ")) }
    };
    let subtitle = Some(layout.figure.subtitle.clone()).filter(|s| !s.is_empty());
    subtitle.into_iter().chain(layout.plots.iter().map(panel)).collect::<Vec<_>>().join(". ")
}

fn head(svg: &mut Svg, layout: &Layout) {
    svg.open("g", &[("font-size", &TITLE), ("font-weight", &600), ("fill", &palette::TITLE)]);
    lines(svg, &layout.title);
    svg.close();
    svg.open("g", &[("font-size", &SUBTITLE), ("fill", &palette::TEXT)]);
    lines(svg, &layout.subtitle);
    svg.close();
    svg.open("g", &[("font-size", &SMALL), ("fill", &palette::TITLE)]);
    for entry in &layout.legend {
        legend_entry(svg, entry);
    }
    svg.close();
}

fn lines(svg: &mut Svg, lines: &[Line]) {
    for line in lines {
        words(svg, line.at, "start", &line.text);
    }
}

fn words(svg: &mut Svg, (x, y): Pixel, anchor: &'static str, text: &str) {
    svg.text("text", &[("x", &Px(x)), ("y", &Px(y)), ("text-anchor", &anchor)], text);
}

fn legend_entry(svg: &mut Svg, entry: &Entry) {
    let (x, y) = entry.at;
    let mut sample = Path::default();
    match entry.style {
        Style::Points => sample.dot((x + SAMPLE / 2.0, y)),
        _ => sample.line(&[(x, y), (x + SAMPLE, y)]),
    }
    let width = if entry.style == Style::Points { DOT } else { STROKE };
    stroke(svg, &sample, entry.style, entry.look, width);
    words(svg, (legend::name_start(entry), y + SMALL * 0.36), "start", entry.name);
}

fn panel(svg: &mut Svg, layout: &Layout, plot: &Plot) {
    svg.open("g", &[("font-size", &SMALL), ("fill", &palette::TEXT)]);
    spans(svg, layout, plot.frame);
    grid(svg, layout, plot);
    svg.text(
        "text",
        &[("x", &Px(PAD)), ("y", &Px(plot.title_baseline)), ("font-weight", &600), ("fill", &palette::TITLE)],
        &plot.y.title,
    );
    events(svg, layout, plot.frame);
    references(svg, plot);
    data(svg, layout, plot);
    margin(svg, plot);
    svg.close();
}

fn spans(svg: &mut Svg, layout: &Layout, frame: Frame) {
    for span in &layout.figure.spans {
        let Some((from, to)) = layout.x.within(span.from, span.to) else { continue };
        let (x, width) = (frame.x(from), (to - from) * (frame.right - frame.left));
        if width > 0.0 {
            svg.leaf(
                "rect",
                &[
                    ("x", &Px(x)),
                    ("y", &Px(frame.top)),
                    ("width", &Px(width)),
                    ("height", &Px(frame.bottom - frame.top)),
                    ("fill", &palette::SHADE),
                ],
            );
        }
    }
}

fn events(svg: &mut Svg, layout: &Layout, frame: Frame) {
    let first = layout.plots.first().is_some_and(|first| first.frame == frame);
    // A line reaches up to its name.
    let above = if first { TITLE_GAP - 4.0 } else { 0.0 };
    let mut path = Path::default();
    for span in layout.figure.spans.iter().filter(|s| s.from == s.to) {
        if let Some((at, _)) = layout.x.within(span.from, span.to) {
            path.line(&[(crisp(frame.x(at)), frame.top - above), (crisp(frame.x(at)), frame.bottom)]);
        }
    }
    thin(svg, &path, palette::FRAME, "3 3");
    if first {
        for name in &layout.span_names {
            words(svg, name.at, "middle", &name.text);
        }
    }
}

fn grid(svg: &mut Svg, layout: &Layout, plot: &Plot) {
    let frame = plot.frame;
    let (mut grid, mut zero) = (Path::default(), Path::default());
    for mark in &layout.x.marks {
        let x = crisp(frame.x(layout.x.share(mark.value)));
        grid.line(&[(x, frame.top), (x, frame.bottom)]);
    }
    for mark in &plot.y.marks {
        let y = crisp(frame.y(plot.y.share(mark.value)));
        let path = if mark.value == 0.0 { &mut zero } else { &mut grid };
        path.line(&[(frame.left, y), (frame.right, y)]);
        words(svg, (frame.left - 8.0, y + SMALL * 0.36), "end", &mark.label);
    }
    let bottom = crisp(frame.bottom);
    zero.line(&[(frame.left, bottom), (frame.right, bottom)]);
    thin(svg, &grid, palette::GRID, "none");
    thin(svg, &zero, palette::FRAME, "none");
}

fn references(svg: &mut Svg, plot: &Plot) {
    let mut path = Path::default();
    for reference in plot.panel.references.iter().filter(|r| plot.y.contains(r.value)) {
        let y = crisp(plot.frame.y(plot.y.share(reference.value)));
        path.line(&[(plot.frame.left, y), (plot.frame.right, y)]);
    }
    thin(svg, &path, palette::REFERENCE, "6 4");
}

fn data(svg: &mut Svg, layout: &Layout, plot: &Plot) {
    let Frame { left, right, top, bottom } = plot.frame;
    let (x, y) = (Px(left - BLEED), Px(top - BLEED));
    let (width, height) = (Px(right - left + 2.0 * BLEED), Px(bottom - top + 2.0 * BLEED));
    let view = format!("{x} {y} {width} {height}");
    // An inner document cuts off what an axis does not show, without an id that could clash with
    // those of other figures in the same page.
    svg.open("svg", &[("x", &x), ("y", &y), ("width", &width), ("height", &height), ("viewBox", &view)]);
    let mut drawn = false;
    // The first series comes last, over the others: it is what the figure is about.
    for (series, look) in plot.panel.series.iter().zip(&plot.looks).rev() {
        let drawing = drawing(series, layout, plot);
        drawn |= !drawing.lines.is_empty() || !drawing.dots.is_empty();
        stroke(svg, &drawing.lines, series.style, *look, drawing.width);
        stroke(svg, &drawing.dots, Style::Points, *look, DOT);
    }
    svg.close();
    if !drawn {
        words(svg, ((left + right) / 2.0, (top + bottom) / 2.0), "middle", "no data");
    }
}

/// A series on the figure: its lines, and the points that no line joins to another.
struct Drawing {
    lines: Path,
    dots: Path,
    width: f64,
}

fn drawing(series: &Series, layout: &Layout, plot: &Plot) -> Drawing {
    let frame = plot.frame;
    let place = |(x, y): (f64, f64)| {
        let (x, y) = (frame.x(layout.x.share(x)), frame.y(plot.y.share(y)));
        let (far_x, far_y) = (FAR * (frame.right - frame.left), FAR * (frame.bottom - frame.top));
        (x.clamp(frame.left - far_x, frame.right + far_x), y.clamp(frame.top - far_y, frame.bottom + far_y))
    };
    let mut drawing = Drawing { lines: Path::default(), dots: Path::default(), width: STROKE };
    let pixel = 1.0 / f64::from(DENSITY);
    let points = series.points.iter().copied().map(place);
    match series.style {
        Style::Points => decimate::distinct(points, pixel).into_iter().for_each(|p| drawing.dots.dot(p)),
        Style::Steps => drawing.add(&decimate::runs(steps(points), pixel), frame.bottom - frame.top),
        Style::Line | Style::Dashed => drawing.add(&decimate::runs(points, pixel), frame.bottom - frame.top),
    }
    drawing
}

impl Drawing {
    /// Adds lines on a plot `height` high; crowded ones thinner, so that they stay apart.
    fn add(&mut self, runs: &[Vec<Pixel>], height: f64) {
        let climb = |run: &Vec<Pixel>| run.windows(2).map(|w| (w[1].1 - w[0].1).abs()).sum::<f64>();
        self.width = if runs.iter().map(climb).sum::<f64>() > CROWDED * height { THIN } else { STROKE };
        for run in runs {
            match run.as_slice() {
                [alone] => self.dots.dot(*alone),
                line => self.lines.line(line),
            }
        }
    }
}

/// Each point, and before it the corner where the value before it ends.
fn steps(points: impl Iterator<Item = Pixel>) -> impl Iterator<Item = Pixel> {
    let mut before = None;
    points.flat_map(move |point| {
        let held: Option<Pixel> = before.replace(point);
        held.map(|(_, y)| (point.0, y)).into_iter().chain([point])
    })
}

fn stroke(svg: &mut Svg, path: &Path, style: Style, look: Look, width: f64) {
    if path.is_empty() {
        return;
    }
    let dashes = match style {
        Style::Points => "none",
        Style::Dashed => "7 5",
        Style::Line | Style::Steps => look.dashes,
    };
    let cap = if dashes == "none" { "round" } else { "butt" };
    svg.leaf(
        "path",
        &[
            ("d", path),
            ("fill", &"none"),
            ("stroke", &look.colour),
            ("stroke-width", &width),
            ("stroke-dasharray", &dashes),
            ("stroke-linejoin", &"round"),
            ("stroke-linecap", &cap),
        ],
    );
}

/// Lines one pixel wide.
fn thin(svg: &mut Svg, path: &Path, colour: &str, dashes: &str) {
    if !path.is_empty() {
        svg.leaf(
            "path",
            &[("d", path), ("fill", &"none"), ("stroke", &colour), ("stroke-dasharray", &dashes)],
        );
    }
}

fn margin(svg: &mut Svg, plot: &Plot) {
    let right = plot.frame.right;
    for label in &plot.labels {
        joint(svg, label, right);
        svg.open(
            "g",
            &[
                ("font-size", &labels::SIZE),
                ("font-weight", if label.bold { &600 } else { &400 }),
                ("fill", &label.ink),
            ],
        );
        for (y, line) in label.baselines() {
            words(svg, (right + JOINT, y), "start", line);
        }
        svg.close();
    }
}

/// Joins a line's end with its name where the name had to move away.
fn joint(svg: &mut Svg, label: &Label, right: f64) {
    if (label.middle - label.wanted).abs() > labels::SIZE / 2.0 {
        let mut path = Path::default();
        path.line(&[(right + BLEED, label.wanted), (right + JOINT - 3.0, label.middle)]);
        thin(svg, &path, label.ink, "none");
    }
}

fn x_axis(svg: &mut Svg, layout: &Layout, frame: Frame) {
    svg.open("g", &[("font-size", &SMALL), ("fill", &palette::TEXT)]);
    let mut ticks = Path::default();
    let mut free = 0.0;
    for mark in &layout.x.marks {
        let x = crisp(frame.x(layout.x.share(mark.value)));
        ticks.line(&[(x, frame.bottom), (x, frame.bottom + 5.0)]);
        let half = text::width(&mark.label, SMALL) / 2.0;
        if x - half >= free {
            words(svg, (x, frame.bottom + 20.0), "middle", &mark.label);
            free = x + half + SMALL / 2.0;
        }
    }
    thin(svg, &ticks, palette::FRAME, "none");
    words(svg, ((frame.left + frame.right) / 2.0, frame.bottom + 42.0), "middle", &layout.x.title);
    svg.close();
}

/// The middle of the pixel at `place`, where a thin line is sharp.
fn crisp(place: f64) -> f64 {
    place.floor() + 0.5
}
