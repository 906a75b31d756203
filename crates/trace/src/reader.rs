//! Reading what was recorded.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use wad_model::Time;

use crate::clock::ClockReading;
use crate::error::ReadError;
use crate::flow::{Flow, FlowId};
use crate::format::batch::{self, Closed, Contents, Lost};
use crate::format::block::Columns;
use crate::format::column::Presence;
use crate::format::frame::{HEAD, Head, Kind, MAGIC};
use crate::format::varint::Cursor;
use crate::header::{Header, HeaderError};

/// Reads a trace, batch by batch.
///
/// After the last whole batch comes `None` if the file was finished or ends between two batches
/// ([`is_finished`](Self::is_finished) tells which), else an error that says where it is torn or damaged. After a
/// damaged batch whose length is known, reading can go on: the next call gives the one behind it.
///
/// What a hostile file can make it allocate is bounded: 64 MiB for a batch as it is in the file, 128 MiB for its numbers
/// and some 20 MiB for its flows; a length that lies allocates nothing.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    header: Header,
    flows: BTreeMap<FlowId, Flow>,
    wanted: Vec<Vec<bool>>,
    offset: u64,
    state: State,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// The mark of the end was read.
    Finished,
    /// The file ends between two batches.
    Open,
    /// What follows cannot be found any more.
    Lost,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it is no trace, one of another version, or cut off.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let nothing = Header {
            host: String::new(),
            program: String::new(),
            start: ClockReading { monotonic: Time::ZERO, wall: wad_model::Timestamp::default() },
            interval: None,
            sequence: 0,
            tables: Vec::new(),
        };
        let mut reader = Self {
            input,
            header: nothing,
            flows: BTreeMap::new(),
            wanted: Vec::new(),
            offset: 0,
            state: State::Reading,
            payload: Vec::new(),
        };
        reader.read_magic()?;
        reader.read_header()?;
        reader.wanted = reader.header.tables.iter().map(|table| vec![true; table.columns.len()]).collect();
        Ok(reader)
    }

    /// What the file says of itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The flows that have been read of so far.
    #[must_use]
    pub const fn flows(&self) -> &BTreeMap<FlowId, Flow> {
        &self.flows
    }

    /// Whether the mark of the end has been read. Without it, the file is still written or its writer was stopped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// How many bytes have been read as whole batches.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads of one table only these columns from now on, by their places; of the others the bytes are skipped.
    pub fn only(&mut self, table: usize, columns: &[usize]) {
        if let Some(wanted) = self.wanted.get_mut(table) {
            for (place, wanted) in wanted.iter_mut().enumerate() {
                *wanted = columns.contains(&place);
            }
        }
    }

    /// The next batch.
    ///
    /// # Errors
    /// If the file is torn or damaged, or cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ReadError> {
        if self.state != State::Reading {
            return Ok(None);
        }
        let begin = self.offset;
        let Some(kind) = self.read_frame()? else {
            self.state = State::Open;
            return Ok(None);
        };
        let damaged = |what: &str| ReadError::Damaged { offset: begin, what: what.to_owned() };
        let mut cursor = Cursor::new(&self.payload);
        match kind {
            Kind::Batch => {
                let contents =
                    batch::take(&mut cursor, &self.wanted).map_err(|malformed| damaged(malformed.0))?;
                self.flows.extend(contents.events.opened.iter().cloned());
                Ok(Some(Batch::from(contents)))
            }
            Kind::End => {
                batch::take_end(&mut cursor).map_err(|malformed| damaged(malformed.0))?;
                self.state = State::Finished;
                Ok(None)
            }
            Kind::Header => {
                self.state = State::Lost;
                Err(damaged("a second header, as if two files had been joined"))
            }
        }
    }

    fn read_magic(&mut self) -> Result<(), ReadError> {
        let mut magic = [0; MAGIC.len()];
        let count = self.fill(&mut magic)?;
        let agreeing = magic[..count].iter().zip(MAGIC).take_while(|(read, magic)| *read == magic).count();
        if agreeing < count {
            return Err(ReadError::Foreign { offset: agreeing as u64 });
        }
        if count < magic.len() {
            return Err(ReadError::Truncated { offset: count as u64 });
        }
        self.offset = count as u64;
        Ok(())
    }

    fn read_header(&mut self) -> Result<(), ReadError> {
        let begin = self.offset;
        let damaged = |what: String| ReadError::Damaged { offset: begin, what };
        match self.read_frame() {
            Ok(Some(Kind::Header)) => {}
            Ok(Some(_)) => return Err(damaged("it has no header".to_owned())),
            Ok(None) => return Err(ReadError::Truncated { offset: begin }),
            Err(ReadError::Torn { offset, found }) => {
                return Err(ReadError::Truncated { offset: offset + found });
            }
            Err(error) => return Err(error),
        }
        self.header = Header::from_json(&self.payload).map_err(|error| match error {
            HeaderError::Version(found) => ReadError::Version { found },
            HeaderError::Malformed(what) => damaged(what),
        })?;
        Ok(())
    }

    /// Reads a frame into `payload`; `None` where the file ends.
    fn read_frame(&mut self) -> Result<Option<Kind>, ReadError> {
        let begin = self.offset;
        let mut head = [0; HEAD];
        let count = self.fill(&mut head)?;
        if count == 0 {
            return Ok(None);
        }
        let torn = |found: usize| ReadError::Torn { offset: begin, found: found as u64 };
        // Whatever goes wrong up to the checksum, the next frame cannot be found.
        let state = std::mem::replace(&mut self.state, State::Lost);
        if count < HEAD {
            return Err(torn(count));
        }
        let head =
            Head::read(head).map_err(|what| ReadError::Damaged { offset: begin, what: what.to_owned() })?;
        self.payload.clear();
        // As much as there is: a length that lies makes nothing be allocated.
        let found = self
            .input
            .by_ref()
            .take(head.length as u64)
            .read_to_end(&mut self.payload)
            .map_err(|source| ReadError::Io { offset: begin, source })?;
        if found < head.length {
            return Err(torn(HEAD + found));
        }
        self.offset += (HEAD + found) as u64;
        self.state = state;
        if !head.matches(&self.payload) {
            return Err(ReadError::Damaged { offset: begin, what: "its checksum does not fit".to_owned() });
        }
        Ok(Some(head.kind))
    }

    /// Fills `buffer` as far as the file goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let mut count = 0;
        while count < buffer.len() {
            match self.input.read(&mut buffer[count..]) {
                Ok(0) => break,
                Ok(read) => count += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.state = State::Lost;
                    return Err(ReadError::Io { offset: self.offset, source });
                }
            }
        }
        Ok(count)
    }
}

