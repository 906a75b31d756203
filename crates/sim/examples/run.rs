//! Runs the scenario in a file (or on standard input) and prints its outcome as JSON.
//!
//! `cargo run --release -p wad-sim --example run -- crates/sim/scenarios/dumbbell.toml`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::io::Read;

use wad_sim::{Scenario, Simulation};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    match std::env::args().nth(1) {
        Some(path) => text = std::fs::read_to_string(path)?,
        None => drop(std::io::stdin().read_to_string(&mut text)?),
    }
    let mut scenario = Scenario::parse(&text)?;
    scenario.read_files(|file| std::fs::read_to_string(file))?;
    let outcome = Simulation::new(&scenario)?.run(&mut ());
    println!("{}", serde_json::to_string_pretty(&outcome)?);
    Ok(())
}
