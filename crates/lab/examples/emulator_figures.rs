//! Measures the emulator: how much it carries, and how late its deliveries are. Needs root and iperf3.
//!
//! ```sh
//! cargo run --release -p wad-lab --example emulator_figures
//! ```
//!
//! Prints a table on standard error and one JSON document on standard output. Each figure is the median
//! of three runs; both ends of every transfer run on the same processors as the emulator.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use wad_lab::report::LatenessReport;
use wad_lab::{LabError, Mode, RunOptions, Scenario, Testbed, TestbedConfig, run};

const RUNS: usize = 3;
/// The path whose lateness counts has a delay and no rate, so that no queue adds to it.
const DELAY: Duration = Duration::from_millis(35);

#[derive(Debug, Serialize)]
struct Figures {
    processors: usize,
    /// The part of the processors' time, 0 to 1, that the hypervisor of a virtual machine gave to others
    /// during the measurements: what it takes, no emulator can be punctual in.
    stolen: f64,
    /// Goodput of one TCP flow over a path without limits.
    plain_goodput_bps: f64,
    offload_goodput_bps: f64,
    /// Deliveries of a TCP flow paced at 600 Mbit/s, against the model's instants.
    plain_lateness: LatenessReport,
    offload_lateness: LatenessReport,
    /// One-way delay of a datagram each millisecond beside that flow, less what is configured, from
    /// `send` to `recv` in the hosts: includes the wake-up of the receiving thread.
    plain_probe: Probe,
    offload_probe: Probe,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Probe {
    /// What the flow beside the probe brought through meanwhile.
    flow_rate_bps: f64,
    datagrams: usize,
    p50_s: f64,
    p99_s: f64,
    max_s: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let before = processor_time()?;
    let [plain_goodput_bps, offload_goodput_bps] =
        [median(RUNS, || rate(Mode::Plain))?, median(RUNS, || rate(Mode::Offload))?];
    let (plain_lateness, plain_probe) = median_lateness(Mode::Plain)?;
    let (offload_lateness, offload_probe) = median_lateness(Mode::Offload)?;
    let figures = Figures {
        stolen: stolen(before, processor_time()?),
        processors: thread::available_parallelism()?.get(),
        plain_goodput_bps,
        offload_goodput_bps,
        plain_lateness,
        offload_lateness,
        plain_probe,
        offload_probe,
    };
    print_table(&figures);
    note_stolen(&figures);
    println!("{}", serde_json::to_string_pretty(&figures)?);
    Ok(())
}

fn print_table(figures: &Figures) {
    eprintln!("{:<38} {:>12} {:>12}", "", "plain", "offload");
    let row = |name: &str, plain: f64, offload: f64| eprintln!("{name:<38} {plain:>12.3} {offload:>12.3}");
    row("goodput without limits, Gbit/s", figures.plain_goodput_bps / 1e9, figures.offload_goodput_bps / 1e9);
    let (plain, offload) = (&figures.plain_lateness, &figures.offload_lateness);
    row("lateness at 600 Mbit/s, median, ms", plain.p50_s * 1e3, offload.p50_s * 1e3);
    row("  99th percentile, ms", plain.p99_s * 1e3, offload.p99_s * 1e3);
    row("  99.9th percentile, ms", plain.p999_s * 1e3, offload.p999_s * 1e3);
    row("  largest, ms", plain.max_s * 1e3, offload.max_s * 1e3);
    let (plain, offload) = (&figures.plain_probe, &figures.offload_probe);
    row(
        "  rate of the flow, Mbit/s",
        figures.plain_probe.flow_rate_bps / 1e6,
        figures.offload_probe.flow_rate_bps / 1e6,
    );
    row("one-way delay above 35 ms, median, ms", plain.p50_s * 1e3, offload.p50_s * 1e3);
    row("  99th percentile, ms", plain.p99_s * 1e3, offload.p99_s * 1e3);
}

fn note_stolen(figures: &Figures) {
    eprintln!("stolen by the hypervisor meanwhile: {:.1} % of the processors", figures.stolen * 100.0);
}

fn median<E>(runs: usize, measure: impl Fn() -> Result<f64, E>) -> Result<f64, E> {
    let mut values = (0..runs).map(|_| measure()).collect::<Result<Vec<_>, _>>()?;
    values.sort_by(f64::total_cmp);
    Ok(values[values.len() / 2])
}

/// What one TCP flow gets through.
fn rate(mode: Mode) -> Result<f64, LabError> {
    let mut scenario = Scenario::parse(include_str!("../scenarios/emulator-rate.toml"))?;
    scenario.testbed.mode = mode;
    let report = run(&scenario, RunOptions::default())?;
    let client = report.applications.iter().find_map(|application| {
        application.iperf3.as_ref().filter(|_| application.name == "client")?.goodput_bps
    });
    Ok(client.unwrap_or(0.0))
}

/// The run whose 99th percentile is the median.
fn median_lateness(mode: Mode) -> Result<(LatenessReport, Probe), Box<dyn std::error::Error>> {
    let mut runs = (0..RUNS).map(|_| lateness(mode)).collect::<Result<Vec<_>, _>>()?;
    runs.sort_by(|(a, _), (b, _)| a.p99_s.total_cmp(&b.p99_s));
    Ok(runs.swap_remove(RUNS / 2))
}

/// Ticks of all processors since boot: all of them, and those stolen.
fn processor_time() -> std::io::Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user time.
    Ok((ticks.iter().take(8).sum(), ticks.get(7).copied().unwrap_or(0)))
}

