//! `wad flows`

use std::time::Duration;

use wad_daemon::{Client, FlowView};
use wad_model::{Bytes, Rate, format_duration};

use crate::arguments::Flows;
use crate::failure::Failure;
use crate::output;

const HEADER: [&str; 10] =
    ["flow", "path", "age", "rate", "sent", "received", "cwnd", "rtt", "retrans", "control"];

pub(crate) fn run(arguments: &Flows) -> Result<(), Failure> {
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
