//! Carrying trials out.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wad_diagnose::Evidence;
use wad_diagnose::decode::recording;
use wad_lab::{Cancel, Report, RunOptions, Scenario};

use crate::compose::{RECORDING, scenario_text};
use crate::error::FaultsError;
use crate::table::{Set, Trial};

/// A run that the machine spoils is tried so often.
const ATTEMPTS: u32 = 3;

/// What a trial came to: one line of a file of recordings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The fault, or a name that begins with "healthy".
    pub id: String,
    /// The problem to be named; none if nothing is wrong.
    pub expected: Option<String>,
    /// What the run was for.
    pub set: Set,
    /// The path's name.
    pub path: String,
    /// The path's rate.
    pub rate_bps: u64,
    /// The path's round-trip time.
    pub rtt_s: f64,
    /// The seed.
    pub seed: u64,
    /// What the sampler recorded.
    pub recording: Box<RawValue>,
}

impl Outcome {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.id, self.path, self.seed)
    }

    /// What was recorded.
    ///
    /// # Errors
    /// It is no recording.
    pub fn evidence(&self) -> Result<Evidence, recording::RecordingError> {
        recording::read(self.recording.get())
    }
}

/// Runs a trial; its files go into a directory of its own in `root`.
///
/// # Errors
/// It could not be set up, or gave no result; or the work was cancelled.
pub fn run(trial: &Trial, root: &Path, cancel: &Cancel) -> Result<Outcome, FaultsError> {
    let directory = prepare(root, trial)?;
    let text = scenario_text(trial)?;
    write(&directory.join("scenario.toml"), &text)?;
    let lab = |source| FaultsError::Lab { trial: trial.name(), source: Box::new(source) };
    let scenario = Scenario::parse(&text).map_err(lab)?;
    let mut reason = String::new();
    for _ in 0..ATTEMPTS {
        let options =
            RunOptions { progress: None, cancel: cancel.clone(), directory: Some(directory.clone()) };
        let report = wad_lab::run(&scenario, options).map_err(lab)?;
        reason = match fault(&report) {
            Some(why) => why,
            None => {
                let outcome = outcome(trial, &directory.join(RECORDING))?;
                if is_present(trial, &outcome) {
                    return Ok(outcome);
                }
                "the earlier connection left nothing to remember".to_owned()
            }
        };
    }
    Err(FaultsError::NoResult { trial: trial.name(), reason })
}

fn prepare(root: &Path, trial: &Trial) -> Result<PathBuf, FaultsError> {
    let directory = root.join(trial.name());
    fs::create_dir_all(&directory)
        .and_then(|()| fs::canonicalize(&directory))
        .map_err(|source| FaultsError::File { operation: "make", path: directory, source })
}

fn write(path: &Path, text: &str) -> Result<(), FaultsError> {
    fs::write(path, text).map_err(|source| FaultsError::File {
        operation: "write",
        path: path.to_owned(),
        source,
    })
}

/// Why a run says nothing, if it does.
fn fault(report: &Report) -> Option<String> {
    if report.timed_out {
        return Some(format!("it was stopped after {:.0} s", report.duration_s));
    }
    if let Some(failed) = report.applications.iter().find(|one| one.tail.is_some() && !one.stopped) {
        return Some(format!("{} failed: {}", failed.name, failed.tail.as_deref().unwrap_or_default()));
    }
    let drops = report.path.forward.device_drops_packets + report.path.backward.device_drops_packets;
    (drops > 0)
        .then(|| format!("the emulator fell behind: {drops} packets were dropped that no model dropped"))
}

/// Whether the fault is there, as far as that is not up to the experiment alone.
fn is_present(trial: &Trial, outcome: &Outcome) -> bool {
    let remembered = || outcome.evidence().ok()?.host.cached?.ssthresh_segments;
    !trial.setup.must_be_remembered || remembered().is_some()
}

fn outcome(trial: &Trial, file: &Path) -> Result<Outcome, FaultsError> {
    let no_result = |reason: String| FaultsError::NoResult { trial: trial.name(), reason };
    let text = fs::read_to_string(file).map_err(|source| FaultsError::File {
        operation: "read",
        path: file.to_owned(),
        source,
    })?;
    let recording =
        RawValue::from_string(text.trim().to_owned()).map_err(|error| no_result(error.to_string()))?;
    Ok(Outcome {
        id: trial.id.clone(),
        expected: trial.expected.clone(),
        set: trial.path.set,
        path: trial.path.name.clone(),
        rate_bps: trial.path.rate.as_bps(),
        rtt_s: trial.path.rtt.as_secs_f64(),
        seed: trial.seed,
        recording,
    })
}
