//! `wad diagnose`

use std::fmt::Write as _;
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use indicatif::ProgressBar;
use wad_diagnose::decode::{capture, iperf3, ss, trace};
use wad_diagnose::{Evidence, FindingReport, Limits, Remedy, Report, diagnose};
use wad_faults::sampler::{self, Watch};
use wad_model::Rate;
use wad_trace::Reader;

use crate::arguments::Diagnose;
use crate::failure::Failure;
use crate::output;

/// How often a running flow is sampled.
const INTERVAL: Duration = Duration::from_millis(100);
/// A flow that carried less than this part of the largest of a recording is not told of to people.
const WORTH_TELLING: f64 = 0.01;

pub(crate) fn run(arguments: &Diagnose) -> Result<(), Failure> {
    let flows = evidence(arguments)?;
    let reports: Vec<Report> =
        flows.iter().map(|flow| Report::new(flow, diagnose(flow, arguments.target))).collect();
    if arguments.json {
        return output::print_json(&serde_json::json!({ "flows": reports }));
    }
    let size = |report: &Report| report.summary.goodput_bps.unwrap_or(0.0) * report.summary.duration_s;
    let largest = reports.iter().map(size).fold(0.0, f64::max);
    let told: Vec<&Report> =
        reports.iter().filter(|report| size(report) >= largest * WORTH_TELLING).collect();
    for report in &told {
        print(report)?;
    }
    if told.len() < reports.len() {
        output::print(format_args!(
            "{} small flows are not shown; --json has them",
            reports.len() - told.len()
        ))?;
    }
    Ok(())
}

fn evidence(arguments: &Diagnose) -> Result<Vec<Evidence>, Failure> {
    if let Some(file) = &arguments.trace {
        let input = fs::File::open(file).with_context(|| cannot_read(file)).map_err(Failure::Misuse)?;
        let mut reader = Reader::new(BufReader::new(input)).map_err(|error| wrong(file, &error))?;
        let (flows, faults) = trace::read(&mut reader);
        // What is whole is diagnosed; a recording that is still written ends so.
        for fault in faults {
            Failure::from(anyhow!("{}: note: {fault}", file.display())).report();
        }
        return if flows.is_empty() {
            Err(anyhow!("{}: no flow in it", file.display()).into())
        } else {
            Ok(flows)
        };
    }
    if let Some(file) = &arguments.pcap {
        let bytes = fs::read(file).with_context(|| cannot_read(file)).map_err(Failure::Misuse)?;
        return capture::read(&bytes).map_err(|error| wrong(file, &error));
    }
    if let Some(file) = &arguments.iperf {
        return iperf3::parse(&text(file)?).map_err(|error| wrong(file, &error));
    }
    if let Some(file) = &arguments.ss {
        return ss::parse(&text(file)?).map_err(|error| wrong(file, &error));
    }
    live(arguments).map(|flow| vec![flow])
}

fn cannot_read(file: &Path) -> String {
    format!("cannot read {}", file.display())
}

fn text(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).with_context(|| cannot_read(file)).map_err(Failure::Misuse)
}

fn wrong(file: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::Misuse(anyhow!("{}: {error}", file.display()))
}

fn live(arguments: &Diagnose) -> Result<Evidence, Failure> {
    let far = arguments.flow.ok_or_else(|| Failure::Misuse(anyhow!("no flow is given")))?;
    let time = Duration::from_secs(arguments.seconds.into());
    let watch = Watch {
        address: far.ip(),
        port: far.port(),
        local_port: arguments.local_port,
        interval: INTERVAL,
        time: Some(time),
        patience: time,
    };
    let bar = ProgressBar::new(u64::from(arguments.seconds) * 1000);
    let tell = |elapsed: Duration| bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    let evidence = sampler::watch(&watch, || {}, tell).context("cannot watch the flow");
    bar.finish_and_clear();
    evidence?.ok_or_else(|| {
        anyhow!("no flow to {far} in this network namespace; `ss -tn` lists those that there are").into()
    })
}

