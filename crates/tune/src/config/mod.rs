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
mod metrics;
mod observe;
mod pacing;
mod path;
mod receive;
mod selector;
mod shared;
mod sinks;
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
pub use metrics::Metrics;
pub use observe::{DerivedCheck, DerivedProblem, Observe};
pub use pacing::{MAX_PACING_SHARE, Pacing};
pub use path::PathPolicy;
pub use receive::Receive;
pub use selector::Selector;
pub use sinks::{EventKind, EventSink};
pub use slow_start::{MAX_INITIAL_WINDOW, SlowStart};
pub use transport::{MetricsCache, Profile, Transport};

use crate::error::ConfigErrors;
use crate::rules::PathIndex;
use grant::ReadGrant;
use observe::ReadObserve;
use path::ReadPath;
use table::{Findings, Found, Table};

/// A configuration that passed every check.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The host's own section.
    pub host: Host,
    /// The HTTP API.
    pub api: Api,
    /// How often flows are looked at, and what is computed of their counters.
    pub observe: Observe,
    /// Where events go.
    pub events: Vec<EventSink>,
    /// Numbers for Prometheus, if anybody is to have them.
    pub metrics: Option<Metrics>,
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
    /// Reads a configuration. Definitions of derived events are taken as they are: see [`Self::parse_with`].
    ///
    /// # Errors
    /// All that is wrong with the keys and values; or, if the text is no TOML, the first place where
    /// it is not.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        Self::parse_with(text, &|_| Vec::new())
    }

    /// Reads a configuration, and lets somebody judge the definitions of derived events in it.
    ///
    /// # Errors
    /// As [`Self::parse`], and what is wrong with the definitions.
    pub fn parse_with(text: &str, check: DerivedCheck<'_>) -> Result<Self, ConfigErrors> {
        let mut findings = Findings::new(text);
        let document = findings.document(DeTable::parse(text));
        let config = document.map(|document| Self::read(document, check, &mut findings)).unwrap_or_default();
        findings.into_result(config)
    }

    /// The path at an index.
    #[must_use]
    pub fn path(&self, index: PathIndex) -> Option<&PathPolicy> {
        self.paths.get(index.0 as usize)
    }

    fn read(document: Spanned<DeTable<'_>>, check: DerivedCheck<'_>, findings: &mut Findings<'_>) -> Self {
        let mut table = Table::new("the file", document, findings);
        let (host, grants) = table.table("host", Host::read).unwrap_or_default();
        let api = table.table("api", Api::read).unwrap_or_default();
        let observe = table.table("observe", ReadObserve::read).unwrap_or_default();
        let sinks = table.take("events").map(|value| sinks::read_all(value, table.findings));
        let sinks = sinks.unwrap_or_default();
        let metrics = table.table("metrics", Metrics::read);
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
        observe.check(check, findings);
        sinks::check(&sinks, &observe.observe, findings);
        if metrics.is_none() {
            metrics::refuse_unserved(paths.iter().filter_map(|path| path.per_flow.as_ref()), findings);
        }
        let host = Host { grants: grants.into_iter().map(|read| read.grant).collect(), ..host };
        Self {
            host,
            api,
            observe: observe.observe,
            events: sinks.into_iter().map(|read| read.sink).collect(),
            metrics,
            paths: paths.into_iter().map(|path| path.policy).collect(),
        }
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
