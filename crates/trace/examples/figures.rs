//! Draws the figures of made-up flows: `cargo run -p wad-trace --example figures -- DIR`.

#![allow(missing_docs, reason = "an example")]

#[path = "../tests/support/made_up.rs"]
mod made_up;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use made_up::{INTERVAL, MadeUp};
use wad_plot::Figure;
use wad_trace::{Reader, Recording, Writer, figures};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = env::args().nth(1).ok_or("say which folder to write to")?;
    for (name, seeds, pauses) in [("one", 3..4, false), ("four", 10..14, false), ("many", 0..40, true)] {
        let recording = record(seeds, pauses)?;
        for (figure_name, figure) in figures::figures(&recording) {
            write(Path::new(&dir), &format!("{name}-{figure_name}"), &figure)?;
        }
    }
    let runs = [("untuned".to_owned(), record(3..4, true)?), ("tuned".to_owned(), record(3..4, false)?)];
    if let Some(figure) = figures::comparison(&runs) {
        write(Path::new(&dir), "comparison", &figure)?;
    }
    Ok(())
}

fn record(seeds: std::ops::Range<u64>, pauses: bool) -> Result<Recording, Box<dyn Error>> {
    let header = made_up::header();
    let start = header.start.monotonic;
    let mut writer = Writer::new(Vec::new(), header)?;
    let mut flows = Vec::new();
    for (number, seed) in seeds.enumerate() {
        let mut flow = made_up::flow(number, start);
        flow.key.destination.set_port(5001);
        if pauses {
            flow.key.destination.set_ip([198, 51, 100, 7].into());
        }
        flows.push((writer.open(flow)?, MadeUp::new(seed, pauses)));
    }
    let mut now = start;
    for _ in 0..600 {
        now = now + INTERVAL;
        for (id, flow) in &mut flows {
            writer.sample(0, *id, now, &flow.sample())?;
        }
    }
    let file = writer.finish()?;
    let mut reader = Reader::new(&file[..])?;
    Ok(Recording::read(&mut reader, "samples", &figures::COLUMNS).0)
}

fn write(dir: &Path, name: &str, figure: &Figure) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join(name).with_extension("svg"), figure.to_svg())?;
    fs::write(dir.join(name).with_extension("png"), figure.to_png()?)?;
    Ok(())
}