fn stolen(before: (u64, u64), after: (u64, u64)) -> f64 {
    let part = |ticks: u64| f64::from(u32::try_from(ticks).unwrap_or(u32::MAX));
    part(after.1 - before.1) / part(after.0 - before.0).max(1.0)
}

/// A TCP flow at 600 Mbit/s and a probe beside it.
fn lateness(mode: Mode) -> Result<(LatenessReport, Probe), Box<dyn std::error::Error>> {
    let delays = "forward = { delay = \"35 ms\" }\nbackward = { delay = \"35 ms\" }";
    let mut config = TestbedConfig::new(mode, toml::from_str(delays)?);
    for host in &mut config.hosts {
        // 600 Mbit/s over 70 ms are 5 MB in flight; the usual ceilings are below that.
        for (key, value) in [("tcp_wmem", "4096 65536 67108864"), ("tcp_rmem", "4096 131072 67108864")] {
            host.sysctl.insert(format!("net.ipv4.{key}"), value.into());
        }
        host.sysctl.insert("net.ipv4.tcp_congestion_control".into(), "cubic".into());
    }
    let testbed = Testbed::new(config)?;
    let start = |host: &wad_lab::Host, command: &str| {
        host.namespace().enter(|| {
            let mut words = command.split(' ');
            std::process::Command::new(words.next().unwrap_or_default())
                .args(words)
                .stdout(std::process::Stdio::null())
                .spawn()
        })
    };
    let mut server = start(testbed.right(), "iperf3 --server --one-off")?;
    thread::sleep(Duration::from_millis(300));
    let mut client = start(testbed.left(), "iperf3 --client 10.77.0.2 --fq-rate 600M --time 9")?;
    thread::sleep(Duration::from_secs(3));
    let probe = probe(&testbed, Duration::from_secs(5))?;
    client.wait()?;
    server.wait()?;
    let path = testbed.finish()?;
    Ok((path.forward.direction.lateness, probe))
}

/// Sends a datagram each millisecond from left to right, with the time in it.
fn probe(testbed: &Testbed, duration: Duration) -> std::io::Result<Probe> {
    let [left, right] = testbed.hosts();
    let far = right.namespace().enter(|| UdpSocket::bind((right.address(), 0)))?;
    let near = left.namespace().enter(|| UdpSocket::bind((left.address(), 0)))?;
    near.connect(far.local_addr()?)?;
    far.set_read_timeout(Some(Duration::from_millis(200)))?;
    let (origin, done) = (Instant::now(), AtomicBool::new(false));
    let before = testbed.emulator().delivered_bytes()[0];
    let mut excess = thread::scope(|scope| -> std::io::Result<Vec<Duration>> {
        let receiver = scope.spawn(|| receive(&far, origin, &done));
        while origin.elapsed() < duration {
            let nanos = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            near.send(&nanos.to_ne_bytes())?;
            thread::sleep(Duration::from_millis(1));
        }
        done.store(true, Ordering::Relaxed);
        Ok(receiver.join().unwrap_or_default())
    })?;
    let bytes = u32::try_from(testbed.emulator().delivered_bytes()[0] - before).unwrap_or(u32::MAX);
    let flow_rate_bps = f64::from(bytes) * 8.0 / origin.elapsed().as_secs_f64();
    excess.sort();
    let at = |percent: usize| excess.get(excess.len() * percent / 100).map_or(0.0, Duration::as_secs_f64);
    let max_s = excess.last().map_or(0.0, Duration::as_secs_f64);
    Ok(Probe { flow_rate_bps, datagrams: excess.len(), p50_s: at(50), p99_s: at(99), max_s })
}

fn receive(socket: &UdpSocket, origin: Instant, done: &AtomicBool) -> Vec<Duration> {
    let mut excess = Vec::new();
    let mut datagram = [0; 8];
    loop {
        match socket.recv(&mut datagram) {
            Ok(_) => {
                let sent = Duration::from_nanos(u64::from_ne_bytes(datagram));
                excess.push(origin.elapsed().saturating_sub(sent + DELAY));
            }
            Err(_) if done.load(Ordering::Relaxed) => return excess,
            Err(_) => {}
        }
    }
}
