//! The configuration file: paths and what is wanted for them.

mod acks;
mod aimd;
mod buffers;
mod congestion;
mod control_name;
pub mod defaults;
mod estimate;
mod given;
mod pacing;
mod path;
mod receive;
mod selector;
mod shared;
mod slow_start;
mod table;
mod transport;
mod twins;
mod uses;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use acks::{Acknowledgements, DelayedAck};
pub use aimd::{AdditiveIncrease, MAX_ADDITIVE_INCREASE, MultiplicativeDecrease};
pub use buffers::{BufferMode, Buffers, MAX_BUFFER, MIN_BUFFER};
pub use congestion::{Congestion, Control, HighSpeedMode, Law, WadControl};
pub use control_name::ControlName;
pub use estimate::PathEstimate;
pub use given::Given;
pub use pacing::{MAX_PACING_SHARE, Pacing};
pub use path::PathPolicy;
pub use receive::Receive;
pub use selector::Selector;
pub use slow_start::{MAX_INITIAL_WINDOW, SlowStart};
pub use transport::{MetricsCache, Profile, Transport};

use crate::error::ConfigErrors;
use crate::rules::PathIndex;
use path::ReadPath;
use table::{Findings, Found, Table, as_table};
use value::Problem;

/// A configuration that passed every check.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The host's own section.
    pub host: Host,
    /// The HTTP API.
    pub api: Api,
    /// The paths in the order of the file.
    pub paths: Vec<PathPolicy>,
}

/// `[host]`: what concerns the host as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The cgroup whose flows are tuned; `None` for the root of the v2 hierarchy.
    pub cgroup: Option<PathBuf>,
}

/// `[api]`: the HTTP API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// A TCP address to listen on beside the Unix socket.
    pub listen: Option<SocketAddr>,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// All that is wrong with the keys and values; or, if the text is no TOML, the first place where
    /// it is not.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        let mut findings = Findings::new(text);
        let config = match DeTable::parse(text) {
            Ok(document) => Self::read(document, &mut findings),
            Err(error) => {
                let problem = Problem { message: error.message().to_owned(), help: None };
                findings.add(error.span().unwrap_or(0..0), problem);
                Self::default()
            }
        };
        if findings.errors.is_empty() { Ok(config) } else { Err(ConfigErrors::new(findings.errors)) }
    }

    /// The path at an index.
    #[must_use]
    pub fn path(&self, index: PathIndex) -> Option<&PathPolicy> {
        self.paths.get(index.0 as usize)
    }

    fn read(document: Spanned<DeTable<'_>>, findings: &mut Findings<'_>) -> Self {
        let mut table = Table::new("the file", document, findings);
        let host = table.table("host", Host::read).unwrap_or_default();
        let api = table.table("api", Api::read).unwrap_or_default();
        let mut paths = table.take("path").map(|value| read_paths(value, table.findings)).unwrap_or_default();
        table.finish();
        twins::same_name(&paths, findings);
        twins::same_match(&paths, findings);
        shared::same_namespace(&mut paths, findings);
        Self { host, api, paths: paths.into_iter().map(|path| path.policy).collect() }
    }
}

fn read_paths(value: Spanned<DeValue<'_>>, findings: &mut Findings<'_>) -> Vec<ReadPath> {
    let span = value.span();
    let DeValue::Array(entries) = value.into_inner() else {
        let help = "write [[path]] in double brackets: there can be several";
        findings.add(span, Problem::new("`path`: expected a list of tables", help));
        return Vec::new();
    };
    let tables = entries.into_iter().filter_map(|entry| {
        let table = as_table("path", entry, findings)?;
        ReadPath::read(Table::new("[[path]]", table, findings))
    });
    tables.collect()
}

impl Host {
    fn read(mut table: Table<'_, '_, '_>) -> Self {
        let cgroup = table.value("cgroup").map(|Found { value, .. }| value);
        table.finish();
        Self { cgroup }
    }
}

impl Api {
    fn read(mut table: Table<'_, '_, '_>) -> Self {
        let listen = table.value("listen").map(|Found { value, .. }| value);
        table.finish();
        Self { listen }
    }
}
