//! `wad lab run`

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use tracing_subscriber::filter::LevelFilter;
use wad_lab::report::{ApplicationReport, LinkReport};
use wad_lab::{Cancel, LabError, Report, RunOptions, Scenario};
use wad_model::Rate;

use crate::arguments::LabRun;
use crate::failure::Failure;
use crate::log;
use crate::output;
use crate::progress::Progress;

pub(crate) fn run(arguments: &LabRun) -> Result<(), Failure> {
    log::start(LevelFilter::WARN)?;
    let cancel = Cancel::on_signals().context("cannot handle signals")?;
    let name = arguments.scenario.display();
    let scenario = Scenario::load(&arguments.scenario)
        .map_err(|error| Failure::Misuse(anyhow::Error::new(error).context(name.to_string())))?;
    let progress = Progress::new(&scenario.name, scenario.duration);
    let report = observed(&scenario, &cancel, arguments.out.clone(), progress)?;
    if arguments.json {
        output::print_json(&report)?
    } else {
        print(&report)?
    }
    verdict(&report)
}

/// Runs a scenario with a progress bar.
pub(crate) fn observed(
    scenario: &Scenario,
    cancel: &Cancel,
    directory: Option<PathBuf>,
    progress: Progress,
) -> Result<Report, LabError> {
    let mut tell = |event: wad_lab::Progress<'_>| progress.tell(event);
    wad_lab::run(scenario, RunOptions { progress: Some(&mut tell), cancel: cancel.clone(), directory })
}

/// An application that failed by itself, or a run that did not end, is a failure that the work found.
pub(crate) fn verdict(report: &Report) -> Result<(), Failure> {
    if report.timed_out {
        let seconds = report.duration_s;
        return Err(
            anyhow!("the run was stopped after {seconds:.1} s with applications still running").into()
        );
    }
    let failed = report.applications.iter().find(|one| one.tail.is_some() && !one.stopped);
    match failed {
        Some(one) => Err(anyhow!("{} failed: {}", one.name, last_line(one)).into()),
        None => Ok(()),
    }
}

/// What a program said last is mostly why it failed.
fn last_line(application: &ApplicationReport) -> &str {
    application.tail.as_deref().and_then(|tail| tail.lines().next_back()).unwrap_or("it said nothing")
}

fn print(report: &Report) -> Result<(), Failure> {
    output::print(format_args!("{}: {:.1} s, {} path\n", report.name, report.duration_s, report.path.mode))?;
    let mut applications = output::table(&["application", "host", "status", "goodput", "retransmits"], false);
    applications.add_rows(report.applications.iter().map(application));
    output::print(applications)?;
    let mut path = output::table(
        &[
            "path",
            "entered",
            "delivered",
            "queue drops",
            "losses",
            "reordered",
            "largest queue",
            "mean queue",
            "late p99",
        ],
        true,
    );
    path.add_row(direction("forward", &report.path.forward));
    path.add_row(direction("backward", &report.path.backward));
    output::print(format_args!("\n{path}"))
}

fn application(application: &ApplicationReport) -> [String; 5] {
    let iperf3 = application.iperf3.as_ref();
    let status = match (application.exit_code, application.signal) {
        _ if application.stopped => "stopped".to_owned(),
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "not started".to_owned(),
    };
    [
        application.name.clone(),
        application.host.clone().unwrap_or_else(|| "-".to_owned()),
        status,
        iperf3.and_then(|result| result.goodput_bps).map_or_else(|| "-".to_owned(), rate),
        iperf3
            .and_then(|result| result.retransmits)
            .map_or_else(|| "-".to_owned(), |count| count.to_string()),
    ]
}

fn direction(name: &str, report: &LinkReport) -> [String; 9] {
    let (link, lateness) = (&report.direction.link, &report.direction.lateness);
    [
        name.to_owned(),
        link.entered_packets.to_string(),
        link.delivered_packets.to_string(),
        link.dropped_by_queue_packets.to_string(),
        link.lost_by_model_packets.to_string(),
        link.reordered_packets.to_string(),
        link.queue_largest_packets.to_string(),
        format!("{:.1}", link.queue_mean_packets),
        format!("{:.3} ms", lateness.p99_s * 1e3),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a goodput is not negative and far below 2^64 bit/s"
)]
fn rate(bps: f64) -> String {
    Rate::from_bps(bps as u64).to_string()
}
