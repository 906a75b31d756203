//! What the planner decides, tried on simulated flows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/steering.rs"]
mod steering;

use steering::Steering;
use wad_sim::{Outcome, Scenario, Simulation};
use wad_tune::Config;

fn path(settings: &str) -> Config {
    let text = format!("[[path]]\nname = \"far\"\ndestination = [\"192.0.2.0/24\"]\n{settings}");
    Config::parse(&text).unwrap()
}

/// Flows over 100 Mbit/s and 100 ms, each packet of which is lost with that probability.
fn run(loss: f64, flows: &str, steering: &mut Steering) -> Outcome {
    let text = format!(
        r#"
        duration = "30 s"
        [topology.dumbbell]
        bottleneck = {{ forward = {{ rate = "100 Mbit/s", delay = "50 ms", loss = {{ random = {{ probability = {loss} }} }} }} }}
        [[flow]]
        control = "wad"
        {flows}
        "#
    );
    Simulation::new(&Scenario::parse(&text).unwrap()).unwrap().run_steered(&mut (), steering)
}

/// HighSpeed TCP whose constants are looked up each tenth of a second, as the daemon of 2002 did it.
#[test]
fn constants_that_follow_the_window_make_a_flow_faster() {
    let mut plain = Steering::new(&path("congestion = { control = \"wad\" }"));
    let standard = run(1e-4, "", &mut plain);
    assert!(plain.retuned.is_empty(), "nothing moves on this path");
    let config = r#"
        congestion = { control = "wad", high_speed = "periodic" }
        [[host.grant]]
        path = "far"
        settings = ["high_speed"]
    "#;
    let mut periodic = Steering::new(&path(config));
    let high_speed = run(1e-4, "", &mut periodic);
    assert!(periodic.retuned.len() > 10, "{:?}", periodic.retuned);
    let (before, after) = (standard.total.goodput_bps, high_speed.total.goodput_bps);
    assert!(after > 1.3 * before, "{after} after {before}");
}

/// A buffer that the flows of a path divide: with the second flow the first one gives half of its own.
#[test]
fn a_divided_buffer_is_divided_while_flows_run() {
    let config = "buffers = { size = \"1 MiB\", divide = true }\ncongestion = { control = \"wad\" }";
    let mut steering = Steering::new(&path(config));
    let outcome = run(0.0, "count = 2\nstagger = \"15 s\"", &mut steering);
    let [(at, flow, _)] = &steering.retuned[..] else { panic!("{:?}", steering.retuned) };
    assert_eq!((at.as_nanos() / 1_000_000, flow.0), (15_000, 0));
    // 1 MiB each 100 ms is 84 Mbit/s: half of the time all of it, then half.
    let (first, second) = (outcome.flows[0].goodput_bps, outcome.flows[1].goodput_bps);
    assert!((first / 63e6 - 1.0).abs() < 0.05 && (second / 21e6 - 1.0).abs() < 0.05, "{first} {second}");
}
