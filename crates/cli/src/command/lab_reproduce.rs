//! `wad lab reproduce`

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;
use wad_lab::Cancel;
use wad_model::format_duration;
use wad_reproduce::{Event, Experiment, Finished, Options, ReproduceError, Row, catalogue, markdown, merge};

use crate::arguments::LabReproduce;
use crate::failure::Failure;
use crate::log;
use crate::output;
use crate::progress::Progress;

/// Where the pictures are, as the document in `docs` sees them.
const PICTURES: &str = "results";

pub(crate) fn run(arguments: &LabReproduce) -> Result<(), Failure> {
    if arguments.list {
        return list(arguments);
    }
    let (shown, all) = match &arguments.from {
        Some(file) => {
            let rows = read(file)?;
            (rows.clone(), rows)
        }
        None => carry_out(arguments)?,
    };
    if let Some(file) = &arguments.markdown {
        output::write_file(file, markdown::render(&all, PICTURES))?;
    }
    if arguments.json {
        output::print_json(&shown)?
    } else {
        print(&shown)?
    }
    verdict(&shown)
}

/// The rows of this run, and all that the directory now has.
fn carry_out(arguments: &LabReproduce) -> Result<(Vec<Row>, Vec<Row>), Failure> {
    log::start(LevelFilter::WARN)?;
    let experiments = wad_reproduce::find(&arguments.ids).map_err(|error| match error {
        ReproduceError::Unknown { .. } => Failure::misuse(error),
        other => other.into(),
    })?;
    let cancel = Cancel::on_signals().context("cannot handle signals")?;
    fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make {}", arguments.out.display()))?;
    let file = arguments.out.join("results.json");
    let earlier = if file.exists() { read(&file)? } else { Vec::new() };
    let order: Vec<String> = catalogue()?.into_iter().map(|experiment| experiment.id).collect();
    let (mut rows, mut all) = (Vec::new(), earlier);
    for experiment in &experiments {
        let finished = observed(experiment, arguments, &cancel)?;
        for picture in &finished.pictures {
            output::write_file(&arguments.out.join(&picture.name).with_extension("svg"), &picture.svg)?;
            output::write_file(&arguments.out.join(&picture.name).with_extension("png"), &picture.png)?;
        }
        rows.push(finished.row);
        // After each, so that an interruption loses one.
        all = merge(all, &rows, &order);
        output::write_file(&file, format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    }
    Ok((rows, all))
}

/// Carries one out with a bar for each of its runs.
fn observed(experiment: &Experiment, arguments: &LabReproduce, cancel: &Cancel) -> Result<Finished, Failure> {
    let mut progress = None;
    let mut tell = |event: Event<'_>| match event {
        Event::Begins { experiment, variant, repetition, expected } => {
            let name = format!("{experiment} {variant} {repetition}/{}", arguments.repetitions);
            progress = Some(Progress::new(&name, expected));
        }
        Event::Lab(event) => progress.iter().for_each(|bar| bar.tell(event)),
    };
    let directory = arguments.out.join("runs");
    let mut options =
        Options { repetitions: arguments.repetitions, directory, cancel: cancel.clone(), tell: &mut tell };
    Ok(wad_reproduce::run(experiment, &mut options)?)
}

#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    title: String,
    source: String,
    expected_s: u32,
}

fn list(arguments: &LabReproduce) -> Result<(), Failure> {
    let listed: Vec<Listed> = catalogue()?
        .into_iter()
        .map(|one| Listed {
            expected_s: one.expected_s(arguments.repetitions),
            id: one.id,
            title: one.title,
            source: one.source,
        })
        .collect();
    if arguments.json {
        return output::print_json(&listed);
    }
    let mut table = output::table(&["experiment", "takes", "what", "source"], false);
    for one in &listed {
        table.add_row([&one.id, &takes(one.expected_s), &one.title, &one.source]);
    }
    output::print(table)?;
    let all = listed.iter().map(|one| one.expected_s).sum();
    output::print(format_args!("\n{} repetitions of all take {}.", arguments.repetitions, takes(all)))
}

/// Whole minutes from two on.
fn takes(seconds: u32) -> String {
    let rounded = if seconds < 120 { seconds } else { seconds.div_ceil(60) * 60 };
    format_duration(Duration::from_secs(rounded.into()))
}

fn print(rows: &[Row]) -> Result<(), Failure> {
    let header = ["experiment", "variant", "quantity", "reported", "measured (median [min - max])"];
    let mut table = output::table(&header, false);
    for row in rows {
        table.add_rows(values(row));
    }
    output::print(table)?;
    let header = ["experiment", "must hold", "reported", "measured", "wanted", "holds"];
    let mut table = output::table(&header, false);
    for row in rows {
        table.add_rows(row.checks.iter().map(|check| {
            let holds = if check.holds { "yes" } else { "NO" };
            [
                row.id.clone(),
                format!("{} ({})", check.says, markdown::compared(check)),
                markdown::times(check.reported_ratio),
                markdown::times(check.measured_ratio),
                check.wanted.clone(),
                holds.to_owned(),
            ]
        }));
        table.add_rows(row.gain_over_today.iter().map(|(name, gain)| {
            let says = format!("goodput over {name}");
            [row.id.clone(), says, String::new(), markdown::times(Some(*gain)), String::new(), String::new()]
        }));
    }
    output::print(format_args!("\n{table}"))
}

fn values(row: &Row) -> Vec<[String; 5]> {
    let line = |variant: &String| {
        let measured = row.measured.get(variant).into_iter().flatten();
        let variant = variant.clone();
        measured.map(move |(quantity, spread)| {
            let reported = row.reported.get(&variant).and_then(|of| of.get(quantity));
            [
                row.id.clone(),
                variant.clone(),
                quantity.to_string(),
                reported.map_or_else(String::new, |value| quantity.show(*value)),
                markdown::spread_text(*quantity, spread),
            ]
        })
    };
    row.variants.iter().flat_map(line).collect()
}

/// A ratio that does not hold is a failure that the work found.
fn verdict(rows: &[Row]) -> Result<(), Failure> {
    let failed: Vec<&str> = rows.iter().filter(|row| !row.holds).map(|row| row.id.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(anyhow!("does not hold: {}", failed.join(", ")).into())
}

fn read(file: &Path) -> Result<Vec<Row>, Failure> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what `wad lab reproduce --json` prints", file.display()))?;
    Ok(rows)
}
