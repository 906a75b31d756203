//! `[metrics]`: numbers for Prometheus.

use std::net::SocketAddr;

use super::table::{Findings, Found, Span, Table};
use super::value::Problem;
use crate::tunables::Limits;

const MAX_FLOWS: u32 = 200;
const FLOWS: Limits = Limits::Whole(1, 100_000);

/// Numbers for Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// A TCP address to serve them on, beside the API's Unix socket.
    pub listen: Option<SocketAddr>,
    /// How many flows have series of their own at most.
    pub max_flows: u32,
    /// Whether flows of no path are counted, too.
    pub other_flows: bool,
}

impl Metrics {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let listen = table.value("listen").map(|Found { value, .. }| value);
        let max_flows = table.bounded::<u32>("max_flows", &FLOWS).map_or(MAX_FLOWS, |found| found.value);
        let other_flows = table.value("other_flows").is_some_and(|found| found.value);
        table.finish();
        Self { listen, max_flows, other_flows }
    }
}

/// `metrics` of a path: where the file asks for series of each flow, if it does.
pub(super) fn read_per_flow(table: &mut Table<'_, '_, '_>) -> Option<Span> {
    table
        .table("metrics", |mut table| {
            let per_flow = table.value::<bool>("per_flow");
            table.finish();
            per_flow.filter(|found| found.value).map(|found| found.span)
        })
        .flatten()
}

/// Series of flows need somebody who counts.
pub(super) fn refuse_unserved<'s>(places: impl Iterator<Item = &'s Span>, findings: &mut Findings<'_>) {
    for span in places {
        let problem =
            Problem::new("`per_flow`: without [metrics] it does nothing", "add [metrics], or leave it out");
        findings.add(span.clone(), problem);
    }
}
