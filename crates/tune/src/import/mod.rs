//! From the configuration of the WAD of 2002 to one of today.
//!
//! Two entries of a `wad.conf` have been published: one in the paper of 2002 (section 3.3), one on the page of the
//! project. An entry is a name in brackets, which is also the other host where no address is given, and lines of keys:
//!
//! | key | meaning | here |
//! |---|---|---|
//! | `src_addr`, `dst_addr` | empty, `0` or `0.0.0.0`: any, but an empty `dst_addr` is the host in brackets | `source`, `destination` |
//! | `src_port`, `dst_port` | 0: any | `source_port`, `destination_port` |
//! | `mode` | 0: sizes are set; 1: also where the application sets its own; 2: sizes are measured | `buffers.mode`, `.override_application` |
//! | `sndbuf`, `rcvbuf` | bytes; 0: left alone | `buffers.send`, `.receive` |
//! | `wadai`, `wadmd` | the constants of AIMD; 0: left alone | `congestion` |
//! | `floyd` | HighSpeed TCP; 0: off, 1: in the kernel, 2: every 0.1 s | `congestion.high_speed` |
//! | `maxssth` | limited slow start, in segments; 0: off | `slow_start.max_ssthresh` |
//! | `divide` | 1: sizes are divided among concurrent flows | `buffers.divide` |
//! | `reorder` | the reordering threshold; 0: left alone | `reordering` |
//! | `delack` | 0: no delayed acknowledgements | `delayed_ack` |
//!
//! Settings that can harm others get their grants, as whoever had them in 2002 wanted them.

mod error;
mod fields;
mod path;
mod text;

use std::net::IpAddr;

pub use error::{ImportError, ImportErrors};

use crate::compile::CompileError;
use crate::config::Config;
use crate::rules::RuleTable;
use fields::Entry;
use path::Path;

/// A configuration of today, made of one of 2002.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The configuration; it passes every check.
    pub toml: String,
    /// What whoever reads it should know, in the order of the old file.
    pub notes: Vec<Note>,
}

/// Something that whoever reads the new configuration should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line of the old file, counted from one.
    pub line: u32,
    /// What to know.
    pub text: String,
}

/// Converts a `wad.conf` of 2002. `resolve` gives the addresses of a host by its name; none if it has none.
///
/// # Errors
/// All that is wrong with the file, each with its line.
pub fn convert(text: &str, resolve: impl Fn(&str) -> Vec<IpAddr>) -> Result<Imported, ImportErrors> {
    let mut errors = Vec::new();
    let entries = fields::read(text, &mut errors);
    let mut notes = Vec::new();
    let paths: Vec<Path> =
        entries.iter().filter_map(|entry| Path::read(entry, &resolve, &mut notes, &mut errors)).collect();
    refuse_twins(&entries, &paths, &mut errors);
    if !errors.is_empty() {
        return Err(ImportErrors::new(errors));
    }
    let toml = text::written(&paths);
    check(&toml)?;
    notes.sort_by_key(|note| note.line);
    Ok(Imported { toml, notes })
}

/// Refuses two entries that one configuration cannot hold.
fn refuse_twins(entries: &[Entry<'_>], paths: &[Path], errors: &mut Vec<ImportError>) {
    for (at, entry) in entries.iter().enumerate() {
        if let Some(first) = entries[..at].iter().find(|first| first.name == entry.name) {
            let message = format!("there is another entry [{}] at line {}", entry.name, first.line);
            errors.push(ImportError::new(entry.line, message, "rename or drop one of them"));
        }
    }
    for (at, path) in paths.iter().enumerate() {
        for first in &paths[..at] {
            errors.extend(path.conflict_with(first));
        }
    }
}

/// What is converted must be a configuration; that it is not would be a mistake here.
fn check(toml: &str) -> Result<(), ImportErrors> {
    let refused = |error: &dyn std::fmt::Display| {
        let message = format!("the converted configuration is refused: {error}");
        ImportErrors::new(vec![ImportError::new(1, message, "write the entry by hand")])
    };
    let config = Config::parse(toml).map_err(|errors| refused(&errors))?;
    RuleTable::compile(&config).map_err(|error: CompileError| refused(&error))?;
    Ok(())
}
