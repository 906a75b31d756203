//! What the host says of itself, before a flow and after it.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::process::Command;

use wad_diagnose::decode::{netstat, tcp_metrics};
use wad_diagnose::{HostFacts, SYSCTLS};

/// The host before the flow.
#[derive(Debug)]
pub(super) struct Before {
    counters: BTreeMap<String, u64>,
    facts: HostFacts,
}

impl Before {
    /// Reads what can be read; what cannot is absent.
    pub(super) fn read(destination: IpAddr) -> Self {
        let sysctls = SYSCTLS.iter().filter_map(|name| Some(((*name).to_owned(), sysctl(name)?))).collect();
        let facts = HostFacts { sysctls, growth: BTreeMap::new(), cached: cached(destination) };
        Self { counters: counters(), facts }
    }

    /// What is known at the end.
    pub(super) fn finish(self) -> HostFacts {
        let mut growth = netstat::growth(&self.counters, &counters());
        growth.retain(|name, _| name.starts_with("TcpExt.") || name.starts_with("Tcp."));
        HostFacts { growth, ..self.facts }
    }
}

fn sysctl(name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The process's own namespace; a thread may be in another.
fn counters() -> BTreeMap<String, u64> {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let mut counters = netstat::parse(&read("/proc/thread-self/net/netstat"));
    counters.extend(netstat::parse(&read("/proc/thread-self/net/snmp")));
    counters
}

fn cached(destination: IpAddr) -> Option<wad_diagnose::CachedMetrics> {
    let output = Command::new("ip").args(["tcp_metrics", "show", &destination.to_string()]).output().ok()?;
    tcp_metrics::parse(&String::from_utf8_lossy(&output.stdout))
}
