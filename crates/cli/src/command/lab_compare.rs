//! `wad lab compare`

use std::fs;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;
use wad_lab::Cancel;
use wad_reproduce::compare::{self, Case, Compared};
use wad_reproduce::{Event, Options};

use crate::arguments::LabCompare;
use crate::failure::Failure;
use crate::log;
use crate::output;
use crate::progress::Progress;

#[derive(Debug, Serialize)]
struct Listed<'a> {
    path: &'a str,
    control: &'a str,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    transfers: &'a [Compared],
    median_error: Option<f64>,
    worst_error: Option<f64>,
}

pub(crate) fn run(arguments: &LabCompare) -> Result<(), Failure> {
    let cases = chosen(arguments)?;
    if arguments.list {
        return list(&cases, arguments.json);
    }
    log::start(LevelFilter::WARN)?;
    let cancel = Cancel::on_signals().context("cannot handle signals")?;
    fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make {}", arguments.out.display()))?;
    let mut all = Vec::new();
    for case in &cases {
        all.push(observed(case, arguments, &cancel)?);
    }
    for picture in compare::pictures(&all)? {
        output::write_file(&arguments.out.join(&picture.name).with_extension("svg"), &picture.svg)?;
        output::write_file(&arguments.out.join(&picture.name).with_extension("png"), &picture.png)?;
    }
    if let Some(file) = &arguments.markdown {
        output::write_file(file, compare::markdown(&all))?;
    }
    let (median_error, worst_error) = compare::errors(&all).unzip();
    if arguments.json {
        return output::print_json(&Document { transfers: &all, median_error, worst_error });
    }
    print(&all)?;
    let percent = |part: Option<f64>| part.unwrap_or(0.0) * 100.0;
    let (median, worst) = (percent(median_error), percent(worst_error));
    output::print(format_args!("\nDifference of goodput: median {median:.1} %, worst {worst:.1} %."))
}

fn chosen(arguments: &LabCompare) -> Result<Vec<Case>, Failure> {
    let all = compare::cases()?;
    let known = |name: &String| all.iter().any(|case| case.control == *name);
    if let Some(name) = arguments.controls.iter().find(|name| !known(name)) {
        return Err(Failure::Misuse(anyhow!(
            "--controls: there is no \"{name}\"; give reno, cubic, bbr or wad"
        )));
    }
    let wanted = |case: &Case| arguments.controls.is_empty() || arguments.controls.contains(&case.control);
    Ok(all.into_iter().filter(wanted).collect())
}

fn list(cases: &[Case], json: bool) -> Result<(), Failure> {
    if json {
        let listed: Vec<Listed<'_>> =
            cases.iter().map(|case| Listed { path: &case.path, control: &case.control }).collect();
        return output::print_json(&listed);
    }
    let mut table = output::table(&["path", "control"], false);
    table.add_rows(cases.iter().map(|case| [&case.path, &case.control]));
    output::print(table)
}

/// Carries one out with a bar.
fn observed(case: &Case, arguments: &LabCompare, cancel: &Cancel) -> Result<Compared, Failure> {
    let mut progress = None;
    let mut tell = |event: Event<'_>| match event {
        Event::Begins { variant, expected, .. } => {
            progress = Some(Progress::new(&format!("{}, {variant}", case.path), expected));
        }
        Event::Lab(event) => progress.iter().for_each(|bar| bar.tell(event)),
    };
    let directory = arguments.out.join("runs");
    let mut options = Options { repetitions: 1, directory, cancel: cancel.clone(), tell: &mut tell };
    Ok(compare::compare(case, &mut options)?)
}

fn print(all: &[Compared]) -> Result<(), Failure> {
    let header = ["path", "control", "kernel, Mbit/s", "simulator, Mbit/s", "difference"];
    let mut table = output::table(&header, false);
    table.add_rows(all.iter().map(|one| {
        [
            one.path.clone(),
            one.control.clone(),
            format!("{:.2}", one.kernel_goodput_bps / 1e6),
            format!("{:.2}", one.simulated_goodput_bps / 1e6),
            format!("{:+.1} %", one.error * 100.0),
        ]
    }));
    output::print(table)
}
