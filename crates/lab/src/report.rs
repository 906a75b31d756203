//! What a run found, as one JSON document.
//!
//! Keys end in their unit: `_s` seconds, `_bytes`, `_bps` bits a second, `_packets`, `_segments`; counts of
//! other things have no suffix. Times are counted from the start of the run, when the path is up and before
//! the first application. A key whose value is not known on this kernel, or does not apply, is absent.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wad_path::{Counters, LinkConfig, Queue, Usage};

use crate::host::HostConfig;
use crate::iperf3::Iperf3;
use crate::tcp_sample::TcpSample;

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub name: String,
    /// The seed of its random decisions.
    pub seed: u64,
    /// How long it ran.
    pub duration_s: f64,
    /// Whether it was stopped because its time was up, with applications still running.
    pub timed_out: bool,
    /// The hosts, left and right.
    pub hosts: Vec<HostReport>,
    /// The applications, in the scenario's order.
    pub applications: Vec<ApplicationReport>,
    /// The path between the hosts.
    pub path: PathReport,
    /// The TCP flows of the hosts, if they were recorded. Each flow is there once for each of its ends.
    pub flows: Vec<FlowReport>,
}

/// A host of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl HostReport {
    pub(crate) fn new(host: &HostConfig) -> Self {
        Self { name: host.name.clone(), addresses: vec![host.address.into(), host.address6.into()] }
    }
}

/// What became of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplicationReport {
    /// Its name.
    pub name: String,
    /// Its host; none if it ran outside of the hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The command as it was run, with everything filled in.
    pub command: Vec<String>,
    /// When it was started; absent if the run ended before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_s: Option<f64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_s: Option<f64>,
    /// Its exit code; absent if a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether the laboratory ended it: a service after the last main application, or anything at the
    /// end of the scenario's time.
    pub stopped: bool,
    /// The file with its standard output; it is there if the run was given a directory.
    pub stdout: PathBuf,
    /// The file with its standard error.
    pub stderr: PathBuf,
    /// The last lines that it wrote, standard error after standard output, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<String>,
    /// What `iperf3 --json` said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iperf3: Option<Iperf3>,
}

/// The path of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathReport {
    /// `plain` or `offload`.
    pub mode: String,
    /// The largest IP packet.
    pub mtu_bytes: u32,
    /// Left to right.
    pub forward: LinkReport,
    /// Right to left.
    pub backward: LinkReport,
}

/// One direction of the path: what it was meant to be, and what it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkReport {
    /// The rate; absent if it was unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_bps: Option<u64>,
    /// The one-way delay.
    pub delay_s: f64,
    /// The room of the queue, if it was limited in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_bytes: Option<u64>,
    /// The room of the queue, if it was limited in packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_packets: Option<u64>,
    /// What it did.
    #[serde(flatten)]
    pub direction: DirectionReport,
    /// Packets that the sending host's device dropped because the emulator fell behind: losses that
    /// no model decided. An experiment in which this is not zero says little.
    pub device_drops_packets: u64,
}

impl LinkReport {
    pub(crate) fn new(config: &LinkConfig, direction: DirectionReport, device_drops_packets: u64) -> Self {
        let (queue_bytes, queue_packets) = match config.queue {
            Queue::Unlimited => (None, None),
            Queue::Bytes(bytes) => (Some(bytes.get()), None),
            Queue::Packets(packets) => (None, Some(packets)),
        };
        Self {
            rate_bps: config.rate.map(wad_model::Rate::as_bps),
            delay_s: config.delay.as_secs_f64(),
            queue_bytes,
            queue_packets,
            direction,
            device_drops_packets,
        }
    }
}

/// Both directions of an emulated path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmulatorReport {
    /// Left to right.
    pub forward: DirectionReport,
    /// Right to left.
    pub backward: DirectionReport,
}

