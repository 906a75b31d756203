//! Response functions, measured: the mean window that a control keeps where each segment is lost with probability p.
//!
//! `cargo run --release -p wad-sim --example response [--periodic] [CONTROL ...]`, where a control is as in a scenario, such as
//! `cubic` or `{ high_speed = { law = "ns2" } }`. With `--periodic` every 1/p-th segment is lost, which is what most formulas
//! are for. The round trip is 0.1 s, the rate is never the limit, ACKs are not lost. Beside
//! each mean (segments acknowledged a second times the round trip) stand its standard error over seeds, the time-average of
//! cwnd, and what theory says.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Duration;

use wad_sim::theory::response::{Acks, Losses, Response, mathis_constant};
use wad_sim::{Scenario, Simulation};

const RTT: Duration = Duration::from_millis(100);
/// Losses in each run after the warm-up, about.
const LOSSES: f64 = 200.0;
const SEEDS: u32 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut controls: Vec<String> = std::env::args().skip(1).collect();
    let periodic = controls.first().is_some_and(|first| first == "--periodic");
    controls.drain(..usize::from(periodic));
    if controls.is_empty() {
        controls = ["reno", "{ high_speed = { law = \"ns2\" } }", "high_speed", "scalable", "cubic", "wad"]
            .map(str::to_owned)
            .to_vec();
    }
    println!(
        "{:36} {:>7} {:>9} {:>7} {:>9} {:>9} {:>8}",
        "control", "p", "window", "error", "cwnd", "theory", "ratio"
    );
    for control in &controls {
        for loss in [1e-2, 1e-3, 1e-4, 1e-5] {
            let theory = theory(control, periodic).mean_window(loss, RTT);
            let seconds = (LOSSES / loss / theory * RTT.as_secs_f64()).max(500.0);
            let runs = (1..=SEEDS)
                .map(|seed| run(control, loss, periodic, seconds, seed))
                .collect::<Result<Vec<_>, _>>()?;
            let (window, error) = mean_and_error(runs.iter().map(|run| run.0));
            let (cwnd, _) = mean_and_error(runs.iter().map(|run| run.1));
            let ratio = window / theory;
            println!(
                "{control:36} {loss:>7} {window:>9.1} {error:>7.1} {cwnd:>9.1} {theory:>9.1} {ratio:>8.3}"
            );
        }
    }
    Ok(())
}

/// The mean window by what was acknowledged, and that of cwnd.
fn run(
    control: &str,
    loss: f64,
    periodic: bool,
    seconds: f64,
    seed: u32,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let loss = if periodic {
        format!("every = {{ nth = {} }}", (1.0 / loss).round())
    } else {
        format!("random = {{ probability = {loss} }}")
    };
    let control = if control.starts_with('{') { control.to_owned() } else { format!("\"{control}\"") };
    let text = format!(
        r#"
        conventions = "ns2"
        duration = "{end} s"
        warm_up = "100 s"
        seed = {seed}

        [topology.dumbbell.bottleneck]
        forward = {{ rate = "100 Gbit/s", delay = "50 ms", loss = {{ {loss} }} }}
        backward = {{ rate = "100 Gbit/s", delay = "50 ms" }}

        [[flow]]
        control = {control}
        recovery = "sack"
        window = "1000000 segments"
        "#,
        end = seconds + 100.0,
    );
    let outcome = Simulation::new(&Scenario::parse(&text)?)?.run(&mut ());
    let flow = &outcome.flows[0];
    Ok((flow.tcp_goodput_bps / (1460.0 * 8.0) * RTT.as_secs_f64(), flow.mean_cwnd_segments))
}

fn theory(control: &str, periodic: bool) -> Response {
    let losses = if periodic { Losses::Periodic } else { Losses::Random };
    if control.contains("high_speed") {
        Response::HighSpeed
    } else if control.contains("scalable") {
        Response::SCALABLE
    } else if control.contains("cubic") {
        Response::CUBIC
    } else {
        Response::Mathis { constant: mathis_constant(losses, Acks::Every) }
    }
}

/// The mean, and its standard error.
fn mean_and_error(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = f64::from(SEEDS);
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}
