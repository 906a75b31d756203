//! Sizes of windows, in segments or in bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use wad_model::{Bytes, ParseQuantityError, Segments};

/// A window: "500 segments" or "2 MiB".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many full segments.
    Segments(Segments),
    /// So many bytes of data.
    Bytes(Bytes),
}

impl Amount {
    /// So many segments.
    #[must_use]
    pub const fn segments(segments: u32) -> Self {
        Self::Segments(Segments::new(segments))
    }

    /// How many whole segments of `segment` bytes it holds.
    #[must_use]
    pub fn in_segments(self, segment: Bytes) -> u32 {
        match self {
            Self::Segments(segments) => segments.get(),
            Self::Bytes(bytes) => u32::try_from(bytes.get() / segment.get().max(1)).unwrap_or(u32::MAX),
        }
    }
}

impl FromStr for Amount {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        if text.contains("segment") {
            return text.parse().map(Self::Segments);
        }
        text.parse().map(Self::Bytes)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segments(segments) => segments.fmt(f),
            Self::Bytes(bytes) => bytes.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Segments(segments) => segments.serialize(serializer),
            Self::Bytes(bytes) => bytes.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written() {
        for text in ["500 segments", "2 MiB"] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
        }
        assert_eq!("2 MiB".parse::<Amount>().unwrap().in_segments(Bytes::new(1448)), 1448);
    }

    #[test]
    fn a_bare_number_is_refused() {
        assert!("500".parse::<Amount>().is_err());
    }
}
