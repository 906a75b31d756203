//! What `GET /metrics` shows, and the sinks of events: both belong to the observer's thread and are read by the API's.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wad_events::Sink;
use wad_model::Event;
use wad_tune::EventKind;

use super::process;
use super::table::Metric;
use super::text::{Number, Rows, older};
use super::totals::Totals;
use crate::api::SinkView;

/// A sink, and which events it gets.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) sink: Sink,
    pub(crate) kinds: Vec<EventKind>,
}

/// What two threads share. Neither holds a lock while it waits for anything.
#[derive(Debug, Default)]
pub(crate) struct Page {
    totals: Mutex<Option<Totals>>,
    sinks: Mutex<Vec<Told>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Page {
    /// What is shown from now on; `None` if nobody wants metrics.
    pub(crate) fn publish(&self, totals: Option<Totals>) {
        *lock(&self.totals) = totals;
    }

    /// Puts sinks in the place of those that were there.
    pub(crate) fn replace_sinks(&self, sinks: Vec<Told>) -> Vec<Told> {
        std::mem::replace(&mut *lock(&self.sinks), sinks)
    }

    pub(crate) fn anybody_wants(&self, kind: EventKind) -> bool {
        lock(&self.sinks).iter().any(|told| told.kinds.contains(&kind))
    }

    /// Gives an event to each sink that wants its kind.
    pub(crate) fn push(&self, kind: EventKind, event: &Event) {
        for told in lock(&self.sinks).iter().filter(|told| told.kinds.contains(&kind)) {
            told.sink.push(event);
        }
    }

    pub(crate) fn sinks(&self) -> Vec<SinkView> {
        lock(&self.sinks).iter().map(|told| SinkView::new(&told.sink)).collect()
    }

    /// The page, in OpenMetrics or in the older text form; `None` without `[metrics]`.
    pub(crate) fn render(&self, open_metrics: bool) -> Option<String> {
        let mut rows = Rows::default();
        lock(&self.totals).as_ref()?.rows(&mut rows);
        for sink in self.sinks() {
            let labels = || vec![sink.name.clone()];
            for (metric, number) in [
                (Metric::EventsDelivered, sink.delivered),
                (Metric::EventsMissed, sink.missed),
                (Metric::EventsQueued, sink.queued),
                (Metric::SinkUp, u64::from(sink.connected)),
            ] {
                rows.put(metric, labels(), Number::Whole(number));
            }
        }
        process::rows(Path::new("/proc"), &mut rows);
        rows.put(Metric::Version, vec![env!("CARGO_PKG_VERSION").to_owned()], Number::Whole(1));
        let page = rows.open_metrics();
        Some(if open_metrics { page } else { older(&page) })
    }
}
