//! What no two paths may share: a name, and a match.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::path::ReadPath;
use super::selector::Combination;
use super::table::{Findings, Span};
use super::value::Problem;
use crate::error::Related;
use crate::prefix::Prefix;

/// Refuses a second path of the same name.
pub(super) fn same_name(paths: &[ReadPath], findings: &mut Findings<'_>) {
    let mut first: HashMap<&str, &ReadPath> = HashMap::new();
    for path in paths {
        let name = path.policy.name.as_str();
        match first.entry(name) {
            Entry::Vacant(free) => drop(free.insert(path)),
            Entry::Occupied(taken) => {
                let line = findings.line(&taken.get().name);
                let problem = Problem::new(
                    format!("a path at line {line} is called \"{name}\" too"),
                    "rename one of them",
                );
                let related = related(&taken.get().name, "the first one");
                findings.add_related(path.name.clone(), problem, related);
            }
        }
    }
}

/// Refuses a destination, source and ports that an earlier entry has too: no flow could reach it.
pub(super) fn same_match(paths: &[ReadPath], findings: &mut Findings<'_>) {
    let mut first: HashMap<(Prefix, Combination), (&ReadPath, &Span)> = HashMap::new();
    for path in paths {
        for (destination, span) in path.policy.selector.destination.iter().zip(&path.destination) {
            let combinations = path.policy.selector.combinations(destination.family());
            let taken = combinations.filter_map(|c| match first.entry((*destination, c)) {
                Entry::Vacant(free) => {
                    free.insert((path, span));
                    None
                }
                Entry::Occupied(taken) => Some(*taken.get()),
            });
            // All are entered, so that a later path is compared with each of them.
            if let Some((other, there)) = taken.reduce(|first, _| first) {
                contradiction(path, *destination, span, (other, there), findings);
            }
        }
    }
}

fn contradiction(
    path: &ReadPath,
    destination: Prefix,
    span: &Span,
    (other, there): (&ReadPath, &Span),
    findings: &mut Findings<'_>,
) {
    if std::ptr::eq(path, other) {
        let problem = Problem::new(format!("`destination`: {destination} is named twice"), "leave one out");
        return findings.add_related(span.clone(), problem, related(there, "also here"));
    }
    let (name, other_name, other_line) = (&path.policy.name, &other.policy.name, findings.line(there));
    let message = format!(
        "path \"{name}\" matches {destination} with the same source and ports as path \"{other_name}\" at line \
         {other_line}, which comes first"
    );
    let help = "leave one out, or set them apart by `source` or ports";
    findings.add_related(span.clone(), Problem::new(message, help), related(there, "matched here first"));
}

fn related(span: &Span, label: &str) -> Option<Related> {
    Some(Related { span: span.clone(), label: label.to_owned() })
}
