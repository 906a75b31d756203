//! A trace in the forms of other programs.
//!
//! | format | a row is | absent values | order |
//! |---|---|---|---|
//! | CSV | a sample | empty | by time within a batch |
//! | JSON lines | a sample | left out | by time within a batch |
//! | NetLogger | one counter of a sample that has changed | left out | by time within a batch |
//! | Parquet | a sample | null | by flow and time within a batch |
//!
//! Values are whole numbers in the unit of their column, which stands in the column's name: `SmoothedRTT_us`. Dates
//! are those of the wall clock, `elapsed_s` those of the monotonic one, which no setting of the clock disturbs.

mod csv;
mod json;
mod netlogger;
mod parquet;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use thiserror::Error;
use wad_model::{EventForm, Timestamp};

use crate::error::ReadError;
use crate::flow::{Flow, FlowId};
use crate::header::Header;
use crate::reader::{Batch, Block, Reader};
use crate::schema::Schema;

/// A form of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// A table as text, with a line of names first.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// NetLogger events.
    NetLogger(EventForm),
    /// Apache Parquet.
    Parquet,
}

impl ExportFormat {
    /// All formats.
    pub const ALL: [Self; 6] = [
        Self::Csv,
        Self::JsonLines,
        Self::NetLogger(EventForm::Ulm),
        Self::NetLogger(EventForm::Bp),
        Self::NetLogger(EventForm::Json),
        Self::Parquet,
    ];

    /// Its name, as options write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::NetLogger(EventForm::Ulm) => "netlogger",
            Self::NetLogger(EventForm::Bp) => "netlogger-bp",
            Self::NetLogger(EventForm::Json) => "netlogger-json",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no format: expected csv, jsonl, netlogger, netlogger-bp, netlogger-json or parquet")]
pub struct UnknownFormat(String);

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// What was exported.
#[derive(Debug)]
pub struct Exported {
    /// How many samples.
    pub samples: u64,
    /// Where the trace is torn or damaged; what is whole was exported.
    pub faults: Vec<ReadError>,
}

/// Why an export failed.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The output took no more.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The table does not exist.
    #[error("the trace has no table \"{0}\"")]
    NoTable(String),
    /// A Parquet file could not be made.
    #[error("cannot make a Parquet file: {0}")]
    Parquet(String),
}

/// Writes one table of a trace in another format, up to where the trace is torn, and past what is damaged.
///
/// # Errors
/// If the table does not exist, or the output takes no more.
pub fn export<R: Read>(
    reader: &mut Reader<R>,
    table: &str,
    format: ExportFormat,
    out: impl Write + Send,
) -> Result<Exported, ExportError> {
    let header = reader.header().clone();
    let number = header.table(table).ok_or_else(|| ExportError::NoTable(table.to_owned()))?;
    let context = Context { header: &header, schema: &header.tables[number], table: number };
    match format {
        ExportFormat::Csv => drain(reader, csv::Csv::new(context, out)?),
        ExportFormat::JsonLines => drain(reader, json::JsonLines::new(context, out)),
        ExportFormat::NetLogger(form) => drain(reader, netlogger::NetLogger::new(context, form, out)),
        ExportFormat::Parquet => drain(reader, parquet::Parquet::new(context, out)?),
    }
}

/// What takes batches and writes them.
trait Exporter {
    fn batch(&mut self, batch: &Batch, flows: &BTreeMap<FlowId, Flow>) -> Result<(), ExportError>;
    fn finish(self) -> Result<(), ExportError>;
}

fn drain<R: Read>(reader: &mut Reader<R>, mut exporter: impl Exporter) -> Result<Exported, ExportError> {
    let mut exported = Exported { samples: 0, faults: Vec::new() };
    loop {
        match reader.next_batch() {
            Ok(Some(batch)) => {
                exported.samples += batch.blocks.iter().map(|block| block.rows() as u64).sum::<u64>();
                exporter.batch(&batch, reader.flows())?;
            }
            Ok(None) => break,
            Err(fault) => exported.faults.push(fault),
        }
    }
    exporter.finish()?;
    Ok(exported)
}

/// What is exported.
#[derive(Clone, Copy)]
struct Context<'h> {
    header: &'h Header,
    schema: &'h Schema,
    table: usize,
}

/// A sample on its way out.
struct Sample<'b> {
    date: Timestamp,
    /// Nanoseconds since the file was begun.
    elapsed: i64,
    id: FlowId,
    /// `None` if the batch that told of the flow was damaged.
    flow: Option<&'b Flow>,
    block: &'b Block,
    row: usize,
}

impl Context<'_> {
    /// The samples of a batch, by time.
    fn samples<'b>(
        &self,
        batch: &'b Batch,
        flows: &'b BTreeMap<FlowId, Flow>,
    ) -> impl Iterator<Item = Sample<'b>> {
        let (table, start) = (self.table, self.header.start.monotonic);
        let blocks = batch.blocks.iter().filter(move |block| block.table() == table);
        blocks.flat_map(move |block| {
            block.by_time().into_iter().map(move |(id, row)| {
                let time = block.time(row);
                Sample {
                    date: batch.clock.wall_at(time),
                    elapsed: time.as_nanos().wrapping_sub(start.as_nanos()).cast_signed(),
                    id,
                    flow: flows.get(&id),
                    block,
                    row,
                }
            })
        })
    }
}

impl Sample<'_> {
    fn source(&self) -> String {
        self.flow.map(|flow| flow.key.source.to_string()).unwrap_or_default()
    }

    fn destination(&self) -> String {
        self.flow.map(|flow| flow.key.destination.to_string()).unwrap_or_default()
    }
}

/// Nanoseconds as seconds with all their digits.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}
