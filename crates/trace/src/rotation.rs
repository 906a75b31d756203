//! When a trace goes on in another file.

use std::time::Duration;

use wad_model::Bytes;

/// How large and how old a file may become; pure, the caller has the files and the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// A file that is at least this large is ended.
    pub size: Option<Bytes>,
    /// A file that was begun at least this long ago is ended.
    pub age: Option<Duration>,
}

/// Why a file is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Due {
    /// It is large enough.
    Size,
    /// It is old enough.
    Age,
}

impl Rotation {
    /// Whether a file of this size and age is to be ended. To be asked after each batch, as a file ends between two:
    /// it is then larger than the limit by less than one batch.
    #[must_use]
    pub fn due(&self, size: Bytes, age: Duration) -> Option<Due> {
        if self.size.is_some_and(|limit| size >= limit) {
            return Some(Due::Size);
        }
        self.age.is_some_and(|limit| age >= limit).then_some(Due::Age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_comes_first() {
        let rotation = Rotation { size: Some(Bytes::new(100)), age: Some(Duration::from_secs(60)) };
        assert_eq!(rotation.due(Bytes::new(99), Duration::from_secs(59)), None);
        assert_eq!(rotation.due(Bytes::new(100), Duration::ZERO), Some(Due::Size));
        assert_eq!(rotation.due(Bytes::ZERO, Duration::from_secs(60)), Some(Due::Age));
        assert_eq!(Rotation::default().due(Bytes::new(u64::MAX), Duration::MAX), None);
    }
}
