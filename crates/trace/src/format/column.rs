//! The numbers of one column of a block.
//!
//! The rows of a block are sorted by flow, so a column is a piece for each flow. It is stored in the way that seems to take
//! least room:
//!
//! | order | what is stored | good for |
//! |---|---|---|
//! | 0 | the numbers | gauges that jump |
//! | 1 | the first of each flow; then the differences from row to row | counters, settings |
//! | 2 | the first of each flow; then the differences of the differences | clocks |
//!
//! The first numbers are themselves stored as differences from flow to flow. All differences wrap.
//!
//! ```text
//! column   := form [present] stream [stream]
//! form     : one byte, 4 * order + presence
//! presence : 0 all rows have a value; 1 none has (nothing follows); 2 a bit for each flow; 3 a bit for each row
//! present  : the bits, the lowest first, filled up to a whole byte
//! ```
//!
//! In the place of an absent value stands the one before it, which costs no bits.

use std::ops::Range;

use super::varint::Cursor;
use super::{Malformed, pack, stream};

/// Which rows of a column have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    All,
    None,
    /// A bit for each row, the lowest first.
    Rows(Vec<u8>),
}

impl Presence {
    #[inline]
    pub(crate) fn has(&self, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Rows(bits) => bit(bits, row),
        }
    }
}

const ALL: u8 = 0;
const NONE: u8 = 1;
const FLOWS: u8 = 2;
const ROWS: u8 = 3;

/// Memory that is used anew for each column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    firsts: Vec<i64>,
    differences: Vec<i64>,
    second: Vec<i64>,
}

/// Appends a column; `flows` are the rows of each flow, one behind the other.
pub(crate) fn put(
    out: &mut Vec<u8>,
    flows: &[Range<usize>],
    values: &mut [i64],
    present: &Presence,
    scratch: &mut Scratch,
) {
    let presence = match present {
        Presence::All => ALL,
        Presence::None => return out.push(NONE),
        Presence::Rows(bits) => {
            fill_gaps(flows, values, bits);
            if flows.iter().all(|rows| rows.clone().all(|row| bit(bits, row) == bit(bits, rows.start))) {
                FLOWS
            } else {
                ROWS
            }
        }
    };
    scratch.set(flows, values);
    let order = scratch.best_order(values);
    out.push(4 * order + presence);
    if let Presence::Rows(bits) = present {
        match presence {
            FLOWS => out.extend(to_bits(flows.iter().map(|rows| bit(bits, rows.start)))),
            _ => out.extend_from_slice(bits),
        }
    }
    match order {
        0 => stream::put(out, values),
        1 => {
            stream::put(out, &scratch.firsts);
            stream::put(out, &scratch.differences);
        }
        _ => {
            stream::put(out, &scratch.firsts);
            stream::put(out, &scratch.second);
        }
    }
}

/// Appends a column that has one and the same value in each of its rows.
pub(crate) fn put_constant(out: &mut Vec<u8>, value: i64) {
    out.push(ALL);
    stream::put_constant(out, value);
}

impl Scratch {
    fn set(&mut self, flows: &[Range<usize>], values: &[i64]) {
        let Self { firsts, differences, second } = self;
        firsts.clear();
        differences.clear();
        second.clear();
        let mut first_before = 0i64;
        for rows in flows {
            let values = &values[rows.clone()];
            let Some(first) = values.first() else { continue };
            firsts.push(first.wrapping_sub(first_before));
            first_before = *first;
            let mut before = 0i64;
            for pair in values.windows(2) {
                let difference = pair[1].wrapping_sub(pair[0]);
                differences.push(difference);
                second.push(difference.wrapping_sub(before));
                before = difference;
            }
        }
    }

    fn best_order(&self, values: &[i64]) -> u8 {
        // The frequent case, without computing any size: no flow changes, and perhaps none differs from another.
        if self.differences.iter().all(|difference| *difference == 0) {
            return u8::from(self.firsts.iter().skip(1).any(|first| *first != 0));
        }
        let plain = pack::bits_needed(values);
        let first = pack::bits_needed(&self.differences);
        let second = pack::bits_needed(&self.second);
        if first <= plain.min(second) {
            1
        } else if plain <= second {
            0
        } else {
            2
        }
    }
}

/// Puts in the place of each absent value the one before it of the same flow; before the first present one, that one.
fn fill_gaps(flows: &[Range<usize>], values: &mut [i64], bits: &[u8]) {
    for rows in flows {
        let mut last = rows.clone().find(|row| bit(bits, *row)).map_or(0, |row| values[row]);
        for row in rows.clone() {
            if bit(bits, row) {
                last = values[row];
            } else {
                values[row] = last;
            }
        }
    }
}

