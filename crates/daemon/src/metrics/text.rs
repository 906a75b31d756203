//! The text forms in which numbers are served.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::table::{Kind, METRICS, Metric, MetricInfo};

/// The value of a series.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Whole(u64),
    Real(f64),
    /// Bounds and how many are within each and not within the one before.
    Histogram {
        sum: f64,
        buckets: Vec<(f64, u64)>,
    },
}

/// Series by their metric.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<Metric, Vec<(Vec<String>, Number)>>);

impl Rows {
    /// A series; its labels are in the order of the table.
    pub(super) fn put(&mut self, metric: Metric, labels: Vec<String>, number: Number) {
        debug_assert_eq!(labels.len(), metric.info().labels.len(), "{}", metric.info().name);
        self.0.entry(metric).or_default().push((labels, number));
    }

    /// OpenMetrics 1.0.
    pub(super) fn open_metrics(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        // Writing into a text cannot fail.
        let _ = text::encode(&mut page, &registry);
        page
    }
}

impl Collector for Rows {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for info in &METRICS {
            let Some(series) = self.0.get(&info.metric) else { continue };
            let unit = (!info.unit.is_empty()).then(|| Unit::Other(info.unit.to_owned()));
            let name = info.name.strip_suffix(info.unit).unwrap_or(info.name).trim_end_matches('_');
            let kind = match info.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut encoder = encoder.encode_descriptor(name, info.help, unit.as_ref(), kind)?;
            for (labels, number) in series {
                let labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = info
                    .labels
                    .iter()
                    .zip(labels)
                    .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(value.as_str())))
                    .collect();
                if labels.is_empty() {
                    write(info, number, &mut encoder)?;
                } else {
                    write(info, number, &mut encoder.encode_family(&labels.as_slice())?)?;
                }
            }
        }
        Ok(())
    }
}

fn write(info: &MetricInfo, number: &Number, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    type NoExemplar = [(&'static str, &'static str); 0];
    match (info.kind, number) {
        (Kind::Counter, Number::Whole(number)) => {
            encoder.encode_counter::<NoExemplar, u64, f64>(number, None)
        }
        (Kind::Counter, Number::Real(number)) => encoder.encode_counter::<NoExemplar, f64, f64>(number, None),
        (_, Number::Whole(number)) => encoder.encode_gauge(number),
        (_, Number::Real(number)) => encoder.encode_gauge(number),
        (_, Number::Histogram { sum, buckets }) => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            encoder.encode_histogram::<NoExemplar>(*sum, count, buckets, None)
        }
    }
}

/// The older text form, 0.0.4: a counter is called there as its series are, and neither units nor an end are said.
pub(super) fn older(page: &str) -> String {
    let mut older = String::with_capacity(page.len());
    let counters: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    for line in page.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        let name = described.and_then(|rest| rest.split(' ').next()).filter(|name| counters.contains(name));
        match name {
            Some(name) => {
                let (before, after) = line.split_at("# HELP ".len() + name.len());
                older.extend([before, "_total", after, "\n"]);
            }
            None => older.extend([line, "\n"]),
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let mut rows = Rows::default();
        let group = |path: &str| vec!["designated".to_owned(), path.to_owned()];
        rows.put(Metric::SentBytes, group("cern"), Number::Whole(7));
        rows.put(Metric::FlowsOpen, group("a\"b"), Number::Whole(2));
        rows.put(Metric::SamplingSeconds, Vec::new(), Number::Real(0.25));
        let buckets = vec![(0.1, 3), (f64::INFINITY, 1)];
        rows.put(Metric::RttSeconds, group("cern"), Number::Histogram { sum: 0.5, buckets });
        rows.open_metrics()
    }

    #[test]
    fn the_page_is_open_metrics() {
        let expected = "# HELP wad_flows_open Flows that are open\n\
             # TYPE wad_flows_open gauge\n\
             wad_flows_open{class=\"designated\",path=\"a\\\"b\"} 2\n\
             # HELP wad_sent_bytes Payload sent, retransmissions included\n\
             # TYPE wad_sent_bytes counter\n\
             # UNIT wad_sent_bytes bytes\n\
             wad_sent_bytes_total{class=\"designated\",path=\"cern\"} 7\n\
             # HELP wad_rtt_seconds Smoothed round-trip times of the open designated flows, one a flow and interval\n\
             # TYPE wad_rtt_seconds histogram\n\
             # UNIT wad_rtt_seconds seconds\n\
             wad_rtt_seconds_sum{class=\"designated\",path=\"cern\"} 0.5\n\
             wad_rtt_seconds_count{class=\"designated\",path=\"cern\"} 4\n\
             wad_rtt_seconds_bucket{le=\"0.1\",class=\"designated\",path=\"cern\"} 3\n\
             wad_rtt_seconds_bucket{le=\"+Inf\",class=\"designated\",path=\"cern\"} 4\n\
             # HELP wad_sampling_seconds Time that looking at flows has taken\n\
             # TYPE wad_sampling_seconds counter\n\
             # UNIT wad_sampling_seconds seconds\n\
             wad_sampling_seconds_total 0.25\n\
             # EOF\n";
        assert_eq!(page(), expected);
    }

    #[test]
    fn the_older_form_names_counters_as_their_series() {
        let older = older(&page());
        assert!(older.contains("# TYPE wad_sent_bytes_total counter\nwad_sent_bytes_total{"), "{older}");
        assert!(older.contains("# HELP wad_sent_bytes_total Payload"), "{older}");
        assert!(older.contains("# TYPE wad_flows_open gauge\n"), "{older}");
        assert!(!older.contains("# UNIT") && !older.contains("# EOF"), "{older}");
    }
}
