//! Estimates of paths that come from elsewhere than the configuration: a file, the command line, a measurement.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use toml::de::DeTable;
use wad_model::{Rate, parse_duration};

use super::Config;
use super::estimate::{PathEstimate, RATES, TIMES};
use super::table::{self, Findings, Found, Span, Table};
use super::value::Problem;
use crate::circumstances::{EstimateSource, KnownEstimate};
use crate::error::{ConfigErrors, Related};
use crate::tunables::Within as _;

/// What is known of paths, by their names.
///
/// A file of estimates looks like this:
///
/// ```
/// let estimates = wad_tune::Estimates::parse(
///     r#"
///     [[estimate]]
///     path = "cern"
///     rate = "622 Mbit/s"
///     rtt = "80 ms"
///     "#,
/// )?;
/// assert_eq!(estimates.get("cern").map(|known| known.estimate.rate.as_bps()), Some(622_000_000));
/// # Ok::<(), wad_tune::ConfigErrors>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimates {
    known: BTreeMap<String, KnownEstimate>,
}

impl Estimates {
    /// Reads a file of estimates.
    ///
    /// # Errors
    /// All that is wrong with the keys and values; or, if the text is no TOML, the first place where it is not.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        let mut findings = Findings::new(text);
        let mut known = BTreeMap::new();
        if let Some(document) = findings.document(DeTable::parse(text)) {
            let mut table = Table::new("the file", document, &mut findings);
            let entries = table.take("estimate");
            let entries = entries
                .map(|value| table::tables("estimate", "[[estimate]]", value, table.findings, read_entry));
            table.finish();
            known = without_twins(entries.unwrap_or_default(), &mut findings);
        }
        findings.into_result(Self { known })
    }

    /// Those that the paths of a configuration give themselves.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let own = config.paths.iter().filter_map(|path| Some((path.name.clone(), path.own_estimate()?)));
        Self { known: own.collect() }
    }

    /// What is known of a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<KnownEstimate> {
        self.known.get(path).copied()
    }

    /// Adds an estimate, which goes before what was known of the path.
    pub fn insert(&mut self, path: impl Into<String>, estimate: KnownEstimate) {
        self.known.insert(path.into(), estimate);
    }

    /// Adds all of `later`, which go before what was known.
    pub fn extend(&mut self, later: Self) {
        self.known.extend(later.known);
    }

    /// The names that are no path of the configuration, for a warning.
    pub fn strangers<'e>(&'e self, config: &Config) -> impl Iterator<Item = &'e str> {
        let is_path = |name: &str| config.paths.iter().any(|path| path.name == name);
        self.known.keys().map(String::as_str).filter(move |name| !is_path(name))
    }
}

struct Line {
    path: Found<String>,
    known: KnownEstimate,
}

fn read_entry(mut table: Table<'_, '_, '_>) -> Option<Line> {
    let line = table.line();
    let path = table.required::<String>("path");
    let estimate = PathEstimate::read_keys(&mut table);
    table.finish();
    Some(Line {
        path: path?,
        known: KnownEstimate { estimate: estimate?, source: EstimateSource::File(line) },
    })
}

fn without_twins(lines: Vec<Line>, findings: &mut Findings<'_>) -> BTreeMap<String, KnownEstimate> {
    let mut first: BTreeMap<String, (KnownEstimate, Span)> = BTreeMap::new();
    for Line { path: Found { value: name, span, .. }, known } in lines {
        match first.entry(name) {
            Entry::Vacant(free) => drop(free.insert((known, span))),
            Entry::Occupied(taken) => {
                let message = format!("there are two estimates of path \"{}\"", taken.key());
                let related = Related { span: taken.get().1.clone(), label: "the first one".to_owned() };
                findings.add_related(span, Problem::new(message, "leave one out"), Some(related));
            }
        }
    }
    first.into_iter().map(|(name, (known, _))| (name, known)).collect()
}

/// An estimate as it is written on a command line: `cern=622Mbit/s,80ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEstimate {
    /// The name of the path.
    pub path: String,
    /// The estimate.
    pub estimate: PathEstimate,
}

impl NamedEstimate {
    /// With its source.
    #[must_use]
    pub const fn known(&self) -> KnownEstimate {
        KnownEstimate { estimate: self.estimate, source: EstimateSource::CommandLine }
    }
}

/// A text that is no estimate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is no estimate: {problem}; write it as cern=622Mbit/s,80ms")]
pub struct ParseEstimateError {
    text: String,
    problem: String,
}

impl FromStr for NamedEstimate {
    type Err = ParseEstimateError;

    fn from_str(text: &str) -> Result<Self, ParseEstimateError> {
        let wrong = |problem: &dyn Display| ParseEstimateError {
            text: text.to_owned(),
            problem: problem.to_string(),
        };
        let (path, values) = text.split_once('=').ok_or_else(|| wrong(&"it has no \"=\""))?;
        let (rate, rtt) =
            values.split_once(',').ok_or_else(|| wrong(&"rate and round-trip time are parted by a comma"))?;
        if path.is_empty() {
            return Err(wrong(&"it names no path"));
        }
        let rate: Rate = rate.parse().map_err(|error| wrong(&error))?;
        let rtt: Duration = parse_duration(rtt).map_err(|error| wrong(&error))?;
        if !rate.is_within(&RATES) {
            return Err(wrong(&format_args!("the rate is not {RATES}")));
        }
        if !rtt.is_within(&TIMES) {
            return Err(wrong(&format_args!("the round-trip time is not {TIMES}")));
        }
        Ok(Self { path: path.to_owned(), estimate: PathEstimate { rate, rtt } })
    }
}
