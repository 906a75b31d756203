//! The table of metrics: each is declared once, here.

use Kind::{Counter, Gauge, Histogram};

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetricInfo {
    pub(super) metric: Metric,
    /// Its name; that of a counter has `_total` behind it when it is served.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What its numbers count; the end of its name. Empty for plain numbers.
    pub(super) unit: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

impl Metric {
    pub(super) const fn info(self) -> &'static MetricInfo {
        &METRICS[self as usize]
    }
}

/// Makes the names and their table of one list, so that they cannot differ.
macro_rules! metrics {
    ($($metric:ident $name:literal, $kind:expr, $unit:literal, $labels:expr, $help:literal;)*) => {
        /// A metric; the table says what each is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Metric {
            $(#[doc = $help] $metric,)*
        }

        /// All metrics, in the order of [`Metric`].
        pub(super) const METRICS: [MetricInfo; [$(stringify!($metric)),*].len()] = [
            $(MetricInfo { metric: Metric::$metric, name: $name, kind: $kind, unit: $unit, labels: $labels, help: $help },)*
        ];
    };
}

/// Flows are summed by these.
const GROUP: &[&str] = &["class", "path"];
const GROUP_AND_END: &[&str] = &["class", "path", "direction"];
const GROUP_AND_LIMIT: &[&str] = &["class", "path", "by"];
const ALERT: &[&str] = &["path", "alert"];
const SINK: &[&str] = &["sink"];
const FLOW: &[&str] = &["path", "source", "destination", "namespace", "cookie"];

