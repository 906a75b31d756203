//! From what is observed to a trace.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wad_linux::{FlowEvent, FlowSample, Observation, WatchMode};
use wad_model::{Counter, Counters, Direction, Time, Timestamp};
use wad_trace::{ClockReading, Column, Flow, FlowId, Header, Rotation, Schema, Writer};

use super::Summary;
use super::files::Files;
use crate::arguments::{EventMode, Trace};
use crate::collector::Collector;
use crate::failure::Failure;

/// The table of samples.
const SAMPLES: usize = 0;
/// The table of events, if there is one.
const EVENTS: usize = 1;

/// How many samples a flow may miss before it counts as gone: one that closes says so itself.
const PATIENCE: u32 = 3;

/// Records flows.
#[derive(Debug)]
pub(crate) struct Recorder {
    collector: Collector,
    /// Flows that nobody designated are recorded too.
    any: bool,
    events: Option<EventMode>,
    writer: Writer<BufWriter<File>>,
    files: Files,
    rotation: Rotation,
    file_begun: Instant,
    begun: Instant,
    counters: Vec<Counter>,
    open: HashMap<u64, Recorded>,
    row: Vec<Option<u64>>,
    /// Events that earlier observers lost, and those that this one had when they were noted.
    lost_before: u64,
    noted_lost: u64,
    pub(crate) summary: Summary,
}

#[derive(Clone, Copy, Debug)]
struct Recorded {
    id: FlowId,
    missed: u32,
}

impl Recorder {
    pub(crate) fn begin(
        mut collector: Collector,
        any: bool,
        arguments: &Trace,
        out: &Path,
    ) -> Result<Self, Failure> {
        collector.observer.follow_closes()?;
        let counters = if arguments.counters.is_empty() {
            // Each row has its time anyway.
            Counter::all().filter(|counter| *counter != Counter::CurrTime).collect()
        } else {
            arguments.counters.clone()
        };
        let mut files = Files::new(out);
        let (file, name) = files.next()?;
        let header = Header {
            host: host_name(),
            program: concat!("wad ", env!("CARGO_PKG_VERSION")).to_owned(),
            start: clocks(),
            interval: Some(arguments.interval),
            sequence: 0,
            tables: tables(&counters, arguments.events),
        };
        Ok(Self {
            collector,
            any,
            events: arguments.events,
            writer: Writer::new(BufWriter::new(file), header)?,
            files,
            rotation: Rotation { size: arguments.rotate_size, age: arguments.rotate_age },
            file_begun: Instant::now(),
            begun: Instant::now(),
            counters,
            open: HashMap::new(),
            row: Vec::new(),
            lost_before: 0,
            noted_lost: 0,
            summary: Summary { files: vec![name], ..Summary::default() },
        })
    }

    /// Now and then: the daemon goes on counting, one that has started is followed, and the wall clock is looked at.
    pub(crate) fn renew(&mut self) -> Result<(), Failure> {
        let lost = self.collector.observer.lost_events();
        if self.collector.follow_daemon()? {
            self.lost_before += lost;
            self.collector.observer.follow_closes()?;
            let mode = self.mode();
            for cookie in self.open.keys() {
                self.collector.observer.watch(*cookie, mode)?;
            }
        }
        self.collector.observer.renew()?;
        Ok(self.writer.clock(clocks())?)
    }

    /// One sample of each flow.
    pub(crate) fn sample(&mut self) -> Result<(), Failure> {
        let samples = if self.any { self.collector.all()? } else { self.collector.designated()? };
        for flow in self.open.values_mut() {
            flow.missed += 1;
        }
        for sample in &samples {
            let id = self.follow(sample)?;
            self.put(SAMPLES, id, sample.time, &sample.counters)?;
        }
        self.summary.samples += samples.len() as u64;
        self.forget_gone()?;
        self.note_losses();
        self.writer.flush_if_due(clocks().monotonic)?;
        self.rotate_if_due()?;
        self.summary.written_bytes = self.written();
        Ok(())
    }

    /// What has happened since, waiting up to `timeout` for it.
    pub(crate) fn take_events(&mut self, timeout: Duration) -> Result<(), Failure> {
        for observation in self.collector.observer.observations(timeout)? {
            match observation {
                Observation::Event(event) => self.event(&event)?,
                Observation::Closed(sample) => self.close(&sample)?,
            }
        }
        Ok(())
    }

    /// Ends the recording.
    pub(crate) fn finish(mut self) -> Result<Summary, Failure> {
        self.note_losses();
        self.writer.clock(clocks())?;
        let before = self.summary.written_bytes;
        self.writer.flush()?;
        self.summary.written_bytes = self.written().max(before);
        self.writer.finish()?;
        self.summary.duration_s = self.begun.elapsed().as_secs_f64();
        Ok(self.summary)
    }

    /// The flow's number; a new one is opened, and watched.
    fn follow(&mut self, sample: &FlowSample) -> Result<FlowId, Failure> {
        if let Some(known) = self.open.get_mut(&sample.cookie) {
            known.missed = 0;
            return Ok(known.id);
        }
        let id = self.open_flow(sample)?;
        if self.any || self.events.is_some() {
            let watched = self.collector.observer.watch(sample.cookie, self.mode());
            // Beyond 65,536 flows the last counters of some are lost; events would be of a choice that nobody made.
            if self.events.is_some() {
                watched?;
            }
        }
        Ok(id)
    }

