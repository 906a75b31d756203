//! All flows of the host: what `wad flows --all`, `wad top` and `wad trace` look at.

use std::path::{Path, PathBuf};

use wad_daemon::Client;
use wad_linux::{FlowSample, LinuxError, Observer, SocketStates, Survey};

use crate::flow_filter::FlowFilter;

/// Samples flows, and knows the names of the daemon's paths.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) observer: Observer,
    survey: Survey,
    pub(crate) filter: FlowFilter,
    runtime_dir: PathBuf,
    paths: Vec<String>,
}

impl Collector {
    /// Of the flows that the filter means.
    pub(crate) fn new(filter: FlowFilter, runtime_dir: &Path) -> Result<Self, LinuxError> {
        let mut collector = Self {
            observer: Observer::load()?,
            survey: Survey::new(SocketStates::CONNECTIONS),
            filter,
            runtime_dir: runtime_dir.to_owned(),
            paths: Vec::new(),
        };
        collector.ask_for_paths();
        Ok(collector)
    }

    /// Any flow of the host.
    pub(crate) fn all(&mut self) -> Result<Vec<FlowSample>, LinuxError> {
        let samples = self.survey.take_with(&self.observer)?;
        Ok(self.meant(samples))
    }

    /// Designated flows.
    pub(crate) fn designated(&mut self) -> Result<Vec<FlowSample>, LinuxError> {
        let samples = self.observer.samples()?;
        Ok(self.meant(samples))
    }

    fn meant(&mut self, mut samples: Vec<FlowSample>) -> Vec<FlowSample> {
        if !self.filter.is_empty() {
            self.filter.refresh(Path::new("/proc"));
            samples.retain(|sample| self.filter.matches(sample, self.path(sample)));
        }
        samples
    }

    /// Whether the filter means a flow.
    pub(crate) fn means(&self, sample: &FlowSample) -> bool {
        self.filter.matches(sample, self.path(sample))
    }

    /// The name of the path that designates a flow.
    pub(crate) fn path(&self, sample: &FlowSample) -> Option<&str> {
        let index = usize::try_from(sample.path?).ok()?;
        Some(self.paths.get(index).map_or("?", String::as_str))
    }

    /// A daemon that has started meanwhile is looked for, and its paths are asked for anew.
    pub(crate) fn follow_daemon(&mut self) -> Result<bool, LinuxError> {
        let is_outdated = self.observer.is_outdated();
        if is_outdated {
            self.observer = Observer::load()?;
        }
        self.ask_for_paths();
        Ok(is_outdated)
    }

    fn ask_for_paths(&mut self) {
        // Without a daemon no flow has a path; names of one that does not answer are not worth an error.
        if self.observer.has_daemon()
            && let Ok(status) = Client::new(&self.runtime_dir).status()
        {
            self.paths = status.path_names;
        }
    }
}
