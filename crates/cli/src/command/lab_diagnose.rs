//! `wad lab diagnose`

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::filter::LevelFilter;
use wad_faults::{FaultsError, Judgement, Outcome, Set, Table, Trial};
use wad_lab::Cancel;

use crate::arguments::{LabDiagnose, SetName};
use crate::failure::Failure;
use crate::log;
use crate::output;

pub(crate) fn run(arguments: &LabDiagnose) -> Result<(), Failure> {
    log::start(LevelFilter::WARN)?;
    if arguments.list {
        return list(&choose(arguments)?);
    }
    let directory = match &arguments.from {
        Some(directory) => directory,
        None => {
            carry_out(arguments, &choose(arguments)?)?;
            &arguments.out
        }
    };
    let outcomes = wad_faults::load(directory)?;
    let mut judgements = Vec::new();
    for set in [Set::Tune, Set::Judge] {
        if outcomes.iter().any(|outcome| outcome.set == set) {
            judgements.push(Judgement::of(set, &outcomes)?);
        }
    }
    if let Some(file) = &arguments.markdown {
        let read = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let text = wad_faults::markdown::render(&read, &judgements)?;
        output::write_file(file, text)?;
    }
    if arguments.json {
        output::print_json(&serde_json::json!({ "sets": judgements }))?
    } else {
        judgements.iter().try_for_each(print)?
    }
    verdict(&judgements)
}

fn print(judgement: &Judgement) -> Result<(), Failure> {
    let Judgement { set, faults, named_first, healthy, blamed, .. } = judgement;
    output::print(format_args!(
        "{}: {named_first} of {faults} faults named first ({:.1} %), {blamed} of {healthy} healthy runs blamed ({:.1} %)\n",
        set.name(),
        wad_faults::share(*named_first, *faults) * 100.0,
        wad_faults::share(*blamed, *healthy) * 100.0,
    ))?;
    let mut table = output::table(&["experiment", "named first (how often)"], false);
    for (id, named) in judgement.matrix() {
        let named: Vec<String> = named.iter().map(|(problem, times)| format!("{problem} {times}")).collect();
        table.add_row([id.to_owned(), named.join(", ")]);
    }
    output::print(table)?;
    for run in judgement.runs.iter().filter(|run| run.named != run.expected) {
        let name = format!("{}-{}-{}", run.id, run.path, run.seed);
        let also =
            if run.also.is_empty() { String::new() } else { format!(", then {}", run.also.join(", ")) };
        output::print(format_args!("wrong: {name} is {}, named was {}{also}", run.expected, run.named))?;
    }
    output::print("")
}

/// Too many wrong names are a failure that the work found.
fn verdict(judgements: &[Judgement]) -> Result<(), Failure> {
    match judgements.iter().find(|judgement| !judgement.holds()) {
        None => Ok(()),
        Some(judgement) => Err(anyhow!(
            "{}: fewer than {:.0} % of the faults are named first, or more than {:.0} % of healthy runs are blamed",
            judgement.set.name(),
            wad_faults::FAULTS_NAMED * 100.0,
            wad_faults::HEALTHY_BLAMED * 100.0
        )
        .into()),
    }
}

fn choose(arguments: &LabDiagnose) -> Result<Vec<Trial>, Failure> {
    let table = Table::load()?;
    let set = match arguments.set {
        SetName::Tune => Some(Set::Tune),
        SetName::Judge => Some(Set::Judge),
        SetName::All => None,
    };
    let mut trials = table.trials(set, arguments.seed);
    for wanted in &arguments.faults {
        if !trials.iter().any(|trial| is_named(trial, wanted)) {
            let known: Vec<&str> = table.faults.iter().map(|fault| fault.id.as_str()).collect();
            let known = format!("{}, healthy", known.join(", "));
            return Err(Failure::misuse(FaultsError::Unknown { name: wanted.clone(), known }));
        }
    }
    if !arguments.faults.is_empty() {
        trials.retain(|trial| arguments.faults.iter().any(|wanted| is_named(trial, wanted)));
    }
    Ok(trials)
}

fn is_named(trial: &Trial, wanted: &str) -> bool {
    trial.id == wanted || (wanted == "healthy" && trial.expected.is_none())
}

fn list(trials: &[Trial]) -> Result<(), Failure> {
    let mut table = output::table(&["experiment", "path", "set", "must be named"], false);
    table.add_rows(trials.iter().map(|trial| {
        let expected = trial.expected.as_deref().unwrap_or("nothing");
        [trial.id.as_str(), trial.path.name.as_str(), trial.path.set.name(), expected].map(str::to_owned)
    }));
    output::print(table)
}

/// Runs the trials, several at a time; each recording is written as soon as it is there.
fn carry_out(arguments: &LabDiagnose, trials: &[Trial]) -> Result<(), Failure> {
    let cancel = Cancel::on_signals().context("cannot handle signals")?;
    let runs = arguments.out.join("runs");
    fs::create_dir_all(&runs).with_context(|| format!("cannot make {}", runs.display()))?;
    let file = |set: Set| create(&arguments.out, set, trials);
    let files = [Mutex::new(file(Set::Tune)?), Mutex::new(file(Set::Judge)?)];
    let bar = bar(trials.len());
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Failure> {
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            bar.set_message(trial.name());
            match wad_faults::run(trial, &runs, &cancel) {
                Ok(outcome) => write(&files, &outcome)?,
                // The others may still say something.
                Err(error @ FaultsError::NoResult { .. }) => {
                    bar.suspend(|| Failure::from(error).report());
                }
                Err(error) => return Err(error.into()),
            }
            bar.inc(1);
        }
        Ok(())
    };
    let results = thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.jobs).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect::<Vec<_>>()
    });
    bar.finish_and_clear();
    results.into_iter().collect()
}

fn bar(trials: usize) -> ProgressBar {
    let bar = ProgressBar::new(trials as u64);
    let style = ProgressStyle::with_template("{pos}/{len} [{bar:40}] {elapsed}, {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// The file of a set, if any trial belongs to it.
fn create(directory: &Path, set: Set, trials: &[Trial]) -> Result<Option<File>, Failure> {
    if !trials.iter().any(|trial| trial.path.set == set) {
        return Ok(None);
    }
    let path = directory.join(format!("{}.jsonl", set.name()));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(file))
}

fn write(files: &[Mutex<Option<File>>; 2], outcome: &Outcome) -> Result<(), Failure> {
    let file = if outcome.set == Set::Tune { &files[0] } else { &files[1] };
    let mut file = file.lock().map_err(|_| anyhow!("another run has failed"))?;
    if let Some(file) = file.as_mut() {
        writeln!(file, "{}", serde_json::to_string(outcome)?)?;
    }
    Ok(())
}