/// Reads a column of `values.len()` rows.
pub(crate) fn take(
    cursor: &mut Cursor<'_>,
    flows: &[Range<usize>],
    values: &mut [i64],
    firsts: &mut Vec<i64>,
) -> Result<Presence, Malformed> {
    let form = cursor.byte()?;
    let presence = match form & 3 {
        ALL => Presence::All,
        NONE => return Ok(Presence::None),
        FLOWS => {
            let bits = cursor.bytes(flows.len().div_ceil(8))?;
            let of_rows =
                flows.iter().enumerate().flat_map(|(flow, rows)| rows.clone().map(move |_| bit(bits, flow)));
            Presence::Rows(to_bits(of_rows))
        }
        _ => Presence::Rows(cursor.bytes(values.len().div_ceil(8))?.to_vec()),
    };
    match form >> 2 {
        0 => stream::take(cursor, values)?,
        order @ 1..=2 => {
            take_firsts(cursor, flows, firsts)?;
            let differences = values.len() - flows.len();
            // The differences are read into the front of the column and then summed up from its back,
            // flow by flow, so that no other memory is needed.
            stream::take(cursor, &mut values[..differences])?;
            sum_up(flows, firsts, values, order == 2);
        }
        _ => return Err(Malformed("a column has an order that does not exist")),
    }
    Ok(presence)
}

fn take_firsts(
    cursor: &mut Cursor<'_>,
    flows: &[Range<usize>],
    firsts: &mut Vec<i64>,
) -> Result<(), Malformed> {
    firsts.clear();
    firsts.resize(flows.len(), 0);
    stream::take(cursor, firsts)?;
    let mut sum = 0i64;
    for first in firsts {
        sum = sum.wrapping_add(*first);
        *first = sum;
    }
    Ok(())
}

/// From differences, packed at the front of `values`, to the values. No flow is without rows.
fn sum_up(flows: &[Range<usize>], firsts: &[i64], values: &mut [i64], second: bool) {
    for (number, rows) in flows.iter().enumerate().rev() {
        // Each flow before this one, and this one itself, has one difference fewer than rows.
        let from = rows.start - number;
        values.copy_within(from..from + rows.len() - 1, rows.start + 1);
        let (mut value, mut difference) = (firsts[number], 0i64);
        values[rows.start] = value;
        for slot in &mut values[rows.start + 1..rows.end] {
            if second {
                difference = difference.wrapping_add(*slot);
            } else {
                difference = *slot;
            }
            value = value.wrapping_add(difference);
            *slot = value;
        }
    }
}

#[inline]
fn bit(bits: &[u8], index: usize) -> bool {
    bits[index / 8] >> (index % 8) & 1 == 1
}

/// Bits in bytes, the lowest first.
pub(crate) fn to_bits(flags: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bits = Vec::with_capacity(flags.size_hint().0.div_ceil(8));
    for (index, flag) in flags.enumerate() {
        if index % 8 == 0 {
            bits.push(0);
        }
        if let (true, Some(last)) = (flag, bits.last_mut()) {
            *last |= 1 << (index % 8);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Flows = Vec<Vec<Option<i64>>>;

    fn ranges(flows: &Flows) -> Vec<Range<usize>> {
        let mut end = 0;
        flows.iter().map(|rows| (end, end += rows.len()).0..end).collect()
    }

    fn round_trip(flows: &Flows) -> usize {
        let ranges = ranges(flows);
        let rows: Vec<_> = flows.iter().flatten().copied().collect();
        let presence = if rows.iter().all(Option::is_some) {
            Presence::All
        } else if rows.iter().all(Option::is_none) {
            Presence::None
        } else {
            Presence::Rows(to_bits(rows.iter().map(Option::is_some)))
        };
        let mut values: Vec<_> = rows.iter().map(|value| value.unwrap_or(-1)).collect();
        let mut out = Vec::new();
        put(&mut out, &ranges, &mut values, &presence, &mut Scratch::default());

        let mut read = vec![0; rows.len()];
        let mut cursor = Cursor::new(&out);
        let presence = take(&mut cursor, &ranges, &mut read, &mut Vec::new()).unwrap();
        assert_eq!(cursor.left(), 0);
        let read: Vec<_> = read.iter().enumerate().map(|(row, v)| presence.has(row).then_some(*v)).collect();
        assert_eq!(read, rows);
        out.len()
    }

    #[test]
    fn a_setting_of_all_flows_takes_a_few_bytes() {
        assert_eq!(round_trip(&vec![vec![Some(1448); 50]; 20]), 1 + 1 + 2);
    }

    #[test]
    fn a_steady_clock_takes_a_few_bytes() {
        let clock = (0..500).map(|tick| Some(1_000_000_007 + tick * 100_000_000)).collect();
        assert!(round_trip(&vec![clock]) < 24);
    }

    #[test]
    fn a_counter_that_one_flow_lacks_costs_a_bit_for_each_flow() {
        let mut flows = vec![vec![Some(7); 100]; 8];
        flows[3] = vec![None; 100];
        assert!(round_trip(&flows) < 16);
    }

    prop_compose! {
        fn column()(steep in 0i64..1000, flows in prop::collection::vec(
            prop::collection::vec(prop::option::weighted(0.9, -50i64..50), 1..80), 1..6)) -> Flows {
            flows.into_iter().map(|flow| {
                flow.into_iter().enumerate()
                    .map(|(row, noise)| noise.map(|noise| noise + steep * i64::try_from(row).unwrap()))
                    .collect()
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn columns_come_back(flows in column()) {
            round_trip(&flows);
        }

        #[test]
        fn any_numbers_come_back(flow in prop::collection::vec(any::<Option<i64>>(), 1..100)) {
            round_trip(&vec![flow]);
        }
    }
}
