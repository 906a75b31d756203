//! How fast the simulator is, beside ns-2 on the same scenarios in one run: in turns, each for as long as the other, so that
//! what else the machine does weighs on both. The table has medians of the turns. Both build their scenario in the time that
//! counts; the last column is what is left if ns-2's start-up is taken off, Tcl and all.
//!
//! `cargo run --release -p wad-sim --example speed` (ns-2 from Debian's package `ns2`; without it, its columns stay empty.
//! For ns-3, build `tests/ns3/path.cc` as it says and give the program's path in `NS3_PATH`.)

#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]

use std::process::Command;
use std::time::Instant;

use wad_sim::{Outcome, Scenario, Simulation};

/// What ns-2's header-less calendar run and ours have in common: `crates/sim/tests/ns2/path.tcl`.
struct Case {
    name: &'static str,
    recovery: &'static str,
    variant: &'static str,
    queue: u64,
    window: u32,
    flows: u32,
    lost: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        name: "example, queue 1000",
        recovery: "new_reno",
        variant: "Newreno",
        queue: 1000,
        window: 500,
        flows: 5,
        lost: "",
    },
    Case {
        name: "example, queue 1000",
        recovery: "sack",
        variant: "Sack1",
        queue: 1000,
        window: 500,
        flows: 5,
        lost: "",
    },
    Case {
        name: "example, queue 300",
        recovery: "new_reno",
        variant: "Newreno",
        queue: 300,
        window: 500,
        flows: 5,
        lost: "",
    },
    Case {
        name: "window-limited",
        recovery: "sack",
        variant: "Sack1",
        queue: 100_000,
        window: 1000,
        flows: 1,
        lost: "",
    },
    Case {
        name: "100 flows",
        recovery: "sack",
        variant: "Sack1",
        queue: 1000,
        window: 50,
        flows: 100,
        lost: "",
    },
];

const TURNS: u32 = 25;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    beside_ns2()?;
    beside_ns3()?;
    burst()?;
    flows()?;
    fast_path()?;
    Ok(())
}

fn scenario(case: &Case, seconds: u64) -> Result<Scenario, Box<dyn std::error::Error>> {
    let Case { recovery, queue, window, flows, lost, .. } = case;
    let text = format!(
        r#"
        duration = "{seconds} s"
        conventions = "ns2"
        [topology.dumbbell]
        bottleneck = {{ forward = {{ rate = "50 Mbit/s", delay = "100 ms", queue = {{ packets = {queue} }},
                                     loss = {{ list = {{ packets = [{lost}] }} }} }} }}
        access = {{ rate = "90 Mbit/s", delay = "20 ms" }}
        [[flow]]
        count = {flows}
        recovery = "{recovery}"
        window = "{window} segments"
        "#
    );
    Ok(Scenario::parse(&text.replace(",\n", ","))?)
}

/// The shortest of several runs: what else the machine does only adds.
fn time(scenario: &Scenario, turns: u32) -> Result<(f64, Outcome), Box<dyn std::error::Error>> {
    let mut best = f64::INFINITY;
    let mut outcome = None;
    for _ in 0..turns {
        let start = Instant::now();
        outcome = Some(Simulation::new(scenario)?.run(&mut ()));
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, outcome.ok_or("no turns")?))
}

fn beside_ns2() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "| scenario | variant | segments here, ns-2 | M segments/s here | ns-2 | ratio | of wall time | without start-up |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in &CASES {
        let scenario = scenario(case, 60)?;
        let turns: Vec<Turn> = (0..TURNS).map(|_| turn(case, &scenario)).collect::<Result<_, _>>()?;
        let median = |of: fn(&Turn) -> f64| {
            let mut values: Vec<f64> = turns.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!(
            "| {} | {} | {}, {} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |",
            case.name,
            case.variant,
            turns[0].segments[0],
            turns[0].segments[1],
            median(|turn| turn.here / 1e6),
            median(|turn| turn.there / 1e6),
            median(|turn| turn.here / turn.there),
            median(|turn| turn.wall_ratio),
            median(|turn| turn.running_ratio)
        );
    }
    Ok(())
}

/// Both simulators one after the other, for about as long.
struct Turn {
    /// Here and there.
    segments: [u64; 2],
    /// Segments a second.
    here: f64,
    there: f64,
    wall_ratio: f64,
    /// Of segments a second, with ns-2's start-up taken off.
    running_ratio: f64,
}

fn turn(case: &Case, scenario: &Scenario) -> Result<Turn, Box<dyn std::error::Error>> {
    let theirs = ns2(case, "60");
    let start_up = ns2(case, "0.001").map_or(0.0, |(seconds, _)| seconds);
    let (their_seconds, sent) = theirs.unwrap_or((0.4, 0));
    let (mut seconds, mut runs, mut segments) = (0.0, 0, 0);
    while seconds < their_seconds {
        let (once, outcome) = time(scenario, 1)?;
        seconds += once;
        runs += 1;
        segments = outcome.work.segments;
    }
    let ours = seconds / f64::from(runs);
    let here = segments as f64 / ours;
    Ok(Turn {
        segments: [segments, sent],
        here,
        there: sent as f64 / their_seconds,
        wall_ratio: their_seconds / ours,
        running_ratio: here / (sent as f64 / (their_seconds - start_up)),
    })
}

