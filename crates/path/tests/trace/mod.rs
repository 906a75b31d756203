//! A conformance trace: packets in, deliveries out, for whatever carries the link model.
//!
//! It is a text file of lines; `#` begins a comment line, empty lines mean nothing. In this order:
//!
//! ```text
//! config TOML                 a line of the link's configuration (`wad_path::LinkConfig`)
//! seed   NUMBER
//! in     NANOS BYTES FATE     a packet enters; FATE is queued, marked, full, early or lost
//! out    NANOS PACKET         a delivery; packets count from 0 in order of entry, lost ones included
//! ```
//!
//! Times count from the begin of the trace. Under virtual time they hold exactly; under a real clock a
//! packet may be late by what the host's timers are late, and must come in the same order.
//!
//! The module stands alone, so that other crates' tests can include it by `#[path]`.

use std::fmt;
use std::str::FromStr;

use wad_model::{Bytes, Time};
use wad_path::{Fate, LinkConfig};

/// One file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trace {
    /// The configuration's lines.
    pub(crate) config_text: String,
    /// The seed of the link.
    pub(crate) seed: u64,
    /// In order of entry.
    pub(crate) packets: Vec<Entry>,
    /// In order of delivery: when, and which packet.
    pub(crate) deliveries: Vec<(Time, usize)>,
}

/// A packet that enters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) at: Time,
    pub(crate) size: Bytes,
    pub(crate) fate: Fate,
}

impl Trace {
    /// The link to make.
    pub(crate) fn config(&self) -> LinkConfig {
        let config: LinkConfig = toml::from_str(&self.config_text).expect("the configuration is valid TOML");
        config.validate().expect("the configuration is in range");
        config
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        let mut fields = rest.split_whitespace();
        match word {
            "config" => self.config_text.push_str(&format!("{rest}\n")),
            "seed" => self.seed = rest.trim().parse().ok()?,
            "in" => self.packets.push(Entry {
                at: time(fields.next()?)?,
                size: Bytes::new(fields.next()?.parse().ok()?),
                fate: fate(fields.next()?)?,
            }),
            "out" => self.deliveries.push((time(fields.next()?)?, fields.next()?.parse().ok()?)),
            _ => return None,
        }
        Some(())
    }
}

impl FromStr for Trace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut trace = Self::default();
        for (i, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                trace.read(line).ok_or_else(|| format!("line {}: {line}", i + 1))?;
            }
        }
        Ok(trace)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.config_text.lines() {
            writeln!(f, "config {line}")?;
        }
        writeln!(f, "seed {}", self.seed)?;
        for Entry { at, size, fate } in &self.packets {
            writeln!(f, "in {} {} {}", at.as_nanos(), size.get(), fate_word(*fate))?;
        }
        for (at, packet) in &self.deliveries {
            writeln!(f, "out {} {packet}", at.as_nanos())?;
        }
        Ok(())
    }
}

fn time(text: &str) -> Option<Time> {
    text.parse().ok().map(Time::from_nanos)
}

fn fate(word: &str) -> Option<Fate> {
    [Fate::Queued, Fate::Marked, Fate::DroppedByQueue, Fate::DroppedEarly, Fate::LostByModel]
        .into_iter()
        .find(|&fate| fate_word(fate) == word)
}

fn fate_word(fate: Fate) -> &'static str {
    match fate {
        Fate::Queued => "queued",
        Fate::Marked => "marked",
        Fate::DroppedByQueue => "full",
        Fate::DroppedEarly => "early",
        Fate::LostByModel => "lost",
    }
}
