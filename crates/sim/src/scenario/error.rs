//! What is wrong with a scenario.

use thiserror::Error;
use wad_model::Bytes;
use wad_path::ConfigError;

/// Why a scenario cannot be run: what, where, and what would be possible.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScenarioError {
    /// The text is no scenario.
    #[error("{0}")]
    Text(String),
    /// A link has parameters that it cannot have.
    #[error("link {link}: {source}")]
    Link {
        /// Its name.
        link: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// A queue that cannot hold a single segment.
    #[error(
        "link {link}: queue.bytes = \"{} B\" cannot hold a segment of {flow}, which has {} B on the wire: \
         give at least that, or make its segment smaller",
        queue.get(),
        segment.get()
    )]
    QueueTooSmall {
        /// The link.
        link: String,
        /// Its queue.
        queue: Bytes,
        /// The flow that has no room.
        flow: String,
        /// What its segment takes on the wire.
        segment: Bytes,
    },
    /// A name that is no node's.
    #[error("{place} = \"{node}\" is no node: there are {known}")]
    UnknownNode {
        /// Where it was named.
        place: String,
        /// The name.
        node: String,
        /// The nodes that there are.
        known: String,
    },
    /// Two nodes without a way between them.
    #[error("{place}: no link leads from {from} to {to}; add one, or choose other ends")]
    NoRoute {
        /// Who wanted a route.
        place: String,
        /// Its begin.
        from: String,
        /// Its end.
        to: String,
    },
    /// A route of more links than a packet can count.
    #[error(
        "{place}: from {from} to {to} there are {links} links, and a packet can pass 254: join some of them"
    )]
    LongRoute {
        /// Who wanted a route.
        place: String,
        /// Its begin.
        from: String,
        /// Its end.
        to: String,
        /// How many links it has.
        links: usize,
    },
    /// The parameters of a congestion control.
    #[error("{flow}: control.{control}.{fault}")]
    Control {
        /// The flow.
        flow: String,
        /// The control.
        control: &'static str,
        /// Parameter, value, and what would be possible.
        fault: String,
    },
    /// Cross-traffic that cannot be.
    #[error("{name}: {source}")]
    CrossTraffic {
        /// Its name.
        name: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// A file that the scenario names, and that cannot be used.
    #[error("{file}: {problem}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A value that has no meaning where it stands.
    #[error("{key} = {value}: {remedy}")]
    Value {
        /// The key, with those that lead to it.
        key: String,
        /// Its value.
        value: String,
        /// What would be possible.
        remedy: &'static str,
    },
}
