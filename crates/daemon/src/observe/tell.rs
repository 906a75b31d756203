//! The words of events.

use wad_linux::{FlowSample, Record};
use wad_model::counter::COUNTERS;
use wad_model::{Event, EventValue, FlowKey, Timestamp};
use wad_trace::{Column, Definition, Value};

use crate::report::mean_rate;

/// A designated flow opened, or was found or adopted.
pub(super) const OPEN: &str = "wad.flow.open";
/// A designated flow closed.
pub(super) const CLOSE: &str = "wad.flow.close";
/// The counters of a designated flow.
pub(super) const SAMPLE: &str = "wad.flow.sample";
/// The number of a derived event; its name follows.
pub(super) const DERIVED: &str = "wad.derived.";
/// A derived event that is true or false has become the other; its name follows.
pub(super) const ALERT: &str = "wad.alert.";

/// Whose event it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub(super) host: &'a str,
    pub(super) time: Timestamp,
    pub(super) key: &'a FlowKey,
    pub(super) path: &'a str,
    pub(super) cookie: u64,
    pub(super) namespace: u32,
}

impl Of<'_> {
    fn event(&self, name: impl Into<String>, level: &str) -> Event {
        Event {
            host: Some(self.host.to_owned()),
            program: Some("wad".to_owned()),
            level: Some(level.to_owned()),
            source: Some(self.key.source.to_string()),
            destination: Some(self.key.destination.to_string()),
            ..Event::new(self.time, name)
        }
        .with("path", EventValue::Text(self.path.to_owned()))
        .with("cookie", self.cookie)
        .with("namespace", u64::from(self.namespace))
    }

    /// `how` is "opened", "found" or "adopted"; `set` what was set for it.
    pub(super) fn open(&self, record: &Record, how: &str, set: &str) -> Event {
        self.event(OPEN, "Info")
            .with("how", how)
            .with("direction", record.direction.to_string())
            .with("control", EventValue::Text(record.now.control.clone()))
            .with("set", EventValue::Text(set.to_owned()))
    }

    pub(super) fn close(&self, record: &Record) -> Event {
        let counters = &record.counters;
        let event = self
            .event(CLOSE, "Info")
            .with("duration_s", (record.time - record.opened).as_secs_f64())
            .with("sent_bytes", counters.bytes_acked.get())
            .with("received_bytes", counters.bytes_received.get())
            .with("mean_rate_bps", mean_rate(record).as_bps())
            .with("retransmits", u64::from(counters.retransmits))
            .with("largest_window_segments", u64::from(counters.largest_window.get()))
            .with("control", EventValue::Text(record.now.control.clone()));
        let seconds =
            |name, time: Option<std::time::Duration>| time.map(|time| (name, time.as_secs_f64().into()));
        let known: [Option<(&str, EventValue)>; 3] = [
            counters.congestion_events.map(|events| ("congestion_events", u64::from(events).into())),
            seconds("rtt_min_s", counters.rtt_min),
            seconds("rtt_mean_s", counters.rtt_mean),
        ];
        known.into_iter().flatten().fold(event, |event, (name, value)| event.with(name, value))
    }

    /// The end of a flow whose summary was lost.
    pub(super) fn lost_close(&self) -> Event {
        self.event(CLOSE, "Info").with("summary", "lost")
    }

    /// `names` are those of the counters, with their units.
    pub(super) fn sample(&self, sample: &FlowSample, names: &[String]) -> Event {
        let event = self.event(SAMPLE, "Info");
        sample
            .counters
            .iter()
            .fold(event, |event, (counter, value)| event.with(names[counter.index()].as_str(), value))
    }

    /// `None` for a value that is absent or an alert's.
    pub(super) fn derived(&self, definition: &Definition, value: Option<Value>) -> Option<Event> {
        let value = value.filter(|value| value.truth().is_none())?;
        let event = self.event(format!("{DERIVED}{}", definition.name()), "Info");
        let unit = definition.unit();
        let event = if unit.is_empty() { event } else { event.with("unit", unit) };
        Some(Event { value: Some(value.into()), ..event })
    }

    /// `closed`: it is over because the flow is.
    pub(super) fn alert(&self, definition: &Definition, holds: bool, closed: bool) -> Event {
        let (level, state) = match (holds, closed) {
            (true, _) => ("Warning", "raised"),
            (false, false) => ("Info", "over"),
            (false, true) => ("Info", "flow closed"),
        };
        let event = self.event(format!("{ALERT}{}", definition.name()), level).with("state", state);
        Event { value: Some(i64::from(holds).into()), ..event }
    }
}

/// The names of all counters with their units, in the order of their table.
pub(super) fn counter_names() -> Vec<String> {
    COUNTERS.iter().map(|row| Column::of(row).name_with_unit()).collect()
}
