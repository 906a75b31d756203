//! The observer's thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tracing::{info, warn};
use wad_events::{Rotation, Sink, SinkOptions};
use wad_linux::{FlowSample, LinuxError, Observation, Observer, Record};
use wad_model::{Event, Time, Timestamp};
use wad_trace::ClockReading;
use wad_tune::{EventKind, EventSink};

use super::News;
use super::flows::{Flow, Flows, Seen};
use super::others::Others;
use super::plan::Plan;
use super::tell::{Of, counter_names};
use crate::DaemonError;
use crate::daemon::monotonic_now;
use crate::metrics::{Page, Told, Totals};

/// How long the thread waits for news before it looks at the kernel's.
const TICK: Duration = Duration::from_millis(50);
/// How often the kernel is asked to go on counting.
const RENEWAL: Duration = Duration::from_secs(3);
/// How long consumers have at the end to take what waits for them, all together.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// Observes flows and tells what it sees.
pub(super) struct Watcher {
    plan: Plan,
    news: Receiver<News>,
    page: Arc<Page>,
    /// `None` where only opens and closes are told.
    observer: Option<Observer>,
    others: Option<Others>,
    flows: Flows,
    totals: Totals,
    host: String,
    counter_names: Vec<String>,
    due: Time,
    renewal: Time,
    /// Last counters that earlier observers lost.
    lost_before: u64,
}

impl Watcher {
    /// What can fail at the start fails here.
    pub(super) fn begin(plan: Plan, news: Receiver<News>, page: Arc<Page>) -> Result<Self, DaemonError> {
        let now = monotonic_now();
        let observer = if plan.samples() { Some(observer()?) } else { None };
        let mut watcher = Self {
            flows: Flows::new(plan.derived.clone(), now),
            totals: Totals::default(),
            others: None,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            counter_names: counter_names(),
            due: now,
            renewal: now + RENEWAL,
            lost_before: 0,
            plan,
            news,
            page,
            observer,
        };
        watcher.renew_lease();
        watcher.prepare();
        watcher.change_sinks()?;
        Ok(watcher)
    }

    pub(super) fn run(mut self) {
        while self.turn() {}
        self.end();
    }

