//! The command line.

mod lab_compare;
mod sim;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use wad_daemon::DEFAULT_RUNTIME_DIR;
use wad_trace::ExportFormat;
use wad_tune::{Endpoint, NamedEstimate};

pub(crate) use lab_compare::LabCompare;
pub(crate) use sim::{ScenarioArguments, Sim, SimCommand, SimExplain, SimMerge, SimRun, SimSweep};

/// Where the daemon's configuration is unless told otherwise.
pub(crate) const DEFAULT_CONFIG: &str = "/etc/wad/wad.toml";

/// The Work Around Daemon: gives the flows of designated paths the TCP that a specialist would.
#[derive(Debug, Parser)]
#[command(
    name = "wad",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  wad demo\n  wad run --config /etc/wad/wad.toml"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Reload(Reload),
    Stop(Stop),
    History(History),
    Undo(Undo),
    Flows(Flows),
    Top(Top),
    Trace(Trace),
    Explain(Explain),
    Plot(Plot),
    Config(ConfigArguments),
    Import(Import),
    Diagnose(Diagnose),
    Sim(Box<Sim>),
    Lab(Lab),
    Demo(Demo),
}

/// Run the daemon: tune the flows of the configured paths until SIGTERM or SIGINT. Needs root.
///
/// Flows that run already when it starts are adopted. Those that run when it stops keep what they have (see `wad
/// stop --restore`); new ones are then left alone. SIGHUP reads the configuration anew, as `wad reload` does.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad run --config /etc/wad/wad.toml\n  \
    wad run --config my.toml --estimate cern=622Mbit/s,80ms\n  \
    wad run --config /etc/wad/wad.toml --take-over\n  \
    WAD_LOG=debug wad run --config my.toml --runtime-dir /tmp/wad")]
pub(crate) struct Run {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
    /// Tune only the processes in this cgroup v2 directory (default: `cgroup` of the configuration, or all of the host)
    #[arg(long, value_name = "DIR")]
    pub(crate) cgroup: Option<PathBuf>,
    /// A TOML file with estimates of paths: tables `estimate` with `path`, `rate` and `rtt`
    #[arg(long, value_name = "FILE")]
    pub(crate) estimates: Option<PathBuf>,
    /// An estimate of a path; goes before that of the file
    #[arg(long, value_name = "PATH=RATE,RTT")]
    pub(crate) estimate: Vec<NamedEstimate>,
    /// Take over from the daemon that runs with the same directory: no flow and no record is lost, and it ends
    #[arg(long)]
    pub(crate) take_over: bool,
}

