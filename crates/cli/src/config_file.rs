//! Reads a configuration file, with errors that show where they are.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use wad_daemon::read_config;
use wad_tune::{Config, RuleTable};

use crate::failure::Failure;

/// A configuration and its rules.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) table: RuleTable,
}

/// Reads and checks the configuration at `path`.
pub(crate) fn load(path: &Path) -> Result<Loaded, Failure> {
    let text = read(path)?;
    let name = path.display().to_string();
    let config =
        read_config(&text).map_err(|errors| Failure::Misuse(anyhow!("{}", errors.in_file(&name))))?;
    let table = RuleTable::compile(&config).map_err(Failure::misuse)?;
    Ok(Loaded { config, table })
}

/// The text of the configuration at `path`.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration {}", path.display()))
        .map_err(Failure::Misuse)
}
