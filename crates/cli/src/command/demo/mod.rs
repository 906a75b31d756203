//! `wad demo`: the same transfer twice, without the daemon and with it.

mod measurement;
mod picture;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;
use wad_lab::{Cancel, Report, Scenario};
use wad_model::{Bytes, Rate, format_duration};

use self::measurement::{Measurement, PathFacts};
use crate::arguments::Demo;
use crate::command::lab_run;
use crate::failure::Failure;
use crate::log;
use crate::output;
use crate::progress::Progress;

const UNTUNED: &str = include_str!("untuned.toml");
const DAEMON: &str = include_str!("daemon.toml");
const CONFIG: &str = include_str!("wad.toml");

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    path: PathFacts,
    untuned: Measurement,
    tuned: Measurement,
    ratio: f64,
    /// Where the figures are.
    pictures: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Demo) -> Result<(), Failure> {
    log::start(LevelFilter::WARN)?;
    let cancel = Cancel::on_signals().context("cannot handle signals")?;
    let untuned = transfer(arguments, "untuned", UNTUNED.to_owned(), &cancel)?;
    let tuned = transfer(arguments, "tuned", tuned_scenario(), &cancel)?;
    let document = Document {
        path: PathFacts::of(&untuned),
        ratio: 0.0,
        pictures: picture::write(&arguments.out, &untuned, &tuned)?,
        untuned: Measurement::of(&untuned)?,
        tuned: Measurement::of(&tuned)?,
    };
    let document = Document { ratio: document.tuned.goodput_bps / document.untuned.goodput_bps, ..document };
    if arguments.json { output::print_json(&document) } else { print(&document) }
}

/// The daemon comes before the transfer, after the server.
fn tuned_scenario() -> String {
    UNTUNED.replacen("[[application]]", &format!("{}\n[[application]]", DAEMON.trim()), 1)
}

fn transfer(arguments: &Demo, name: &str, scenario: String, cancel: &Cancel) -> Result<Report, Failure> {
    let directory = arguments.out.join(name);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let config = directory.join("wad.toml");
    output::write_file(&config, CONFIG)?;
    let limit = Duration::from_secs(u64::from(arguments.seconds) + 30);
    let text = scenario
        .replace("SECONDS", &limit.as_secs().to_string())
        .replace("TRANSFER", &arguments.seconds.to_string());
    let scenario = Scenario::parse(&text)?;
    let expected = Duration::from_secs(arguments.seconds.into());
    let report = lab_run::observed(&scenario, cancel, Some(directory), Progress::new(name, expected))?;
    // A transfer that failed proves nothing.
    lab_run::verdict(&report)?;
    Ok(report)
}

fn print(document: &Document) -> Result<(), Failure> {
    let Document { path, untuned, tuned, ratio, pictures } = document;
    output::print(format_args!(
        "\nThe same `iperf3 -w 64K` over a path of {}, {} and a queue of {}:\n",
        Rate::from_bps(path.rate_bps),
        format_duration(Duration::from_secs_f64(path.rtt_s)),
        Bytes::new(path.queue_bytes),
    ))?;
    let mut table = output::table(&["", "untuned", "tuned by WAD", "ratio"], true);
    let rate = |bps: f64| format!("{:.1} Mbit/s", bps / 1e6);
    let mut row = |name: &str, value: &dyn Fn(&Measurement) -> String, ratio: Option<f64>| {
        let ratio = ratio.map(|ratio| format!("{ratio:.1} x")).unwrap_or_default();
        table.add_row([name, &value(untuned), &value(tuned), &ratio]);
    };
    row("goodput", &|one| rate(one.goodput_bps), Some(*ratio));
    let second_half = tuned.second_half_bps / untuned.second_half_bps;
    row("goodput, second half", &|one| rate(one.second_half_bps), Some(second_half));
    let share = |bps: f64| format!("{:.1} %", bps / path.rate_bps_f64() * 100.0);
    row("  of the path's rate", &|one| share(one.second_half_bps), None);
    row("largest congestion window", &|one| format!("{} segments", one.largest_window_segments), None);
    row("largest window offered", &|one| Bytes::new(one.offered_window_bytes.into()).to_string(), None);
    row("  in each round trip", &|one| rate(one.offered_window_bps), None);
    row("round-trip time, mean", &|one| format!("{:.1} ms", one.rtt_mean_s * 1e3), None);
    row("retransmits", &|one| one.retransmits.to_string(), None);
    output::print(table)?;
    output::print("")?;
    pictures.iter().try_for_each(|picture| output::print(picture.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_scenarios_and_the_configuration_are_valid() {
        for text in [UNTUNED.to_owned(), tuned_scenario()] {
            Scenario::parse(&text.replace("SECONDS", "10").replace("TRANSFER", "5")).unwrap();
        }
        wad_tune::Config::parse(CONFIG).unwrap();
    }
}