    const fn mode(&self) -> WatchMode {
        match self.events {
            Some(mode) => mode.watch(),
            None => WatchMode::Close,
        }
    }

    fn open_flow(&mut self, sample: &FlowSample) -> Result<FlowId, Failure> {
        let id = self.writer.open(description(sample, self.collector.path(sample)))?;
        self.open.insert(sample.cookie, Recorded { id, missed: 0 });
        self.summary.flows += 1;
        Ok(id)
    }

    fn event(&mut self, event: &FlowEvent) -> Result<(), Failure> {
        let Some(flow) = self.open.get(&event.cookie) else { return Ok(()) };
        let (id, counters) = (flow.id, event.counters());
        self.row.clear();
        self.row.extend(FlowEvent::COUNTERS.iter().skip(1).map(|counter| counters.get(*counter)));
        self.summary.events += 1;
        Ok(self.writer.sample(EVENTS, id, event.time, &self.row)?)
    }

    /// The last counters of a flow; one that came and went between two samples is recorded by them alone.
    fn close(&mut self, sample: &FlowSample) -> Result<(), Failure> {
        let known = self.open.get(&sample.cookie).map(|flow| flow.id);
        let id = match known {
            Some(id) => id,
            None if (self.any || sample.path.is_some()) && self.collector.means(sample) => {
                self.open_flow(sample)?
            }
            None => return Ok(()),
        };
        self.open.remove(&sample.cookie);
        self.fill(&sample.counters);
        self.writer.close(id, sample.time, Some((SAMPLES, &self.row)))?;
        self.summary.closed_flows += 1;
        self.summary.samples += 1;
        Ok(())
    }

    /// Flows that the kernel shows no more, and whose end was not told: their last counters are lost.
    fn forget_gone(&mut self) -> Result<(), Failure> {
        let gone: Vec<_> = self.open.extract_if(|_, flow| flow.missed >= PATIENCE).collect();
        for (cookie, flow) in gone {
            self.collector.observer.forget(cookie);
            self.writer.close(flow.id, clocks().monotonic, None)?;
        }
        Ok(())
    }

    fn note_losses(&mut self) {
        let lost = self.lost_before + self.collector.observer.lost_events();
        if self.events.is_some() && lost > self.noted_lost {
            self.writer.lost(EVENTS, lost - self.noted_lost);
        }
        self.noted_lost = lost;
        self.summary.lost_events = lost;
    }

    fn put(&mut self, table: usize, id: FlowId, time: Time, counters: &Counters) -> Result<(), Failure> {
        self.fill(counters);
        Ok(self.writer.sample(table, id, time, &self.row)?)
    }

    fn fill(&mut self, counters: &Counters) {
        self.row.clear();
        self.row.extend(self.counters.iter().map(|counter| counters.get(*counter)));
    }

    fn rotate_if_due(&mut self) -> Result<(), Failure> {
        if self.rotation.due(self.writer.size(), self.file_begun.elapsed()).is_none() {
            return Ok(());
        }
        let (file, name) = self.files.next()?;
        self.writer.rotate(BufWriter::new(file), clocks())?;
        self.summary.files.push(name);
        self.file_begun = Instant::now();
        Ok(())
    }

    /// Of all files, but for what is not written yet.
    fn written(&self) -> u64 {
        let size = |name: &String| std::fs::metadata(name).map_or(0, |file| file.len());
        self.summary.files.iter().map(size).sum()
    }
}

fn tables(counters: &[Counter], events: Option<EventMode>) -> Vec<Schema> {
    let column = |counter: &Counter| Column::of(counter.info());
    let mut tables = vec![Schema::new("samples", counters.iter().map(column))];
    // Each row has its time, which is the first of an event's counters.
    let moving = || FlowEvent::COUNTERS.iter().skip(1).map(column);
    tables.extend(events.map(|mode| Schema::new(mode.table(), moving())));
    tables
}

fn description(sample: &FlowSample, path: Option<&str>) -> Flow {
    let mut flow = Flow::new(sample.key);
    flow.direction = sample
        .counters
        .get(Counter::ActiveOpen)
        .map(|active| if active == 1 { Direction::Active } else { Direction::Passive });
    flow.opened = sample.counters.get(Counter::StartTime).map(|micros| Time::from_nanos(micros * 1000));
    let mut labels = vec![
        ("cookie".to_owned(), sample.cookie.to_string()),
        ("namespace".to_owned(), sample.namespace.to_string()),
        ("congestion_control".to_owned(), sample.control.to_string()),
    ];
    labels.extend(path.map(|path| ("path".to_owned(), path.to_owned())));
    flow.labels(labels)
}

fn clocks() -> ClockReading {
    let nanos = |clock| {
        let now = clock_gettime(clock);
        now.tv_sec * 1_000_000_000 + now.tv_nsec
    };
    ClockReading {
        monotonic: Time::from_nanos(u64::try_from(nanos(ClockId::Monotonic)).unwrap_or_default()),
        wall: Timestamp::from_nanos(nanos(ClockId::Realtime)),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
