//! When a file of events is put aside, and how many such files are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wad_model::Bytes;

/// When a file of events is put aside. The one before is `FILE.1`, the one before that `FILE.2`, and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would become larger than this; a single event may be.
    pub size: Option<Bytes>,
    /// When it was begun so long ago.
    pub age: Option<Duration>,
    /// How many files are kept beside the one that grows.
    pub keep: u32,
}

impl Rotation {
    /// Whether a file of this size and age is put aside before `more` bytes are added.
    pub(crate) fn is_due(&self, size: u64, age: Duration, more: u64) -> bool {
        let too_large = self.size.is_some_and(|limit| size > 0 && size.saturating_add(more) > limit.get());
        too_large || (size > 0 && self.age.is_some_and(|limit| age >= limit))
    }

    /// Puts the file aside: each moves on by one, and the oldest is gone.
    pub(crate) fn rotate(&self, path: &Path) -> io::Result<()> {
        if self.keep == 0 {
            return fs::remove_file(path);
        }
        for number in (1..self.keep).rev() {
            match fs::rename(aside(path, number), aside(path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(path, aside(path, 1))
    }
}

fn aside(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_aside_before_it_is_too_large_or_when_it_is_old() {
        let rotation = Rotation {
            size: Some(Bytes::new(100)),
            age: Some(Duration::from_secs(60)),
            ..Rotation::default()
        };
        assert!(!rotation.is_due(90, Duration::ZERO, 10));
        assert!(rotation.is_due(90, Duration::ZERO, 11));
        assert!(!rotation.is_due(0, Duration::ZERO, 1000), "an empty file makes no room");
        assert!(rotation.is_due(1, Duration::from_secs(60), 1));
        assert!(!rotation.is_due(0, Duration::from_secs(60), 1));
        assert!(!Rotation::default().is_due(u64::MAX, Duration::MAX, u64::MAX));
    }

    #[test]
    fn each_moves_on_by_one_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.log");
        let rotation = Rotation { keep: 2, ..Rotation::default() };
        for text in ["first", "second", "third"] {
            fs::write(&path, text).unwrap();
            rotation.rotate(&path).unwrap();
        }
        assert_eq!(fs::read_to_string(aside(&path, 1)).unwrap(), "third");
        assert_eq!(fs::read_to_string(aside(&path, 2)).unwrap(), "second");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
