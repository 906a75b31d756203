//! `wad flows`

use std::time::Duration;

use serde_json::{Map, Value, json};
use wad_daemon::{Client, FlowView};
use wad_linux::FlowSample;
use wad_model::{Bytes, Counter, Rate, format_duration};

use crate::arguments::Flows;
use crate::collector::Collector;
use crate::failure::Failure;
use crate::flow_filter::{FlowFilter, state_name};
use crate::output;

const HEADER: [&str; 10] =
    ["flow", "path", "age", "rate", "sent", "received", "cwnd", "rtt", "retrans", "control"];
const HEADER_OF_ANY: [&str; 10] =
    ["flow", "path", "state", "sent", "received", "cwnd", "rtt", "retrans", "control", "namespace"];

pub(crate) fn run(arguments: &Flows) -> Result<(), Failure> {
    let filter = FlowFilter::parse(&arguments.filter).map_err(Failure::Misuse)?;
    if arguments.all || !filter.is_empty() {
        return any(Collector::new(filter, &arguments.daemon.runtime_dir)?, arguments.json);
    }
    let view = Client::new(&arguments.daemon.runtime_dir).flows()?;
    if arguments.json {
        return output::print_json(&view);
    }
    if view.flows.is_empty() {
        return output::print("no designated flow is open");
    }
    let mut table = output::table(&HEADER, false);
    table.add_rows(view.flows.iter().map(row));
    output::print(table)
}

fn row(flow: &FlowView) -> [String; 10] {
    let milliseconds = |seconds: f64| format_duration(Duration::from_secs_f64((seconds * 1e4).round() / 1e4));
    [
        flow.key.to_string(),
        flow.path.clone(),
        format!("{:.1} s", flow.age_s),
        Rate::from_bps(flow.mean_rate_bps).to_string(),
        Bytes::new(flow.acked_bytes).to_string(),
        Bytes::new(flow.received_bytes).to_string(),
        flow.congestion_window_segments.to_string(),
        flow.rtt_smoothed_s.map_or_else(|| "-".to_owned(), milliseconds),
        flow.retransmits.to_string(),
        flow.control.clone(),
    ]
}

/// Any flow of the host.
fn any(mut collector: Collector, json: bool) -> Result<(), Failure> {
    let mut samples = collector.all()?;
    samples.sort_by_key(|sample| (sample.namespace, sample.key));
    if json {
        let flows: Vec<_> = samples.iter().map(|sample| document(sample, collector.path(sample))).collect();
        return output::print_json(&json!({ "flows": flows }));
    }
    if samples.is_empty() {
        return output::print("no such flow is open");
    }
    let mut table = output::table(&HEADER_OF_ANY, false);
    table.add_rows(samples.iter().map(|sample| row_of_any(sample, collector.path(sample))));
    output::print(table)
}

fn row_of_any(sample: &FlowSample, path: Option<&str>) -> [String; 10] {
    let absent = || "-".to_owned();
    let text =
        |counter: Counter, text: fn(u64) -> String| sample.counters.get(counter).map_or_else(absent, text);
    [
        sample.key.to_string(),
        path.unwrap_or("-").to_owned(),
        state_name(sample).to_owned(),
        text(Counter::ThruBytesAcked, |bytes| Bytes::new(bytes).to_string()),
        text(Counter::ThruBytesReceived, |bytes| Bytes::new(bytes).to_string()),
        text(Counter::CurCwnd, |segments| segments.to_string()),
        text(Counter::SmoothedRTT, |micros| format_duration(Duration::from_micros(micros))),
        text(Counter::PktsRetrans, |segments| segments.to_string()),
        sample.control.to_string(),
        sample.namespace.to_string(),
    ]
}

/// Counters by the names and units of docs/COUNTERS.md; those that are absent are left out.
fn document(sample: &FlowSample, path: Option<&str>) -> Value {
    let counters: Map<String, Value> =
        sample.counters.iter().map(|(counter, value)| (counter.name().to_owned(), value.into())).collect();
    json!({
        "source": sample.key.source,
        "destination": sample.key.destination,
        "namespace": sample.namespace,
        "cookie": sample.cookie,
        "path": path,
        "state": state_name(sample),
        "control": sample.control.as_str(),
        "uid": sample.owner.map(|owner| owner.uid),
        "counters": counters,
    })
}
