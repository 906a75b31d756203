//! The host's limits on socket buffers: raised while the daemon runs, and put back.
//!
//! `net.core.rmem_max` and `wmem_max` bound what any socket's buffer can be set to, and the first
//! of them the window scale of a SYN. They are host-wide, so the daemon raises them no further
//! than its paths need, writes down beforehand what they were, and puts them back when it stops
//! or, if it was killed, when it starts again. A value that somebody else has set meanwhile is
//! theirs: it stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use wad_linux::Sysctls;
use wad_model::Bytes;
use wad_tune::{HostLimits, RequiredLimits};

use crate::DaemonError;

const WMEM_MAX: &str = "net.core.wmem_max";
const RMEM_MAX: &str = "net.core.rmem_max";

/// Limits that the daemon has raised. Dropping it puts them back.
#[derive(Debug)]
pub struct RaisedLimits {
    sysctls: Sysctls,
    ledger: PathBuf,
    changes: Changes,
    /// `net.core.wmem_max` as it was.
    pub wmem_max_before: Bytes,
    /// `net.core.rmem_max` as it was.
    pub rmem_max_before: Bytes,
}

type Changes = BTreeMap<String, Change>;

/// What a limit was, and what the daemon set it to, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    before: u64,
    set: u64,
}

impl RaisedLimits {
    /// Puts back what a killed daemon left, then raises the limits to what the paths need. What
    /// is to be put back is in the file `ledger` before anything is changed.
    ///
    /// # Errors
    /// If a limit cannot be read or written; those raised before are put back.
    pub fn raise(sysctls: Sysctls, ledger: PathBuf, required: RequiredLimits) -> Result<Self, DaemonError> {
        recover(&sysctls, &ledger)?;
        let wmem_max_before = read(&sysctls, WMEM_MAX)?;
        let rmem_max_before = read(&sysctls, RMEM_MAX)?;
        let mut changes = Changes::new();
        plan(&mut changes, WMEM_MAX, wmem_max_before, required.wmem_max);
        plan(&mut changes, RMEM_MAX, rmem_max_before, required.rmem_max);
        let raised = Self { sysctls, ledger, changes, wmem_max_before, rmem_max_before };
        raised.apply()?;
        Ok(raised)
    }

    /// The limits as they are now.
    #[must_use]
    pub fn now(&self) -> HostLimits {
        let now = |name, before| self.changes.get(name).map_or(before, |change| Bytes::new(change.set));
        HostLimits {
            wmem_max: Some(now(WMEM_MAX, self.wmem_max_before)),
            rmem_max: Some(now(RMEM_MAX, self.rmem_max_before)),
        }
    }

    fn apply(&self) -> Result<(), DaemonError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        write_ledger(&self.ledger, &self.changes)?;
        for (name, change) in &self.changes {
            self.sysctls
                .write(name, &change.set.to_string())
                .map_err(|source| DaemonError::Limit { limit: static_name(name), source })?;
            info!(
                sysctl = name,
                from = change.before,
                to = change.set,
                why = "the largest buffer of a path",
                "host limit raised"
            );
        }
        Ok(())
    }
}

impl Drop for RaisedLimits {
    fn drop(&mut self) {
        if put_back(&self.sysctls, &self.changes) {
            // There is none if nothing was raised.
            let _ = fs::remove_file(&self.ledger);
        }
    }
}

fn plan(changes: &mut Changes, name: &str, before: Bytes, required: Bytes) {
    if required > before {
        changes.insert(name.to_owned(), Change { before: before.get(), set: required.get() });
    }
}

fn read(sysctls: &Sysctls, name: &'static str) -> Result<Bytes, DaemonError> {
    let number = sysctls.read_number(name).map_err(|source| DaemonError::Limit { limit: name, source })?;
    Ok(Bytes::new(number))
}

fn static_name(name: &str) -> &'static str {
    if name == WMEM_MAX { WMEM_MAX } else { RMEM_MAX }
}

/// Puts back what a daemon that was killed had raised.
fn recover(sysctls: &Sysctls, ledger: &Path) -> Result<(), DaemonError> {
    let Ok(text) = fs::read_to_string(ledger) else { return Ok(()) };
    match serde_json::from_str(&text) {
        Ok(changes) if put_back(sysctls, &changes) => {}
        // The ledger of this start would overwrite what is still to be put back.
        Ok(_) => return Err(DaemonError::NotPutBack { ledger: ledger.to_owned() }),
        Err(error) => {
            warn!(ledger = %ledger.display(), %error, "the list of raised limits is unreadable; they stay")
        }
    }
    fs::remove_file(ledger).map_err(|source| DaemonError::RuntimeDir { path: ledger.to_owned(), source })
}

