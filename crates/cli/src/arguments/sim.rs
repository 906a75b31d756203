//! The arguments of `wad sim`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use wad_study::Setting;
use wad_study::sweep::{Axis, Shard};

/// Simulate TCP over a path: what a transfer will do, without a network and faster than one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad sim run --rate 622Mbit/s --rtt 80ms --streams 4 --time 20s\n  \
    wad sim sweep --over window=64KiB..16MiB:log8 --over streams=1,2,4,8 --out sweep")]
pub(crate) struct Sim {
    #[command(subcommand)]
    pub(crate) command: SimCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    Run(SimRun),
    Explain(SimExplain),
    Sweep(SimSweep),
    Merge(SimMerge),
}

/// Run a scenario: what each flow gets, how its round trips are, what the links carry.
///
/// Without a file: one CUBIC flow over 100 Mbit/s, 40 ms and a queue of one bandwidth-delay product, for 60 s. The same seed
/// gives the same numbers, bit for bit.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad sim run\n  \
    wad sim run --rate 622Mbit/s --rtt 80ms --streams 4 --window 2MiB --control reno\n  \
    wad sim run --control '{ aimd = { additive_increase = 6.0 } }' --json | jq .total\n  \
    wad sim run --rate 50Mbit/s --plot run.svg --trace run.wadt --interval 100ms\n  \
    wad sim run --streams 2 --set flow.ecn=true --print-scenario")]
pub(crate) struct SimRun {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArguments,
    /// Print one JSON document: {"scenario","measured_s","flows":[...],"links":[...],"total","work"}
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw rates, windows, round trips and queues over time; the ending says SVG or PNG
    #[arg(long, value_name = "FILE.svg|FILE.png", value_parser = picture)]
    pub(crate) plot: Option<PathBuf>,
    /// Record each change of each flow in the format of `wad trace`
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Record the state at intervals instead, with the queue
    #[arg(long, value_name = "TIME", requires = "trace", value_parser = interval)]
    pub(crate) interval: Option<Duration>,
    /// Print the scenario in full and run nothing
    #[arg(long)]
    pub(crate) print_scenario: bool,
    /// Run it however long it takes
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Say what limits a scenario, what theory expects, which parameter to change, and how long a run will take.
///
/// Bounds are closed forms: bandwidth-delay product, windows, response functions (Mathis, PFTK, RFC 3649, RFC 9438), the
/// saw-tooth over a short queue, slow start. Then the scenario is run, if that takes no longer than 30 s, and compared.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  wad sim explain --rate 622Mbit/s --rtt 80ms --window 64KiB --time 20s\n  \
    wad sim explain --rate 1Gbit/s --loss 1e-5 --control reno --no-run\n  \
    wad sim explain --queue 0.1bdp --control reno --json | jq '.flows[0].limit'"
)]
pub(crate) struct SimExplain {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArguments,
    /// Theory and estimate only
    #[arg(long)]
    pub(crate) no_run: bool,
    /// Run it however long it takes
    #[arg(long, conflicts_with = "no_run")]
    pub(crate) yes: bool,
    /// Print one JSON document: {"scenario","flows":[{"limit","bounds","theory","remedies",...}],"estimate","simulated"}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Run many scenarios that differ in some parameters, on all cores.
///
/// Writes plan.toml, journal, results.csv, results.jsonl, results.parquet and a picture for each question into a directory. If
/// it is stopped or killed, the same command goes on where it was.
///
/// Values are lists (1,2,4) and ranges: 64KiB..16MiB:log8 (eight values with equal ratios), 1ms..9ms:lin5 (with equal steps),
/// 10ms..100ms:10ms (a step), 1..8 (by one). A scenario may have a table "sweep" with over = ["NAME=VALUES", ...] and seeds = N.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wad sim sweep --over window=64KiB..16MiB:log8 --over streams=1,2,4,8 --time 20s --out sweep\n  \
    wad sim sweep --over control=reno,cubic --over loss=1e-5..1e-2:log7 --seeds 5 --out losses\n  \
    wad sim sweep --over flow.0.ecn=true,false --seeds 20 --measure rtt_p99 --out ecn\n  \
    wad sim sweep --over rtt=10ms..200ms:10ms --out part2 --shard 2/4\n  \
    wad sim sweep --over streams=1..64:log7 --estimate")]
pub(crate) struct SimSweep {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArguments,
    /// A parameter and its values; names are those of the options, or paths of keys as for --set
    #[arg(long, value_name = "NAME=VALUES")]
    pub(crate) over: Vec<Axis>,
    /// How many seeds each combination is run with, from the scenario's on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) seeds: Option<u32>,
    /// Where results go, and where those of an earlier run are
    #[arg(long, value_name = "DIR", default_value = "sweep")]
    pub(crate) out: PathBuf,
    /// Run only a part, such as 2/4; `wad sim merge` puts the parts together
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    pub(crate) shard: Shard,
    /// How many scenarios run at the same time (default: as many as there are cores)
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZeroUsize>,
    /// What pictures show: goodput, fairness, loss, utilisation, rtt_mean, rtt_p99, queue_mean, ... (default: goodput)
    #[arg(long, value_name = "NAME", value_parser = measure)]
    pub(crate) measure: Vec<usize>,
    /// Draw nothing
    #[arg(long, conflicts_with = "measure")]
    pub(crate) no_plots: bool,
    /// Say how long it would take and how much memory it would need, and run nothing
    #[arg(long)]
    pub(crate) estimate: bool,
    /// Run it however long it takes
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print one JSON document: {"out","runs","done","ran","wall_s","jobs","busy","points":[...],"files":[...]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Put the parts of a sweep together: the same files, byte for byte, as if it had been run in one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad sim merge part1 part2 part3 part4 --out sweep")]
pub(crate) struct SimMerge {
    /// Directories of `wad sim sweep --shard`
    #[arg(value_name = "DIR", required = true)]
    pub(crate) parts: Vec<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "sweep")]
    pub(crate) out: PathBuf,
    /// What pictures show, as for `wad sim sweep`
    #[arg(long, value_name = "NAME", value_parser = measure)]
    pub(crate) measure: Vec<usize>,
    /// Draw nothing
    #[arg(long, conflicts_with = "measure")]
    pub(crate) no_plots: bool,
    /// Print one JSON document, as `wad sim sweep` does
    #[arg(long)]
    pub(crate) json: bool,
}

/// A scenario: a file or the defaults, and what is to differ.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArguments {
    /// The scenario (default: see above); what is given beside it changes what it names
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) file: Option<PathBuf>,
    /// The rate of the bottleneck
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// The round trip without queues
    #[arg(long, value_name = "TIME")]
    rtt: Option<String>,
    /// The queue before the bottleneck: 1bdp (bandwidth-delay product), 300 (packets), 2MiB, unlimited
    #[arg(long, value_name = "SIZE")]
    queue: Option<String>,
    /// How it is managed: drop_tail, red, codel, fq_codel
    #[arg(long, value_name = "NAME")]
    discipline: Option<String>,
    /// Random losses: 1e-4 or 0.01%
    #[arg(long, value_name = "SHARE")]
    loss: Option<String>,
    /// How many flows
    #[arg(long, value_name = "N")]
    streams: Option<String>,
    /// The receiver's window: 2MiB, '500 segments', unlimited
    #[arg(long, value_name = "SIZE")]
    window: Option<String>,
    /// The receiver's buffer, for what is early or not read yet (default: as large as --window)
    #[arg(long, value_name = "SIZE")]
    receive_buffer: Option<String>,
    /// How fast the receiving application reads (default: at once)
    #[arg(long, value_name = "RATE")]
    read_rate: Option<String>,
    /// The sender's buffer
    #[arg(long, value_name = "SIZE")]
    send_buffer: Option<String>,
    /// The congestion control: reno, cubic, bbr1, bbr3, high_speed, scalable, vegas, dctcp, virtual_mss, aimd, wad
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// How losses are repaired: rack, sack, fack, new_reno, reno, tahoe
    #[arg(long, value_name = "NAME")]
    recovery: Option<String>,
    /// Data in a full segment
    #[arg(long, value_name = "SIZE")]
    segment: Option<String>,
    /// The initial congestion window, in segments
    #[arg(long, value_name = "N")]
    initial_window: Option<String>,
    /// How much later each further flow starts
    #[arg(long, value_name = "TIME")]
    stagger: Option<String>,
    /// How long it runs, in virtual time
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// What is left out of the results at the begin
    #[arg(long, value_name = "TIME")]
    warm_up: Option<String>,
    /// Whatever is random follows from this number
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// Whose habits endpoints have: linux, ns2
    #[arg(long, value_name = "NAME")]
    conventions: Option<String>,
    /// Any other key of the scenario by its path, such as flow.0.ecn=true or topology.dumbbell.access.delay=1ms
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Setting>,
}

