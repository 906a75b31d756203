//! The send buffer limits: the application fixed it, the host allows no more, or the host has no memory.

use super::{Case, finding, sysctl};
use crate::finding::{Finding, Remedy};
use crate::problem::Problem;
use crate::thresholds::{BUFFER_AT_CEILING, LIMITED_SHARE};

pub(super) fn send_buffer(case: &Case<'_>) -> Option<Finding> {
    let share = case.limits.send_buffer;
    if share < LIMITED_SHARE {
        return None;
    }
    let view = case.view;
    let sizes: Vec<f64> = view.moments.iter().filter_map(|moment| moment.buffer_bytes).collect();
    // A flow may be seen before its application has set it up.
    let sizes = &sizes[sizes.len() / 4..];
    let (first, last) = (sizes.first().copied(), sizes.last().copied());
    let largest = sizes.iter().copied().max_by(f64::total_cmp)?;
    let smallest = sizes.iter().copied().min_by(f64::total_cmp)?;
    let host = &view.evidence.host;
    let ceiling = host.number("net.ipv4.tcp_wmem", 2).map(crate::view::float);
    let facts = [
        ("send_buffer_limited", Some(share)),
        ("send_buffer_bytes", last),
        ("send_buffer_smallest_bytes", Some(smallest)),
        ("send_buffer_ceiling_bytes", ceiling),
        ("congestion_window_segments", view.moments.last().and_then(|moment| moment.cwnd)),
    ];
    let wanted = format!("4096 65536 {:.0}", (largest * 16.0).max(32e6));
    let grow = case.entry("buffers = { mode = \"ceiling\", override_application = true }\n");
    let is_constant = largest <= smallest;
    let is_at_ceiling = ceiling.map(|ceiling| largest >= ceiling * BUFFER_AT_CEILING);
    // Set by an application a size may be anything; one that grew to the ceiling is the host's.
    if is_at_ceiling == Some(true) || (is_at_ceiling.is_none() && !is_constant && last >= first) {
        let remedies = [sysctl("sender", "net.ipv4.tcp_wmem", wanted), grow];
        return Some(finding(Problem::SendBuffer, 0.9, share, &facts).with(remedies));
    }
    if is_constant {
        let advice = "Do not set SO_SNDBUF: the kernel then sizes the buffer itself.".to_owned();
        return Some(
            finding(Problem::FixedSendBuffer, 0.9, share, &facts)
                .with([grow, Remedy::Application { advice }]),
        );
    }
    let remedies = [
        Remedy::Command { command: "cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem".to_owned() },
        Remedy::Application {
            advice: "Raise net.ipv4.tcp_mem, or the limit of the memory cgroup that the application runs in."
                .to_owned(),
        },
    ];
    Some(finding(Problem::MemoryPressure, 0.88, share, &facts).with(remedies))
}
