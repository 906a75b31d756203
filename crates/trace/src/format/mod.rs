//! The bytes of the file, from numbers up to frames. `docs/TRACE.md` has the layout as a whole.
//!
//! ```text
//! frame   a length, a checksum, and in them one of:
//!   header  the schemas, as JSON
//!   batch   flows that opened and closed, losses, the clocks, and a block for each table
//!     block   rows of one table, sorted by flow and then by time
//!       column  presence and numbers
//!         stream  numbers in runs
//!           run     up to 64 numbers in a fixed number of bits (pack)
//!   end     the file was finished
//! ```

pub(crate) mod batch;
pub(crate) mod block;
pub(crate) mod column;
pub(crate) mod flow;
pub(crate) mod frame;
pub(crate) mod pack;
pub(crate) mod stream;
pub(crate) mod varint;

use thiserror::Error;

/// What is wrong with bytes that passed their checksum, or were never written by this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The most columns of a table.
pub(crate) const MAX_COLUMNS: usize = 128;
/// The most tables of a file.
pub(crate) const MAX_TABLES: usize = 16;
/// The most numbers of one batch, times included: what a hostile file can make a reader allocate is 8 bytes each.
pub(crate) const MAX_CELLS: usize = 1 << 24;
/// The most rows of one block.
pub(crate) const MAX_ROWS: usize = 1 << 18;
