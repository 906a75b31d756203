//! Response functions through the engine: the mean window under losses, against ns-2 and against theory.
//!
//! Runs are short, so that tolerances are those of some hundred losses; `examples/response.rs` measures longer.

use std::time::Duration;

use wad_sim::theory::response::Response;
use wad_sim::{Scenario, Simulation};

const RTT: Duration = Duration::from_millis(100);

/// The mean window of one flow, by what was acknowledged, over some seeds.
fn mean_window(control: &str, loss: &str, seconds: u32, seeds: u32) -> f64 {
    let windows = (1..=seeds).map(|seed| {
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
            initial_ssthresh = "100 segments"
            "#,
            end = seconds + 100
        );
        let scenario = Scenario::parse(&text).expect("the scenario is valid");
        let outcome = Simulation::new(&scenario).expect("it can be built").run(&mut ());
        outcome.flows[0].tcp_goodput_bps / (1460.0 * 8.0) * RTT.as_secs_f64()
    });
    windows.sum::<f64>() / f64::from(seeds)
}

fn random(loss: f64) -> String {
    format!("random = {{ probability = {loss} }}")
}

fn periodic(nth: u32) -> String {
    format!("every = {{ nth = {nth} }}")
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found / expected - 1.0).abs() < tolerance, "{found}, not {expected}");
}

/// ns-2.35, agent Sack1: 11.7, 39.1 and 138.2 segments (standard errors .06, .5 and .7).
#[test]
fn standard_tcp_is_that_of_ns_2() {
    assert_near(mean_window("\"reno\"", &random(1e-2), 500, 3), 11.7, 0.06);
    assert_near(mean_window("\"reno\"", &random(1e-3), 1000, 3), 39.1, 0.08);
    assert_near(mean_window("\"reno\"", &random(1e-4), 1500, 1), 138.2, 0.08);
}

/// ns-2.35, HSTCP: 11.6, 42.5 and 286.8 segments.
#[test]
fn high_speed_tcp_is_that_of_ns_2() {
    let control = "{ high_speed = { law = \"ns2\" } }";
    assert_near(mean_window(control, &random(1e-2), 500, 3), 11.6, 0.07);
    assert_near(mean_window(control, &random(1e-3), 1000, 3), 42.5, 0.08);
    assert_near(mean_window(control, &random(1e-4), 500, 2), 286.8, 0.1);
}

/// RFC 9438, section 5.1, is for periodic losses.
#[test]
fn cubic_is_that_of_rfc_9438() {
    for (nth, loss) in [(1000, 1e-3), (10_000, 1e-4)] {
        let expected = Response::CUBIC.mean_window(loss, RTT);
        assert_near(mean_window("\"cubic\"", &periodic(nth), 400, 1), expected, 0.1);
    }
}

/// Mathis et al. 1997: sqrt(3/2) with periodic losses. The formula has no round trip of recovery, in which the window does
/// not grow: with a large increase that is one in eight.
#[test]
fn standard_tcp_is_that_of_mathis() {
    let expected = Response::STANDARD.mean_window(1e-3, RTT);
    assert_near(mean_window("\"reno\"", &periodic(1000), 800, 1), expected, 0.05);
    let aimd = Response::Aimd { increase: 6.0, decrease: 0.3 }.mean_window(1e-3, RTT);
    let control = "{ aimd = { additive_increase = 6.0, multiplicative_decrease = 0.3 } }";
    assert_near(mean_window(control, &periodic(1000), 400, 1), aimd, 0.1);
}

/// The daemon's control without parameters is standard TCP in whole segments, and with `high_speed` the table of RFC 3649.
#[test]
fn the_daemons_control_is_what_it_says() {
    let reno = mean_window("\"reno\"", &periodic(1000), 400, 1);
    assert_near(mean_window("\"wad\"", &periodic(1000), 400, 1), reno, 0.03);
    let table = mean_window("{ high_speed = { law = \"table\" } }", &periodic(10_000), 150, 1);
    assert_near(mean_window("{ wad = { high_speed = true } }", &periodic(10_000), 150, 1), table, 0.03);
}

/// Kelly 2003: a / (b p), here with periodic losses, where the mean over time is a little below it.
#[test]
fn scalable_is_that_of_kelly() {
    let expected = Response::SCALABLE.mean_window(1e-3, RTT);
    assert_near(mean_window("\"scalable\"", &periodic(1000), 400, 1), expected, 0.15);
}