fn print(report: &Report) -> Result<(), Failure> {
    let end = |end: &Option<String>| end.clone().unwrap_or_else(|| "?".to_owned());
    let control = report.congestion_control.as_deref().map_or_else(String::new, |name| format!(", {name}"));
    let head = format!("{} -> {}{control}", end(&report.source), end(&report.destination));
    output::print(format_args!("{head}, from {}: {}\n", report.evidence, report.verdict))?;
    let mut table = output::table(&["the flow", ""], true);
    table.add_rows(numbers(report));
    output::print(table)?;
    if let Some(limits) = report.limits {
        let mut table = output::table(&["limited by", "share of its life"], true);
        table.add_rows(shares(limits).map(|(name, share)| [name.to_owned(), percent(share)]));
        output::print(format_args!("\n{table}"))?;
    }
    for (number, finding) in report.findings.iter().enumerate() {
        output::print(format_args!("\n{}", finding_text(number + 1, finding)))?;
    }
    output::print("")
}

fn numbers(report: &Report) -> Vec<[String; 2]> {
    let (summary, outlook) = (&report.summary, &report.outlook);
    let mut rows =
        vec![["watched".to_owned(), format!("{:.1} s, {} samples", summary.duration_s, summary.samples)]];
    let mut row =
        |name: &str, value: Option<String>| rows.extend(value.map(|value| [name.to_owned(), value]));
    row("goodput", summary.goodput_bps.map(rate));
    row("round trip, least", summary.least_rtt_s.map(millis));
    row("round trip, median", summary.median_rtt_s.map(millis));
    row("sent again", summary.loss_rate.map(|loss| format!("{:.3} %", loss * 100.0)));
    let best = if outlook.is_capacity { "the path carries" } else { "the path carries at least" };
    row(best, outlook.best_rate_bps.map(rate));
    row("standard TCP has with this loss", outlook.rate_by_loss_bps.map(rate));
    if let Some(target) = outlook.target_bps {
        let target = rate(target);
        row(
            &format!("{target} needs a loss below"),
            outlook.loss_for_target.map(|loss| format!("{loss:.1e}")),
        );
        let buffer = outlook.buffer_for_target_bytes.map(|bytes| format!("{:.2} MB", bytes / 1e6));
        row(&format!("{target} needs buffers of"), buffer);
    }
    rows
}

fn shares(limits: Limits) -> [(&'static str, f64); 6] {
    [
        ("application", limits.application),
        ("send buffer", limits.send_buffer),
        ("receiver's window", limits.receive_window),
        ("congestion window", limits.congestion_window),
        ("recovery", limits.recovery),
        ("pacing", limits.pacing),
    ]
}

fn finding_text(number: usize, finding: &FindingReport) -> String {
    let mut text = format!(
        "{number}. {}: {} ({}; confidence {}, explains {} of its life)",
        finding.problem,
        finding.title,
        finding.place,
        percent(finding.confidence),
        percent(finding.share)
    );
    let facts = finding
        .evidence
        .iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", number_text(value.as_f64()?))));
    // Writing to a text does not fail.
    let _ = write!(text, "\n   evidence: {}", facts.collect::<Vec<_>>().join(", "));
    for remedy in &finding.remedies {
        let _ = write!(text, "\n   - {}", remedy_text(remedy).replace('\n', "\n       "));
    }
    text
}

fn remedy_text(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Wad { toml } => format!("in WAD's configuration:\n{}", toml.trim_end()),
        Remedy::Sysctl { host, name, value } => format!("on the {host}: sysctl -w {name}=\"{value}\""),
        Remedy::Command { command } => format!("run: {command}"),
        Remedy::Application { advice } => advice.clone(),
        Remedy::Ask { question } => format!("ask: {question}"),
    }
}

fn rate(bps: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, rounded")]
    let rate = Rate::from_bps(bps.round() as u64);
    rate.to_string()
}

fn millis(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Four digits are enough to see what is meant.
fn number_text(number: f64) -> String {
    if number == 0.0 || (1e-3..1e15).contains(&number.abs()) {
        let digits = if number.abs() >= 100.0 { 0 } else { 3 };
        return format!("{number:.digits$}");
    }
    format!("{number:.2e}")
}