/// What was written at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Both clocks: the dates of the samples below follow from it.
    pub clock: ClockReading,
    /// The flows that are new to the file.
    pub opened: Vec<(FlowId, Flow)>,
    /// The flows that closed.
    pub closed: Vec<Closed>,
    /// What should have been recorded and was not.
    pub lost: Vec<Lost>,
    /// The samples, a block for each table that has some.
    pub blocks: Vec<Block>,
}

impl From<Contents> for Batch {
    fn from(contents: Contents) -> Self {
        Self {
            clock: contents.clock,
            opened: contents.events.opened,
            closed: contents.events.closed,
            lost: contents.events.lost,
            blocks: contents.blocks.into_iter().map(Block).collect(),
        }
    }
}

/// Samples of one table, by columns; the rows are sorted by flow, and those of a flow are in the order in which they
/// were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block(Columns);

impl Block {
    /// The number of the table.
    #[must_use]
    pub const fn table(&self) -> usize {
        self.0.table
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.0.times.len()
    }

    /// The flows, and the rows of each.
    pub fn flows(&self) -> impl ExactSizeIterator<Item = (FlowId, Range<usize>)> {
        self.0.flows.iter().map(|(flow, rows)| (FlowId(*flow), rows.clone()))
    }

    /// When a row was recorded, by the monotonic clock.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn time(&self, row: usize) -> Time {
        Time::from_nanos(self.0.times[row].cast_unsigned())
    }

    /// A value, if it is present and its column was asked for.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    #[inline]
    pub fn value(&self, row: usize, column: usize) -> Option<u64> {
        match self.0.columns.get(column) {
            Some(Some((values, presence))) => presence.has(row).then(|| values[row].cast_unsigned()),
            _ => None,
        }
    }

    /// All values of a column if each of its rows has one: the fast way.
    #[must_use]
    pub fn column(&self, column: usize) -> Option<impl ExactSizeIterator<Item = u64>> {
        match self.0.columns.get(column) {
            Some(Some((values, Presence::All))) => Some(values.iter().map(|value| value.cast_unsigned())),
            _ => None,
        }
    }

    /// The values of a row, in the order of the columns.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = Option<u64>> {
        (0..self.0.columns.len()).map(move |column| self.value(row, column))
    }

    /// The rows in the order of their times, each with its flow.
    #[must_use]
    pub fn by_time(&self) -> Vec<(FlowId, usize)> {
        let mut rows: Vec<_> =
            self.flows().flat_map(|(flow, rows)| rows.map(move |row| (flow, row))).collect();
        rows.sort_by_key(|(_, row)| self.0.times[*row]);
        rows
    }
}