impl ScenarioArguments {
    /// What is to differ from the file or the defaults.
    pub(crate) fn settings(&self) -> impl Iterator<Item = Setting> {
        let flags = [
            ("rate", &self.rate),
            ("rtt", &self.rtt),
            ("queue", &self.queue),
            ("discipline", &self.discipline),
            ("loss", &self.loss),
            ("streams", &self.streams),
            ("window", &self.window),
            ("receive_buffer", &self.receive_buffer),
            ("read_rate", &self.read_rate),
            ("send_buffer", &self.send_buffer),
            ("control", &self.control),
            ("recovery", &self.recovery),
            ("segment", &self.segment),
            ("initial_window", &self.initial_window),
            ("stagger", &self.stagger),
            ("time", &self.time),
            ("warm_up", &self.warm_up),
            ("seed", &self.seed),
            ("conventions", &self.conventions),
        ];
        let given = flags.into_iter().filter_map(|(name, value)| Some(Setting::new(name, value.as_ref()?)));
        self.set.iter().cloned().chain(given)
    }
}

fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg" | "png") => Ok(path),
        _ => Err("the name of a picture ends with .svg or .png".to_owned()),
    }
}

fn measure(text: &str) -> Result<usize, String> {
    let known =
        || wad_study::sweep::MEASURES.iter().map(|measure| measure.name).collect::<Vec<_>>().join(", ");
    let found = wad_study::sweep::measure(text).map(|(place, _)| place);
    found.ok_or_else(|| format!("there are {}", known()))
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = wad_model::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("give a time above 0".to_owned()) } else { Ok(time) }
}