    /// Waits for news, and looks at flows when it is time; false at the end.
    fn turn(&mut self) -> bool {
        let idle = if self.observer.is_some() { TICK.min(self.due - monotonic_now()) } else { RENEWAL };
        match self.news.recv_timeout(idle) {
            Ok(news) => self.handle(news),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while let Ok(news) = self.news.try_recv() {
            self.handle(news);
        }
        if self.plan.samples() {
            self.look();
        }
        true
    }

    fn end(mut self) {
        self.take_closings();
        let sinks = self.page.replace_sinks(Vec::new());
        stop(sinks);
    }

    fn handle(&mut self, news: News) {
        match news {
            News::Opened { record, path, how, set } => self.opened(&record, &path, how, &set),
            News::Closed { record, path, has_summary } => self.closed(&record, &path, has_summary),
            News::Lost(records) => self.totals.lost_records = records,
            News::Planned(plan) => self.change(*plan),
        }
    }

    fn opened(&mut self, record: &Record, path: &str, how: &str, set: &str) {
        self.totals.opened(path, record.refused.iter().map(|knob| knob.name()));
        let event = || of_record(&self.host, record, path, record.opened).open(record, how, set);
        self.push(EventKind::Opens, event);
    }

    fn closed(&mut self, record: &Record, path: &str, has_summary: bool) {
        self.totals.closed(path);
        let of = of_record(&self.host, record, path, record.time);
        self.push(EventKind::Closes, || if has_summary { of.close(record) } else { of.lost_close() });
    }

    /// Other things are wanted. Consumers that stay keep what waits for them.
    fn change(&mut self, plan: Plan) {
        let redefined = plan.definitions != self.plan.definitions;
        self.plan = plan;
        if redefined {
            self.flows.define(self.plan.derived.clone());
        }
        if !self.plan.samples() {
            self.observer = None;
        }
        self.due = monotonic_now();
        self.prepare();
        if let Err(error) = self.change_sinks() {
            warn!(%error, "events are not told");
        }
    }

    /// What depends on the plan alone.
    fn prepare(&mut self) {
        self.totals.name_paths(self.plan.paths.iter().map(|path| path.name.as_str()));
        let others = self.plan.metrics.is_some_and(|metrics| metrics.other_flows);
        if others != self.others.is_some() {
            self.others = others.then(Others::new);
        }
        // Sums are there before the first round.
        self.page.publish(self.plan.metrics.map(|_| self.totals.clone()));
    }

    /// Starts the sinks that are new, and ends those that are no more.
    fn change_sinks(&self) -> Result<(), DaemonError> {
        let failed = |source| DaemonError::System { what: "start a thread for events", source };
        let mut before = self.page.replace_sinks(Vec::new());
        let mut sinks = Vec::new();
        for wanted in &self.plan.sinks {
            let options = options(wanted);
            let sink = match before.iter().position(|told| *told.sink.options() == options) {
                Some(place) => before.remove(place).sink,
                None => Sink::start(options).map_err(failed)?,
            };
            sinks.push(Told { sink, kinds: wanted.kinds.clone() });
        }
        self.page.replace_sinks(sinks);
        stop(before);
        Ok(())
    }

    /// What the kernel has to tell, and a round of samples if it is time.
    fn look(&mut self) {
        let now = monotonic_now();
        if now >= self.renewal {
            self.renewal = now + RENEWAL;
            self.renew();
        }
        self.take_closings();
        if now >= self.due {
            let begun = Instant::now();
            self.round(now);
            self.totals.note_round(begun.elapsed());
            self.next_round();
            self.publish();
        }
    }

    /// What is late is not made up for.
    fn next_round(&mut self) {
        self.due = self.due + self.plan.interval;
        let now = monotonic_now();
        if self.due <= now {
            self.totals.late_rounds += 1;
            self.due = now + self.plan.interval;
        }
    }

    /// The observer is loaded anew where it has failed.
    fn renew(&mut self) {
        if self.observer.as_ref().is_none_or(Observer::is_outdated) {
            match observer() {
                Ok(observer) => {
                    self.lost_before = self.totals.lost_closings;
                    self.observer = Some(observer);
                }
                Err(error) => warn!(%error, "flows are not observed"),
            }
        }
        self.renew_lease();
    }

    fn renew_lease(&mut self) {
        if let Some(Err(error)) = self.observer.as_ref().map(Observer::renew) {
            self.failed(&error);
        }
    }

    /// It will be tried again at the next renewal.
    fn failed(&mut self, error: &LinuxError) {
        warn!(%error, "flows are not observed");
        self.observer = None;
    }

    /// Last counters of flows that have closed.
    fn take_closings(&mut self) {
        let Some(observer) = &self.observer else { return };
        self.totals.lost_closings = self.lost_before + observer.lost_events();
        match observer.observations(Duration::ZERO) {
            Ok(observations) => {
                let clock = clocks();
                for observation in observations {
                    if let Observation::Closed(sample) = observation {
                        self.sample(&sample, &clock);
                        self.forget(sample.cookie, &clock);
                    }
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn round(&mut self, now: Time) {
        let Some(observer) = &self.observer else { return };
        let samples = match observer.samples() {
            Ok(samples) => samples,
            Err(error) => return self.failed(&error),
        };
        let clock = clocks();
        self.flows.begin_round();
        for sample in &samples {
            self.sample(sample, &clock);
        }
        for flow in self.flows.gone() {
            self.end_alerts(&flow, clock.wall);
        }
        if let Some(others) = &mut self.others
            && let Err(error) = others.look(now, self.plan.interval, &self.flows, &mut self.totals)
        {
            warn!(%error, "flows of no path are not counted");
        }
    }

    /// One sample of a designated flow, or its last one.
    fn sample(&mut self, sample: &FlowSample, clock: &ClockReading) {
        let Some(path) = sample.path else { return };
        let seen = self.flows.take(sample, path);
        let name = self.plan.path_name(path);
        self.totals.sampled(name, &seen.growth, sample);
        let time = clock.wall_at(sample.time);
        let of = of_flow(&self.host, seen.flow, name, time);
        let definitions = self.plan.derived.definitions();
        let page = &self.page;
        tell(page, EventKind::Samples, || of.sample(sample, &self.counter_names));
        if page.anybody_wants(EventKind::Derived) {
            for (definition, value) in definitions.iter().zip(&seen.values) {
                if let Some(event) = of.derived(definition, *value) {
                    tell(page, EventKind::Derived, || event);
                }
            }
        }
        let Seen { flow, turned, .. } = seen;
        for (index, holds) in turned {
            let definition = &definitions[index];
            let alert = definition.name();
            if holds {
                self.totals.raised(name, alert);
                warn!(flow = %flow.key, path = name, alert, "alert");
            } else {
                info!(flow = %flow.key, path = name, alert, "alert over");
            }
            tell(page, EventKind::Alerts, || of.alert(definition, holds, false));
        }
    }

    fn forget(&mut self, cookie: u64, clock: &ClockReading) {
        if let Some(flow) = self.flows.close(cookie) {
            self.end_alerts(&flow, clock.wall_at(flow.time));
        }
    }

    /// Alerts of a flow that is no more do not hold.
    fn end_alerts(&self, flow: &Flow, time: Timestamp) {
        let name = self.plan.path_name(flow.path);
        let of = of_flow(&self.host, flow, name, time);
        for index in flow.raised() {
            let definition = &self.plan.derived.definitions()[index];
            info!(flow = %flow.key, path = name, alert = definition.name(), "alert over: the flow has closed");
            tell(&self.page, EventKind::Alerts, || of.alert(definition, false, true));
        }
    }

    fn push(&self, kind: EventKind, event: impl FnOnce() -> Event) {
        tell(&self.page, kind, event);
    }

    /// What `GET /metrics` shows from now on.
    fn publish(&mut self) {
        let Some(metrics) = self.plan.metrics else { return };
        let definitions = self.plan.derived.definitions();
        let names: Vec<&str> =
            definitions.iter().filter(|one| one.is_alert()).map(|one| one.name()).collect();
        self.totals.begin_gauges(&names);
        let mut single = Vec::new();
        for flow in self.flows.iter() {
            let path = self.plan.paths.get(flow.path as usize);
            let raised = flow.raised().map(|index| definitions[index].name());
            self.totals.note_open(self.plan.path_name(flow.path), raised);
            if path.is_some_and(|path| path.per_flow) {
                single.push(flow);
            }
        }
        // The first ones keep their series when there are too many.
        single.sort_unstable_by_key(|flow| flow.cookie);
        let most = usize::try_from(metrics.max_flows).unwrap_or(usize::MAX);
        for flow in single {
            let path = self.plan.path_name(flow.path);
            self.totals.note_flow(most, path, &flow.key, flow.namespace, flow.cookie, &flow.counters);
        }
        self.totals.end_gauges(monotonic_now());
        self.page.publish(Some(self.totals.clone()));
    }
}

/// Pushes an event to each sink that wants its kind; it is not made if there is none.
fn tell(page: &Page, kind: EventKind, event: impl FnOnce() -> Event) {
    if page.anybody_wants(kind) {
        page.push(kind, &event());
    }
}

fn observer() -> Result<Observer, LinuxError> {
    let mut observer = Observer::load()?;
    observer.follow_closes()?;
    Ok(observer)
}

fn of_record<'a>(host: &'a str, record: &'a Record, path: &'a str, time: Time) -> Of<'a> {
    let time = clocks().wall_at(time);
    Of { host, time, key: &record.key, path, cookie: record.cookie, namespace: record.namespace }
}

fn of_flow<'a>(host: &'a str, flow: &'a Flow, path: &'a str, time: Timestamp) -> Of<'a> {
    Of { host, time, key: &flow.key, path, cookie: flow.cookie, namespace: flow.namespace }
}

fn options(sink: &EventSink) -> SinkOptions {
    SinkOptions {
        name: sink.name.clone(),
        form: sink.form,
        target: sink.target.clone(),
        queue: sink.queue,
        rotation: Rotation { size: sink.rotate_size, age: sink.rotate_age, keep: sink.keep },
    }
}

/// Ends sinks, which share the time that there is.
fn stop(sinks: Vec<Told>) {
    let deadline = Instant::now() + LAST_EVENTS;
    for Told { sink, .. } in sinks {
        let (name, before) = (sink.options().name.clone(), sink.status().missed);
        let status = sink.stop(deadline.saturating_duration_since(Instant::now()));
        if status.missed > before {
            warn!(
                sink = name,
                missed = status.missed - before,
                "events missed: their consumer did not take them in time"
            );
        }
    }
}

fn clocks() -> ClockReading {
    let now = clock_gettime(ClockId::Realtime);
    let wall = Timestamp::from_nanos(now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec));
    ClockReading { monotonic: monotonic_now(), wall }
}
