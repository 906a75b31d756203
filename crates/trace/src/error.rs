//! What can go wrong with a trace.

use std::io;

use thiserror::Error;

use crate::flow::FlowId;
use crate::header::VERSION;
use crate::schema::SchemaError;

/// Why a trace could not be written further. What was written before stays readable.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The file took no more: the disk is full, or it failed.
    #[error("the trace ends at byte {offset}, because it could not be written: {source}")]
    Io {
        /// Where the last whole batch ends.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier error ended the trace; it was told when it happened.
    #[error("the trace has ended at byte {offset}")]
    Ended {
        /// Where the last whole batch ends.
        offset: u64,
    },
    /// The schemas cannot be stored.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A row is not one of the table.
    #[error("a row of table {table} has {found} values, and not {expected}")]
    Row {
        /// The number of the table.
        table: usize,
        /// How many columns it has.
        expected: usize,
        /// How many values the row has.
        found: usize,
    },
    /// The table does not exist.
    #[error("there is no table {0}")]
    NoTable(usize),
    /// The flow was not opened, or it was closed.
    #[error("flow {0} is not open")]
    NoFlow(FlowId),
    /// More than a batch can hold, which only texts of many megabytes can be.
    #[error("a batch of {bytes} bytes is more than a reader takes")]
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
}

/// Why a trace could not be read, or not further. What came before it is right.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It could not be read.
    #[error("cannot read at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else.
    #[error("not a trace of WAD: byte {offset} is not what such a file begins with")]
    Foreign {
        /// The first byte that differs.
        offset: u64,
    },
    /// It ends within its header.
    #[error("the trace is cut off within its header, at byte {offset}")]
    Truncated {
        /// Where it ends.
        offset: u64,
    },
    /// Another version of the format.
    #[error("the trace is of version {found}, and this program reads version {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// The last batch is not whole: the file is still written, or its writer was stopped.
    #[error(
        "the trace is whole up to byte {offset}; the {found} bytes after it are a batch that was not finished"
    )]
    Torn {
        /// Where the torn batch begins.
        offset: u64,
        /// How much of it there is.
        found: u64,
    },
    /// Bytes were changed.
    #[error("the trace is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where the damaged batch begins.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

impl ReadError {
    /// Where in the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match self {
            Self::Version { .. } => 0,
            Self::Io { offset, .. }
            | Self::Foreign { offset }
            | Self::Truncated { offset }
            | Self::Torn { offset, .. }
            | Self::Damaged { offset, .. } => *offset,
        }
    }
}
