//! The two figures of the demo: throughput over time and congestion window over time.

use std::path::{Path, PathBuf};

use wad_lab::Report;
use wad_plot::{Axis, Figure, Panel, Series, Style, Unit};

use super::measurement::{PathFacts, sender};
use crate::failure::Failure;
use crate::output;

/// Less than this is the talk before the transfer and after it.
const TALK_BYTES: u64 = 4096;

/// Draws both figures as SVG and PNG and says where they are.
pub(super) fn write(directory: &Path, untuned: &Report, tuned: &Report) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for (name, figure) in
        [("throughput", throughput(untuned, tuned)), ("congestion-window", windows(untuned, tuned)?)]
    {
        let file = directory.join(name);
        let (svg, png) = (file.with_extension("svg"), file.with_extension("png"));
        output::write_file(&svg, figure.to_svg())?;
        output::write_file(&png, figure.to_png()?)?;
        files.extend([svg, png]);
    }
    Ok(files)
}

fn figure(title: &str) -> Figure {
    Figure::new(title, Axis::new("Time", Unit::Seconds))
        .subtitle("The same iperf3 -w 64K over 622 Mbit/s and 70 ms, untuned and with the daemon running")
}

fn throughput(untuned: &Report, tuned: &Report) -> Figure {
    let panel = Panel::new(Axis::new("Throughput", Unit::BitsPerSecond))
        .series(Series::new("tuned", rates(&delivered(tuned))))
        .series(Series::new("untuned", rates(&delivered(untuned))))
        .reference(PathFacts::of(tuned).rate_bps_f64(), "path rate 622 Mbit/s");
    figure("Throughput of one transfer").panel(panel)
}

fn windows(untuned: &Report, tuned: &Report) -> Result<Figure, Failure> {
    let series = |name, report| -> Result<Series, Failure> {
        let samples = sender(report)?;
        let begin = samples.first().map_or(0.0, |sample| sample.time_s);
        let points: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|sample| Some((sample.time_s - begin, f64::from(sample.cwnd_segments?))))
            .collect();
        Ok(Series::new(name, points).style(Style::Steps))
    };
    let panel = Panel::new(Axis::new("Congestion window", Unit::Segments))
        .series(series("tuned", tuned)?)
        .series(series("untuned", untuned)?);
    Ok(figure("Congestion window of one transfer").panel(panel))
}

/// Bytes that the path had delivered, over time: in order or not, as on a wire.
fn delivered(report: &Report) -> Vec<(f64, u64)> {
    let samples = &report.path.forward.direction.samples;
    let all = samples.last().map_or(0, |sample| sample.delivered_bytes);
    samples
        .iter()
        .skip_while(|sample| sample.delivered_bytes < TALK_BYTES)
        .take_while(|sample| sample.delivered_bytes + TALK_BYTES < all)
        .map(|sample| (sample.time_s, sample.delivered_bytes))
        .collect()
}

/// Rates between samples, from the first on, in bits a second.
#[expect(clippy::cast_precision_loss, reason = "a transfer of the demo is far below 2^53 bytes")]
fn rates(arrived: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let begin = arrived.first().map_or(0.0, |first| first.0);
    arrived
        .windows(2)
        .map(|pair| {
            let seconds = pair[1].0 - pair[0].0;
            let bits = pair[1].1.saturating_sub(pair[0].1) as f64 * 8.0;
            (pair[1].0 - begin, bits / seconds)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_between_samples() {
        assert_eq!(rates(&[(1.0, 0), (1.5, 1000), (2.5, 1000)]), [(0.5, 16_000.0), (1.5, 0.0)]);
    }
}
