//! The figures of a trace: throughput, windows, round trips, retransmissions, one flow as a whole, and runs compared.
//!
//! Counters have the names of the project's table. A figure whose counters the trace lacks is not made. Where there are
//! more flows than a legend can tell apart, those that carried most are drawn and the sum is that of all.

use std::net::SocketAddr;
use std::time::Duration;

use wad_plot::{Axis, Figure, Panel, Series, Style, Unit};

use crate::recording::{Points, Recording, Track};

/// The columns that figures are made of.
pub const COLUMNS: [&str; 8] = [
    "ThruBytesAcked",
    "ThruBytesReceived",
    "DataBytesOut",
    "CurCwnd",
    "CurSsthresh",
    "SmoothedRTT",
    "MinRTT",
    "PktsRetrans",
];

/// As many flows as are drawn one by one.
const MOST_FLOWS: usize = 6;
/// The shortest step of a rate that is drawn: a few round trips of most paths.
const STEP: Duration = Duration::from_millis(500);

/// All figures that the trace has the counters for, with names that suit as names of files.
#[must_use]
pub fn figures(recording: &Recording) -> Vec<(&'static str, Figure)> {
    let figures = [
        ("throughput", throughput(recording)),
        ("windows", windows(recording)),
        ("rtt", round_trips(recording)),
        ("retransmits", retransmissions(recording)),
        ("overview", overview(recording)),
    ];
    figures.into_iter().filter_map(|(name, figure)| Some((name, figure?))).collect()
}

/// Throughput of each flow, at each moment and on average, and of all together.
#[must_use]
pub fn throughput(recording: &Recording) -> Option<Figure> {
    let subject = Subject::new(recording);
    let mut panel = Panel::new(rate_axis());
    let mut drawn = false;
    for track in &subject.flows {
        let Some(counter) = goodput_counter(track) else { continue };
        drawn = true;
        panel = panel.series(Series::new(subject.name(track), bits(track.rate(counter, subject.step))));
        if subject.alone() {
            let average = bits(track.average_rate(counter));
            panel = panel.series(Series::new("average since the start", average).style(Style::Dashed));
        }
    }
    if !subject.alone() {
        panel = panel.series(Series::new(subject.total_name(), total_throughput(recording, subject.step)));
    }
    drawn.then(|| subject.figure("Throughput").panel(panel))
}

/// Congestion windows of each flow and of all together, with the slow-start threshold of a flow that is alone.
#[must_use]
pub fn windows(recording: &Recording) -> Option<Figure> {
    let subject = Subject::new(recording);
    let mut panel = Panel::new(Axis::new("Congestion window", Unit::Segments));
    for track in subject.having("CurCwnd") {
        panel = panel.series(Series::new(subject.name(track), track.points("CurCwnd")).style(Style::Steps));
        if let (true, Some(threshold)) = (subject.alone(), threshold(track)) {
            panel = panel.series(Series::new("slow-start threshold", threshold).style(Style::Dashed));
        }
    }
    if !subject.alone() {
        panel =
            panel.series(Series::new(subject.total_name(), recording.total("CurCwnd", subject.sampling())));
    }
    subject.any("CurCwnd").then(|| subject.figure("Congestion window").panel(panel))
}

/// Smoothed round-trip times, and the smallest one.
#[must_use]
pub fn round_trips(recording: &Recording) -> Option<Figure> {
    let subject = Subject::new(recording);
    let mut panel = Panel::new(Axis::new("Round-trip time", Unit::Seconds));
    for track in subject.having("SmoothedRTT") {
        panel = panel.series(Series::new(subject.name(track), track.points("SmoothedRTT")));
    }
    let smallest =
        subject.flows.iter().filter_map(|track| track.last("MinRTT")).fold(f64::INFINITY, f64::min);
    if smallest.is_finite() {
        panel = panel.reference(smallest, "smallest");
    }
    subject.any("SmoothedRTT").then(|| subject.figure("Round-trip time").panel(panel))
}

/// Segments that were sent again, counted up.
#[must_use]
pub fn retransmissions(recording: &Recording) -> Option<Figure> {
    let subject = Subject::new(recording);
    let mut panel = Panel::new(Axis::new("Sent again", Unit::Segments));
    for track in subject.having("PktsRetrans") {
        panel =
            panel.series(Series::new(subject.name(track), track.growth("PktsRetrans")).style(Style::Steps));
    }
    subject.any("PktsRetrans").then(|| subject.figure("Retransmissions").panel(panel))
}

