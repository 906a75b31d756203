//! What is known of a TCP flow, by number: one table of counters, and a set of their values.
//!
//! ```text
//!   struct tcp_info --- tcp_info::decode ---.
//!   sock_diag ---------- inet_diag::Socket --+--> Counters --> trace file, diagnosis, display
//!   kernel programs of a designated flow ---'
//! ```
//!
//! The names are those that the Web100 kernel gave its users, and that of RFC 4898 stands beside each. A value
//! that a kernel does not have, or that a flow does not have yet, is absent: it is never zero. The table is
//! rendered to `docs/COUNTERS.md`.

pub mod inet_diag;
mod reference;
mod set;
mod table;
pub mod tcp_info;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use reference::reference;
pub use set::Counters;
pub use table::{COUNTERS, Counter};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterInfo {
    /// Which it is.
    pub counter: Counter,
    /// Its name: Web100's, or one in the same style for what only Linux has.
    pub name: &'static str,
    /// Its name in RFC 4898, without the prefix of its group; empty if it has none.
    pub rfc4898: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// How it moves.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
    /// The first version of Linux that has the source.
    pub since: &'static str,
    /// What it is, in one line.
    pub description: &'static str,
}

/// What the number of a counter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// TCP segments.
    Segments,
    /// Microseconds.
    Microseconds,
    /// Bytes a second.
    BytesPerSecond,
    /// How often something happened.
    Events,
    /// A number that stands for something else, as the description says.
    Number,
    /// 0 or 1.
    Switch,
}

impl Unit {
    /// Its name in tables; empty for plain numbers.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Bytes => "B",
            Self::Segments => "segments",
            Self::Microseconds => "us",
            Self::BytesPerSecond => "B/s",
            Self::Events => "events",
            Self::Number => "",
            Self::Switch => "0/1",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// How a counter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It only grows while the flow lives; differences of it are meaningful.
    Counter,
    /// It moves both ways, or stays.
    Gauge,
    /// How long the flow has been in a state: it grows while the flow is in it.
    StateTime,
}

impl Kind {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::StateTime => "state time",
        }
    }

    /// Whether the difference of two samples is the amount between them.
    #[must_use]
    pub const fn is_cumulative(self) -> bool {
        matches!(self, Self::Counter | Self::StateTime)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a counter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A member of `struct tcp_info`, without its prefix `tcpi_`: any flow of the host.
    TcpInfo(&'static str),
    /// An attribute of the kernel's answer to a question about sockets (`sock_diag`): any flow of the host.
    Diag(&'static str),
    /// Computed from other sources, as the formula says: any flow of the host.
    Derived(&'static str),
    /// A program that runs in the kernel, at this hook: designated flows while the daemon runs.
    Kernel(&'static str),
    /// The event mode of the tracer, which looks at every acknowledgement of the flows that it was asked for.
    Events(&'static str),
    /// The clock of whoever took the sample.
    Clock,
}

impl Source {
    /// Whether any flow of the host has it, not only those that the daemon or an event trace follows.
    #[must_use]
    pub const fn is_of_any_flow(&self) -> bool {
        !matches!(self, Self::Kernel(_) | Self::Events(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcpInfo(member) => write!(f, "`tcpi_{member}`"),
            Self::Diag(attribute) => write!(f, "`{attribute}`"),
            Self::Derived(formula) => f.write_str(formula),
            Self::Kernel(hook) => write!(f, "kernel program, {hook}"),
            Self::Events(hook) => write!(f, "event mode, {hook}"),
            Self::Clock => f.write_str("clock"),
        }
    }
}

/// A name that no counter has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no counter is named \"{0}\"; docs/COUNTERS.md lists them")]
pub struct UnknownCounter(
    /// The name.
    pub String,
);

impl Counter {
    /// All counters, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        COUNTERS.iter().map(|row| row.counter)
    }

    /// Its row of the table.
    #[must_use]
    pub const fn info(self) -> &'static CounterInfo {
        &COUNTERS[self.index()]
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// What its number means.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.info().unit
    }

    /// How it moves.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.info().kind
    }

    /// Its place in the table. It holds for this version of the program only: what is stored names counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Counter {
    type Err = UnknownCounter;

    /// By its name here, or by that of RFC 4898.
    fn from_str(name: &str) -> Result<Self, UnknownCounter> {
        let by = |row: &&CounterInfo| row.name == name;
        let by_rfc = |row: &&CounterInfo| !name.is_empty() && row.rfc4898 == name;
        COUNTERS
            .iter()
            .find(by)
            .or_else(|| COUNTERS.iter().find(by_rfc))
            .map(|row| row.counter)
            .ok_or_else(|| UnknownCounter(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_counter_is_found_by_both_of_its_names() {
        assert_eq!("DataBytesOut".parse(), Ok(Counter::DataBytesOut));
        assert_eq!("HCDataOctetsOut".parse(), Ok(Counter::DataBytesOut));
        assert_eq!("Nothing".parse::<Counter>(), Err(UnknownCounter("Nothing".to_owned())));
        assert!("".parse::<Counter>().is_err(), "an empty name is none, though some have no name in the RFC");
    }

    #[test]
    fn each_row_is_where_its_counter_says() {
        for (index, row) in COUNTERS.iter().enumerate() {
            assert_eq!(row.counter.index(), index, "{}", row.name);
            assert_eq!(row.counter.info(), row);
        }
    }

    #[test]
    fn no_name_means_two_counters() {
        let mut names = BTreeSet::new();
        for row in &COUNTERS {
            assert!(names.insert(row.name), "{}", row.name);
        }
        for row in &COUNTERS {
            let own = row.rfc4898.is_empty() || row.rfc4898 == row.name;
            assert!(own || names.insert(row.rfc4898), "{}", row.rfc4898);
        }
    }

    #[test]
    fn a_time_is_in_microseconds_and_a_state_time_is_a_time() {
        for row in &COUNTERS {
            let is_time = row.unit == Unit::Microseconds;
            assert!(row.kind != Kind::StateTime || is_time, "{}", row.name);
        }
    }
}
