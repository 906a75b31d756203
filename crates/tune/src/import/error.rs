//! What is wrong with an old configuration.

use thiserror::Error;

/// One thing wrong with an old configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}: {message}; {help}")]
pub struct ImportError {
    /// The line, counted from one.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl ImportError {
    pub(super) fn new(line: u32, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line, message: message.into(), help: help.into() }
    }
}

/// All that is wrong with an old configuration, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", lines(errors.iter().map(ToString::to_string)))]
pub struct ImportErrors {
    errors: Vec<ImportError>,
}

impl ImportErrors {
    pub(super) fn new(mut errors: Vec<ImportError>) -> Self {
        errors.sort_by_key(|error| error.line);
        Self { errors }
    }

    /// The errors.
    pub fn iter(&self) -> std::slice::Iter<'_, ImportError> {
        self.errors.iter()
    }

    /// One line for each, with the name of the file.
    #[must_use]
    pub fn in_file(&self, file: &str) -> String {
        lines(self.errors.iter().map(|error| format!("{file}:{error}")))
    }
}

impl<'a> IntoIterator for &'a ImportErrors {
    type Item = &'a ImportError;
    type IntoIter = std::slice::Iter<'a, ImportError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}
