//! `wad trace`

mod files;
mod recorder;

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use wad_linux::WatchMode;
use wad_model::Bytes;

use crate::arguments::{EventMode, Trace};
use crate::collector::Collector;
use crate::failure::Failure;
use crate::flow_filter::FlowFilter;
use crate::output;
use recorder::Recorder;

/// How long the loop waits for events before it looks at signals.
const TICK: Duration = Duration::from_millis(20);
/// How often the daemon is looked for, and asked to go on counting.
const RENEWAL: Duration = Duration::from_secs(3);

/// What was recorded.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) files: Vec<String>,
    pub(crate) flows: u64,
    pub(crate) closed_flows: u64,
    pub(crate) samples: u64,
    pub(crate) events: u64,
    pub(crate) lost_events: u64,
    /// Samples that were taken late, or not at all, because the one before took too long.
    pub(crate) late_samples: u64,
    pub(crate) written_bytes: u64,
    pub(crate) duration_s: f64,
}

pub(crate) fn run(arguments: &Trace) -> Result<(), Failure> {
    let out =
        arguments.out.as_ref().ok_or_else(|| Failure::Misuse(anyhow!("name a file with --out FILE")))?;
    let filter = FlowFilter::parse(&arguments.filter).map_err(Failure::Misuse)?;
    let any = arguments.all || !filter.is_empty();
    let collector = Collector::new(filter, &arguments.daemon.runtime_dir)?;
    if !any && !collector.observer.has_daemon() {
        return Err(Failure::Misuse(anyhow!(
            "no daemon runs, so that no flow is designated: name flows by a filter such as dport=443, or use --all"
        )));
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot handle signals")?;
    }
    let mut recorder = Recorder::begin(collector, any, arguments, out)?;
    let progress = progress();
    let result = record(&mut recorder, arguments, &stop, &progress);
    progress.finish_and_clear();
    let finished = recorder.finish();
    result?;
    tell(&finished?, arguments.json)
}

/// Until a signal, or the time is over.
fn record(
    recorder: &mut Recorder,
    arguments: &Trace,
    stop: &AtomicBool,
    progress: &ProgressBar,
) -> Result<(), Failure> {
    let begin = Instant::now();
    let mut due = begin;
    let mut renewal = begin;
    while !stop.load(Ordering::Relaxed) && arguments.duration.is_none_or(|limit| begin.elapsed() < limit) {
        let now = Instant::now();
        if now >= renewal {
            recorder.renew()?;
            renewal = now + RENEWAL;
        }
        if now >= due {
            recorder.sample()?;
            due += arguments.interval;
            // What is late is not made up for: times of samples would be those of a burst.
            while due <= Instant::now() {
                due += arguments.interval;
                recorder.summary.late_samples += 1;
            }
            progress.set_message(line(&recorder.summary));
        }
        recorder.take_events(TICK.min(due.saturating_duration_since(Instant::now())))?;
    }
    // What has happened up to now.
    recorder.take_events(Duration::ZERO)
}

impl EventMode {
    /// How flows are watched.
    pub(crate) const fn watch(self) -> WatchMode {
        match self {
            Self::Ack => WatchMode::Arrivals,
            Self::Rtt => WatchMode::RoundTrips,
        }
    }

    /// The name of the table.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Ack => "acks",
            Self::Rtt => "round_trips",
        }
    }
}

/// On standard error, and only where that is a terminal.
fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{elapsed_precise}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

fn line(summary: &Summary) -> String {
    let Summary { flows, samples, events, lost_events, .. } = summary;
    let events = if *events == 0 { String::new() } else { format!(", {events} events, {lost_events} lost") };
    format!("{flows} flows, {samples} samples{events}, {}", Bytes::new(summary.written_bytes))
}

fn tell(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        output::print_json(summary)
    } else {
        output::print(format!("{}: {}", summary.files.join(", "), line(summary)))
    }
}
