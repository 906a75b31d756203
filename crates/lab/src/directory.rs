//! The directory of a run: the output of its applications, and whatever they write themselves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::owner;

/// A directory that was given and stays, or one of the run's own that goes with it.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    temporary: bool,
}

impl RunDirectory {
    pub(crate) fn new(given: Option<&Path>) -> Result<Self, LabError> {
        let path = given.map_or_else(|| std::env::temp_dir().join(owner::new_name()), Path::to_path_buf);
        let fail = |source| LabError::File { operation: "make the directory", path: path.clone(), source };
        fs::create_dir_all(&path).map_err(fail)?;
        // Applications run in it: a relative path would change its meaning.
        let path = fs::canonicalize(&path).map_err(fail)?;
        Ok(Self { path, temporary: given.is_none() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(directory = %self.path.display(), %error, "directory not removed");
        }
    }
}

/// Removes the directories that killed runs left.
pub(crate) fn remove_abandoned() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(owner::is_abandoned) {
            // Another run may be removing it as well.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
