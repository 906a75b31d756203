//! The table of experiments, `faults.toml`.

use serde::{Deserialize, Serialize};
use wad_model::Rate;

use crate::error::FaultsError;

const TABLE: &str = include_str!("../faults.toml");

/// What is tried, and where.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The paths.
    pub paths: Vec<PathText>,
    /// The faults.
    pub faults: Vec<Fault>,
    /// What must not be blamed.
    pub healthy: Vec<Healthy>,
}

/// A path on which everything is tried.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathText {
    /// Whether thresholds were chosen on it, or judged.
    pub set: Set,
    /// Its name.
    pub name: String,
    /// Its rate.
    pub rate: Rate,
    /// Its round-trip time.
    #[serde(with = "wad_model::serde_duration")]
    pub rtt: std::time::Duration,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    /// Thresholds were chosen by looking at it.
    Tune,
    /// The diagnosis is judged by it.
    Judge,
}

impl Set {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Judge => "judge",
        }
    }
}

/// A fault, and the problem that a diagnosis must name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name.
    pub id: String,
    /// What it is.
    pub title: String,
    /// The problem that a diagnosis must name first.
    pub expected: String,
    /// How the experiment differs from a plain transfer.
    #[serde(flatten)]
    pub setup: Setup,
}

/// Runs that have no fault, one for each queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthy {
    /// Its name.
    pub id: String,
    /// Queues, in bandwidth-delay products.
    pub vary_queue: Vec<f64>,
    /// How the experiment differs from a plain transfer.
    #[serde(flatten)]
    pub setup: Setup,
}

/// How an experiment differs from one plain transfer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// Keys of the scenario's path.
    pub path: toml::Table,
    /// The queue, in bandwidth-delay products.
    pub queue: Option<f64>,
    /// Sysctls of the sender's host.
    pub client: toml::Table,
    /// Sysctls of the receiver's host.
    pub server: toml::Table,
    /// Further arguments of the sender.
    pub send: Vec<String>,
    /// Further arguments of the receiver.
    pub receive: Vec<String>,
    /// Metrics of the route to the receiver.
    pub client_route: Vec<String>,
    /// Other flows through the same bottleneck, which begin before.
    pub cross_flows: usize,
    /// Whether a short transfer comes before the one that is watched.
    pub earlier_flow: bool,
    /// Whether the host must remember a threshold of that one: else the fault is not there, and the run says nothing.
    pub must_be_remembered: bool,
    /// Over IPv6.
    pub ipv6: bool,
}

impl Table {
    /// The table of this version.
    ///
    /// # Errors
    /// It has a fault, with its line and column.
    pub fn load() -> Result<Self, FaultsError> {
        toml::from_str(TABLE).map_err(|error| FaultsError::Table { reason: error.to_string() })
    }

    /// All trials of a set, or of both: each fault and each healthy run on each path.
    #[must_use]
    pub fn trials(&self, set: Option<Set>, seed: u64) -> Vec<Trial> {
        let paths = self.paths.iter().filter(|path| set.is_none_or(|set| set == path.set));
        paths.flat_map(|path| self.of_path(path, seed)).collect()
    }

    fn of_path(&self, path: &PathText, seed: u64) -> Vec<Trial> {
        let faults = self.faults.iter().map(|fault| Trial {
            id: fault.id.clone(),
            expected: Some(fault.expected.clone()),
            path: path.clone(),
            seed,
            setup: fault.setup.clone(),
        });
        let healthy = self.healthy.iter().flat_map(|one| {
            one.vary_queue.iter().map(|queue| Trial {
                id: format!("healthy_{}_{queue}", one.id),
                expected: None,
                path: path.clone(),
                seed,
                setup: Setup { queue: Some(*queue), ..one.setup.clone() },
            })
        });
        faults.chain(healthy).collect()
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The fault, or a name that begins with "healthy".
    pub id: String,
    /// The problem to be named; none if nothing is wrong.
    pub expected: Option<String>,
    /// The path.
    pub path: PathText,
    /// Seeds the path's random decisions.
    pub seed: u64,
    /// What is different from a plain transfer.
    pub setup: Setup,
}

impl Trial {
    /// Its name: "random_loss-metro-1".
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.id, self.path.name, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_healthy_runs_as_faults() {
        let table = Table::load().unwrap();
        for set in [Set::Tune, Set::Judge] {
            let trials = table.trials(Some(set), 1);
            let faults = trials.iter().filter(|trial| trial.expected.is_some()).count();
            let paths = table.paths.iter().filter(|path| path.set == set).count();
            assert!(table.faults.len() >= 20 && paths >= 3);
            assert_eq!(faults, paths * table.faults.len());
            assert_eq!(trials.len(), 2 * faults);
        }
    }
}
