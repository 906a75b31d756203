//! The control `wad` on a real flow: its decrease and its increase are those of the configuration.
//! Needs root and iperf3.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a test may fail in its helpers too")]

use std::fs;

use wad_lab::{Report, RunOptions, Scenario, TcpSample, run};

/// One packet is lost in slow start and one later; without a bottleneck the round trip stays 40 ms.
const SCENARIO: &str = r#"
name = "two losses"
duration = "20 s"

[path]
mode = "offload"
rtt = "40 ms"

[path.forward]
loss = { list = { packets = [2000, 40000] } }

[host.client]
[host.server]

[[application]]
name = "server"
host = "server"
command = ["iperf3", "--server", "--one-off"]
role = "service"
ready_port = 5201

[[application]]
name = "wad"
command = ["WAD", "run", "--config", "{dir}/wad.toml", "--cgroup", "{cgroup}", "--runtime-dir", "{dir}/run"]
role = "service"
ready = "ready paths="

[[application]]
name = "client"
host = "client"
command = ["iperf3", "--client", "{address:server}", "--time", "5", "--json"]

[record]
tcp = "20 ms"
"#;

const CONFIG: &str = r#"
[[path]]
name = "test"
destination = ["10.77.0.0/24"]
buffers = { size = "16 MiB", override_application = true }
congestion = { control = "wad", additive_increase = 4, multiplicative_decrease = 0.25 }

[[host.grant]]
path = "test"
settings = ["additive_increase", "multiplicative_decrease"]
"#;

/// How often the transfer is tried: a machine that stalls for some round trips spoils one of them.
const ATTEMPTS: usize = 3;

#[test]
fn a_loss_takes_a_quarter_and_each_round_trip_gives_four_segments() {
    let mut attempts = Vec::new();
    for _ in 0..ATTEMPTS {
        let measured = increase_and_decrease(&transfer(SCENARIO, CONFIG));
        if measured.is_some_and(|(increase, decrease)| {
            (increase - 4.0).abs() < 0.2 && (decrease - 0.25).abs() < 0.02
        }) {
            return;
        }
        attempts.push(measured);
    }
    panic!("segments a round trip, share of the window: {attempts:?}");
}

/// What the window gained in each round trip between the two losses, and what the second one took; `None` if the
/// transfer did not come so far.
fn increase_and_decrease(report: &Report) -> Option<(f64, f64)> {
    let samples = sender(report);
    let first = threshold_from(&samples, 0)?;
    let second = threshold_from(&samples, first)?;
    let avoidance: Vec<&TcpSample> = samples[first..second].iter().filter(|one| is_recovered(one)).collect();
    let (begin, end) = (avoidance.first()?, avoidance.last()?);
    let rtt = avoidance.iter().filter_map(|sample| sample.srtt_s).sum::<f64>() / avoidance.len() as f64;
    let round_trips = (end.time_s - begin.time_s) / rtt;
    let increase = (window(end) - window(begin)) / round_trips;
    let threshold = f64::from(samples[second].ssthresh_segments.unwrap());
    Some((increase, 1.0 - threshold / window(end)))
}

/// Without the brake slow start doubles the window until the queue is full, and loses what it sent beyond.
#[test]
fn the_delay_brake_ends_slow_start_before_the_queue_is_full() {
    // 345 segments on their way, and as many in the queue.
    let bottleneck = "rate = \"100 Mbit/s\"\nqueue = { bdp = 1.0 }";
    let scenario = SCENARIO
        .replace("loss = { list = { packets = [2000, 40000] } }", "")
        .replace("rtt = \"40 ms\"", &format!("rtt = \"40 ms\"\n{bottleneck}"));
    let config = CONFIG.replace(
        ", additive_increase = 4, multiplicative_decrease = 0.25 }",
        " }\nslow_start = { delay_brake = true }",
    );
    let mut attempts = Vec::new();
    for _ in 0..ATTEMPTS {
        let samples = sender(&transfer(&scenario, &config));
        let largest = samples.iter().filter_map(|sample| sample.cwnd_segments).max().unwrap();
        let lost = samples.last().unwrap().retransmits;
        if lost == Some(0) && (300..690).contains(&largest) {
            return;
        }
        attempts.push((largest, lost));
    }
    panic!("largest window, segments sent again: {attempts:?}");
}

/// Where the slow-start threshold is next another than at `from`.
fn threshold_from(samples: &[TcpSample], from: usize) -> Option<usize> {
    let now = samples[from].ssthresh_segments;
    let change = samples[from..].iter().position(|sample| sample.ssthresh_segments != now);
    change.map(|change| from + change)
}

fn is_recovered(sample: &TcpSample) -> bool {
    sample.cwnd_segments > sample.ssthresh_segments && sample.lost_segments == Some(0)
}

fn window(sample: &TcpSample) -> f64 {
    f64::from(sample.cwnd_segments.unwrap())
}

fn transfer(scenario: &str, config: &str) -> Report {
    let directory = std::env::temp_dir().join(format!("wad-control-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("wad.toml"), config).unwrap();
    let scenario = Scenario::parse(&scenario.replace("WAD", env!("CARGO_BIN_EXE_wad"))).unwrap();
    let report = run(&scenario, RunOptions { directory: Some(directory.clone()), ..RunOptions::default() });
    fs::remove_dir_all(directory).unwrap();
    report.unwrap()
}

/// The samples of the end that sent the data.
fn sender(report: &Report) -> Vec<TcpSample> {
    let acked = |samples: &[TcpSample]| samples.iter().filter_map(|sample| sample.bytes_acked).max();
    let flows = report.flows.iter().map(|flow| flow.samples.clone());
    flows.max_by_key(|samples| acked(samples)).expect("flows were recorded")
}
