//! Recording.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::clock::ClockReading;
use crate::error::WriteError;
use crate::flow::{Flow, FlowId};
use crate::format::batch::{self, Closed, Events, Lost};
use crate::format::block::{Memory, Rows, most_rows};
use crate::format::frame::{self, HEAD, Kind, MAGIC, MAX_PAYLOAD};
use crate::format::varint;
use crate::header::Header;
use crate::schema::Schema;

/// When a batch is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// As many rows of one table.
    pub rows: usize,
    /// As much time since its first row; what a crash can lose.
    pub age: Duration,
}

impl Default for BatchLimits {
    /// Five seconds, or 131,072 rows, which a thousand flows at ten samples a second do not reach: a batch that has
    /// many rows of each flow is smaller.
    fn default() -> Self {
        Self { rows: 1 << 17, age: Duration::from_secs(5) }
    }
}

/// A step of the wall clock that begins a new batch. Smaller ones are the slewing of a clock that is kept in time.
const STEP_NANOS: u64 = 10_000_000;

/// Writes a trace.
///
/// The order of calls: [`open`](Self::open) a flow, then [`sample`](Self::sample) it, then [`close`](Self::close) it,
/// all with times of the monotonic clock. Rows are collected, and written as a batch when [`BatchLimits`] say so;
/// [`flush`](Self::flush) writes what there is. [`clock`](Self::clock) says now and then what the wall clock shows.
/// [`finish`](Self::finish) marks the end; a trace without it is read as one that is still written.
///
/// The first error ends the trace. What was written before it stays readable.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    header: Header,
    limits: BatchLimits,
    /// Bytes of whole frames in the file.
    written: u64,
    ended: bool,
    clock: ClockReading,
    begun: Option<Time>,
    tables: Vec<Rows>,
    events: Events,
    live: BTreeMap<FlowId, Flow>,
    next: u64,
    frame: Vec<u8>,
    memory: Memory,
}

impl<W: Write> Writer<W> {
    /// Begins a trace: writes its header.
    ///
    /// # Errors
    /// If the schemas are too large, or the header cannot be written.
    pub fn new(out: W, header: Header) -> Result<Self, WriteError> {
        Schema::check(&header.tables)?;
        let tables = header.tables.iter().map(|table| Rows::new(table.columns.len())).collect();
        let mut writer = Self {
            out,
            limits: BatchLimits::default(),
            written: 0,
            ended: false,
            clock: header.start,
            begun: None,
            tables,
            events: Events::default(),
            live: BTreeMap::new(),
            next: 0,
            frame: Vec::new(),
            memory: Memory::default(),
            header,
        };
        writer.put_header()?;
        Ok(writer)
    }

    /// The same writer with other limits.
    #[must_use]
    pub fn limits(self, limits: BatchLimits) -> Self {
        Self { limits, ..self }
    }

    /// The header of the file that is written.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The size of the file so far.
    #[must_use]
    pub const fn size(&self) -> Bytes {
        Bytes::new(self.written)
    }

    /// How many flows are open.
    #[must_use]
    pub fn open_flows(&self) -> usize {
        self.live.len()
    }

    /// Begins the recording of a flow.
    ///
    /// # Errors
    /// If the trace has ended.
    pub fn open(&mut self, flow: Flow) -> Result<FlowId, WriteError> {
        self.check()?;
        let id = FlowId(self.next);
        self.next += 1;
        self.live.insert(id, flow.clone());
        self.events.opened.push((id, flow));
        Ok(id)
    }

    /// Records a row of a table: what a flow's counters were at `time`, in the order of the schema's columns.
    ///
    /// # Errors
    /// If the flow is not open, the row has more or fewer values than the table has columns, or a batch that became
    /// complete cannot be written.
    pub fn sample(
        &mut self,
        table: usize,
        flow: FlowId,
        time: Time,
        values: &[Option<u64>],
    ) -> Result<(), WriteError> {
        self.check()?;
        if !self.live.contains_key(&flow) {
            return Err(WriteError::NoFlow(flow));
        }
        let rows = self.tables.get_mut(table).ok_or(WriteError::NoTable(table))?;
        let expected = self.header.tables[table].columns.len();
        if values.len() != expected {
            return Err(WriteError::Row { table, expected, found: values.len() });
        }
        rows.push(flow.0.cast_signed(), time.as_nanos().cast_signed(), values);
        let full =
            rows.len() >= self.limits.rows.clamp(1, most_rows(expected) / self.header.tables.len().max(1));
        let begun = *self.begun.get_or_insert(time);
        if full || time.saturating_since(begun) >= self.limits.age { self.flush() } else { Ok(()) }
    }

