//! The figures of a sweep, one for each question.
//!
//! | question | figure | where there is |
//! |---|---|---|
//! | how does it depend on one parameter, for each value of another? | lines over the first | a parameter of numbers |
//! | which pairs of two parameters are good? | heat map | two parameters |
//! | how much is chance? | distribution over seeds | three seeds |
//!
//! Where there are more parameters than a figure shows, it has the mean over the others.

use thiserror::Error;
use wad_plot::{Axis as PlotAxis, Figure, HeatMap, Panel, PlotError, Scale, Series, Steps, Style};

use super::axis::Axis;
use super::measure::{MEASURES, Measure, Row};
use super::plan::Plan;
use super::summary::mean;

/// More lines no figure tells apart.
const MOST_LINES: usize = 12;
/// From this ratio of largest to smallest on, an axis is logarithmic.
const LOGARITHMIC: f64 = 20.0;

/// A picture: its name as a file, and its contents as SVG and as PNG.
#[derive(Debug)]
pub struct Picture {
    /// Its name without an ending.
    pub name: String,
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: Vec<u8>,
}

/// A figure could not be drawn.
#[derive(Debug, Error)]
#[error("cannot draw {name}: {source}")]
pub struct FigureError {
    /// Which.
    name: String,
    /// Why not.
    source: PlotError,
}

/// All figures of these measures (places in [`MEASURES`]).
///
/// # Errors
/// If one is too large to be drawn.
pub fn figures(plan: &Plan, rows: &[Row], measures: &[usize]) -> Result<Vec<Picture>, FigureError> {
    let mut pictures = Vec::new();
    for &place in measures {
        let study = Study { plan, rows, measure: &MEASURES[place], place };
        for (x, axis) in plan.axes().iter().enumerate() {
            let others = || (0..plan.axes().len()).filter(move |other| *other != x);
            let has_numbers = axis.numbers().is_some() && axis.values.len() > 1;
            if has_numbers && others().next().is_none() {
                let name = format!("{}-over-{}", study.short(), file_name(&axis.name));
                pictures.push(drawn(name, &study.lines(x, None))?);
            }
            for other in others().filter(|_| has_numbers) {
                let by = file_name(&plan.axes()[other].name);
                let name = format!("{}-over-{}-by-{by}", study.short(), file_name(&axis.name));
                pictures.push(drawn(name, &study.lines(x, Some(other)))?);
            }
            for y in x + 1..plan.axes().len() {
                let y_name = file_name(&plan.axes()[y].name);
                let name = format!("{}-map-{}-{y_name}", study.short(), file_name(&axis.name));
                let map = study.map(x, y);
                let png = map.to_png();
                let png = png.map_err(|source| FigureError { name: name.clone(), source })?;
                pictures.push(Picture { svg: map.to_svg(), name, png });
            }
        }
        if plan.seeds() >= 3 || plan.axes().is_empty() {
            pictures.push(drawn(format!("{}-distribution", study.short()), &study.distribution())?);
        }
    }
    Ok(pictures)
}

fn drawn(name: String, figure: &Figure) -> Result<Picture, FigureError> {
    match figure.to_png() {
        Ok(png) => Ok(Picture { svg: figure.to_svg(), name, png }),
        Err(source) => Err(FigureError { name, source }),
    }
}

/// A name of a key as a part of the name of a file.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// One measure of a sweep.
struct Study<'s> {
    plan: &'s Plan,
    rows: &'s [Row],
    measure: &'static Measure,
    place: usize,
}

