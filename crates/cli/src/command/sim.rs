//! What the verbs of `wad sim` have in common.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use wad_sim::{Scenario, Simulation};
use wad_study::estimate::{self, Load};
use wad_study::{Document, StudyError, show};

use crate::arguments::ScenarioArguments;
use crate::failure::Failure;

/// The scenario as far as the command line describes it.
pub(super) fn document(arguments: &ScenarioArguments) -> Result<Document, Failure> {
    let mut document = match &arguments.file {
        None => Document::new(),
        Some(file) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read the scenario {}", file.display()))
                .map_err(Failure::Misuse)?;
            Document::parse(&text).map_err(|error| misuse(&error, Some(file)))?
        }
    };
    for setting in arguments.settings() {
        document.set(setting).map_err(|error| misuse(&error, None))?;
    }
    Ok(document)
}

/// Reads the files that a scenario names: recordings of cross-traffic. Their names count from where the scenario's own file is.
pub(super) fn read_files(scenario: &mut Scenario, file: Option<&Path>) -> Result<(), Failure> {
    let directory = file.and_then(Path::parent).unwrap_or(Path::new(""));
    scenario.read_files(|name| fs::read_to_string(directory.join(name))).map_err(Failure::misuse)
}

/// The name by which a file that a scenario in `file` names is found from `directory`, which need not be there yet. A name that
/// starts at the root stays as it is, and so does that of a file that is not there.
pub(super) fn file_from(directory: &Path, file: Option<&Path>, name: &str) -> String {
    let beside = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let found = || {
        let target = beside.join(name).canonicalize().ok()?;
        let from = resolve(directory)?;
        Some(way(&from, &target).to_str()?.to_owned())
    };
    if Path::new(name).is_absolute() { name.to_owned() } else { found().unwrap_or_else(|| name.to_owned()) }
}

/// A path from the root, without links, as far as it is there.
fn resolve(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let (part, resolved) = there?;
    Some(resolved.join(path.strip_prefix(part).ok()?))
}

/// The way from one directory to a file; both from the root.
fn way(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(from, to)| from == to).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

/// An error of a scenario, with the name of the file where it has a place there.
pub(super) fn misuse(error: &StudyError, file: Option<&Path>) -> Failure {
    let in_file = match error {
        StudyError::Text { .. } => true,
        StudyError::Scenario { line, .. } => line.is_some(),
        StudyError::Setting { .. } | StudyError::Unlimited { .. } => false,
    };
    match file.filter(|_| in_file) {
        Some(file) => Failure::Misuse(anyhow!("{}: {error}", file.display())),
        None => Failure::Misuse(anyhow!("{error}")),
    }
}

/// From here on a run asks to be confirmed.
const LONG: Duration = Duration::from_secs(600);
/// Shorter than this nothing can be timed.
const TIMEABLE: Duration = Duration::from_millis(20);

/// Seconds that a scenario will take: those of the same scenario cut short, as much longer as there is more to compute.
pub(super) fn time(scenario: &Scenario, load: &Load) -> Result<f64, Failure> {
    let mut pilot = estimate::pilot(scenario, load);
    loop {
        let simulation = Simulation::new(&pilot).map_err(Failure::misuse)?;
        let start = Instant::now();
        let outcome = simulation.run(&mut ());
        let took = start.elapsed();
        if took >= TIMEABLE || pilot.duration >= scenario.duration {
            return Ok(estimate::seconds(load, &outcome, took.as_secs_f64()));
        }
        pilot = estimate::of_duration(scenario, pilot.duration * 2);
    }
}

/// Refuses what takes long, unless that is wanted.
pub(super) fn ask_for_yes(seconds: f64, memory_bytes: f64, yes: bool) -> Result<(), Failure> {
    if yes || seconds <= LONG.as_secs_f64() {
        return Ok(());
    }
    Err(Failure::Misuse(anyhow!(
        "this would take {} and {} of memory: say --yes if that is wanted, or make it shorter",
        show::roughly(seconds),
        show::size(memory_bytes)
    )))
}

/// Tells something beside the results.
pub(super) fn note(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "wad: note: {text}");
}

/// Tells something to a person who waits.
pub(super) fn note_on_terminal(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_goes_up_to_what_is_shared_and_down_again() {
        let way = |from, to| way(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/a/b/out", "/a/b/trace.csv"), "../trace.csv");
        assert_eq!(way("/a/b", "/a/b/c/trace.csv"), "c/trace.csv");
        assert_eq!(way("/x", "/a/trace.csv"), "../a/trace.csv");
    }
}