/// Let the running daemon read its configuration anew, and give running flows what it says now.
///
/// A configuration with an error changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad reload\n  wad reload --json | jq .retuned_flows")]
pub(crate) struct Reload {
    /// Print one JSON document: {"paths","retuned_flows","adopted_flows","restored_flows"}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

/// End the running daemon.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad stop\n  wad stop --restore")]
pub(crate) struct Stop {
    /// Put running flows back as they were before they were tuned
    #[arg(long)]
    pub(crate) restore: bool,
    /// Print one JSON document: {"restored_flows","kept_flows"}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

/// List what the daemon changed on the host: when, from what to what, why, and what became of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad history\n  wad history --json | jq '.in_force'")]
pub(crate) struct History {
    /// Print one JSON document: {"history":[{"time_s","event","id","sysctl","before","set",...}],"in_force":[...]}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

/// Put one of the daemon's changes of the host back now. The daemon leaves that setting alone from then on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad undo 2\n  wad undo 2 --json")]
pub(crate) struct Undo {
    /// The number of the change in `wad history`
    #[arg(value_name = "ID")]
    pub(crate) id: u64,
    /// Print one JSON document: {"id","namespace","sysctl","before","set","why"}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

/// Which daemon is meant, where more than one could run.
#[derive(Debug, Args)]
pub(crate) struct DaemonDir {
    /// The daemon's directory, with its lock and its socket
    #[arg(long, value_name = "DIR", default_value = DEFAULT_RUNTIME_DIR)]
    pub(crate) runtime_dir: PathBuf,
}

/// List flows: the designated ones of the running daemon, or with a filter or --all any flow of the host.
///
/// Any flow needs root and no daemon. Filters are explained in docs/OBSERVING.md.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad flows\n  wad flows --json | jq '.flows[].mean_rate_bps'\n  \
    wad flows --all\n  wad flows dst=192.0.2.0/24 '!state=time-wait'")]
pub(crate) struct Flows {
    /// Which flows of the host, designated or not: terms such as dst=192.0.2.0/24 or dport=443, all of which must hold
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// All flows of the host, in all network namespaces
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON document: {"flows":[{"source","destination","path",...}]}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

/// Watch flows in the terminal: sorted, filtered, and one of them closely. Needs root.
///
/// Keys: arrows and PgUp/PgDn move, < and > choose the column to sort by, r turns the order, / filters, Enter shows one flow,
/// Esc goes back, q ends.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad top\n  wad top dport=443\n  wad top --interval 500ms path=cern")]
pub(crate) struct Top {
    /// Which flows, as for `wad flows`
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// How often flows are sampled
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
    /// Draw frames of as many flows that are made up, and print how long one takes
    #[arg(long, value_name = "FLOWS", hide = true)]
    pub(crate) measure: Option<usize>,
}

/// Record the counters of flows over time: designated ones, or with a filter or --all any flow of the host. Needs root.
///
/// A flow that closes between two samples leaves its last counters. With --events each acknowledgement, or each round trip,
/// of the flows is recorded as well. The file can be read while it is
/// written.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  wad trace --out flows.wadt\n  \
    wad trace dst=192.0.2.0/24 --interval 1s --rotate-size '100 MiB' --out flows.wadt\n  \
    wad trace path=cern --events ack --duration 10s --out acks.wadt"
)]
pub(crate) struct Trace {
    #[command(subcommand)]
    pub(crate) command: Option<TraceCommand>,
    /// Which flows, as for `wad flows` (default: the designated ones)
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// All flows of the host, in all network namespaces
    #[arg(long)]
    pub(crate) all: bool,
    /// Where the recording goes; a file that is there is replaced
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) out: Option<PathBuf>,
    /// The time between two samples of a flow
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Record also each acknowledgement, or once a round trip
    #[arg(long, value_name = "WHICH")]
    pub(crate) events: Option<EventMode>,
    /// Which counters of docs/COUNTERS.md (default: all)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) counters: Vec<wad_model::Counter>,
    /// End after this time (default: at SIGINT or SIGTERM)
    #[arg(long, value_name = "TIME", value_parser = wad_model::parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Go on in another file (FILE.1 and so on) when one has reached this size
    #[arg(long, value_name = "SIZE")]
    pub(crate) rotate_size: Option<wad_model::Bytes>,
    /// Go on in another file when one is as old
    #[arg(long, value_name = "TIME", value_parser = wad_model::parse_duration)]
    pub(crate) rotate_age: Option<Duration>,
    /// Print one JSON document at the end: {"files","flows","closed_flows","samples","events","lost_events",...}
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

/// What is recorded beside samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EventMode {
    /// Each segment that arrives
    Ack,
    /// Once a round trip, while the flow sends
    Rtt,
}

/// A time between samples: a flow cannot be looked at more often than the kernel's clock moves.
fn interval(text: &str) -> Result<Duration, String> {
    let time = wad_model::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(10) {
        return Err("the shortest time between samples is 10 ms; --events records what is faster".to_owned());
    }
    Ok(time)
}

/// Say which path entry a flow would take, and what would be set for it.
///
/// Asks the running daemon, or reads the configuration given with --config.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples (the first asks the running daemon):\n  wad explain 192.0.2.1 198.51.100.7:2811\n  \
    wad explain --config my.toml '[2001:db8::1]' '[2001:db8:1::2]:443' --json"
)]
pub(crate) struct Explain {
    /// This host's end: an address, or address:port (`[address]:port` for IPv6)
    #[arg(value_name = "SRC[:PORT]")]
    pub(crate) source: Endpoint,
    /// The other host's end
    #[arg(value_name = "DST[:PORT]")]
    pub(crate) destination: Endpoint,
    /// Explain by this configuration instead of the running daemon's
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonDir,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TraceCommand {
    Export(TraceExport),
}

/// Write a recording in the form of another program.
///
/// A recording that is still written, or whose writer was killed, is exported as far as it is whole, with a note on
/// standard error of where that is. Values are whole numbers in the unit that their column's name ends with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad trace export flows.wadt --format csv --out flows.csv\n  \
    wad trace export flows.wadt --format jsonl | jq .SmoothedRTT_us\n  \
    wad trace export flows.wadt --format parquet --out flows.parquet")]
pub(crate) struct TraceExport {
    /// The recording; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// csv, jsonl (JSON lines), netlogger, netlogger-bp, netlogger-json or parquet
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// Where the export goes (default: standard output)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Which of the recording's tables (default: its first)
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
}

/// Draw recordings of flows: throughput, windows, round trips, retransmissions, and runs compared.
///
/// Of one recording each figure has the flows that carried most and the sum of all. Of several, there is one more figure
/// that compares them, each from its first sample on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad plot flows.wadt --out pictures\n  \
    wad plot untuned.wadt tuned.wadt --out pictures --json | jq -r '.pictures[]'")]
pub(crate) struct Plot {
    /// The recordings
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where the pictures go, each as SVG and PNG
    #[arg(long, value_name = "DIR", default_value = "wad-out")]
    pub(crate) out: PathBuf,
    /// Print one JSON document: {"pictures":["DIR/NAME.svg",...]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Work with configuration files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad config check /etc/wad/wad.toml")]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    Check(ConfigCheck),
}

/// Check a configuration: every error with its line, its column and the nearest valid key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad config check /etc/wad/wad.toml\n  wad config check --json my.toml")]
pub(crate) struct ConfigCheck {
    /// The configuration
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON document: {"file","valid","paths","prefixes","errors":[{"line","column","message","help"}]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Convert a wad.conf of the WAD of 2002: prints the configuration of today that does the same.
///
/// Host names in it are looked up now, and written as addresses.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad import wad.conf\n  wad import --json wad.conf | jq -r .toml")]
pub(crate) struct Import {
    /// The old configuration
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON document: {"toml","notes":[{"line","text"}]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say why a flow is slow: what limits it, which known problem it has, and what to do.
///
/// Watches a running flow of this network namespace for some seconds, or reads a recording. The recording must be of
/// the sender's side. Ends with status 1 if no flow was found.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  wad diagnose 192.0.2.7:2811\n  wad diagnose --trace flows.wadt --json\n  \
    wad diagnose --iperf transfer.json\n  wad diagnose --ss ss.txt\n  \
    wad diagnose --pcap capture.pcap --target '1 Gbit/s'\n\n\
    Recordings of the sender: `iperf3 --client HOST --json > transfer.json`; `ss -tinem` every 0.1 s,\n\
    each after a line of `date +%s.%N`, into ss.txt; `tcpdump -s 128 -w capture.pcap host HOST`"
)]
#[command(group = clap::ArgGroup::new("evidence").required(true))]
pub(crate) struct Diagnose {
    /// The other end of a running flow, as ADDRESS:PORT
    #[arg(value_name = "FLOW", group = "evidence", value_parser = far_end)]
    pub(crate) flow: Option<std::net::SocketAddr>,
    /// A recording of `wad trace`
    #[arg(long, value_name = "FILE", group = "evidence")]
    pub(crate) trace: Option<PathBuf>,
    /// A capture: pcap or pcapng
    #[arg(long, value_name = "FILE", group = "evidence")]
    pub(crate) pcap: Option<PathBuf>,
    /// What `iperf3 --json` printed
    #[arg(long, value_name = "FILE", group = "evidence")]
    pub(crate) iperf: Option<PathBuf>,
    /// What `ss -tinem` printed, once or many times in a row
    #[arg(long, value_name = "FILE", group = "evidence")]
    pub(crate) ss: Option<PathBuf>,
    /// This end's port, where there are several flows to the other end
    #[arg(long, value_name = "PORT", requires = "flow")]
    pub(crate) local_port: Option<u16>,
    /// How long a running flow is watched, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// A rate that you would like: what it needs is told
    #[arg(long, value_name = "RATE")]
    pub(crate) target: Option<wad_model::Rate>,
    /// Print one JSON document: {"flows":[{"verdict","summary","limits","findings":[...],"outlook"}]}
    #[arg(long)]
    pub(crate) json: bool,
}

fn far_end(text: &str) -> Result<std::net::SocketAddr, &'static str> {
    text.parse().map_err(|_| "give the other end as ADDRESS:PORT, such as 192.0.2.1:443 or [2001:db8::1]:443")
}

/// Experiments with real hosts in network namespaces, joined by an emulated path. Needs root.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  wad lab run crates/lab/scenarios/transatlantic.toml\n  wad lab reproduce fig2"
)]
pub(crate) struct Lab {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    Run(LabRun),
    Reproduce(LabReproduce),
    Compare(LabCompare),
    Diagnose(LabDiagnose),
    #[command(hide = true, subcommand)]
    Endpoint(LabEndpoint),
    #[command(hide = true)]
    Sampler(LabSampler),
}

