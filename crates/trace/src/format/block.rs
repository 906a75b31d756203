//! Rows of one table, sorted by flow and then by time.
//!
//! ```text
//! block := table rows flows         three varints
//!          stream                   for each flow: its number, as the difference to the one before
//!          stream                   for each flow: how many rows it has
//!          times
//!          columns                  for each column of the table: a varint length, and the column
//! times := 0 column                 the time of each row
//!        | 1 ticks column column    a varint count of distinct times; these; for each row, which one
//! ```
//!
//! When all flows are polled at once there are few distinct times, and which one a row has is one more than for the
//! row before: it costs nothing.

use std::ops::Range;

use super::column::{self, Presence, Scratch, to_bits};
use super::varint::{self, Cursor};
use super::{MAX_CELLS, MAX_ROWS, Malformed, stream};

const EACH: u8 = 0;
const TICKS: u8 = 1;

/// Rows in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    flows: Vec<i64>,
    times: Vec<i64>,
    /// Column by column.
    values: Vec<Vec<i64>>,
    /// A bit for each column of a row that has a value.
    present: Vec<u128>,
}

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self { values: vec![Vec::new(); columns], ..Self::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.flows.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// `values` has one item for each column.
    pub(crate) fn push(&mut self, flow: i64, time: i64, values: &[Option<u64>]) {
        self.flows.push(flow);
        self.times.push(time);
        let mut present = 0;
        for (number, (column, value)) in self.values.iter_mut().zip(values).enumerate() {
            present |= u128::from(value.is_some()) << number;
            column.push(value.unwrap_or(0).cast_signed());
        }
        self.present.push(present);
    }

    pub(crate) fn clear(&mut self) {
        self.flows.clear();
        self.times.clear();
        self.values.iter_mut().for_each(Vec::clear);
        self.present.clear();
    }

    /// Appends the rows as a block of the table numbered `table`.
    pub(crate) fn put(&self, out: &mut Vec<u8>, table: usize, memory: &mut Memory) {
        let Memory { order, flows, values, scratch, column } = memory;
        order.clear();
        order.extend(0..self.len());
        order.sort_by_key(|row| self.flows[*row]);
        flows.clear();
        for (place, row) in order.iter().enumerate() {
            match flows.last_mut() {
                Some((flow, rows)) if *flow == self.flows[*row] => rows.end = place + 1,
                _ => flows.push((self.flows[*row], place..place + 1)),
            }
        }
        let ranges: Vec<_> = flows.iter().map(|(_, rows)| rows.clone()).collect();

        varint::put(out, table as u64);
        varint::put(out, self.len() as u64);
        varint::put(out, flows.len() as u64);
        let mut before = 0i64;
        values.clear();
        values.extend(flows.iter().map(|(flow, _)| flow.wrapping_sub(std::mem::replace(&mut before, *flow))));
        stream::put(out, values);
        values.clear();
        values.extend(ranges.iter().map(|rows| count(rows.len())));
        stream::put(out, values);

        values.clear();
        values.extend(order.iter().map(|row| self.times[*row]));
        put_times(out, &ranges, values, scratch);
        let (mut everywhere, mut anywhere) = (u128::MAX, 0);
        for present in &self.present {
            everywhere &= present;
            anywhere |= present;
        }
        for (number, unsorted) in self.values.iter().enumerate() {
            column.clear();
            let bit = |mask: u128| mask >> number & 1 == 1;
            match unsorted.split_first() {
                Some((first, rest)) if bit(everywhere) && rest.iter().all(|value| value == first) => {
                    column::put_constant(column, *first);
                }
                _ => {
                    let presence = if bit(everywhere) {
                        Presence::All
                    } else if bit(anywhere) {
                        Presence::Rows(to_bits(order.iter().map(|row| bit(self.present[*row]))))
                    } else {
                        Presence::None
                    };
                    values.clear();
                    values.extend(order.iter().map(|row| unsorted[*row]));
                    column::put(column, &ranges, values, &presence, scratch);
                }
            }
            varint::put_bytes(out, column);
        }
    }
}

/// Memory that is used anew for each block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    order: Vec<usize>,
    flows: Vec<(i64, Range<usize>)>,
    values: Vec<i64>,
    scratch: Scratch,
    column: Vec<u8>,
}

fn put_times(out: &mut Vec<u8>, flows: &[Range<usize>], times: &mut [i64], scratch: &mut Scratch) {
    let mut ticks = times.to_vec();
    ticks.sort_unstable();
    ticks.dedup();
    if ticks.len() > times.len() / 2 {
        out.push(EACH);
        column::put(out, flows, times, &Presence::All, scratch);
        return;
    }
    let mut places: Vec<_> =
        times.iter().map(|time| count(ticks.partition_point(|tick| tick < time))).collect();
    out.push(TICKS);
    varint::put(out, ticks.len() as u64);
    let all = 0..ticks.len();
    column::put(out, &[all], &mut ticks, &Presence::All, scratch);
    column::put(out, flows, &mut places, &Presence::All, scratch);
}

