//! What the daemon has changed on the host and will put back: on disk before it is changed.
//!
//! Two files in the daemon's directory: `ledger.json` has what is changed now, whole or not at all, and is not
//! there while nothing is;
//! `history.jsonl` gets a line for everything that happened to a setting, and is only ever added to.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::DaemonError;

/// A setting that the daemon has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Counts up; what `wad undo` takes.
    pub id: u64,
    /// Inode number of the network namespace; `None` for settings of the host as a whole.
    pub namespace: Option<u32>,
    /// What is set: a sysctl as `net.core.rmem_max`, or a route as `route 192.0.2.0/24 quickack`.
    pub sysctl: String,
    /// What it was; `absent` of a route.
    pub before: String,
    /// What the daemon set it to.
    pub set: String,
    /// Why.
    pub why: String,
}

/// What happened to a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The daemon changed it.
    Set,
    /// The daemon put it back.
    PutBack,
    /// Somebody asked for it to be put back.
    Undone,
    /// Somebody else changed it: it is theirs.
    Yielded,
    /// Its network namespace is gone, or the way to its destination.
    Vanished,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "set",
            Self::PutBack => "put back",
            Self::Undone => "undone",
            Self::Yielded => "yielded",
            Self::Vanished => "vanished",
        })
    }
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub time_s: f64,
    /// What happened.
    pub event: Event,
    /// To which change.
    #[serde(flatten)]
    pub change: Change,
}

/// The changes that are in force.
#[derive(Debug)]
pub(crate) struct Ledger {
    directory: PathBuf,
    changes: Vec<Change>,
    last_id: u64,
}

impl Ledger {
    /// Reads the ledger of a directory; one that is unreadable is an error, as it may hold what must be put back.
    pub(crate) fn open(directory: &Path) -> Result<Self, DaemonError> {
        let path = directory.join("ledger.json");
        let changes = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| DaemonError::Ledger { path, reason: error.to_string() })?,
            Err(_) => Vec::new(),
        };
        let mut ledger = Self { directory: directory.to_owned(), changes, last_id: 0 };
        let ids = ledger.history()?.into_iter().map(|line| line.change.id);
        ledger.last_id = ids.chain(ledger.changes.iter().map(|change| change.id)).max().unwrap_or(0);
        Ok(ledger)
    }

    /// Takes in what another process has written.
    pub(crate) fn reread(&mut self) -> Result<(), DaemonError> {
        *self = Self::open(&self.directory)?;
        Ok(())
    }

    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(crate) fn find(&self, namespace: Option<u32>, sysctl: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.namespace == namespace && change.sysctl == sysctl)
    }

    /// Notes a change that is about to be made. One of the same setting keeps its number and what was before.
    pub(crate) fn note(&mut self, change: Change) -> Result<Change, DaemonError> {
        let noted = match self.find(change.namespace, &change.sysctl) {
            Some(known) => Change { id: known.id, before: known.before.clone(), ..change },
            None => {
                self.last_id += 1;
                Change { id: self.last_id, ..change }
            }
        };
        self.changes.retain(|known| known.id != noted.id);
        self.changes.push(noted.clone());
        self.write()?;
        self.record(Event::Set, &noted)?;
        Ok(noted)
    }

    /// Strikes a change out, and says why in the history.
    pub(crate) fn strike(&mut self, id: u64, event: Event) -> Result<(), DaemonError> {
        let Some(at) = self.changes.iter().position(|change| change.id == id) else { return Ok(()) };
        let change = self.changes.remove(at);
        self.write()?;
        self.record(event, &change)
    }

    /// Everything that happened, oldest first.
    pub(crate) fn history(&self) -> Result<Vec<HistoryLine>, DaemonError> {
        let path = self.history_file();
        let Ok(text) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
        let line = |text| {
            serde_json::from_str(text)
                .map_err(|error| DaemonError::Ledger { path: path.clone(), reason: error.to_string() })
        };
        text.lines().map(line).collect()
    }

    /// Whole or not at all.
    fn write(&self) -> Result<(), DaemonError> {
        let path = self.directory.join("ledger.json");
        let draft = path.with_extension("tmp");
        let failed = |source| DaemonError::RuntimeDir { path: path.clone(), source };
        if self.changes.is_empty() {
            return fs::remove_file(&path).map_err(failed);
        }
        let text = serde_json::to_string_pretty(&self.changes).map_err(std::io::Error::from);
        text.and_then(|text| fs::write(&draft, text)).and_then(|()| fs::rename(&draft, &path)).map_err(failed)
    }

    fn record(&self, event: Event, change: &Change) -> Result<(), DaemonError> {
        let path = self.history_file();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = HistoryLine { time_s: now.as_secs_f64(), event, change: change.clone() };
        let text = serde_json::to_string(&line).map_err(std::io::Error::from);
        text.and_then(|text| {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(format!("{text}\n").as_bytes())
        })
        .map_err(|source| DaemonError::RuntimeDir { path, source })
    }

    fn history_file(&self) -> PathBuf {
        self.directory.join("history.jsonl")
    }
}
