//! What can go wrong with an experiment.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use wad_lab::LabError;

/// Why an experiment, or the reading of one, failed.
#[derive(Debug, Error)]
pub enum FaultsError {
    /// The table of experiments cannot be read.
    #[error("the table of faults: {reason}")]
    Table {
        /// What is wrong.
        reason: String,
    },
    /// A name that no experiment has.
    #[error("no fault is named \"{name}\"; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A run could not be carried out.
    #[error("{trial}: {source}")]
    Lab {
        /// Which.
        trial: String,
        /// Why.
        source: Box<LabError>,
    },
    /// A run that has no recording.
    #[error("{trial} has no result: {reason}")]
    NoResult {
        /// Which.
        trial: String,
        /// Why.
        reason: String,
    },
    /// A file.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was attempted.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line of a file of recordings.
    #[error("{}, line {line}: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}
