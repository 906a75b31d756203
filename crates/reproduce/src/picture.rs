//! The plots that the sources drew, of the first repetition.

use wad_lab::Report;
use wad_plot::{Axis, Figure, Panel, Series, Style, Unit};

use crate::compose::{PORT, SENDER};
use crate::error::ReproduceError;
use crate::experiment::{Experiment, PictureKind};
use crate::quantity::Quantity;
use crate::row::Row;
use crate::run::VariantRuns;
use crate::windows::{self, Windows};

/// Half the width of a bar, of the distance between two.
const HALF_BAR: f64 = 0.4;

/// A picture in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its name without an ending.
    pub name: String,
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: Vec<u8>,
}

/// The pictures of an experiment.
///
/// # Errors
/// One cannot be drawn.
pub fn pictures(
    experiment: &Experiment,
    runs: &[VariantRuns],
    row: &Row,
) -> Result<Vec<Picture>, ReproduceError> {
    let figure = figure(experiment, runs, row);
    let png =
        figure.to_png().map_err(|source| ReproduceError::Picture { id: experiment.id.clone(), source })?;
    Ok(vec![Picture { name: experiment.id.clone(), svg: figure.to_svg(), png }])
}

fn figure(experiment: &Experiment, runs: &[VariantRuns], row: &Row) -> Figure {
    let reports = || runs.iter().filter_map(|run| Some((run.variant.as_str(), run.first.as_ref()?)));
    let (x, panel) = match experiment.picture {
        PictureKind::Window => (
            Axis::new("Time", Unit::Seconds),
            Panel::new(Axis::new("Congestion window", Unit::Segments))
                .all(reports().flat_map(|(name, report)| windows_of(name, report))),
        ),
        PictureKind::Throughput => (
            Axis::new("Time", Unit::Seconds),
            Panel::new(Axis::new("Throughput", Unit::BitsPerSecond))
                .all(reports().map(|(name, report)| Series::new(name, throughput(report)))),
        ),
        PictureKind::Bars => (
            Axis::new("Variant", Unit::None),
            Panel::new(Axis::new("Goodput, median", Unit::BitsPerSecond)).all(bars(row)),
        ),
    };
    Figure::new(format!("{}: {}", experiment.id, experiment.title), x)
        .subtitle(format!("As in {}, on an emulated path", experiment.source))
        .panel(panel)
}

/// Several series at once.
trait All {
    fn all(self, series: impl IntoIterator<Item = Series>) -> Self;
}

impl All for Panel {
    fn all(self, series: impl IntoIterator<Item = Series>) -> Self {
        series.into_iter().fold(self, Self::series)
    }
}

/// The window of a variant; with several streams also that of each.
fn windows_of(name: &str, report: &Report) -> Vec<Series> {
    let windows = Windows::of(report, PORT);
    let begin = windows.instants().first().and_then(|instant| instant.first()).map_or(0.0, |one| one.time_s);
    let sum = windows
        .instants()
        .iter()
        .filter_map(|instant| Some((instant.first()?.time_s - begin, windows::window(instant))));
    let mut all = vec![Series::new(name, sum).style(Style::Steps)];
    let streams = windows::streams(report, SENDER, |flow| flow.destination.port() == PORT);
    if streams.len() > 1 {
        all.extend(streams.iter().enumerate().map(|(at, samples)| {
            let points = samples
                .iter()
                .filter_map(|sample| Some((sample.time_s - begin, f64::from(sample.cwnd_segments?))));
            Series::new(format!("{name}, stream {}", at + 1), points).style(Style::Steps)
        }));
    }
    all
}

/// What arrived between samples, in bits a second.
#[expect(clippy::cast_precision_loss, reason = "a transfer is far below 2^53 bytes")]
fn throughput(report: &Report) -> Vec<(f64, f64)> {
    let samples = &report.path.forward.direction.samples;
    let begin = samples.iter().find(|sample| sample.delivered_bytes > 4096).map_or(0.0, |one| one.time_s);
    samples
        .windows(2)
        .filter(|pair| pair[0].time_s >= begin)
        .map(|pair| {
            let bits = (pair[1].delivered_bytes - pair[0].delivered_bytes) as f64 * 8.0;
            (pair[1].time_s - begin, bits / (pair[1].time_s - pair[0].time_s))
        })
        .collect()
}

fn bars(row: &Row) -> Vec<Series> {
    let goodput = |name: &String| Some(row.measured.get(name)?.get(&Quantity::GoodputBps)?.median);
    let mut place = 0.0;
    let mut bar = |name: &String| {
        let value = goodput(name)?;
        place += 1.0;
        let (left, right) = (place - HALF_BAR, place + HALF_BAR);
        Some(Series::new(name.as_str(), [(left, 0.0), (left, value), (right, value), (right, 0.0)]))
    };
    row.variants.iter().filter_map(&mut bar).collect()
}
