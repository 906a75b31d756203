//! The outcome of a run as tables of text.

use wad_model::format_duration;
use wad_sim::scenario::Topology;
use wad_sim::{CrossOutcome, FlowOutcome, LinkOutcome, Outcome, Scenario};

use crate::show;
use crate::survey::Survey;

/// A table longer than this is cut off; the JSON document has all.
pub const MOST_ROWS: usize = 40;

/// A table of text: all columns but the first are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTable {
    /// Names of the columns.
    pub header: Vec<&'static str>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
    /// How many rows were left out.
    pub left_out: usize,
}

impl TextTable {
    fn new<T>(header: &[&'static str], items: &[T], row: impl Fn(&T) -> Vec<String>) -> Self {
        let rows: Vec<_> = items.iter().take(MOST_ROWS).map(row).collect();
        Self { header: header.to_vec(), left_out: items.len() - rows.len(), rows }
    }
}

/// What was run, in a line: "dumbbell, 100 Mbit/s, 40 ms; 4 flows; 60 s, seed 1".
#[must_use]
pub fn summary(scenario: &Scenario, survey: &Survey) -> String {
    let network = match &scenario.topology {
        Topology::Dumbbell(_) => "one bottleneck",
        Topology::ParkingLot(_) => "a chain of bottlenecks",
        Topology::Custom(_) => "a network",
    };
    let path = survey.flows.first().map(|flow| {
        let rate = flow.slowest.map_or_else(|| "no limit".to_owned(), |(_, rate)| rate.to_string());
        format!(", {rate}, round trip {}", format_duration(flow.round_trip))
    });
    let flows = match survey.flows.len() {
        1 => "1 flow".to_owned(),
        count => format!("{count} flows"),
    };
    let warm_up = match scenario.warm_up {
        warm_up if warm_up.is_zero() => String::new(),
        warm_up => format!(" of which {} are left out", format_duration(warm_up)),
    };
    format!(
        "{network}{}; {flows}; {}{warm_up}, seed {}",
        path.unwrap_or_default(),
        format_duration(scenario.duration),
        scenario.seed
    )
}

/// What each flow got, and what went wrong; several flows have a last row for all of them.
#[must_use]
pub fn flows(outcome: &Outcome) -> TextTable {
    const HEADER: [&str; 11] = [
        "flow",
        "control",
        "goodput",
        "TCP level",
        "share",
        "sent",
        "sent again",
        "cong. events",
        "time-outs",
        "loss",
        "reordered",
    ];
    let row = |flow: &FlowOutcome| {
        vec![
            flow.name.clone(),
            flow.control.to_owned(),
            show::rate(flow.goodput_bps),
            show::rate(flow.tcp_goodput_bps),
            show::share(flow.share),
            flow.sent_segments.to_string(),
            flow.retransmitted_segments.to_string(),
            flow.congestion_events.to_string(),
            flow.timeouts.to_string(),
            show::share(flow.loss),
            show::share(flow.reordered),
        ]
    };
    let mut table = TextTable::new(&HEADER, &outcome.flows, row);
    if outcome.flows.len() > 1 {
        table.rows.push(all(outcome));
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
fn all(outcome: &Outcome) -> Vec<String> {
    let total = &outcome.total;
    let sum = |of: fn(&FlowOutcome) -> u64| outcome.flows.iter().map(of).sum::<u64>();
    let lost = sum(|flow| flow.lost_segments + flow.dropped_segments);
    let tcp_level: f64 = outcome.flows.iter().map(|flow| flow.tcp_goodput_bps).sum();
    vec![
        "all".to_owned(),
        String::new(),
        show::rate(total.goodput_bps),
        show::rate(tcp_level),
        String::new(),
        total.sent_segments.to_string(),
        total.retransmitted_segments.to_string(),
        sum(|flow| flow.congestion_events).to_string(),
        total.timeouts.to_string(),
        show::share(lost as f64 / (total.sent_segments.max(1) as f64)),
        String::new(),
    ]
}

/// Round trips and windows of each flow.
#[must_use]
pub fn round_trips(outcome: &Outcome) -> TextTable {
    const HEADER: [&str; 9] =
        ["flow", "RTT mean", "variance", "min", "median", "90 %", "99 %", "max", "mean cwnd"];
    let row = |flow: &FlowOutcome| {
        let mut cells = vec![flow.name.clone()];
        match &flow.rtt {
            Some(rtt) => cells.extend([
                show::time(rtt.mean_s),
                format!("{} ms2", show::number(rtt.variance_s2 * 1e6)),
                show::time(rtt.min_s),
                show::time(rtt.p50_s),
                show::time(rtt.p90_s),
                show::time(rtt.p99_s),
                show::time(rtt.max_s),
            ]),
            None => cells.extend(std::iter::repeat_n("-".to_owned(), 7)),
        }
        cells.push(show::number(flow.mean_cwnd_segments));
        cells
    };
    TextTable::new(&HEADER, &outcome.flows, row)
}

/// Each direction of each link that carried anything.
#[must_use]
pub fn links(outcome: &Outcome) -> TextTable {
    const HEADER: [&str; 8] =
        ["link", "utilisation", "mean queue", "in packets", "largest queue", "in packets", "drops", "losses"];
    let used: Vec<&LinkOutcome> = outcome.links.iter().filter(|link| link.entered_packets > 0).collect();
    let row = |link: &&LinkOutcome| {
        #[expect(clippy::cast_precision_loss, reason = "a queue is far below 2^53")]
        let largest = link.queue_max_bytes as f64;
        vec![
            link.name.clone(),
            show::share(link.utilisation),
            show::size(link.queue_mean_bytes),
            show::number(link.queue_mean_packets),
            show::size(largest),
            link.queue_max_packets.to_string(),
            link.dropped_by_queue.to_string(),
            link.lost_by_model.to_string(),
        ]
    };
    TextTable::new(&HEADER, &used, row)
}

/// Each entry of the cross-traffic.
#[must_use]
pub fn cross_traffic(outcome: &Outcome) -> TextTable {
    const HEADER: [&str; 6] =
        ["cross-traffic", "pattern", "offered", "delivered", "short flows", "their mean time"];
    let row = |cross: &CrossOutcome| {
        let transfers = cross.transfers.as_ref();
        vec![
            cross.name.clone(),
            cross.pattern.to_owned(),
            show::rate(cross.offered_bps),
            show::rate(cross.delivered_bps),
            transfers.map_or_else(|| "-".to_owned(), |transfers| transfers.completed.to_string()),
            transfers.map_or_else(|| "-".to_owned(), |transfers| show::time(transfers.mean_duration_s)),
        ]
    };
    TextTable::new(&HEADER, &outcome.cross_traffic, row)
}