/// Seconds of wall time and data segments.
fn ns2(case: &Case, until: &str) -> Option<(f64, u64)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ns2/path.tcl");
    let (queue, window, flows) = (case.queue.to_string(), case.window.to_string(), case.flows.to_string());
    let arguments =
        ["variant", case.variant, "queue", &queue, "window", &window, "flows", &flows, "until", until];
    let start = Instant::now();
    let output = Command::new("ns").arg(script).args(arguments).output().ok()?;
    let seconds = start.elapsed().as_secs_f64();
    let text = String::from_utf8(output.stdout).ok()?;
    let sent = text.trim().split(',').nth(1)?.parse().ok()?;
    Some((seconds, sent))
}

/// The first scenario in ns-3, ten seconds of it.
fn beside_ns3() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(program) = std::env::var("NS3_PATH") else { return Ok(()) };
    let scenario = scenario(&CASES[0], 10)?;
    let (mut ours, mut theirs, mut rates) = (f64::INFINITY, f64::INFINITY, (0.0, 0.0));
    for _ in 0..2 {
        let (seconds, outcome) = time(&scenario, 1)?;
        ours = ours.min(seconds);
        let start = Instant::now();
        let output = Command::new(&program).args(["--queue=1000", "--until=10"]).output()?;
        theirs = theirs.min(start.elapsed().as_secs_f64());
        let sent: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
        rates = (outcome.work.segments as f64 / ours, sent / theirs);
    }
    println!(
        "\nns-3, first scenario, 10 s: {:.4} M segments/s, here {:.2}: ratio {:.0}, of wall time {:.0}",
        rates.1 / 1e6,
        rates.0 / 1e6,
        rates.0 / rates.1,
        theirs / ours
    );
    Ok(())
}

/// 549 losses within one window, against none.
fn burst() -> Result<(), Box<dyn std::error::Error>> {
    let lost: Vec<String> = (0..549).map(|i| (20_000 + 2 * i).to_string()).collect();
    let lost: &'static str = Box::leak(lost.join(",").into_boxed_str());
    println!("\n| losses in a window of 2000 | segments | ns a segment | ratio |\n|---|---|---|---|");
    let with = |lost| {
        let case =
            Case { name: "", recovery: "sack", variant: "", queue: 100_000, window: 2000, flows: 1, lost };
        scenario(&case, 60)
    };
    in_turns(&["0", "549"], &[with("")?, with(lost)?])
}

/// What a segment costs in each scenario, beside the first: medians of turns.
fn in_turns(names: &[&str], scenarios: &[Scenario]) -> Result<(), Box<dyn std::error::Error>> {
    let mut nanos = vec![Vec::new(); scenarios.len()];
    let mut segments = vec![0; scenarios.len()];
    for _ in 0..TURNS {
        for (scenario, (nanos, segments)) in scenarios.iter().zip(nanos.iter_mut().zip(&mut segments)) {
            let (seconds, outcome) = time(scenario, 1)?;
            *segments = outcome.work.segments;
            nanos.push(seconds * 1e9 / outcome.work.segments as f64);
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    for ((name, segments), own) in names.iter().zip(segments).zip(&nanos) {
        let ratios = own.iter().zip(&nanos[0]).map(|(own, first)| own / first).collect();
        println!("| {name} | {segments} | {:.0} | {:.2} |", median(own.clone()), median(ratios));
    }
    Ok(())
}

/// The cost of a segment as flows become many, on a link that each fills to the same part.
fn flows() -> Result<(), Box<dyn std::error::Error>> {
    println!("\n| flows | segments | ns a segment | ratio |\n|---|---|---|---|");
    let with = |flows: u32| {
        let text = format!(
            r#"
            duration = "5 s"
            conventions = "ns2"
            [topology.dumbbell]
            bottleneck = {{ forward = {{ rate = "5 Gbit/s", delay = "50 ms" }} }}
            [[flow]]
            count = {flows}
            recovery = "sack"
            window = "{} segments"
            "#,
            40_000 / flows
        );
        Scenario::parse(&text)
    };
    let scenarios = [with(1)?, with(10)?, with(100)?, with(1000)?, with(10_000)?];
    in_turns(&["1", "10", "100", "1000", "10000"], &scenarios)
}

/// 10 Gbit/s, 100 ms, 10 flows, 60 s with everything that Linux does.
fn fast_path() -> Result<(), Box<dyn std::error::Error>> {
    let text = r#"
        duration = "60 s"
        [topology.dumbbell.bottleneck]
        forward = { rate = "10 Gbit/s", delay = "50 ms", queue = { packets = 83000 } }
        [[flow]]
        count = 10
    "#;
    let (seconds, outcome) = time(&Scenario::parse(text)?, 1)?;
    let Outcome { work, total, .. } = outcome;
    println!(
        "\n10 Gbit/s, 100 ms, 10 flows, 60 s under Linux's conventions: {seconds:.1} s for {} segments \
         ({:.2} M/s, goodput {:.2} Gbit/s)",
        work.segments,
        work.segments as f64 / seconds / 1e6,
        total.goodput_bps / 1e9
    );
    Ok(())
}