/// What the flow that carried most did, one thing above the other.
#[must_use]
pub fn overview(recording: &Recording) -> Option<Figure> {
    let subject = Subject::new(recording);
    let track = subject.flows.first()?;
    let counter = goodput_counter(track)?;
    let rate = bits(track.rate(counter, subject.step));
    let mut panels = vec![
        Panel::new(rate_axis())
            .series(Series::new("throughput", rate))
            .series(Series::new("average", bits(track.average_rate(counter))).style(Style::Dashed)),
    ];
    if track.has("CurCwnd") {
        let window = Series::new("congestion window", track.points("CurCwnd")).style(Style::Steps);
        let mut panel = Panel::new(Axis::new("Window", Unit::Segments)).series(window);
        if let Some(threshold) = threshold(track) {
            panel = panel.series(Series::new("slow-start threshold", threshold).style(Style::Dashed));
        }
        panels.push(panel);
    }
    if track.has("SmoothedRTT") {
        let mut panel = Panel::new(Axis::new("Round trip", Unit::Seconds))
            .series(Series::new("round-trip time", track.points("SmoothedRTT")));
        if let Some(smallest) = track.last("MinRTT") {
            panel = panel.reference(smallest, "smallest");
        }
        panels.push(panel);
    }
    if track.has("PktsRetrans") {
        let again = Series::new("sent again", track.growth("PktsRetrans")).style(Style::Steps);
        panels.push(Panel::new(Axis::new("Sent again", Unit::Segments)).series(again));
    }
    let title = format!("One flow, {}", track.name());
    Some(Figure::new(title, time_axis()).subtitle(subject.subtitle()).panels(panels))
}

/// Several recordings, each as the sum of its flows and each from its own first sample on: throughput, and windows
/// where all have them.
#[must_use]
pub fn comparison(runs: &[(String, Recording)]) -> Option<Figure> {
    let mut throughput = Panel::new(rate_axis());
    let mut windows = Panel::new(Axis::new("Congestion window", Unit::Segments));
    let mut have_windows = true;
    for (name, recording) in runs {
        let subject = Subject::new(recording);
        let start =
            recording.flows.iter().filter_map(|track| track.times.first().copied()).fold(f64::NAN, f64::min);
        let from_start = |points: Points| points.into_iter().map(move |(time, value)| (time - start, value));
        let total = total_throughput(recording, subject.step);
        throughput = throughput.series(Series::new(name.clone(), from_start(total)));
        have_windows &= subject.any("CurCwnd");
        let window = recording.total("CurCwnd", subject.sampling());
        windows = windows.series(Series::new(name.clone(), from_start(window)).style(Style::Steps));
    }
    let means: Vec<_> =
        runs.iter().map(|(name, recording)| format!("{name} {}", mean_rate(recording))).collect();
    if runs.iter().all(|(_, recording)| recording.flows.is_empty()) {
        return None;
    }
    let title = if runs.len() == 2 {
        "Two runs compared".to_owned()
    } else {
        format!("{} runs compared", runs.len())
    };
    let figure = Figure::new(title, Axis::new("Time since the first sample", Unit::Seconds))
        .subtitle(format!("Mean throughput: {}", means.join(", ")))
        .panel(throughput);
    Some(if have_windows { figure.panel(windows) } else { figure })
}

/// What a figure is of.
struct Subject<'r> {
    recording: &'r Recording,
    /// Those that carried most, the first one most of all.
    flows: Vec<&'r Track>,
    /// Of rates.
    step: Duration,
}

impl<'r> Subject<'r> {
    fn new(recording: &'r Recording) -> Self {
        let mut flows: Vec<_> = recording.flows.iter().collect();
        flows.sort_by(|a, b| carried(b).total_cmp(&carried(a)));
        flows.truncate(MOST_FLOWS);
        let step = recording.header.interval.unwrap_or(STEP).max(STEP);
        Self { recording, flows, step }
    }

    fn alone(&self) -> bool {
        self.recording.flows.len() == 1
    }