/// Judge `wad diagnose` by experiments with known faults really present, and by healthy ones.
///
/// Runs each fault and as many healthy transfers on three paths, and counts which problem the diagnosis names
/// first. Ends with status 1 if fewer than 95 % of the faults are named, or more than 2 % of healthy runs blamed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  wad lab diagnose --list\n  wad lab diagnose --faults random_loss,nagle --out results\n  \
    wad lab diagnose --from crates/faults/recordings --markdown docs/DIAGNOSIS.md"
)]
pub(crate) struct LabDiagnose {
    /// Only these faults; "healthy" stands for all healthy runs (default: all)
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub(crate) faults: Vec<String>,
    /// Which paths: those on which thresholds were chosen, or those that judge
    #[arg(long, value_enum, default_value = "judge")]
    pub(crate) set: SetName,
    /// Seeds the paths' random decisions
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many experiments run at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) jobs: u8,
    /// List the experiments
    #[arg(long)]
    pub(crate) list: bool,
    /// Where the recordings go
    #[arg(long, value_name = "DIR", default_value = "diagnosis")]
    pub(crate) out: PathBuf,
    /// Run nothing: judge the recordings in this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Write the tables of this document anew
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Print one JSON document: {"sets":[{"set","faults","named_first","healthy","blamed","runs":[...]}]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// The sets of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SetName {
    Tune,
    Judge,
    All,
}