impl Study<'_> {
    fn short(&self) -> String {
        self.measure.name.rsplit_once('_').map_or(self.measure.name, |(name, _)| name).replace('_', "-")
    }

    /// The values of all runs with these values of these axes.
    fn values(&self, fixed: &[(usize, usize)]) -> Vec<f64> {
        let meant = |row: &&Row| {
            let places = self.plan.places(self.plan.point_of(row.run));
            fixed.iter().all(|(axis, value)| places[*axis] == *value)
        };
        self.rows.iter().filter(meant).filter_map(|row| row.cells[self.place].number()).collect()
    }

    fn y(&self) -> PlotAxis {
        PlotAxis::new(self.measure.title, self.measure.unit())
    }

    fn subtitle(&self, shown: usize) -> String {
        let seeds = match self.plan.seeds() {
            1 => String::new(),
            seeds => format!("mean of {seeds} seeds"),
        };
        let rest = if self.plan.axes().len() > shown { "mean over the other parameters" } else { "" };
        [seeds.as_str(), rest].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// A line for each value of `by`, or one; the single runs as points if there is only one.
    fn lines(&self, x: usize, by: Option<usize>) -> Figure {
        let axis = &self.plan.axes()[x];
        let (kind, numbers) = axis.numbers().unwrap_or((super::quantity::Kind::Number, Vec::new()));
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b]));
        let line = |fixed: Option<(usize, usize)>| {
            let point = |place: usize| {
                let fixed: Vec<_> = fixed.into_iter().chain([(x, place)]).collect();
                (numbers[place], mean(&self.values(&fixed)).unwrap_or(f64::NAN))
            };
            order.iter().map(|place| point(*place)).collect::<Vec<_>>()
        };
        let mut panel = Panel::new(self.y());
        let title = match by {
            None => {
                panel = panel.series(Series::new("mean", line(None)));
                if self.plan.seeds() > 1 {
                    let runs = order.iter().flat_map(|place| {
                        self.values(&[(x, *place)]).into_iter().map(|value| (numbers[*place], value))
                    });
                    panel = panel.series(Series::new("runs", runs).style(Style::Points));
                }
                format!("{} over {}", self.measure.title, axis.name)
            }
            Some(other) => {
                let by = &self.plan.axes()[other];
                for (place, value) in by.values.iter().enumerate().take(MOST_LINES) {
                    panel = panel.series(Series::new(named(by, value), line(Some((other, place)))));
                }
                format!("{} over {} for each {}", self.measure.title, axis.name, by.name)
            }
        };
        let x_axis = PlotAxis::new(axis.name.clone(), kind.unit()).scale(scale(&numbers));
        let shown = 1 + usize::from(by.is_some());
        Figure::new(title, x_axis).subtitle(self.subtitle(shown)).panel(panel)
    }

    fn map(&self, x: usize, y: usize) -> HeatMap {
        let (across, up) = (&self.plan.axes()[x], &self.plan.axes()[y]);
        let cell =
            |(row, column): (usize, usize)| mean(&self.values(&[(x, column), (y, row)])).unwrap_or(f64::NAN);
        let places =
            (0..up.values.len()).flat_map(|row| (0..across.values.len()).map(move |column| (row, column)));
        let steps = |axis: &Axis| Steps::new(axis.name.clone(), axis.values.iter().cloned());
        let title = format!("{} over {} and {}", self.measure.title, across.name, up.name);
        HeatMap::new(title, steps(across), steps(up), self.measure.unit(), places.map(cell))
            .subtitle(self.subtitle(2))
    }

    /// The part of the runs that are not above a value, a line for each point; for each value of the first parameter if those
    /// were too many.
    fn distribution(&self) -> Figure {
        let mut panel = Panel::new(PlotAxis::new("Part of the runs", wad_plot::Unit::Share).range(0.0, 1.0));
        let axes = self.plan.axes();
        if axes.is_empty() || axes[0].values.len() > MOST_LINES {
            panel = panel.series(distribution("all runs".to_owned(), self.values(&[])));
        } else if self.plan.points() <= MOST_LINES {
            for point in 0..self.plan.points() {
                let fixed: Vec<_> = self.plan.places(point).into_iter().enumerate().collect();
                panel = panel.series(distribution(self.plan.describe(point), self.values(&fixed)));
            }
        } else {
            for (place, value) in axes[0].values.iter().enumerate() {
                panel = panel.series(distribution(named(&axes[0], value), self.values(&[(0, place)])));
            }
        }
        let subtitle = format!("{} seeds", self.plan.seeds());
        Figure::new(format!("Distribution: {}", self.measure.title), self.y().fit())
            .subtitle(subtitle)
            .panel(panel)
    }
}

fn named(axis: &Axis, value: &str) -> String {
    format!("{} {value}", axis.name)
}

fn scale(numbers: &[f64]) -> Scale {
    let (least, most) =
        numbers.iter().fold((f64::INFINITY, 0.0f64), |(low, high), n| (low.min(*n), high.max(*n)));
    if least > 0.0 && most / least >= LOGARITHMIC { Scale::Log } else { Scale::Linear }
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 runs")]
fn distribution(name: String, mut values: Vec<f64>) -> Series {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let start = values.first().map(|least| (*least, 0.0));
    let steps = values.iter().enumerate().map(|(place, value)| (*value, (place + 1) as f64 / count));
    Series::new(name, start.into_iter().chain(steps)).style(Style::Steps)
}