    fn having(&self, column: &'static str) -> impl Iterator<Item = &'r Track> {
        self.flows.iter().copied().filter(move |track| track.has(column))
    }

    fn any(&self, column: &'static str) -> bool {
        self.having(column).next().is_some()
    }

    fn sampling(&self) -> Duration {
        self.recording.header.interval.unwrap_or(self.step)
    }

    /// What the legend calls a flow: of flows to one destination the port of this end is enough.
    fn name(&self, track: &Track) -> String {
        match (&track.flow, self.destination()) {
            (Some(flow), Some(_)) if !self.alone() => format!("port {}", flow.key.source.port()),
            _ => track.name(),
        }
    }

    /// The other end, if all flows have the same.
    fn destination(&self) -> Option<SocketAddr> {
        let mut ends = self.recording.flows.iter().map(|track| Some(track.flow.as_ref()?.key.destination));
        let first = ends.next()??;
        ends.all(|end| end == Some(first)).then_some(first)
    }

    fn total_name(&self) -> String {
        format!("all {} together", self.recording.flows.len())
    }

    fn figure(&self, what: &str) -> Figure {
        let title = match self.recording.flows.len() {
            1 => format!("{what} of one flow"),
            count if count > MOST_FLOWS => {
                format!("{what} of {count} flows, the {MOST_FLOWS} largest one by one")
            }
            count => format!("{what} of {count} flows"),
        };
        Figure::new(title, time_axis()).subtitle(self.subtitle())
    }

    fn subtitle(&self) -> String {
        let header = &self.recording.header;
        let date = header.start.wall.to_string();
        let date = date.split('.').next().unwrap_or(&date).replace('T', " ");
        let often = match header.interval {
            Some(interval) => format!(", a sample every {}", wad_model::format_duration(interval)),
            None => String::new(),
        };
        let way = match self.destination() {
            Some(destination) if !self.alone() => format!("{} → {destination}", header.host),
            _ => header.host.clone(),
        };
        format!("{way}, {date} UTC{often}; mean {}", mean_rate(self.recording))
    }
}

fn time_axis() -> Axis {
    Axis::new("Time", Unit::Seconds)
}

fn rate_axis() -> Axis {
    Axis::new("Throughput", Unit::BitsPerSecond)
}

/// What a flow carried, in bytes.
fn carried(track: &Track) -> f64 {
    goodput_counter(track)
        .and_then(|counter| track.growth(counter).last().map(|point| point.1))
        .unwrap_or(0.0)
}

/// The counter of what arrived: of the direction in which more did.
fn goodput_counter(track: &Track) -> Option<&'static str> {
    let grown = |counter: &&str| track.growth(counter).last().map_or(0.0, |point| point.1);
    let sent = if track.has("ThruBytesAcked") { "ThruBytesAcked" } else { "DataBytesOut" };
    let counters = [sent, "ThruBytesReceived"].into_iter().filter(|counter| track.has(counter));
    counters.max_by(|a, b| grown(a).total_cmp(&grown(b)))
}

fn bits(points: Points) -> Points {
    points.into_iter().map(|(time, rate)| (time, rate * 8.0)).collect()
}

/// The throughput of all flows, whichever way each of them sends.
fn total_throughput(recording: &Recording, step: Duration) -> Points {
    let mut by_counter: Vec<Points> = Vec::new();
    for counter in ["ThruBytesAcked", "DataBytesOut", "ThruBytesReceived"] {
        // All steps are those of the whole recording, so that the sums can be added.
        let mut part = recording.clone();
        for track in &mut part.flows {
            if goodput_counter(track) != Some(counter) {
                track.forget(counter);
            }
        }
        by_counter.push(part.total_rate(counter, step));
    }
    let mut total = by_counter.pop().unwrap_or_default();
    for points in by_counter {
        for (sum, point) in total.iter_mut().zip(points) {
            sum.1 += point.1;
        }
    }
    bits(total)
}

/// The mean throughput as a text.
fn mean_rate(recording: &Recording) -> String {
    let times = || recording.flows.iter().flat_map(|track| track.times.iter().copied());
    let span = times().fold(f64::NEG_INFINITY, f64::max) - times().fold(f64::INFINITY, f64::min);
    let rate = recording.flows.iter().map(carried).sum::<f64>() * 8.0 / span;
    if !rate.is_finite() {
        return "unknown".to_owned();
    }
    let (scale, unit) = match rate {
        rate if rate >= 1e9 => (1e9, "Gbit/s"),
        rate if rate >= 1e6 => (1e6, "Mbit/s"),
        _ => (1e3, "kbit/s"),
    };
    let scaled = rate / scale;
    if scaled >= 100.0 { format!("{scaled:.0} {unit}") } else { format!("{scaled:.1} {unit}") }
}

/// The slow-start threshold where there is one that a figure has room for: Linux begins with 2^31 - 1.
fn threshold(track: &Track) -> Option<Points> {
    let highest = track.points("CurCwnd").iter().map(|point| point.1).fold(0.0, f64::max);
    let shown = |value: f64| if value <= 2.0 * highest { value } else { f64::NAN };
    let points: Points =
        track.points("CurSsthresh").into_iter().map(|(time, value)| (time, shown(value))).collect();
    points.iter().any(|point| point.1.is_finite()).then_some(points)
}
