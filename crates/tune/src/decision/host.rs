//! What is set for more than a flow.

use super::setting::{HostAction, HostSetting};
use crate::config::{DelayedAck, Given, MetricsCache, PathPolicy};
use crate::prefix::Prefix;
use crate::tunables::{Knob, Scope};

/// What a path sets for more than its flows.
#[must_use]
pub(crate) fn host_settings(path: &PathPolicy) -> Vec<HostSetting> {
    let transport = &path.transport;
    let reordering = transport
        .reordering
        .map(|n| sysctl(Knob::Reordering, &n, "net/ipv4/tcp_reordering", n.value.to_string()));
    // 1 probes when a black hole has been noticed; 2 would begin every flow with small segments.
    let probing = transport
        .mtu_probing
        .map(|on| sysctl(Knob::MtuProbing, &on, "net/ipv4/tcp_mtu_probing", u8::from(on.value).to_string()));
    // Asking for ECN has a way for one flow; refusing it to those who connect has none.
    let ecn = transport.ecn.filter(|on| !on.value);
    let ecn = ecn.map(|on| sysctl(Knob::Ecn, &on, "net/ipv4/tcp_ecn", "0".to_owned()));
    let cache = transport.metrics_cache.map(|cache| metrics_cache(path, &cache));
    [reordering, probing, ecn, cache].into_iter().flatten().chain(quick_acks(path)).collect()
}

/// Routes on which each segment is acknowledged, one for each destination.
fn quick_acks(path: &PathPolicy) -> Vec<HostSetting> {
    let acks = &path.acknowledgements;
    let quick = acks.quick.filter(|on| on.value).map(|given| (Knob::QuickAck, given.origin()));
    let undelayed = acks.delayed.filter(|delay| delay.value == DelayedAck::Never);
    let undelayed = undelayed.map(|given| (Knob::DelayedAck, given.origin()));
    let Some((knob, reason)) = quick.or(undelayed) else { return Vec::new() };
    let route = |prefix: &Prefix| HostSetting {
        knob,
        scope: Scope::Destination,
        action: HostAction::QuickAckRoute { quick_ack_route_to: *prefix },
        reason: reason.clone(),
    };
    path.selector.destination.iter().map(route).collect()
}

fn sysctl<T>(knob: Knob, given: &Given<T>, sysctl: &'static str, value: String) -> HostSetting {
    let action = HostAction::Sysctl { sysctl, value };
    HostSetting { knob, scope: Scope::Namespace, action, reason: given.origin() }
}

fn metrics_cache(path: &PathPolicy, cache: &Given<MetricsCache>) -> HostSetting {
    let no_save =
        |value: &str| sysctl(Knob::MetricsCache, cache, "net/ipv4/tcp_no_metrics_save", value.to_owned());
    match cache.value {
        MetricsCache::On => no_save("0"),
        MetricsCache::Off => no_save("1"),
        MetricsCache::Flush => HostSetting {
            knob: Knob::MetricsCache,
            scope: Scope::Destination,
            action: HostAction::FlushMetrics { flush_metrics_of: path.selector.destination.clone() },
            reason: cache.origin(),
        },
    }
}
