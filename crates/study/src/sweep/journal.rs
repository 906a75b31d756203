//! The journal of a sweep: a line for each run that is done, in the order in which they were.
//!
//! ```text
//! wad-sweep 1 9c0f2a11 1000
//! 5d3c8e07 17,94123456.7,...
//! ```
//!
//! The first line names the format's version, the plan's fingerprint and how many runs it has. Of any other line the first
//! word is the checksum (CRC-32) of the rest: what was torn by a kill or a full disk is known by it, and done again. Numbers
//! are written so that they are read as the same bits.

use std::fmt::Write as _;

use thiserror::Error;

use super::measure::{Cell, MEASURES, Row};
use super::plan::Plan;

const NAME: &str = "wad-sweep 1";

/// A journal that cannot be gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    /// It is no journal.
    #[error("it is no journal of a sweep, or one of another version of this program")]
    Foreign,
    /// It is that of another sweep.
    #[error("it is the journal of another sweep: choose another directory")]
    OtherPlan,
}

/// What a journal has.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// The rows by the number of their run.
    pub rows: Vec<Option<Row>>,
    /// How many lines are damaged or torn.
    pub damaged: usize,
    /// How many bytes of it are whole lines; after them comes what is torn.
    pub whole: usize,
}

/// The first line.
#[must_use]
pub fn head(plan: &Plan) -> String {
    format!("{NAME} {:08x} {}\n", plan.fingerprint(), plan.runs())
}

/// The line of a run.
#[must_use]
pub fn line(row: &Row) -> String {
    let mut text = row.run.to_string();
    for cell in &row.cells {
        let _ = match cell {
            Cell::None => write!(text, ","),
            Cell::Count(count) => write!(text, ",{count}"),
            Cell::Real(value) => write!(text, ",{value}"),
        };
    }
    format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
}

/// Reads a journal as far as it is whole.
///
/// # Errors
/// It is none, or that of another plan. An empty one, or one whose first line is torn, is one that has nothing yet.
pub fn read(text: &[u8], plan: &Plan) -> Result<Journal, JournalError> {
    let mut journal = Journal { rows: vec![None; plan.runs()], damaged: 0, whole: 0 };
    let head = head(plan);
    if !text.contains(&b'\n') {
        let is_torn = head.as_bytes().starts_with(text);
        return if is_torn { Ok(journal) } else { Err(JournalError::Foreign) };
    }
    if !text.starts_with(NAME.as_bytes()) {
        return Err(JournalError::Foreign);
    }
    if !text.starts_with(head.as_bytes()) {
        return Err(JournalError::OtherPlan);
    }
    for line in text[head.len()..].split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n").map(parse) {
            Some(Some(row)) if row.run < journal.rows.len() => {
                let run = row.run;
                journal.rows[run] = Some(row);
            }
            _ => journal.damaged += 1,
        }
    }
    journal.whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    Ok(journal)
}

/// The journal of rows in the order of their numbers: that of a sweep that is done.
#[must_use]
pub fn of(plan: &Plan, rows: &[Row]) -> String {
    let mut text = head(plan);
    text.extend(rows.iter().map(line));
    text
}

fn parse(line: &[u8]) -> Option<Row> {
    let (check, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    if u32::from_str_radix(check, 16).ok()? != crc32fast::hash(text.as_bytes()) {
        return None;
    }
    let mut fields = text.split(',');
    let run = fields.next()?.parse().ok()?;
    let cells: Vec<Cell> = fields
        .zip(MEASURES)
        .map(|(field, measure)| match field {
            "" => Some(Cell::None),
            count if measure.is_count => count.parse().ok().map(Cell::Count),
            value => value.parse().ok().map(Cell::Real),
        })
        .collect::<Option<_>>()?;
    (cells.len() == MEASURES.len()).then_some(Row { run, cells })
}
