//! The daemon's life: start, loop, stop.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::fs::statfs;
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::{debug, info, warn};
use wad_linux::{LinuxError, Record, Sysctls, Tuner, cgroup2_mount, require_control};
use wad_model::Time;
use wad_tune::{Config, Control, Decision, PathIndex, RuleTable, decide, required_limits};

use crate::DaemonError;
use crate::api::{FlowView, FlowsView, Knowledge, Listeners, Request, StatusView};
use crate::flow_table::{FlowEvent, FlowTable};
use crate::limits::RaisedLimits;
use crate::policy::kernel_policy;
use crate::report::{close_line, open_line};
use crate::runtime_dir::RuntimeDir;

/// `CGROUP2_SUPER_MAGIC`.
const CGROUP2_MAGIC: i64 = 0x6367_7270;

/// How long the loop waits for records before it looks at requests and signals.
const TICK: Duration = Duration::from_millis(50);

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// The daemon's directory; only one daemon runs with each.
    pub runtime_dir: PathBuf,
    /// The cgroup whose processes are tuned, if neither the configuration's nor the root one.
    pub cgroup: Option<PathBuf>,
}

/// Runs the daemon until SIGTERM or SIGINT, then puts everything back.
///
/// # Errors
/// If it cannot start; nothing is then left changed.
pub fn run(config: Config, options: &Options) -> Result<(), DaemonError> {
    let stop = stop_flag()?;
    let mut daemon = Daemon::start(config, options)?;
    info!(
        paths = daemon.knowledge.config.paths.len(),
        prefixes = daemon.knowledge.table.prefixes.len(),
        cgroup = %daemon.cgroup.display(),
        "ready"
    );
    // Without a service manager there is nobody to notify, which is no error.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    while !stop.load(Ordering::Relaxed) {
        daemon.turn()?;
    }
    info!("stopping; flows that run keep their settings");
    Ok(())
}

/// Becomes true at SIGTERM or SIGINT. SIGHUP is taken, so that a closed terminal does not end the
/// daemon.
fn stop_flag() -> Result<Arc<AtomicBool>, DaemonError> {
    let failed = |source| DaemonError::System { what: "handle signals", source };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(failed)?;
    }
    signal_hook::flag::register(SIGHUP, Arc::new(AtomicBool::new(false))).map_err(failed)?;
    Ok(stop)
}

/// A running daemon. Dropping it detaches the kernel's side, then puts the limits back, then
/// gives up the lock.
#[derive(Debug)]
struct Daemon {
    tuner: Tuner,
    decisions: Vec<Decision>,
    knowledge: Arc<Knowledge>,
    requests: Receiver<Request>,
    flows: FlowTable,
    lost_records: u64,
    cgroup: PathBuf,
    _limits: RaisedLimits,
    _runtime_dir: RuntimeDir,
}

impl Daemon {
    /// Everything that can fail without touching the host comes first.
    fn start(config: Config, options: &Options) -> Result<Self, DaemonError> {
        wad_linux::check_system()?;
        let table = RuleTable::compile(&config)?;
        check_controls(&config)?;
        let cgroup = cgroup(&config, options)?;
        let runtime_dir = RuntimeDir::lock(&options.runtime_dir)?;
        let listeners = Listeners::open(&runtime_dir.socket(), config.api.listen)?;
        let raised = RaisedLimits::raise(Sysctls::default(), runtime_dir.ledger(), required_limits(&config))?;
        let limits = raised.now();
        let policy = kernel_policy(&config, &table, &limits, raised.wmem_max_before, raised.rmem_max_before);
        let tuner = Tuner::load(&policy, &cgroup)?;
        let decisions =
            (0..).zip(&config.paths).map(|(index, path)| decide(PathIndex(index), path, &limits)).collect();
        let knowledge = Arc::new(Knowledge { config, table, limits });
        let (sender, requests) = mpsc::channel();
        listeners.serve(sender, Arc::clone(&knowledge))?;
        Ok(Self {
            tuner,
            decisions,
            knowledge,
            requests,
            flows: FlowTable::default(),
            lost_records: 0,
            cgroup,
            _limits: raised,
            _runtime_dir: runtime_dir,
        })
    }

