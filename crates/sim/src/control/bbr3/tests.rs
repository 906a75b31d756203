//! A flow over a link (`paced.rs`).

use super::super::paced::Paced;
use super::*;

/// 100 Mbit/s and 40 ms: 333 segments.
const PATH: &str = "rate = \"100 Mbit/s\"\ndelay = \"40 ms\"\n";

fn run(more: &str, seconds: f64) -> Paced<Bbr3> {
    let mut paced = Paced::new(&format!("{PATH}{more}"), |setup| Bbr3::new(&Bbr3Config {}, setup));
    paced.run_until(seconds);
    paced
}

#[test]
fn it_finds_bandwidth_and_round_trip() {
    let paced = run("queue = { packets = 1000 }", 4.0);
    let bandwidth = paced.control.model.bandwidth() * 12_000.0 / 100e6;
    assert!((bandwidth - 1.0).abs() < 0.02, "{bandwidth}");
    let rtt = paced.control.model.min_rtt.unwrap().as_secs_f64();
    assert!((0.040..0.041).contains(&rtt), "{rtt}");
    assert!(paced.control.state.in_probe_bw(), "{:?}", paced.control.state);
}

/// Section 5.3.3: each phase comes in its turn.
#[test]
fn it_goes_round_the_cycle() {
    let mut paced = run("queue = { packets = 1000 }", 2.0);
    let mut states = vec![paced.control.state];
    while paced.now_s() < 9.0 {
        paced.step();
        if states.last() != Some(&paced.control.state) {
            states.push(paced.control.state);
        }
    }
    for pair in states.windows(2) {
        let allowed = matches!(
            pair,
            [State::Down, State::Cruise | State::Refill]
                | [State::Cruise, State::Refill]
                | [State::Refill, State::Up]
                | [State::Up, State::Down]
                | [_, State::ProbeRtt]
                | [State::ProbeRtt, State::Cruise]
        );
        assert!(allowed, "{states:?}");
    }
    assert!(states.contains(&State::Up) && states.contains(&State::ProbeRtt), "{states:?}");
}

#[test]
fn the_queue_stays_short_after_startup() {
    let mut paced = run("queue = { packets = 1000 }", 3.0);
    let drops = paced.drops();
    paced.run_until(10.0);
    assert_eq!(paced.drops(), drops);
    assert!(paced.mean_rtt_since_mark() < 0.050, "{}", paced.mean_rtt_since_mark());
    assert!(paced.utilisation() > 0.85, "{}", paced.utilisation());
}

/// Section 5.5.10: a queue of a tenth of the path makes it learn what the path holds, and lose little.
#[test]
fn a_shallow_queue_is_learnt() {
    let mut paced = run("queue = { packets = 33 }", 5.0);
    let drops = paced.drops();
    paced.run_until(25.0);
    let lost = paced.drops() - drops;
    assert!(paced.control.model.inflight_long.is_finite());
    assert!(paced.utilisation() > 0.75, "{}", paced.utilisation());
    assert!(lost < 2500, "{lost} of some 166000");
}

/// Below 2% losses are the path's own.
#[test]
fn a_half_percent_of_loss_costs_little() {
    let paced = run("queue = { packets = 1000 }\nloss = { random = { probability = 0.005 } }", 10.0);
    assert!(paced.utilisation() > 0.7, "{}", paced.utilisation());
}

/// Section 5.3.4: half of the path's volume, not four segments.
#[test]
fn it_probes_for_the_round_trip_every_5_s() {
    let mut paced = run("queue = { packets = 1000 }", 4.5);
    let mut least = f64::INFINITY;
    while paced.now_s() < 6.0 {
        paced.step();
        least = least.min(paced.window.cwnd);
    }
    assert!((150.0..180.0).contains(&least), "{least}");
}
