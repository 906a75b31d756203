//! Carrying experiments out.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use wad_lab::report::ApplicationReport;
use wad_lab::{Cancel, LabError, Report, RunOptions, Scenario};

use crate::compose::{CONFIG, DAEMON, scenario_text};
use crate::error::ReproduceError;
use crate::experiment::{Experiment, HostSets, Variant};
use crate::judge::{Measurements, judge};
use crate::measure::measure;
use crate::picture::{Picture, pictures};
use crate::quantity::Quantity;
use crate::row::Row;

/// How often a run is tried that another daemon, or a machine that fell behind, spoils.
const ATTEMPTS: u32 = 40;
/// A run that fails for a reason of its own is tried so often.
const FEW_ATTEMPTS: u32 = 3;
/// What a daemon says that finds another one.
const CROWDED: &str = "another daemon";
/// How long another daemon is given to end.
const PAUSE: Duration = Duration::from_secs(3);

/// How experiments are run.
pub struct Options<'a> {
    /// How often each comparison is repeated; the repetition's number is the seed.
    pub repetitions: u32,
    /// Where the output of programs goes: a directory for each experiment and variant.
    pub directory: PathBuf,
    /// Stops the work.
    pub cancel: Cancel,
    /// Is told what happens.
    pub tell: &'a mut dyn FnMut(Event<'_>),
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repetitions, directory, cancel, tell: _ } = self;
        f.debug_struct("Options")
            .field("repetitions", repetitions)
            .field("directory", directory)
            .field("cancel", cancel)
            .finish_non_exhaustive()
    }
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// A run begins.
    Begins {
        /// The experiment.
        experiment: &'a str,
        /// The variant.
        variant: &'a str,
        /// Which repetition, from 1.
        repetition: u32,
        /// How long its transfer takes, about.
        expected: Duration,
    },
    /// Something happened in it.
    Lab(wad_lab::Progress<'a>),
}

/// What a variant came to.
#[derive(Clone, Debug)]
pub struct VariantRuns {
    /// Its name.
    pub variant: String,
    /// What was measured, run by run.
    pub values: Vec<BTreeMap<Quantity, f64>>,
    /// The report of the first run.
    pub first: Option<Report>,
}

/// An experiment that was carried out.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What it came to.
    pub row: Row,
    /// The plots.
    pub pictures: Vec<Picture>,
}

/// Carries an experiment out.
///
/// # Errors
/// A run could not be set up, or gave no result; or the work was cancelled.
pub fn run(experiment: &Experiment, options: &mut Options<'_>) -> Result<Finished, ReproduceError> {
    let sets = HostSets::load()?;
    let mut runs: Vec<VariantRuns> = experiment
        .variants
        .iter()
        .map(|variant| VariantRuns { variant: variant.name.clone(), values: Vec::new(), first: None })
        .collect();
    // Repetition by repetition, so that a change of the machine's load meets all variants.
    for repetition in 1..=options.repetitions {
        for (variant, runs) in experiment.variants.iter().zip(&mut runs) {
            if repetition > variant.runs(options.repetitions) {
                continue;
            }
            let report = carry_out(experiment, variant, &sets, repetition, options)?;
            runs.values.push(measure(&report, variant));
            runs.first.get_or_insert(report);
        }
    }
    let measurements: Measurements =
        runs.iter().map(|one| (one.variant.clone(), one.values.clone())).collect();
    let row = judge(experiment, &measurements, &kernel());
    let pictures = pictures(experiment, &runs, &row)?;
    Ok(Finished { row, pictures })
}

/// One run of one variant, repeated while others spoil it.
pub(crate) fn carry_out(
    experiment: &Experiment,
    variant: &Variant,
    sets: &HostSets,
    repetition: u32,
    options: &mut Options<'_>,
) -> Result<Report, ReproduceError> {
    Attempt { experiment, variant, sets, repetition }.carry_out(options)
}

/// One run of one variant.
struct Attempt<'a> {
    experiment: &'a Experiment,
    variant: &'a Variant,
    sets: &'a HostSets,
    repetition: u32,
}