/// A number that was a length.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A block as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) table: usize,
    pub(crate) flows: Vec<(u64, Range<usize>)>,
    pub(crate) times: Vec<i64>,
    /// `None` is a column that was not asked for.
    pub(crate) columns: Vec<Option<(Vec<i64>, Presence)>>,
}

/// Reads a block; `wanted` says for each column of each table whether to read it.
pub(crate) fn take(
    cursor: &mut Cursor<'_>,
    wanted: &[Vec<bool>],
    cells_left: &mut usize,
) -> Result<Columns, Malformed> {
    let table = cursor.count(wanted.len(), "a block is of a table that does not exist")?;
    let wanted = wanted.get(table).ok_or(Malformed("a block is of a table that does not exist"))?;
    let rows = cursor.count(MAX_ROWS, "a block has too many rows")?;
    *cells_left = cells_left
        .checked_sub(rows * (1 + wanted.len()))
        .ok_or(Malformed("a batch has more numbers than any writer puts into one"))?;
    let flows = take_flows(cursor, rows)?;
    let ranges: Vec<_> = flows.iter().map(|(_, rows)| rows.clone()).collect();
    let mut firsts = Vec::new();
    let times = take_times(cursor, &ranges, rows, &mut firsts)?;
    let mut columns = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let length = cursor.count(cursor.left(), "a length reaches beyond the end")?;
        if !wanted {
            cursor.bytes(length)?;
            columns.push(None);
            continue;
        }
        // Read in place, with what follows in sight: bits are fetched eight bytes at once.
        let end = cursor.position() + length;
        let mut values = vec![0; rows];
        let presence = column::take(cursor, &ranges, &mut values, &mut firsts)?;
        if cursor.position() != end {
            return Err(Malformed("a column is not as long as it says"));
        }
        columns.push(Some((values, presence)));
    }
    Ok(Columns { table, flows, times, columns })
}

fn take_flows(cursor: &mut Cursor<'_>, rows: usize) -> Result<Vec<(u64, Range<usize>)>, Malformed> {
    let count = cursor.count(rows, "a block has more flows than rows")?;
    let (mut ids, mut counts) = (vec![0; count], vec![0; count]);
    stream::take(cursor, &mut ids)?;
    stream::take(cursor, &mut counts)?;
    let (mut id, mut end) = (0i64, 0);
    let mut flows = Vec::with_capacity(count);
    for (difference, count) in ids.into_iter().zip(counts) {
        id = id.wrapping_add(difference);
        let count = usize::try_from(count).ok().filter(|count| (1..=rows - end).contains(count));
        let from = end;
        end += count.ok_or(Malformed("the rows of a block's flows are not those of the block"))?;
        flows.push((id.cast_unsigned(), from..end));
    }
    if end == rows { Ok(flows) } else { Err(Malformed("a block has rows of no flow")) }
}

fn take_times(
    cursor: &mut Cursor<'_>,
    flows: &[Range<usize>],
    rows: usize,
    firsts: &mut Vec<i64>,
) -> Result<Vec<i64>, Malformed> {
    let mut times = vec![0; rows];
    match cursor.byte()? {
        EACH => {
            column::take(cursor, flows, &mut times, firsts)?;
        }
        TICKS => {
            let mut ticks = vec![0; cursor.count(rows, "a block has more times than rows")?];
            if !ticks.is_empty() {
                let all = 0..ticks.len();
                column::take(cursor, &[all], &mut ticks, firsts)?;
            }
            column::take(cursor, flows, &mut times, firsts)?;
            for time in &mut times {
                let tick = usize::try_from(*time).ok().and_then(|place| ticks.get(place));
                *time = *tick.ok_or(Malformed("a row has a time that the block does not list"))?;
            }
        }
        _ => return Err(Malformed("the times of a block have a form that does not exist")),
    }
    Ok(times)
}

/// How many rows of a table with this many columns fit into a batch that any reader takes.
pub(crate) fn most_rows(columns: usize) -> usize {
    (MAX_CELLS / (columns + 1)).min(MAX_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_take_too_much_memory_is_refused_before_it_is_taken() {
        let refused = |numbers: &[u64], cells: usize| {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| varint::put(&mut bytes, *number));
            take(&mut Cursor::new(&bytes), &[vec![true; 9]], &mut { cells }).unwrap_err().0
        };
        assert_eq!(refused(&[0, u64::MAX], MAX_CELLS), "a block has too many rows");
        assert_eq!(refused(&[0, MAX_ROWS as u64 + 1], MAX_CELLS), "a block has too many rows");
        let too_many = "a batch has more numbers than any writer puts into one";
        assert_eq!(refused(&[0, 1001], 10_000), too_many);
        assert_eq!(refused(&[0, 1000, 1001], 10_000), "a block has more flows than rows");
        assert_eq!(refused(&[1, 5], 10_000), "a block is of a table that does not exist");
    }
}
