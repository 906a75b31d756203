//! What a file says of itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Time, Timestamp};

use crate::clock::ClockReading;
use crate::schema::Schema;

/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// Who recorded, where, since when, how often, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name of the host.
    pub host: String,
    /// The program that recorded, with its version.
    pub program: String,
    /// Both clocks as the file was begun.
    pub start: ClockReading,
    /// The time between two samples of a flow; `None` where each event is recorded.
    pub interval: Option<Duration>,
    /// How many files of this recording there are before this one.
    pub sequence: u64,
    /// What is recorded.
    pub tables: Vec<Schema>,
}

/// The header in the file: JSON, so that a person with a pager can read it.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    host: String,
    program: String,
    /// For people; `start_wall_ns` counts.
    start: String,
    start_wall_ns: i64,
    start_monotonic_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval_ns: Option<u64>,
    #[serde(default)]
    sequence: u64,
    tables: Vec<Schema>,
}

/// Why a header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Version(u32),
    Malformed(String),
}

impl Header {
    /// The number of a table, by its name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let document = Document {
            version: VERSION,
            host: self.host.clone(),
            program: self.program.clone(),
            start: self.start.wall.to_string(),
            start_wall_ns: self.start.wall.as_nanos(),
            start_monotonic_ns: self.start.monotonic.as_nanos(),
            interval_ns: self.interval.map(|interval| u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX)),
            sequence: self.sequence,
            tables: self.tables.clone(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }

    pub(crate) fn from_json(json: &[u8]) -> Result<Self, HeaderError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let malformed = |error: serde_json::Error| HeaderError::Malformed(error.to_string());
        // The version decides how the rest is to be read.
        let Version { version } = serde_json::from_slice(json).map_err(malformed)?;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let document: Document = serde_json::from_slice(json).map_err(malformed)?;
        Schema::check(&document.tables).map_err(|error| HeaderError::Malformed(error.to_string()))?;
        Ok(Self {
            host: document.host,
            program: document.program,
            start: ClockReading {
                wall: Timestamp::from_nanos(document.start_wall_ns),
                monotonic: Time::from_nanos(document.start_monotonic_ns),
            },
            interval: document.interval_ns.map(Duration::from_nanos),
            sequence: document.sequence,
            tables: document.tables,
        })
    }
}
