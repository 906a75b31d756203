//! What the verbs of `wad sim` have in common.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use wad_study::{Document, StudyError};

use crate::arguments::ScenarioArguments;
use crate::failure::Failure;

/// The scenario as far as the command line describes it.
pub(super) fn document(arguments: &ScenarioArguments) -> Result<Document, Failure> {
    let mut document = match &arguments.file {
        None => Document::new(),
        Some(file) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read the scenario {}", file.display()))
                .map_err(Failure::Misuse)?;
            Document::parse(&text).map_err(|error| misuse(&error, Some(file)))?
        }
    };
    for setting in arguments.settings() {
        document.set(setting).map_err(|error| misuse(&error, None))?;
    }
    Ok(document)
}

/// An error of a scenario, with the name of the file where it has a place there.
pub(super) fn misuse(error: &StudyError, file: Option<&Path>) -> Failure {
    let in_file = match error {
        StudyError::Text { .. } => true,
        StudyError::Scenario { line, .. } => line.is_some(),
        StudyError::Setting { .. } | StudyError::Unlimited { .. } => false,
    };
    match file.filter(|_| in_file) {
        Some(file) => Failure::Misuse(anyhow!("{}: {error}", file.display())),
        None => Failure::Misuse(anyhow!("{error}")),
    }
}

/// Writes a whole file.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    File::create(path)
        .and_then(|mut file| file.write_all(contents))
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::from)
}