/// What happened in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectionReport {
    /// The model's counters.
    pub link: LinkCounters,
    /// The emulator's own.
    pub emulator: EmulatorCounters,
    /// How late packets were.
    pub lateness: LatenessReport,
    /// Throughput and queue over time, if they were recorded.
    pub samples: Vec<ThroughputSample>,
}

/// What the model of a link counted: packets as on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Packets that entered.
    pub entered_packets: u64,
    /// Their sizes.
    pub entered_bytes: u64,
    /// Packets that found the queue full.
    pub dropped_by_queue_packets: u64,
    /// Packets that the loss model took.
    pub lost_by_model_packets: u64,
    /// Copies that duplication made.
    pub duplicated_packets: u64,
    /// Packets that left after one that had entered later.
    pub reordered_packets: u64,
    /// Packets that left.
    pub delivered_packets: u64,
    /// Their sizes.
    pub delivered_bytes: u64,
    /// The largest backlog.
    pub queue_largest_packets: u64,
    /// The largest backlog.
    pub queue_largest_bytes: u64,
    /// The mean backlog over time, from the first packet to the end.
    pub queue_mean_packets: f64,
    /// The mean backlog over time.
    pub queue_mean_bytes: f64,
    /// The part of the time during which the wire was busy, 0 to 1.
    pub utilisation: f64,
}

impl LinkCounters {
    pub(crate) fn new(counters: &Counters, usage: &Usage) -> Self {
        Self {
            entered_packets: counters.entered,
            entered_bytes: counters.entered_bytes.get(),
            dropped_by_queue_packets: counters.dropped_by_queue,
            lost_by_model_packets: counters.lost_by_model,
            duplicated_packets: counters.duplicated,
            reordered_packets: counters.reordered,
            delivered_packets: counters.delivered,
            delivered_bytes: counters.delivered_bytes.get(),
            queue_largest_packets: counters.queue_largest_packets,
            queue_largest_bytes: counters.queue_largest_bytes.get(),
            queue_mean_packets: usage.mean_packets(),
            queue_mean_bytes: usage.mean_bytes(),
            utilisation: usage.utilisation(),
        }
    }
}

/// What the emulator counted beside the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmulatorCounters {
    /// Packets and super-packets read from the sending host.
    pub read_packets: u64,
    /// Super-packets among them.
    pub super_packets: u64,
    /// Super-packets that could not be cut and went as one packet of their whole size.
    pub not_cut: u64,
    /// Packets that no router passes on, such as group reports.
    pub not_routed: u64,
    /// Packets dropped because those under way took all the memory that the emulator may have.
    pub dropped_for_memory: u64,
    /// Packets and super-packets written to the receiving host.
    pub written_packets: u64,
    /// Writes among them that the receiving host's device refused.
    pub failed_writes: u64,
}

/// How long after the model's instant deliveries were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatenessReport {
    /// Packets that were delivered.
    pub deliveries: u64,
    /// The median.
    pub p50_s: f64,
    /// One in a hundred was later than this.
    pub p99_s: f64,
    /// One in a thousand was later than this.
    pub p999_s: f64,
    /// The latest.
    pub max_s: f64,
}

/// Counters of one direction at one time; all but the queue count from the start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThroughputSample {
    /// When.
    pub time_s: f64,
    /// Bytes delivered.
    pub delivered_bytes: u64,
    /// Packets delivered.
    pub delivered_packets: u64,
    /// Packets that found the queue full.
    pub dropped_by_queue_packets: u64,
    /// Packets that the loss model took.
    pub lost_by_model_packets: u64,
    /// Packets in the queue now.
    pub queue_packets: u64,
    /// Their sizes.
    pub queue_bytes: u64,
}

/// One end of a TCP flow over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowReport {
    /// The host whose end this is.
    pub host: String,
    /// That end.
    pub source: SocketAddr,
    /// The other end.
    pub destination: SocketAddr,
    /// The congestion control that it had last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<String>,
    /// Its state over time.
    pub samples: Vec<TcpSample>,
}