/// Puts back what is still as the daemon set it; whether nothing remains to be done.
fn put_back(sysctls: &Sysctls, changes: &Changes) -> bool {
    let one = |(name, change): (&String, &Change)| match sysctls.read_number(name) {
        Ok(now) if now == change.set => restore(sysctls, name, *change),
        Ok(now) if now == change.before => true,
        Ok(now) => {
            info!(sysctl = name, now, set = change.set, "host limit left: somebody else has set it since");
            true
        }
        Err(error) => {
            warn!(%error, "host limit not put back");
            false
        }
    };
    changes.iter().map(one).fold(true, |all, done| all & done)
}

fn restore(sysctls: &Sysctls, name: &str, change: Change) -> bool {
    match sysctls.write(name, &change.before.to_string()) {
        Ok(()) => info!(sysctl = name, from = change.set, to = change.before, "host limit put back"),
        Err(ref error) => warn!(%error, "host limit not put back"),
    }
    sysctls.read_number(name).is_ok_and(|now| now == change.before)
}

/// Writes the ledger whole or not at all.
fn write_ledger(path: &Path, changes: &Changes) -> Result<(), DaemonError> {
    let text = serde_json::to_string_pretty(changes)
        .map_err(|error| DaemonError::RuntimeDir { path: path.to_owned(), source: error.into() })?;
    let draft = path.with_extension("tmp");
    fs::write(&draft, text)
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|source| DaemonError::RuntimeDir { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host whose limits are files in a directory of the test's own.
    struct Host {
        root: PathBuf,
    }

    impl Host {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("wad-limits-{name}-{}", std::process::id()));
            fs::create_dir_all(root.join("net/core")).unwrap();
            let host = Self { root };
            host.set(WMEM_MAX, "212992\n");
            host.set(RMEM_MAX, "212992\n");
            host
        }

        fn sysctls(&self) -> Sysctls {
            Sysctls::at(&self.root)
        }

        fn ledger(&self) -> PathBuf {
            self.root.join("limits.json")
        }

        fn set(&self, name: &str, value: &str) {
            fs::write(self.root.join(name.replace('.', "/")), value).unwrap();
        }

        fn get(&self, name: &str) -> u64 {
            self.sysctls().read_number(name).unwrap()
        }

        fn raise(&self) -> RaisedLimits {
            let required = RequiredLimits { wmem_max: Bytes::new(16 << 20), rmem_max: Bytes::new(100_000) };
            RaisedLimits::raise(self.sysctls(), self.ledger(), required).unwrap()
        }
    }

    impl Drop for Host {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.root).unwrap();
        }
    }

    #[test]
    fn only_what_is_too_small_is_raised_and_all_is_put_back() {
        let host = Host::new("raise");
        let raised = host.raise();
        assert_eq!((host.get(WMEM_MAX), host.get(RMEM_MAX)), (16 << 20, 212_992));
        drop(raised);
        assert_eq!(host.get(WMEM_MAX), 212_992);
        assert!(!host.ledger().exists());
    }

    #[test]
    fn a_start_after_a_kill_puts_back_first() {
        let host = Host::new("kill");
        std::mem::forget(host.raise());
        let raised = host.raise();
        assert_eq!(raised.wmem_max_before, Bytes::new(212_992));
        drop(raised);
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn a_value_that_somebody_else_set_stays() {
        let host = Host::new("yield");
        let raised = host.raise();
        host.set(WMEM_MAX, "1000000");
        drop(raised);
        assert_eq!(host.get(WMEM_MAX), 1_000_000);
    }

    #[test]
    fn a_limit_that_cannot_be_written_undoes_the_others() {
        let host = Host::new("partial");
        let required = RequiredLimits { wmem_max: Bytes::new(16 << 20), rmem_max: Bytes::new(1) };
        let mut sysctl = host.root.clone();
        sysctl.push("net/core/wmem_max");
        fs::remove_file(&sysctl).unwrap();
        let error = RaisedLimits::raise(host.sysctls(), host.ledger(), required).unwrap_err();
        assert!(error.to_string().contains("wmem_max"), "{error}");
        assert_eq!(host.get(RMEM_MAX), 212_992);
    }
}
