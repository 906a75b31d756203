//! What is known of the sender's host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Settings and counters of the host, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Sysctls by their name, with dots: "net.ipv4.tcp_wmem".
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// By how much counters of /proc/net/netstat and /proc/net/snmp grew while the flow was watched:
    /// "TcpExt.TCPHystartDelayDetect". Those that did not grow are left out. All flows of the host count.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub growth: BTreeMap<String, u64>,
    /// What the host remembered of the destination before the flow began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<CachedMetrics>,
}

/// What the kernel remembers of a destination (`ip tcp_metrics`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CachedMetrics {
    /// The slow start threshold with which new flows begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssthresh_segments: Option<u64>,
    /// The congestion window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwnd_segments: Option<u64>,
}

impl HostFacts {
    /// The `n`th number of a sysctl that has numbers.
    #[must_use]
    pub fn number(&self, sysctl: &str, n: usize) -> Option<u64> {
        self.sysctls.get(sysctl)?.split_whitespace().nth(n)?.parse().ok()
    }

    /// By how much a counter grew, if counters were read at all.
    #[must_use]
    pub fn grew(&self, counter: &str) -> Option<u64> {
        if self.growth.is_empty() {
            return None;
        }
        Some(self.growth.get(counter).copied().unwrap_or(0))
    }
}

/// The sysctls that a diagnosis asks for.
pub const SYSCTLS: &[&str] = &[
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.core.default_qdisc",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_moderate_rcvbuf",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_no_ssthresh_metrics_save",
    "net.ipv4.tcp_reordering",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_wmem",
];
