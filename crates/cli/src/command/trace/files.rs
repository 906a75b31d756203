//! The files of a recording.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where a recording goes: `flows.wadt`, and with rotation `flows.1.wadt` and so on after it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    first: PathBuf,
    made: u64,
}

impl Files {
    pub(crate) fn new(first: &Path) -> Self {
        Self { first: first.to_owned(), made: 0 }
    }

    /// Makes the next file, in the place of one that is there.
    pub(crate) fn next(&mut self) -> anyhow::Result<(File, String)> {
        let path = self.name(self.made);
        self.made += 1;
        let name = path.display().to_string();
        let file = File::create(&path).with_context(|| format!("cannot write {name}"))?;
        Ok((file, name))
    }

    fn name(&self, number: u64) -> PathBuf {
        if number == 0 {
            return self.first.clone();
        }
        match self.first.extension() {
            Some(extension) => self.first.with_extension(format!("{number}.{}", extension.display())),
            None => self.first.with_extension(number.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_files_are_numbered() {
        let names = |first: &str| {
            let files = Files::new(Path::new(first));
            [0, 12].map(|number| files.name(number).display().to_string())
        };
        assert_eq!(names("a/flows.wadt"), ["a/flows.wadt", "a/flows.12.wadt"]);
        assert_eq!(names("flows"), ["flows", "flows.12"]);
    }
}
