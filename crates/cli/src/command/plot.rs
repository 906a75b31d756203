//! `wad plot`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use wad_plot::Figure;
use wad_trace::{ReadError, Recording, figures};

use super::trace_file;
use crate::arguments::Plot;
use crate::failure::Failure;
use crate::output;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    pictures: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Plot) -> Result<(), Failure> {
    let Plot { files, out, json } = arguments;
    let mut runs = Vec::new();
    let mut faults = Vec::new();
    for file in files {
        let (recording, found) = read(file)?;
        runs.push((name(file), recording));
        faults.push((file, found));
    }
    distinguish(&mut runs);

    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut pictures = Vec::new();
    for (run, recording) in &runs {
        for (figure_name, figure) in figures::figures(recording) {
            pictures.extend(write(out, &format!("{run}-{figure_name}"), &figure)?);
        }
    }
    if runs.len() > 1
        && let Some(figure) = figures::comparison(&runs)
    {
        pictures.extend(write(out, "comparison", &figure)?);
    }
    if pictures.is_empty() {
        let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        return Err(Failure::Failed(anyhow!("no flow in {} has counters to draw", names.join(", "))));
    }
    if *json {
        output::print_json(&Document { pictures })?;
    } else {
        pictures.iter().try_for_each(|picture| output::print(picture.display()))?;
    }
    faults.iter().try_for_each(|(file, faults)| trace_file::report(file, faults))
}

/// Reads the first table that has what the figures need.
fn read(file: &Path) -> Result<(Recording, Vec<ReadError>), Failure> {
    let mut reader = trace_file::open(file)?;
    let known =
        |table: &&wad_trace::Schema| figures::COLUMNS.iter().any(|name| table.position(name).is_some());
    let table = reader.header().tables.iter().find(known).map(|table| table.name.clone());
    let table =
        table.ok_or_else(|| Failure::Misuse(anyhow!("{} has no counters to draw", file.display())))?;
    Ok(Recording::read(&mut reader, &table, &figures::COLUMNS))
}

/// What a run is called: its file without folder and ending.
fn name(file: &Path) -> String {
    file.file_stem().map_or_else(|| "trace".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Numbers runs whose files have the same name.
fn distinguish(runs: &mut [(String, Recording)]) {
    let names: Vec<_> = runs.iter().map(|(name, _)| name.clone()).collect();
    for (place, (name, _)) in runs.iter_mut().enumerate() {
        if names.iter().filter(|other| *other == name).count() > 1 {
            *name = format!("{name}-{}", place + 1);
        }
    }
}

fn write(out: &Path, name: &str, figure: &Figure) -> Result<[PathBuf; 2], Failure> {
    let files = ["svg", "png"].map(|ending| out.join(format!("{name}.{ending}")));
    let contents = [figure.to_svg().into_bytes(), figure.to_png()?];
    for (file, contents) in files.iter().zip(contents) {
        output::write_file(file, contents)?;
    }
    Ok(files)
}
