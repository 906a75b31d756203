//! What the diagnosis says of recorded trials, and how often that is right.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;
use wad_diagnose::diagnose;

use crate::error::FaultsError;
use crate::run::Outcome;
use crate::table::Set;

/// What "nothing wrong" is called in tables.
pub const NOTHING: &str = "nothing";
/// At least so many faults are to be named first.
pub const FAULTS_NAMED: f64 = 0.95;
/// At most so many healthy runs may be blamed.
pub const HEALTHY_BLAMED: f64 = 0.02;

/// One trial, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The fault, or a name that begins with "healthy".
    pub id: String,
    /// The path.
    pub path: String,
    /// The seed.
    pub seed: u64,
    /// What had to be named; "nothing" for a healthy run.
    pub expected: String,
    /// What was named first.
    pub named: String,
    /// What was named after it.
    pub also: Vec<String>,
}

/// All trials of a set, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The set.
    pub set: Set,
    /// How many trials had a fault.
    pub faults: usize,
    /// In how many of them it was named first.
    pub named_first: usize,
    /// How many trials had none.
    pub healthy: usize,
    /// How many of these were blamed.
    pub blamed: usize,
    /// Each trial.
    pub runs: Vec<Judged>,
}

impl Judgement {
    /// Judges the trials of a set.
    ///
    /// # Errors
    /// A recording cannot be read.
    pub fn of(set: Set, outcomes: &[Outcome]) -> Result<Self, FaultsError> {
        let of_set = outcomes.iter().filter(|outcome| outcome.set == set);
        let runs: Vec<Judged> = of_set.map(judge).collect::<Result<_, _>>()?;
        let (healthy, faults): (Vec<&Judged>, Vec<&Judged>) =
            runs.iter().partition(|run| run.expected == NOTHING);
        let right = |runs: &[&Judged]| runs.iter().filter(|run| run.named == run.expected).count();
        let (named_first, spared) = (right(&faults), right(&healthy));
        let (faults, healthy) = (faults.len(), healthy.len());
        Ok(Self { set, faults, named_first, healthy, blamed: healthy - spared, runs })
    }

    /// Whether enough faults were named, and few enough healthy runs blamed.
    #[must_use]
    pub fn holds(&self) -> bool {
        share(self.named_first, self.faults) >= FAULTS_NAMED
            && share(self.blamed, self.healthy) <= HEALTHY_BLAMED
    }

    /// The confusion matrix: for each fault (and "healthy") how often each problem was named first.
    #[must_use]
    pub fn matrix(&self) -> BTreeMap<&str, BTreeMap<&str, usize>> {
        let mut matrix: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for run in &self.runs {
            let row = if run.expected == NOTHING { "healthy" } else { run.id.as_str() };
            *matrix.entry(row).or_default().entry(run.named.as_str()).or_default() += 1;
        }
        matrix
    }
}

fn judge(outcome: &Outcome) -> Result<Judged, FaultsError> {
    let evidence = outcome
        .evidence()
        .map_err(|error| FaultsError::NoResult { trial: outcome.name(), reason: error.to_string() })?;
    let mut names =
        diagnose(&evidence, None).findings.into_iter().map(|finding| finding.problem.id().to_owned());
    Ok(Judged {
        id: outcome.id.clone(),
        path: outcome.path.clone(),
        seed: outcome.seed,
        expected: outcome.expected.clone().unwrap_or_else(|| NOTHING.to_owned()),
        named: names.next().unwrap_or_else(|| NOTHING.to_owned()),
        also: names.collect(),
    })
}

/// A part of a whole; of nothing it is nothing.
#[must_use]
pub fn share(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred trials")]
    let share = part as f64 / whole.max(1) as f64;
    share
}

/// Reads the recorded trials of all sets in a directory.
///
/// # Errors
/// There are none, or a line of a file is wrong.
pub fn load(directory: &Path) -> Result<Vec<Outcome>, FaultsError> {
    let mut outcomes = Vec::new();
    for set in [Set::Tune, Set::Judge] {
        let path = directory.join(format!("{}.jsonl", set.name()));
        if !path.exists() {
            continue;
        }
        let fail = |source| FaultsError::File { operation: "read", path: path.clone(), source };
        for (line, text) in fs::read_to_string(&path).map_err(fail)?.lines().enumerate() {
            let outcome = serde_json::from_str(text).map_err(|source| FaultsError::Line {
                path: path.clone(),
                line: line + 1,
                source,
            })?;
            outcomes.push(outcome);
        }
    }
    if outcomes.is_empty() {
        let reason = format!("{} has neither tune.jsonl nor judge.jsonl", directory.display());
        return Err(FaultsError::NoResult { trial: "the directory".to_owned(), reason });
    }
    Ok(outcomes)
}
