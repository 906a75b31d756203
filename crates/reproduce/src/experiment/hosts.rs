//! Hosts as they were, and as they are: named sets of sysctls.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::ReproduceError;

const TEXT: &str = include_str!("../../experiments/hosts.toml");

/// Sysctls by their names with dots.
pub type Sysctls = BTreeMap<String, String>;

/// Named sets of sysctls.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct HostSets {
    sets: BTreeMap<String, HostSet>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostSet {
    says: String,
    sysctl: Sysctls,
}

impl HostSets {
    /// The sets that come with the experiments.
    ///
    /// # Errors
    /// Says what is wrong with their text.
    pub fn load() -> Result<Self, ReproduceError> {
        toml::from_str(TEXT).map_err(|error| ReproduceError::Experiment {
            id: "hosts.toml".to_owned(),
            message: error.to_string(),
        })
    }

    /// The sysctls of a set.
    #[must_use]
    pub fn sysctls(&self, name: &str) -> Option<&Sysctls> {
        self.sets.get(name).map(|set| &set.sysctl)
    }

    /// The sets with what they are meant to be.
    pub fn descriptions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sets.iter().map(|(name, set)| (name.as_str(), set.says.as_str()))
    }
}
