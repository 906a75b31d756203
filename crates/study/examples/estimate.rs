//! Estimates of wall time and of segments, held against the runs themselves.
//!
//! `cargo run --release -p wad-study --example estimate`

#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]

use std::time::Instant;

use wad_sim::{Scenario, Simulation};
use wad_study::{Document, Setting, estimate};

/// What is run, as options of `wad sim run` would say it.
const CASES: &[&str] = &[
    "rate=1Gbit/s time=60s",
    "rate=1Gbit/s streams=10 control=reno time=60s",
    "rate=622Mbit/s rtt=80ms window=64KiB streams=50 time=60s",
    "rate=1Gbit/s loss=1e-4 control=reno time=600s",
    "rate=1Gbit/s loss=1e-4 control=cubic streams=20 time=60s",
    "rate=1Gbit/s control=bbr1 streams=4 time=60s",
    "rate=10Gbit/s rtt=20ms streams=100 time=5s",
    "rate=100Mbit/s streams=1000 time=60s",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "| scenario | segments | estimated | ratio | seconds | estimated | ratio |\n|---|---|---|---|---|---|---|"
    );
    for case in CASES {
        let mut document = Document::new();
        for setting in case.split(' ') {
            document.set(setting.parse::<Setting>()?)?;
        }
        let scenario = document.scenario()?;
        let load = estimate::load(&scenario)?;
        let seconds = estimated(&scenario, &load)?;
        let start = Instant::now();
        let outcome = Simulation::new(&scenario)?.run(&mut ());
        let took = start.elapsed().as_secs_f64();
        let segments = outcome.work.segments as f64;
        println!(
            "| {case} | {segments:.3e} | {:.3e} | {:.2} | {took:.2} | {seconds:.2} | {:.2} |",
            load.segments,
            load.segments / segments,
            seconds / took
        );
    }
    Ok(())
}

/// As the commands do it.
fn estimated(scenario: &Scenario, load: &estimate::Load) -> Result<f64, Box<dyn std::error::Error>> {
    let mut pilot = estimate::pilot(scenario, load);
    loop {
        let simulation = Simulation::new(&pilot)?;
        let start = Instant::now();
        let outcome = simulation.run(&mut ());
        let took = start.elapsed().as_secs_f64();
        if took >= 0.02 || pilot.duration >= scenario.duration {
            return Ok(estimate::seconds(load, &outcome, took));
        }
        pilot = estimate::of_duration(scenario, pilot.duration * 2);
    }
}
