//! Which flows a path is for.

use super::table::{Found, Span, Table};
use super::value::{FromToml, Problem};
use crate::error::Related;
use crate::ports::PortRange;
use crate::prefix::{Family, Prefix};
use crate::rules::MAX_CHAIN;

/// Which flows a path is for: those with one of each. A list that is empty leaves its part open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Where the flow goes, seen from this host; never empty.
    pub destination: Vec<Prefix>,
    /// Which of this host's addresses it comes from.
    pub source: Vec<Prefix>,
    /// The port at the other host.
    pub destination_port: Vec<PortRange>,
    /// The port at this host.
    pub source_port: Vec<PortRange>,
}

/// One combination of a source and ports that a selector admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Combination {
    pub(crate) source: Prefix,
    pub(crate) destination_port: PortRange,
    pub(crate) source_port: PortRange,
}

impl Selector {
    /// What is admitted beside a destination of this family, in the order of the lists.
    pub(crate) fn combinations(&self, family: Family) -> impl Iterator<Item = Combination> {
        let any_source = self.source.is_empty().then(|| Prefix::any(family));
        let sources = self.source.iter().copied().filter(move |s| s.family() == family).chain(any_source);
        sources.flat_map(move |source| {
            open(&self.destination_port).flat_map(move |destination_port| {
                open(&self.source_port).map(move |source_port| Combination {
                    source,
                    destination_port,
                    source_port,
                })
            })
        })
    }

    /// How many combinations there are beside a destination of this family.
    pub(crate) fn count(&self, family: Family) -> usize {
        let sources = match self.source.len() {
            0 => 1,
            _ => self.source.iter().filter(|s| s.family() == family).count(),
        };
        let ports = |list: &[PortRange]| list.len().max(1);
        sources.saturating_mul(ports(&self.destination_port)).saturating_mul(ports(&self.source_port))
    }

    /// The selector, and where each of its destinations stands; `None` if a part of it is wrong.
    pub(super) fn read(table: &mut Table<'_, '_, '_>) -> Option<(Self, Vec<Span>)> {
        let before = table.findings.errors.len();
        table.require("destination");
        let destination = table.list::<Prefix>("destination");
        let source = table.list::<Prefix>("source").unwrap_or_default();
        let destination_port = distinct::<PortRange>(table, "destination_port");
        let source_port = distinct::<PortRange>(table, "source_port");
        let destination = destination?;
        without_twins(table, "source", &source);
        same_families(table, &destination, &source);
        let spans = destination.iter().map(|found| found.span.clone()).collect();
        let selector =
            Self { destination: values(destination), source: values(source), destination_port, source_port };
        (table.findings.errors.len() == before && selector.is_small(table)).then_some((selector, spans))
    }

    /// Whether the rules for one destination fit in a chain, before they are multiplied out.
    fn is_small(&self, table: &mut Table<'_, '_, '_>) -> bool {
        let count = self.count(Family::V4).max(self.count(Family::V6));
        if count > MAX_CHAIN {
            let message =
                format!("sources and ports make {count} rules of each destination, at most {MAX_CHAIN}");
            let help = "join ports into ranges, or sources into shorter prefixes";
            table.findings.add(table.span.clone(), Problem::new(message, help));
        }
        count <= MAX_CHAIN
    }
}

fn open(list: &[PortRange]) -> impl Iterator<Item = PortRange> {
    list.iter().copied().chain(list.is_empty().then_some(PortRange::ANY))
}

fn values<T>(found: Vec<Found<T>>) -> Vec<T> {
    found.into_iter().map(|found| found.value).collect()
}

fn distinct<T: FromToml + Ord + std::fmt::Display>(
    table: &mut Table<'_, '_, '_>,
    key: &'static str,
) -> Vec<T> {
    let found = table.list::<T>(key).unwrap_or_default();
    without_twins(table, key, &found);
    values(found)
}

/// Refuses what a list names a second time.
fn without_twins<T: Ord + std::fmt::Display>(table: &mut Table<'_, '_, '_>, key: &str, list: &[Found<T>]) {
    let mut seen = std::collections::BTreeMap::new();
    for element in list {
        let Some(first) = seen.insert(&element.value, element.span.clone()) else { continue };
        let problem = Problem::new(format!("`{key}`: {} is named twice", element.value), "leave one out");
        let related = Related { span: first, label: "also here".to_owned() };
        table.findings.add_related(element.span.clone(), problem, Some(related));
    }
}

/// Refuses a destination without a source of its family, and a source without a destination.
fn same_families(table: &mut Table<'_, '_, '_>, destination: &[Found<Prefix>], source: &[Found<Prefix>]) {
    if source.is_empty() {
        return;
    }
    unpaired(table, "destination", destination, "source", source);
    unpaired(table, "source", source, "destination", destination);
}

fn unpaired(
    table: &mut Table<'_, '_, '_>,
    key: &str,
    list: &[Found<Prefix>],
    other_key: &str,
    other: &[Found<Prefix>],
) {
    for Found { value, span, .. } in list {
        let family = value.family();
        if other.iter().all(|o| o.value.family() != family) {
            let message = format!("{value} matches nothing: no {other_key} is {family}");
            let help = format!("add a {other_key} in {family}, or leave {value} out");
            table.refuse(key, span.clone(), Problem::new(message, help));
        }
    }
}
