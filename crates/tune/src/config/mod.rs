//! The configuration file: paths and what is wanted for them.

mod acks;
mod aimd;
mod buffers;
mod congestion;
mod control_name;
pub mod defaults;
mod estimate;
mod estimates;
mod given;
mod grant;
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
pub use estimates::{Estimates, NamedEstimate, ParseEstimateError};
pub use given::Given;
pub use grant::Grant;
pub use pacing::{MAX_PACING_SHARE, Pacing};
pub use path::PathPolicy;
pub use receive::Receive;
pub use selector::Selector;
pub use slow_start::{MAX_INITIAL_WINDOW, SlowStart};
pub use transport::{MetricsCache, Profile, Transport};

use crate::error::ConfigErrors;
use crate::rules::PathIndex;
use grant::ReadGrant;
use path::ReadPath;
use table::{Findings, Found, Table};

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
    /// Which paths may have settings that can harm others.
    pub grants: Vec<Grant>,
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
        let document = findings.document(DeTable::parse(text));
        let config = document.map(|document| Self::read(document, &mut findings)).unwrap_or_default();
        findings.into_result(config)
    }

    /// The path at an index.
    #[must_use]
    pub fn path(&self, index: PathIndex) -> Option<&PathPolicy> {
        self.paths.get(index.0 as usize)
    }

    fn read(document: Spanned<DeTable<'_>>, findings: &mut Findings<'_>) -> Self {
        let mut table = Table::new("the file", document, findings);
        let (host, grants) = table.table("host", Host::read).unwrap_or_default();
        let api = table.table("api", Api::read).unwrap_or_default();
        let mut paths = table.take("path").map(|value| read_paths(value, table.findings)).unwrap_or_default();
        table.finish();
        twins::same_name(&paths, findings);
        twins::same_match(&paths, findings);
        shared::same_namespace(&mut paths, findings);
        // A path that could not be read may be the one that a grant names.
        if findings.errors.is_empty() {
            grant::refuse_to_nobody(&paths, &grants, findings);
        }
        grant::refuse_ungranted(&paths, &grants, findings);
        let host = Host { grants: grants.into_iter().map(|read| read.grant).collect(), ..host };
        Self { host, api, paths: paths.into_iter().map(|path| path.policy).collect() }
    }
}

fn read_paths(value: Spanned<DeValue<'_>>, findings: &mut Findings<'_>) -> Vec<ReadPath> {
    table::tables("path", "[[path]]", value, findings, ReadPath::read)
}

impl Host {
    fn read(mut table: Table<'_, '_, '_>) -> (Self, Vec<ReadGrant>) {
        let cgroup = table.value("cgroup").map(|Found { value, .. }| value);
        let grants = table.take("grant").map(|value| grant::read_all(value, table.findings));
        table.finish();
        (Self { cgroup, grants: Vec::new() }, grants.unwrap_or_default())
    }
}

impl Api {
    fn read(mut table: Table<'_, '_, '_>) -> Self {
        let listen = table.value("listen").map(|Found { value, .. }| value);
        table.finish();
        Self { listen }
    }
}