metrics! {
    FlowsOpen "wad_flows_open", Gauge, "", GROUP, "Flows that are open";
    FlowsOpened "wad_flows_opened", Counter, "", GROUP, "Flows that have opened, or were adopted while they ran";
    FlowsClosed "wad_flows_closed", Counter, "", GROUP, "Flows that have closed";
    SentBytes "wad_sent_bytes", Counter, "bytes", GROUP, "Payload sent, retransmissions included";
    RetransmittedBytes "wad_retransmitted_bytes", Counter, "bytes", GROUP, "Payload sent again";
    AckedBytes "wad_acked_bytes", Counter, "bytes", GROUP, "Payload acknowledged by the other end; a SYN and a FIN count as a byte each";
    ReceivedBytes "wad_received_bytes", Counter, "bytes", GROUP, "Payload received in order; a FIN counts as a byte";
    SentSegments "wad_sent_segments", Counter, "segments", GROUP, "Segments sent, retransmissions and pure acknowledgements included";
    ReceivedSegments "wad_received_segments", Counter, "segments", GROUP, "Segments received, pure acknowledgements included";
    RetransmittedSegments "wad_retransmitted_segments", Counter, "segments", GROUP, "Segments sent again";
    OutOfOrderSegments "wad_out_of_order_segments", Counter, "segments", GROUP, "Segments received out of order";
    NeedlessSegments "wad_needlessly_retransmitted_segments", Counter, "segments", GROUP, "Segments that arrived twice at the other end, as D-SACK tells";
    CongestionSignals "wad_congestion_signals", Counter, "", GROUP, "Reductions of the congestion window, whatever the reason; of designated flows";
    FastRetransmits "wad_fast_retransmits", Counter, "", GROUP, "Of the congestion signals those by fast retransmit";
    EcnSignals "wad_ecn_signals", Counter, "", GROUP, "Of the congestion signals those by ECN, or by congestion of this host's own queue";
    Timeouts "wad_timeouts", Counter, "", GROUP, "Times that a first retransmission time-out expired";
    RoundTrips "wad_round_trips", Counter, "", GROUP, "Samples of the round-trip time, one a round trip; of designated flows";
    RoundTripSeconds "wad_round_trip_seconds", Counter, "seconds", GROUP, "Sum of these samples: divided by their number the mean";
    RttSeconds "wad_rtt_seconds", Histogram, "seconds", GROUP, "Smoothed round-trip times of the open designated flows, one a flow and interval";
    Goodput "wad_goodput_bytes_per_second", Gauge, "bytes_per_second", GROUP_AND_END, "Payload acknowledged (sent) and received in order in the last interval";
    LimitedSeconds "wad_limited_seconds", Counter, "seconds", GROUP_AND_LIMIT, "What flows waited for, in seconds of a flow: the application had nothing to send; the receiver's window; the send buffer; the network, that is congestion window, pacing or path";
    RefusedSettings "wad_refused_settings", Counter, "", &["path", "setting"], "Settings that the kernel refused for a flow";
    Alerts "wad_alerts", Gauge, "", ALERT, "Open flows for which an alert holds";
    AlertsRaised "wad_alerts_raised", Counter, "", ALERT, "Times that an alert became true for a flow";

    FlowAckedBytes "wad_flow_acked_bytes", Counter, "bytes", FLOW, "Of an open flow: payload acknowledged by the other end";
    FlowReceivedBytes "wad_flow_received_bytes", Counter, "bytes", FLOW, "Of an open flow: payload received in order";
    FlowRetransmittedSegments "wad_flow_retransmitted_segments", Counter, "segments", FLOW, "Of an open flow: segments sent again";
    FlowCongestionSignals "wad_flow_congestion_signals", Counter, "", FLOW, "Of an open flow: reductions of the congestion window";
    FlowRttSeconds "wad_flow_rtt_seconds", Gauge, "seconds", FLOW, "Of an open flow: smoothed round-trip time";
    FlowWindowSegments "wad_flow_congestion_window_segments", Gauge, "segments", FLOW, "Of an open flow: congestion window";
    FlowsBeyondBound "wad_flows_beyond_bound", Gauge, "", &[], "Open flows that should have series of their own and have none, as there are more than max_flows";

    EventsDelivered "wad_events_delivered", Counter, "", SINK, "Events that the kernel has taken for a sink";
    EventsMissed "wad_events_missed", Counter, "", SINK, "Events that a sink has missed: it was too slow, or away, and its queue full";
    EventsQueued "wad_events_queued", Gauge, "", SINK, "Events that wait for a sink";
    SinkUp "wad_sink_up", Gauge, "", SINK, "1 while the consumer of a sink is there, 0 while it is not";

    LostRecords "wad_lost_records", Counter, "", &[], "Records of opens and closes that the kernel could not deliver; the daemon then compared its flows with the kernel's";
    LostClosings "wad_lost_last_counters", Counter, "", &[], "Closed flows of any path whose last counters the kernel could not deliver";
    SampleRounds "wad_sample_rounds", Counter, "", &[], "Times that all designated flows were looked at";
    LateRounds "wad_late_sample_rounds", Counter, "", &[], "Of them those that ended after the next one was due";
    SamplingSeconds "wad_sampling_seconds", Counter, "seconds", &[], "Time that looking at flows has taken";
    CpuSeconds "process_cpu_seconds", Counter, "seconds", &[], "Processor time of the daemon, of all its threads";
    ResidentBytes "process_resident_memory_bytes", Gauge, "bytes", &[], "Memory of the daemon";
    OpenDescriptors "process_open_fds", Gauge, "", &[], "Descriptors that the daemon has open";
    StartSeconds "process_start_time_seconds", Gauge, "seconds", &[], "When the daemon was started, in seconds since 1970";
    Version "wad_version", Gauge, "", &["version"], "1 for the version of the daemon";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_row_is_where_its_metric_says_and_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for (place, row) in METRICS.iter().enumerate() {
            assert_eq!(row.metric as usize, place, "{}", row.name);
            assert!(names.insert(row.name), "{}", row.name);
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(row.name.chars().all(is_name) && !row.name.ends_with("_total"), "{}", row.name);
            assert!(row.name.ends_with(row.unit), "a name ends with its unit: {}", row.name);
        }
    }
}
