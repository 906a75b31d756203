//! What can go wrong, worded for the person who must act.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use wad_lab::LabError;

/// Why an experiment could not be carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReproduceError {
    /// The text of an experiment is wrong.
    #[error("experiment {id}: {message}")]
    Experiment {
        /// The experiment.
        id: String,
        /// What is wrong.
        message: String,
    },
    /// There is no such experiment.
    #[error("there is no experiment \"{id}\"; there are {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// A run could not be set up or carried through.
    #[error("experiment {id}, variant {variant}: {source}")]
    Lab {
        /// The experiment.
        id: String,
        /// The variant.
        variant: String,
        /// Why.
        source: Box<LabError>,
    },
    /// A run ended without a result.
    #[error("experiment {id}, variant {variant}: {message}")]
    NoResult {
        /// The experiment.
        id: String,
        /// The variant.
        variant: String,
        /// What happened instead.
        message: String,
    },
    /// A file could not be read or written.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was attempted.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A picture could not be drawn.
    #[error("experiment {id}: cannot draw its picture: {source}")]
    Picture {
        /// The experiment.
        id: String,
        /// Why.
        source: wad_plot::PlotError,
    },
}