/// An end of a transfer.
#[derive(Debug, Subcommand)]
pub(crate) enum LabEndpoint {
    Send(wad_faults::endpoint::Send),
    Receive(wad_faults::endpoint::Receive),
}

/// Record one flow of this network namespace.
#[derive(Debug, Args)]
pub(crate) struct LabSampler {
    #[arg(long)]
    pub(crate) address: std::net::IpAddr,
    #[arg(long)]
    pub(crate) port: u16,
    #[arg(long)]
    pub(crate) out: PathBuf,
}

/// Run the published experiments of 2002 to 2004 again, and compare with what was reported.
///
/// Each compares transfers over the same emulated path: hosts as they were, with the daemon and without it,
/// and today's defaults. Ends with status 1 if a ratio does not hold. Needs root, iperf3, and that no other
/// daemon runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  wad lab reproduce --list\n  wad lab reproduce fig2 tab1 --repetitions 1\n  \
    wad lab reproduce --json --out results | jq '.[] | {id, measured_ratio, holds}'"
)]
pub(crate) struct LabReproduce {
    /// The experiments (default: all)
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// List the experiments, and how long each takes
    #[arg(long, conflicts_with_all = ["ids", "from"])]
    pub(crate) list: bool,
    /// Print one JSON document: [{"id","reported","measured","reported_ratio","measured_ratio","repetitions","holds",...}]
    #[arg(long)]
    pub(crate) json: bool,
    /// Where results.json and the plots go; results.json keeps what earlier runs found of other experiments
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) out: PathBuf,
    /// How often each comparison is repeated, each time with another seed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) repetitions: u32,
    /// Write all that results.json has as a Markdown document
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Run nothing: read the results from this file
    #[arg(long, value_name = "FILE", conflicts_with = "ids")]
    pub(crate) from: Option<PathBuf>,
}

/// Run a scenario: two hosts, the path between them, and any programs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad lab run crates/lab/scenarios/transatlantic.toml\n  \
    wad lab run my.toml --json --out results")]
pub(crate) struct LabRun {
    /// The scenario
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) scenario: PathBuf,
    /// Print the report as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the output of the programs in this directory (default: it goes with the run)
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Show the main job: a transfer over a long path, without the daemon and with it.
///
/// Makes two hosts in network namespaces joined by an emulated path (622 Mbit/s, 70 ms, a queue of
/// one bandwidth-delay product), and runs the same unmodified `iperf3 -w 64K` twice. Needs root, and
/// that no other daemon runs: the demo starts one of its own, in a cgroup of its own.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wad demo\n  wad demo --json --out pictures")]
pub(crate) struct Demo {
    /// Print one JSON document: {"path":{...},"untuned":{...},"tuned":{...},"ratio":...,"pictures":[...]}
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the pictures go
    #[arg(long, value_name = "DIR", default_value = "wad-out")]
    pub(crate) out: PathBuf,
    /// How long each transfer lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=300))]
    pub(crate) seconds: u32,
}