    /// Ends the recording of a flow; `last` is what its counters of a table were then.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn close(
        &mut self,
        flow: FlowId,
        at: Time,
        last: Option<(usize, &[Option<u64>])>,
    ) -> Result<(), WriteError> {
        self.check()?;
        if !self.live.contains_key(&flow) {
            return Err(WriteError::NoFlow(flow));
        }
        if let Some((table, values)) = last {
            self.sample(table, flow, at, values)?;
        }
        self.live.remove(&flow);
        self.begun.get_or_insert(at);
        self.events.closed.push(Closed { flow, at, has_last_counters: last.is_some() });
        Ok(())
    }

    /// Notes that rows of a table could not be recorded.
    pub fn lost(&mut self, table: usize, rows: u64) {
        match self.events.lost.iter_mut().find(|lost| lost.table == table) {
            Some(lost) => lost.rows = lost.rows.saturating_add(rows),
            None => self.events.lost.push(Lost { table, rows }),
        }
    }

    /// Says what both clocks show. Where the wall clock was set, a new batch begins, so that the samples before keep the
    /// date that they had.
    ///
    /// # Errors
    /// If a batch cannot be written.
    pub fn clock(&mut self, now: ClockReading) -> Result<(), WriteError> {
        if now.step_since(&self.clock).unsigned_abs() > STEP_NANOS {
            self.flush()?;
        }
        self.clock = now;
        Ok(())
    }

    /// Writes the batch if it is complete at `now`: for times in which no samples come.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush_if_due(&mut self, now: Time) -> Result<(), WriteError> {
        match self.begun {
            Some(begun) if now.saturating_since(begun) >= self.limits.age => self.flush(),
            _ => Ok(()),
        }
    }

    /// Writes what was recorded since the last batch. A reader then finds all of it.
    ///
    /// # Errors
    /// If it cannot be written; the trace has ended then.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.check()?;
        if self.events.is_empty() && self.tables.iter().all(Rows::is_empty) {
            return Ok(());
        }
        frame::begin(&mut self.frame);
        self.events.put(&mut self.frame, self.clock);
        let tables = self.tables.iter().enumerate().filter(|(_, rows)| !rows.is_empty());
        varint::put(&mut self.frame, tables.clone().count() as u64);
        for (number, rows) in tables {
            rows.put(&mut self.frame, number, &mut self.memory);
        }
        self.events.clear();
        self.tables.iter_mut().for_each(Rows::clear);
        self.begun = None;
        self.write_frame(Kind::Batch)
    }

    /// Writes what is left, and the mark of the end.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.put_end()?;
        Ok(self.out)
    }

    /// Ends this file and goes on in `out`, whose header begins at `now`: with the same flows and numbers. Returns the
    /// file that was ended.
    ///
    /// # Errors
    /// If one of them cannot be written; the trace has ended then.
    pub fn rotate(&mut self, out: W, now: ClockReading) -> Result<W, WriteError> {
        self.put_end()?;
        let ended = std::mem::replace(&mut self.out, out);
        self.header.start = now;
        self.header.sequence += 1;
        self.clock = now;
        self.written = 0;
        self.put_header()?;
        self.events.opened.extend(self.live.iter().map(|(id, flow)| (*id, flow.clone())));
        Ok(ended)
    }

    fn put_header(&mut self) -> Result<(), WriteError> {
        frame::begin(&mut self.frame);
        self.frame.extend(self.header.to_json());
        self.seal(Kind::Header)?;
        self.frame.splice(0..0, MAGIC);
        self.write()
    }

    fn put_end(&mut self) -> Result<(), WriteError> {
        self.flush()?;
        frame::begin(&mut self.frame);
        batch::put_end(&mut self.frame, self.clock);
        self.write_frame(Kind::End)
    }

    fn write_frame(&mut self, kind: Kind) -> Result<(), WriteError> {
        self.seal(kind)?;
        self.write()
    }

    fn seal(&mut self, kind: Kind) -> Result<(), WriteError> {
        let bytes = self.frame.len() - HEAD;
        debug_assert!(bytes <= MAX_PAYLOAD, "a batch is far below what a frame can hold");
        frame::seal(&mut self.frame, kind)
            .ok_or(WriteError::TooLong { bytes })
            .inspect_err(|_| self.ended = true)
    }

    /// Hands the frame over in one piece, so that a reader beside sees it whole or not at all in most cases.
    fn write(&mut self) -> Result<(), WriteError> {
        match self.out.write_all(&self.frame).and_then(|()| self.out.flush()) {
            Ok(()) => {
                self.written += self.frame.len() as u64;
                Ok(())
            }
            Err(source) => {
                self.ended = true;
                Err(WriteError::Io { offset: self.written, source })
            }
        }
    }

    const fn check(&self) -> Result<(), WriteError> {
        if self.ended { Err(WriteError::Ended { offset: self.written }) } else { Ok(()) }
    }
}
