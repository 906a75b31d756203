//! Running a scenario.

mod process;
mod supervisor;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::cancel::Cancel;
use crate::cgroup::{self, Cgroup};
use crate::clock;
use crate::directory::{self, RunDirectory};
use crate::error::LabError;
use crate::report::{HostReport, Report};
use crate::scenario::Scenario;
use crate::testbed::{Testbed, TestbedConfig};
use supervisor::Supervisor;

/// How a scenario is run.
#[derive(Default)]
pub struct RunOptions<'a> {
    /// Is told of everything that happens, on the calling thread.
    pub progress: Option<&'a mut dyn FnMut(Progress<'_>)>,
    /// Stops the run.
    pub cancel: Cancel,
    /// Where the output of applications goes, and stays. Without it the run has a directory that goes
    /// with it, and the report alone tells what was in there.
    pub directory: Option<PathBuf>,
}

impl fmt::Debug for RunOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { progress, cancel, directory } = self;
        f.debug_struct("RunOptions")
            .field("progress", &progress.is_some())
            .field("cancel", cancel)
            .field("directory", directory)
            .finish()
    }
}

/// Something that happened in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress<'a> {
    /// Hosts and path are up.
    Up,
    /// An application was started.
    Started(&'a str),
    /// An application is ready.
    Ready(&'a str),
    /// An application has ended.
    Ended(&'a str),
    /// Time has passed.
    Running {
        /// Since the start of the run.
        elapsed: Duration,
        /// Delivered so far, left to right and right to left.
        delivered_bytes: [u64; 2],
    },
}

/// Runs a scenario to its end and takes everything down again, whatever happens.
///
/// Before that it removes what an earlier run left that was killed. The calling thread must be the one
/// that waits: applications end with it.
///
/// # Errors
/// Says what could not be set up, which application did not start or become ready, or that the run was
/// cancelled. An application that ends with a failure is no error: the report says so.
pub fn run(scenario: &Scenario, mut options: RunOptions<'_>) -> Result<Report, LabError> {
    remove_leftovers()?;
    let directory = RunDirectory::new(options.directory.as_deref())?;
    let origin = clock::now();
    let mut config: TestbedConfig = scenario.testbed.clone();
    config.emulator.origin = origin;
    let testbed = Testbed::new(config)?;
    // After the testbed, so that it is dropped before: applications end first.
    let cgroup = Cgroup::new()?;
    let mut nobody = |_: Progress<'_>| {};
    let progress: &mut dyn FnMut(Progress<'_>) = match &mut options.progress {
        Some(progress) => progress,
        None => &mut nobody,
    };
    progress(Progress::Up);
    let mut supervisor =
        Supervisor::new(scenario, &testbed, &cgroup, directory.path(), &options.cancel, origin)?;
    let timed_out = supervisor.run(progress)?;
    let (applications, flows) = supervisor.finish()?;
    let duration_s = (clock::now() - origin).as_secs_f64();
    Ok(Report {
        name: scenario.name.clone(),
        seed: scenario.testbed.emulator.seed,
        duration_s,
        timed_out,
        hosts: scenario.testbed.hosts.iter().map(HostReport::new).collect(),
        applications,
        path: testbed.finish()?,
        flows,
    })
}

/// Removes what earlier runs left that were killed: their cgroups with the processes in them, and
/// their directories. Namespaces and devices need no removing. Returns how many runs there were.
///
/// # Errors
/// There is no cgroup v2 hierarchy.
pub fn remove_leftovers() -> Result<usize, LabError> {
    let removed = cgroup::remove_abandoned()?;
    directory::remove_abandoned();
    Ok(removed)
}
