//! The planner of the daemon around simulated flows: what a configuration would do on a path, without a network.
//!
//! `cargo run --release -p wad-tune --example simulated`
//!
//! `tests/common/steering.rs` has the hook: a [`wad_sim::Steer`] that tells a [`wad_tune::Planner`] of flows and gives its
//! decisions to the simulator.

#![allow(clippy::print_stdout, reason = "an example prints")]

#[path = "../tests/common/steering.rs"]
mod steering;

use steering::Steering;
use wad_sim::{Scenario, Simulation};
use wad_tune::Config;

const PATH: &str = r#"
    duration = "60 s"
    [topology.dumbbell]
    bottleneck = { forward = { rate = "622 Mbit/s", delay = "40 ms", queue = { packets = 1000 }, loss = { random = { probability = 1e-5 } } } }
    [[flow]]
    control = "wad"
"#;

const POLICIES: [(&str, &str); 3] = [
    ("standard TCP", "congestion = { control = \"wad\" }"),
    ("six segments a round trip", "congestion = { additive_increase = 6, multiplicative_decrease = 0.3 }"),
    ("HighSpeed TCP, each 0.1 s", "congestion = { control = \"wad\", high_speed = \"periodic\" }"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Scenario::parse(PATH)?;
    for (name, settings) in POLICIES {
        let text = format!(
            r#"
            [[path]]
            name = "far"
            destination = ["192.0.2.0/24"]
            {settings}
            [[host.grant]]
            path = "far"
            settings = ["additive_increase", "multiplicative_decrease", "high_speed"]
            "#
        );
        let mut steering = Steering::new(&Config::parse(&text)?);
        let outcome = Simulation::new(&scenario)?.run_steered(&mut (), &mut steering);
        let goodput = outcome.total.goodput_bps / 1e6;
        let retuned = steering.retuned.len();
        println!("{name:27} {goodput:6.1} Mbit/s, set anew {retuned} times while it ran");
    }
    Ok(())
}