    /// One turn of the loop: records, losses, requests.
    fn turn(&mut self) -> Result<(), DaemonError> {
        self.take_records(TICK)?;
        let lost = self.tuner.lost_records();
        if lost != self.lost_records {
            self.resynchronise(lost)?;
        }
        while let Ok(request) = self.requests.try_recv() {
            // A question that cannot be answered is no reason to stop: who asked gets an error.
            if let Err(error) = self.answer(request) {
                warn!(%error, "a request was not answered");
            }
        }
        Ok(())
    }

    fn take_records(&mut self, timeout: Duration) -> Result<(), DaemonError> {
        for record in self.tuner.poll(timeout)? {
            match self.flows.handle_record(record) {
                Some(FlowEvent::Opened(record)) => self.log_open(&record, "flow opened"),
                Some(FlowEvent::Closed(record)) => self.log_close(&record),
                None => {}
            }
        }
        Ok(())
    }

    fn resynchronise(&mut self, lost: u64) -> Result<(), DaemonError> {
        let begun = monotonic_now();
        let sample = self.tuner.flows()?;
        let found = self.flows.find(&sample);
        for record in &found {
            self.log_open(record, "flow found");
        }
        self.take_records(Duration::ZERO)?;
        let gone = self.flows.forget(&sample, begun);
        warn!(
            lost = lost - self.lost_records,
            found = found.len(),
            gone = gone.len(),
            "records were lost, the ring was full; the flow table is in step again"
        );
        self.lost_records = lost;
        for record in &gone {
            info!(flow = %record.key, path = self.path_name(record), "flow closed; its summary was lost");
        }
        Ok(())
    }

    fn answer(&self, request: Request) -> Result<(), DaemonError> {
        // Whoever asked may be gone by now.
        match request {
            Request::Flows(sender) => {
                let _ = sender.send(self.flows_view()?);
            }
            Request::Status(sender) => {
                let _ = sender.send(self.status_view());
            }
        }
        Ok(())
    }

    fn flows_view(&self) -> Result<FlowsView, DaemonError> {
        let mut records = self.tuner.flows()?;
        records.sort_by_key(|record| record.opened);
        debug!(flows = records.len(), "listed");
        let view = |record: &Record| FlowView::new(record, self.path_name(record));
        Ok(FlowsView { flows: records.iter().map(view).collect() })
    }

    fn status_view(&self) -> StatusView {
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            paths: self.knowledge.config.paths.len(),
            open_flows: self.flows.open(),
            opened_flows: self.flows.opened(),
            closed_flows: self.flows.closed(),
            lost_records: self.lost_records,
        }
    }

    fn log_open(&self, record: &Record, what: &str) {
        let Some(decision) = self.decisions.get(record.path as usize) else { return };
        info!(
            flow = %record.key,
            path = self.path_name(record),
            direction = %record.direction,
            set = open_line(record, decision),
            "{what}"
        );
    }

    fn log_close(&self, record: &Record) {
        info!(flow = %record.key, path = self.path_name(record), summary = close_line(record), "flow closed");
    }

    fn path_name(&self, record: &Record) -> &str {
        self.knowledge.config.paths.get(record.path as usize).map_or("?", |path| &path.name)
    }
}

/// Each control that a path names must be there: the kernel's programs cannot load a module.
fn check_controls(config: &Config) -> Result<(), DaemonError> {
    for path in &config.paths {
        match path.congestion.control.value {
            Control::Named(name) => require_control(name.as_str())?,
            Control::Wad { .. } | Control::Unchanged => {}
        }
    }
    Ok(())
}

/// The cgroup to tune; a directory that is none is refused before anything on the host is changed.
fn cgroup(config: &Config, options: &Options) -> Result<PathBuf, DaemonError> {
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

/// Now, on the clock of the kernel's records.
fn monotonic_now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Time::from_nanos(part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec))
}
