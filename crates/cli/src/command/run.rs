//! `wad run`

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use tracing_subscriber::filter::LevelFilter;
use wad_daemon::{DaemonError, Options, Wishes};
use wad_tune::{Estimates, NamedEstimate};

use crate::arguments::Run;
use crate::config_file;
use crate::failure::Failure;
use crate::log;

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let files = Files {
        config: arguments.config.clone(),
        estimates: arguments.estimates.clone(),
        given: arguments.estimate.clone(),
    };
    let wishes = files.read()?;
    log::start(LevelFilter::INFO)?;
    let options = Options {
        runtime_dir: arguments.daemon.runtime_dir.clone(),
        cgroup: arguments.cgroup.clone(),
        take_over: arguments.take_over,
        read: Box::new(move || files.read().map_err(|failure| failure.to_string())),
    };
    wad_daemon::run(wishes, &options).map_err(|error| match error {
        DaemonError::Rules(_) | DaemonError::Linux(wad_linux::LinuxError::NoSuchControl { .. }) => {
            Failure::misuse(error)
        }
        error => error.into(),
    })
}

/// What the daemon goes by; read at its start and at every reload.
struct Files {
    config: PathBuf,
    estimates: Option<PathBuf>,
    given: Vec<NamedEstimate>,
}

impl Files {
    fn read(&self) -> Result<Wishes, Failure> {
        let config = config_file::load(&self.config)?.config;
        let mut estimates = Estimates::default();
        if let Some(path) = &self.estimates {
            let name = path.display().to_string();
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read the estimates {name}"))
                .map_err(Failure::Misuse)?;
            let read = Estimates::parse(&text)
                .map_err(|errors| Failure::Misuse(anyhow!("{}", errors.in_file(&name))))?;
            estimates.extend(read);
        }
        for given in &self.given {
            estimates.insert(given.path.clone(), given.known());
        }
        Ok(Wishes { config, estimates })
    }
}
