//! The recorded experiments of `wad lab diagnose`, judged without root.
//!
//! `recordings/tune.jsonl` has the runs by which the thresholds were chosen, `recordings/judge.jsonl` those on other
//! paths, which were not looked at until the thresholds stood.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use wad_diagnose::decode::recording;
use wad_diagnose::{Problem, Remedy, diagnose};

#[derive(Deserialize)]
struct Recorded {
    id: String,
    path: String,
    expected: Option<String>,
    recording: Box<RawValue>,
}

impl Recorded {
    /// Whether the fault is named first, or nothing is found where there is none; else what was.
    fn judge(&self) -> Result<(), String> {
        let evidence = recording::read(self.recording.get()).unwrap();
        let findings = diagnose(&evidence, None).findings;
        let named = findings.first().map(|finding| finding.problem.id());
        if named == self.expected.as_deref() {
            return Ok(());
        }
        Err(format!("{} on {} was taken for {}", self.id, self.path, named.unwrap_or("nothing")))
    }
}

fn load(set: &str) -> Vec<Recorded> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recordings/{set}.jsonl"));
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn judge(set: &str) {
    let recorded = load(set);
    let (faults, healthy): (Vec<_>, Vec<_>) = recorded.iter().partition(|one| one.expected.is_some());
    assert!(
        faults.len() >= 60 && healthy.len() >= faults.len() - 3,
        "{} and {}",
        faults.len(),
        healthy.len()
    );
    let wrong = |runs: &[&Recorded]| runs.iter().filter_map(|run| run.judge().err()).collect::<Vec<_>>();
    let (missed, blamed) = (wrong(&faults), wrong(&healthy));
    // The goal: 95 % of the faults are named, and at most 2 % of the healthy runs are blamed.
    assert!(missed.len() * 20 <= faults.len(), "{missed:#?}");
    assert!(blamed.len() * 50 <= healthy.len(), "{blamed:#?}");
}

#[test]
fn faults_by_which_thresholds_were_chosen_are_named() {
    judge("tune");
}

#[test]
fn faults_on_other_paths_are_named() {
    judge("judge");
}

#[test]
fn every_expected_name_is_a_problem() {
    for recorded in load("tune").iter().chain(&load("judge")) {
        let name = recorded.expected.as_deref();
        assert!(name.is_none_or(|name| Problem::ALL.iter().any(|problem| problem.id() == name)), "{name:?}");
    }
}

#[test]
fn every_entry_that_is_proposed_is_a_valid_configuration() {
    let mut entries = 0;
    for recorded in load("tune").iter().chain(&load("judge")) {
        let evidence = recording::read(recorded.recording.get()).unwrap();
        let remedies = diagnose(&evidence, None).findings.into_iter().flat_map(|finding| finding.remedies);
        for remedy in remedies {
            let Remedy::Wad { toml } = remedy else { continue };
            entries += 1;
            if let Err(errors) = wad_tune::Config::parse(&toml) {
                panic!("{toml}: {errors:?}");
            }
        }
    }
    assert!(entries > 50, "{entries}");
}
