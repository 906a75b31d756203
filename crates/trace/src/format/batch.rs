//! What is written at once, and is whole or not there at all.
//!
//! ```text
//! batch := monotonic wall           the clocks, two signed varints, nanoseconds
//!          count {number flow}      flows that are new to this file
//!          count {number time form} flows that closed; form 1: their last row has the counters at that time
//!          count {table lost}       rows that were not recorded
//!          count {block}
//! ```
//!
//! A batch refers to no other one, but for what a flow is called.

use wad_model::Time;

use super::block::{self, Columns};
use super::flow;
use super::varint::{self, Cursor};
use super::{MAX_CELLS, MAX_TABLES, Malformed};
use crate::clock::ClockReading;
use crate::flow::{Flow, FlowId};

/// A flow's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which flow.
    pub flow: FlowId,
    /// When, by the monotonic clock.
    pub at: Time,
    /// Whether the last row of the flow holds its counters as they were when it closed.
    pub has_last_counters: bool,
}

/// Rows that a recorder should have written and could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The number of their table.
    pub table: usize,
    /// How many.
    pub rows: u64,
}

/// All of a batch but its blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    pub(crate) opened: Vec<(FlowId, Flow)>,
    pub(crate) closed: Vec<Closed>,
    pub(crate) lost: Vec<Lost>,
}

impl Events {
    pub(crate) const fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty() && self.lost.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.opened.clear();
        self.closed.clear();
        self.lost.clear();
    }

    /// Appends the clocks and these.
    pub(crate) fn put(&self, out: &mut Vec<u8>, clock: ClockReading) {
        put_clock(out, clock);
        varint::put(out, self.opened.len() as u64);
        for (id, opened) in &self.opened {
            varint::put(out, id.0);
            flow::put(out, opened);
        }
        varint::put(out, self.closed.len() as u64);
        for closed in &self.closed {
            varint::put(out, closed.flow.0);
            varint::put_signed(out, closed.at.as_nanos().cast_signed());
            out.push(u8::from(closed.has_last_counters));
        }
        varint::put(out, self.lost.len() as u64);
        for lost in &self.lost {
            varint::put(out, lost.table as u64);
            varint::put(out, lost.rows);
        }
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let mut events = Self::default();
        for _ in 0..cursor.count(cursor.left(), "more flows open than bytes are left")? {
            events.opened.push((FlowId(cursor.number()?), flow::take(cursor)?));
        }
        for _ in 0..cursor.count(cursor.left(), "more flows close than bytes are left")? {
            let flow = FlowId(cursor.number()?);
            let at = Time::from_nanos(cursor.signed()?.cast_unsigned());
            events.closed.push(Closed { flow, at, has_last_counters: cursor.byte()? == 1 });
        }
        for _ in 0..cursor.count(cursor.left(), "more losses than bytes are left")? {
            let table = cursor.count(MAX_TABLES, "rows are lost of a table that does not exist")?;
            events.lost.push(Lost { table, rows: cursor.number()? });
        }
        Ok(events)
    }
}

fn put_clock(out: &mut Vec<u8>, clock: ClockReading) {
    varint::put_signed(out, clock.monotonic.as_nanos().cast_signed());
    varint::put_signed(out, clock.wall.as_nanos());
}

fn take_clock(cursor: &mut Cursor<'_>) -> Result<ClockReading, Malformed> {
    let monotonic = Time::from_nanos(cursor.signed()?.cast_unsigned());
    Ok(ClockReading { monotonic, wall: wad_model::Timestamp::from_nanos(cursor.signed()?) })
}

/// A batch as it was read.
pub(crate) struct Contents {
    pub(crate) clock: ClockReading,
    pub(crate) events: Events,
    pub(crate) blocks: Vec<Columns>,
}

/// Reads a batch; `wanted` says for each column of each table whether to read it.
pub(crate) fn take(cursor: &mut Cursor<'_>, wanted: &[Vec<bool>]) -> Result<Contents, Malformed> {
    let clock = take_clock(cursor)?;
    let events = Events::take(cursor)?;
    let mut blocks = Vec::new();
    let mut cells_left = MAX_CELLS;
    for _ in 0..cursor.count(MAX_TABLES, "a batch has more blocks than there are tables")? {
        blocks.push(block::take(cursor, wanted, &mut cells_left)?);
    }
    if cursor.left() > 0 {
        return Err(Malformed("a batch has more bytes than its contents need"));
    }
    Ok(Contents { clock, events, blocks })
}

/// The clocks of a batch that has nothing else: how a file ends.
pub(crate) fn put_end(out: &mut Vec<u8>, clock: ClockReading) {
    put_clock(out, clock);
}

/// Reads what [`put_end`] writes.
pub(crate) fn take_end(cursor: &mut Cursor<'_>) -> Result<ClockReading, Malformed> {
    take_clock(cursor)
}
