//! The thread that samples.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use wad_linux::LinuxError;

use super::snapshot::{Focus, History, Rates, Snapshot};
use crate::collector::Collector;
use crate::failure::Failure;
use crate::flow_filter::FlowFilter;

/// How often the thread looks whether something else is wanted.
const TICK: Duration = Duration::from_millis(50);

/// Samples in a thread of its own until it is dropped; the thread is not waited for, as it may just be asking the kernel.
#[derive(Debug)]
pub(crate) struct Collecting {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    latest: Mutex<Arc<Snapshot>>,
    wishes: Mutex<Wishes>,
    failure: Mutex<Option<LinuxError>>,
    ends: AtomicBool,
}

#[derive(Debug, Default)]
struct Wishes {
    focus: Option<u64>,
    filter: Option<FlowFilter>,
    /// Something has changed: sample at once.
    hurry: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Collecting {
    pub(crate) fn start(collector: Collector, interval: Duration) -> Result<Self, Failure> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let work = move || {
            if let Err(error) = collect(collector, interval, &theirs) {
                *lock(&theirs.failure) = Some(error);
            }
        };
        thread::Builder::new().name("collect".to_owned()).spawn(work).context("cannot start a thread")?;
        Ok(Self { shared })
    }

    /// What was collected last.
    pub(crate) fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.shared.latest))
    }

    /// Why nothing more is collected.
    pub(crate) fn failure(&self) -> Option<Failure> {
        lock(&self.shared.failure).take().map(Failure::from)
    }

    /// Shows a flow closely from now on, or none.
    pub(crate) fn focus(&self, cookie: Option<u64>) {
        let mut wishes = lock(&self.shared.wishes);
        wishes.focus = cookie;
        wishes.hurry = true;
    }

    /// Shows other flows from now on.
    pub(crate) fn filter(&self, filter: FlowFilter) {
        let mut wishes = lock(&self.shared.wishes);
        wishes.filter = Some(filter);
        wishes.hurry = true;
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
    }
}

fn collect(mut collector: Collector, interval: Duration, shared: &Shared) -> Result<(), LinuxError> {
    let mut rates = Rates::default();
    let mut focus: Option<Focus> = None;
    for number in 1.. {
        let begun = Instant::now();
        let wanted = {
            let mut wishes = lock(&shared.wishes);
            wishes.hurry = false;
            if let Some(filter) = wishes.filter.take() {
                collector.filter = filter;
            }
            wishes.focus
        };
        collector.follow_daemon()?;
        collector.observer.renew()?;
        let samples = collector.all()?;
        let rows = rates.rows(&samples, |sample| collector.path(sample));
        focus = wanted.and_then(|cookie| {
            let before = focus.take().filter(|focus| focus.sample.cookie == cookie);
            match samples.iter().zip(&rows).find(|(sample, _)| sample.cookie == cookie) {
                Some((sample, row)) => {
                    let retransmits = before
                        .as_ref()
                        .and_then(|focus| focus.sample.counters.get(wad_model::Counter::PktsRetrans));
                    let mut history = before.map_or_else(History::default, |focus| focus.history);
                    history.push(row, retransmits);
                    Some(Focus { sample: *sample, path: row.path.clone(), history, gone: false })
                }
                None => before.map(|focus| Focus { gone: true, ..focus }),
            }
        });
        let took_s = begun.elapsed().as_secs_f64();
        *lock(&shared.latest) = Arc::new(Snapshot { number, rows, focus: focus.clone(), took_s });
        // A host with many flows is not asked all the time.
        let due = (begun + interval).max(Instant::now() + begun.elapsed());
        while Instant::now() < due && !lock(&shared.wishes).hurry {
            if shared.ends.load(Ordering::Relaxed) {
                return Ok(());
            }
            thread::sleep(TICK.min(due.saturating_duration_since(Instant::now())));
        }
    }
    Ok(())
}