impl Attempt<'_> {
    fn carry_out(&self, options: &mut Options<'_>) -> Result<Report, ReproduceError> {
        let directory = self.prepare(&options.directory)?;
        let scenario = self.scenario()?;
        for attempt in 1.. {
            (options.tell)(Event::Begins {
                experiment: &self.experiment.id,
                variant: &self.variant.name,
                repetition: self.repetition,
                expected: Duration::from_secs(self.variant.seconds(self.experiment).into()),
            });
            let mut tell = |progress: wad_lab::Progress<'_>| (options.tell)(Event::Lab(progress));
            let result = wad_lab::run(
                &scenario,
                RunOptions {
                    progress: Some(&mut tell),
                    cancel: options.cancel.clone(),
                    directory: Some(directory.clone()),
                },
            );
            let (why, most) = match result {
                Ok(report) => match fault(&report) {
                    None => return Ok(report),
                    Some(why) if why.contains(CROWDED) => (why, ATTEMPTS),
                    Some(why) => (why, FEW_ATTEMPTS),
                },
                Err(error) if is_crowded(&error) => (error.to_string(), ATTEMPTS),
                Err(source) => return Err(self.lab_error(source)),
            };
            if attempt >= most {
                let (id, variant) = (self.experiment.id.clone(), self.variant.name.clone());
                return Err(ReproduceError::NoResult { id, variant, message: why });
            }
            tracing::warn!(
                experiment = self.experiment.id,
                variant = self.variant.name,
                why,
                "a run is repeated"
            );
            thread::sleep(PAUSE);
        }
        unreachable!("the loop ends with a return")
    }

    fn prepare(&self, root: &Path) -> Result<PathBuf, ReproduceError> {
        let directory = root.join(&self.experiment.id).join(&self.variant.name);
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| ReproduceError::File { operation: "write", path, source }
        };
        fs::create_dir_all(&directory).map_err(fail(&directory))?;
        if let Some(config) = &self.variant.wad {
            let file = directory.join(CONFIG);
            fs::write(&file, config).map_err(fail(&file))?;
        }
        fs::canonicalize(&directory).map_err(fail(&directory))
    }

    fn scenario(&self) -> Result<Scenario, ReproduceError> {
        let text = scenario_text(self.experiment, self.variant, self.sets, self.repetition)?;
        Scenario::parse(&text).map_err(|source| self.lab_error(source))
    }

    fn lab_error(&self, source: LabError) -> ReproduceError {
        let (id, variant) = (self.experiment.id.clone(), self.variant.name.clone());
        ReproduceError::Lab { id, variant, source: Box::new(source) }
    }
}

/// Why a run says nothing, if it does.
fn fault(report: &Report) -> Option<String> {
    if report.timed_out {
        return Some(format!("it was stopped after {:.0} s", report.duration_s));
    }
    if let Some(failed) = report.applications.iter().find(|one| one.tail.is_some() && !one.stopped) {
        return Some(format!("{} failed: {}", failed.name, failed.tail.as_deref().unwrap_or_default()));
    }
    let said = |one: &ApplicationReport| Some((one.name.clone(), one.iperf3.as_ref()?.error.clone()?));
    if let Some((name, error)) = report.applications.iter().find_map(said) {
        return Some(format!(
            "{name} said \"{error}\"; if it is about buffers, `sysctl net.core.wmem_max net.core.rmem_max` are to be 4194304 at least"
        ));
    }
    let drops = report.path.forward.device_drops_packets + report.path.backward.device_drops_packets;
    (drops > 0)
        .then(|| format!("the emulator fell behind: {drops} packets were dropped that no model dropped"))
}

/// Whether another daemon has the congestion control's name, which a host can give once.
fn is_crowded(error: &LabError) -> bool {
    match error {
        LabError::EndedEarly { application, tail, .. } | LabError::NotReady { application, tail, .. } => {
            application == DAEMON && tail.contains(CROWDED)
        }
        _ => false,
    }
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
}
