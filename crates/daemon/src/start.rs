//! What a daemon needs before it touches the kernel: its directory, its sockets, the host as it is, and what a
//! configuration asks of both.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use tracing::warn;
use wad_linux::{Inheritance, LinuxError, Policy, Sysctls, cgroup2_mount, namespaces, require_control};
use wad_tune::{Config, Control, Planner, RuleTable, required_limits_with};

use crate::DaemonError;
use crate::api::{Addresses, ApiSockets, Listeners};
use crate::handover::Gift;
use crate::host_state::HostState;
use crate::policy::kernel_policy;
use crate::run::{Options, Wishes};
use crate::runtime_dir::RuntimeDir;

/// `CGROUP2_SUPER_MAGIC`.
const CGROUP2_MAGIC: i64 = 0x6367_7270;

/// What a start holds before the kernel's side is there.
pub(crate) struct Ground {
    pub(crate) runtime_dir: RuntimeDir,
    pub(crate) listeners: Listeners,
    pub(crate) host: HostState,
    pub(crate) predecessor: Option<(Gift, Inheritance)>,
}

impl Ground {
    pub(crate) fn prepare(config: &Config, options: &Options, cgroup: &Path) -> Result<Self, DaemonError> {
        if options.take_over {
            Self::inherit(config, options, cgroup)
        } else {
            Self::fresh(config, options, cgroup)
        }
    }

    fn fresh(config: &Config, options: &Options, cgroup: &Path) -> Result<Self, DaemonError> {
        let runtime_dir = RuntimeDir::lock(&options.runtime_dir)?;
        let listeners = Listeners::open(&runtime_dir.socket(), Addresses::of(config))?;
        let host = HostState::recover(Sysctls::default(), &options.runtime_dir, namespaces(cgroup)?)?;
        Ok(Self { runtime_dir, listeners, host, predecessor: None })
    }

    fn inherit(config: &Config, options: &Options, cgroup: &Path) -> Result<Self, DaemonError> {
        let directory = &options.runtime_dir;
        let mut gift = Gift::ask(directory)?;
        let failed =
            |reason: &str| DaemonError::Handover { path: directory.clone(), reason: reason.to_owned() };
        if gift.state.cgroup != cgroup {
            return Err(failed("it tunes another cgroup; a cgroup cannot change while a daemon runs"));
        }
        let mut descriptors = std::mem::take(&mut gift.descriptors);
        let mut last = || descriptors.pop().ok_or_else(|| failed("it gave too few descriptors"));
        let metrics = if gift.state.metrics { Some(last()?) } else { None };
        let tcp = if gift.state.tcp { Some(last()?) } else { None };
        let sockets = ApiSockets { unix: last()?, tcp, metrics };
        let lock = last()?;
        let runtime_dir = RuntimeDir::inherit(directory, lock)?;
        let listeners = Listeners::inherit(sockets, Addresses::of(config))?;
        let host = HostState::take_over(Sysctls::default(), directory, namespaces(cgroup)?)?;
        let inheritance = Inheritance { descriptors, lost_records: gift.state.lost_records };
        Ok(Self { runtime_dir, listeners, host, predecessor: Some((gift, inheritance)) })
    }
}

/// Raises the host's limits to what is wished, and says what the kernel is to do.
pub(crate) fn plan(
    wishes: &Wishes,
    table: &RuleTable,
    host: &mut HostState,
) -> Result<(Planner, Policy), DaemonError> {
    for name in wishes.estimates.strangers(&wishes.config) {
        warn!(path = name, "an estimate is for a path that the configuration does not have");
    }
    host.raise_limits(required_limits_with(&wishes.config, &wishes.estimates))?;
    let planner = Planner::new(&wishes.config, host.limits()?, &wishes.estimates);
    let (wmem_max_before, rmem_max_before) = host.limits_before()?;
    let policy = kernel_policy(&wishes.config, table, &planner, wmem_max_before, rmem_max_before);
    Ok((planner, policy))
}

/// Each control that a path names must be there: the kernel's programs cannot load a module.
pub(crate) fn check_controls(config: &Config) -> Result<(), DaemonError> {
    for path in &config.paths {
        match path.congestion.control.value {
            Control::Named(name) => require_control(name.as_str())?,
            Control::Wad { .. } | Control::Unchanged => {}
        }
    }
    Ok(())
}

/// The cgroup to tune; a directory that is none is refused before anything on the host is changed.
pub(crate) fn cgroup(config: &Config, options: &Options) -> Result<PathBuf, DaemonError> {
    let given = options.cgroup.as_deref().or(config.host.cgroup.as_deref());
    let path = given.map(Path::to_owned).map_or_else(cgroup2_mount, Ok)?;
    match statfs(&path) {
        Ok(found) if found.f_type == CGROUP2_MAGIC => Ok(path),
        Ok(_) => {
            let source = io::Error::other("it is not in a cgroup v2 hierarchy");
            Err(LinuxError::Cgroup { path, source }.into())
        }
        Err(errno) => Err(LinuxError::Cgroup { path, source: errno.into() }.into()),
    }
}
