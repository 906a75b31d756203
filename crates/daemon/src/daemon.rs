//! A running daemon: what it holds, and one turn of its loop.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::{debug, info, warn};
use wad_linux::{Inheritance, Namespace, Record, Tuner, flush_tcp_metrics, namespaces};
use wad_model::Time;
use wad_tune::{FlowId, MetricsCache, PathIndex, PathPolicy, Planner, RuleTable};

use crate::DaemonError;
use crate::api::{
    ApiSockets, Current, FlowView, FlowsView, HistoryView, Knowledge, Request, Server, StatusView,
};
use crate::flow_table::{FlowEvent, FlowTable};
use crate::handover::{Door, State};
use crate::host_state::{HostState, Wanted};
use crate::metrics::Page;
use crate::observe::{News, Observing, Plan};
use crate::report::{close_line, open_line};
use crate::run::{Options, Wishes};
use crate::runtime_dir::RuntimeDir;
use crate::start::{Ground, cgroup, check_controls, plan};

/// How long the loop waits for records before it looks at requests and signals.
const TICK: Duration = Duration::from_millis(50);

/// How often the daemon looks for new network namespaces, and whether its settings are still there.
const SCAN: Duration = Duration::from_secs(2);

/// Whether another turn follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Next,
    Last,
}

/// A running daemon. Dropping it sends the last answers, detaches the kernel's side, puts the host back, and gives up
/// the lock, in this order.
pub(crate) struct Daemon<'o> {
    requests: Receiver<Request>,
    // Requests that nobody will answer are gone when its end waits for the others.
    _server: Server,
    observing: Option<Observing>,
    page: Arc<Page>,
    pub(crate) tuner: Tuner,
    pub(crate) planner: Planner,
    pub(crate) flows: FlowTable,
    pub(crate) host: HostState,
    pub(crate) cgroup: PathBuf,
    pub(crate) options: &'o Options,
    knowledge: Current,
    lost_records: u64,
    /// Whether somebody traced when the status was asked for last: since then no flow has been without state.
    was_traced: bool,
    next_scan: Time,
    last: bool,
    api: ApiSockets,
    door: Door,
    runtime_dir: RuntimeDir,
}

impl<'o> Daemon<'o> {
    /// Everything that can fail without touching the host comes first.
    pub(crate) fn start(wishes: Wishes, options: &'o Options) -> Result<Self, DaemonError> {
        wad_linux::check_system()?;
        let table = RuleTable::compile(&wishes.config)?;
        check_controls(&wishes.config)?;
        let observed = Plan::of(&wishes.config)?;
        let cgroup = cgroup(&wishes.config, options)?;
        let ground = Ground::prepare(&wishes.config, options, &cgroup)?;
        let Ground { mut runtime_dir, listeners, mut host, predecessor } = ground;
        let (planner, policy) = plan(&wishes, &table, &mut host)?;
        let (tuner, gift) = match predecessor {
            Some((gift, inheritance)) => (Tuner::inherit(&policy, &cgroup, inheritance)?, Some(gift)),
            None => (Tuner::load(&policy, &cgroup)?, None),
        };
        let page = Arc::new(Page::default());
        let observing =
            (!observed.is_empty()).then(|| Observing::start(observed, Arc::clone(&page))).transpose()?;
        host.settle();
        runtime_dir.settle();
        let state = gift.map(|gift| {
            let state = gift.state.clone();
            gift.taken();
            state
        });
        let door = Door::open(runtime_dir.path())?;
        let knowledge = Arc::new(Knowledge { config: wishes.config, table, limits: host.limits()? });
        let knowledge = Arc::new(RwLock::new(knowledge));
        let (sender, requests) = mpsc::channel();
        let failed = |source| DaemonError::System { what: "duplicate the API's sockets", source };
        let api = listeners.duplicate().map_err(failed)?;
        let server = listeners.serve(sender, Arc::clone(&knowledge), Arc::clone(&page))?;
        let lost_records = tuner.lost_records();
        let mut daemon = Self {
            requests,
            _server: server,
            observing,
            page,
            tuner,
            planner,
            flows: FlowTable::default(),
            host,
            cgroup,
            options,
            knowledge,
            lost_records,
            was_traced: false,
            next_scan: Time::ZERO,
            last: false,
            api,
            door,
            runtime_dir,
        };
        daemon.settle(state)?;
        Ok(daemon)
    }

    /// The flows that run already: those that a predecessor tuned, and those that nobody has.
    fn settle(&mut self, state: Option<State>) -> Result<(), DaemonError> {
        if let Some(state) = state {
            self.inherit(state)?;
        }
        self.scan();
        self.forget_destinations();
        self.move_flows(None).map(drop)
    }

    fn inherit(&mut self, state: State) -> Result<(), DaemonError> {
        self.host.yield_to(state.theirs);
        self.flows.inherit(state.opened_flows, state.closed_flows, state.flows);
        let sample = self.running()?;
        self.flows.find_inherited(&sample);
        info!(flows = sample.len(), "taken over from the daemon that ran");
        Ok(())
    }

    pub(crate) fn log_ready(&self) {
        let knowledge = self.knowledge();
        info!(
            paths = knowledge.config.paths.len(),
            prefixes = knowledge.table.prefixes.len(),
            cgroup = %self.cgroup.display(),
            "ready"
        );
    }

    pub(crate) fn knowledge(&self) -> Arc<Knowledge> {
        Arc::clone(&self.knowledge.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn learn(&self, knowledge: Knowledge) {
        *self.knowledge.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(knowledge);
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self) -> Result<Turn, DaemonError> {
        self.take_records(TICK)?;
        let lost = self.tuner.lost_records();
        if lost != self.lost_records {
            self.resynchronise(lost)?;
        }
        self.follow_plan()?;
        if monotonic_now() >= self.next_scan {
            self.scan();
        }
        while let Ok(request) = self.requests.try_recv() {
            self.answer(request);
        }
        if let Some(successor) = self.door.knock() {
            self.hand_over(successor);
        }
        Ok(if self.last { Turn::Last } else { Turn::Next })
    }

    pub(crate) fn take_records(&mut self, timeout: Duration) -> Result<(), DaemonError> {
        for record in self.tuner.poll(timeout)? {
            match self.flows.handle_record(record) {
                Some(FlowEvent::Opened(record)) => self.opened(&record, "opened"),
                Some(FlowEvent::Closed(record)) => {
                    self.planner.handle_close(FlowId(record.cookie));
                    self.log_close(&record);
                    self.tell_closed(record, true);
                }
                None => {}
            }
        }
        Ok(())
    }

    /// A flow is known from now on: it was "opened", "found" or "adopted".
    pub(crate) fn opened(&mut self, record: &Record, how: &'static str) {
        self.planner.handle_open(record.opened, FlowId(record.cookie), PathIndex(record.path));
        self.tell_open(record, how);
    }

    /// All designated flows, also those that have moved little yet.
    pub(crate) fn running(&mut self) -> Result<Vec<Record>, DaemonError> {
        self.find_namespaces();
        Ok(self.tuner.flows(self.host.namespaces().values().map(Namespace::as_fd))?)
    }

    fn keep_young(&mut self) -> Result<(), DaemonError> {
        self.find_namespaces();
        Ok(self.tuner.keep_young(self.host.namespaces().values().map(Namespace::as_fd))?)
    }

    fn resynchronise(&mut self, lost: u64) -> Result<(), DaemonError> {
        let begun = monotonic_now();
        let sample = self.running()?;
        let found = self.flows.find(&sample);
        for record in &found {
            self.opened(record, "found");
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
        self.tell(|| News::Lost(lost));
        for record in gone {
            self.planner.handle_close(FlowId(record.cookie));
            info!(flow = %record.key, path = self.path_name(&record), "flow closed; its summary was lost");
            self.tell_closed(record, false);
        }
        Ok(())
    }

    /// From now on this is observed and told.
    pub(crate) fn observe(&mut self, plan: Plan) {
        if let Some(observing) = &self.observing {
            observing.tell(News::Planned(Box::new(plan)));
        } else if !plan.is_empty() {
            match Observing::start(plan, Arc::clone(&self.page)) {
                Ok(observing) => self.observing = Some(observing),
                Err(error) => warn!(%error, "flows are not observed"),
            }
        }
    }

    fn tell(&self, news: impl FnOnce() -> News) {
        if let Some(observing) = &self.observing {
            observing.tell(news());
        }
    }

    fn tell_closed(&self, record: Record, has_summary: bool) {
        self.tell(|| {
            let path = self.path_name(&record);
            News::Closed { record: Box::new(record), path, has_summary }
        });
    }

    /// New network namespaces, and settings that somebody else has changed.
    pub(crate) fn scan(&mut self) {
        self.next_scan = monotonic_now() + SCAN;
        self.find_namespaces();
        self.host.check();
        self.host.set_wanted(&self.wanted());
    }

    pub(crate) fn find_namespaces(&mut self) {
        match namespaces(&self.cgroup) {
            Ok(found) => self.host.handle_namespaces(found),
            Err(error) => warn!(%error, "network namespaces not listed"),
        }
    }

    /// What the paths want of each network namespace.
    fn wanted(&self) -> Vec<Wanted> {
        let knowledge = self.knowledge();
        let mut wanted = Vec::new();
        for (index, path) in (0..).zip(&knowledge.config.paths) {
            for setting in &self.planner.decision(PathIndex(index)).host_settings {
                let why = format!("{} of path {}, {}", setting.knob, path.name, setting.reason);
                wanted.extend(Wanted::of(&setting.action, why));
            }
        }
        wanted
    }

    /// Takes out of the kernel's metrics cache what paths do not want new flows to begin with. Where a path switches
    /// the cache off, what it holds already would still be used.
    pub(crate) fn forget_destinations(&self) {
        let knowledge = self.knowledge();
        let unwanted = |path: &&PathPolicy| {
            let cache = path.transport.metrics_cache.map(|given| given.value);
            matches!(cache, Some(MetricsCache::Off | MetricsCache::Flush))
        };
        let prefixes: Vec<_> = knowledge
            .config
            .paths
            .iter()
            .filter(unwanted)
            .flat_map(|path| &path.selector.destination)
            .map(|prefix| (prefix.address(), prefix.length()))
            .collect();
        if prefixes.is_empty() {
            return;
        }
        for namespace in self.host.namespaces().values() {
            match flush_tcp_metrics(namespace, &prefixes) {
                Ok(entries) => info!(namespace = namespace.inode, entries, "metrics cache flushed"),
                Err(error) => warn!(%error, namespace = namespace.inode, "metrics cache not flushed"),
            }
        }
    }

    fn answer(&mut self, request: Request) {
        // Whoever asked may be gone by now.
        match request {
            Request::Flows(answer) => drop(answer.send(text(self.flows_view()))),
            Request::Status(answer) => drop(answer.send(text(self.status_view()))),
            Request::History(answer) => drop(answer.send(text(self.history_view()))),
            Request::Undo(id, answer) => drop(answer.send(text(self.host.undo(id)))),
            Request::Reload(answer) => drop(answer.send(text(self.reload()))),
            Request::Stop { restore, answer } => {
                let stopped = text(self.stop(restore));
                self.last |= stopped.is_ok();
                drop(answer.send(stopped));
            }
        }
    }

    fn hand_over(&mut self, successor: UnixStream) {
        match self.give(successor) {
            Ok(true) => {
                info!("a successor has taken over");
                self.host.hand_over();
                self.runtime_dir.hand_over();
                self.last = true;
            }
            Ok(false) => {
                warn!("a successor asked for everything and did not take it: this daemon goes on");
                self.take_back();
            }
            Err(error) => {
                warn!(%error, "nothing handed over");
                self.take_back();
            }
        }
    }

    /// A successor that failed may have got as far as to set the host's limits for itself.
    fn take_back(&mut self) {
        self.host.take_back();
        if let Err(error) = self.runtime_dir.take_back() {
            warn!(%error, "the lock names another process");
        }
    }

    fn give(&mut self, successor: UnixStream) -> Result<bool, DaemonError> {
        self.keep_young()?;
        let Inheritance { mut descriptors, lost_records } = self.tuner.inheritance()?;
        let state = State {
            cgroup: self.cgroup.clone(),
            lost_records,
            opened_flows: self.flows.opened(),
            closed_flows: self.flows.closed(),
            tcp: self.api.tcp.is_some(),
            metrics: self.api.metrics.is_some(),
            flows: self.flows.flows().map(|flow| (flow.cookie, flow.before.clone())).collect(),
            theirs: self.host.theirs().clone(),
        };
        let failed = |source| DaemonError::System { what: "duplicate the lock", source };
        descriptors.push(self.runtime_dir.lock_descriptor().map_err(failed)?);
        let lent: Vec<BorrowedFd<'_>> = descriptors
            .iter()
            .chain(std::iter::once(&self.api.unix))
            .chain(&self.api.tcp)
            .chain(&self.api.metrics)
            .map(|descriptor| descriptor.as_fd())
            .collect();
        self.door.give(successor, &state, &lent)
    }

    fn flows_view(&mut self) -> Result<FlowsView, DaemonError> {
        let mut records = self.running()?;
        records.sort_by_key(|record| record.opened);
        debug!(flows = records.len(), "listed");
        let view = |record: &Record| FlowView::new(record, &self.path_name(record));
        Ok(FlowsView { flows: records.iter().map(view).collect() })
    }

    fn history_view(&self) -> Result<HistoryView, DaemonError> {
        Ok(HistoryView { history: self.host.history()?, in_force: self.host.in_force().to_vec() })
    }

    /// Whoever asks for the names of the paths is about to look at their flows: so all of them have state from here on.
    fn status_view(&mut self) -> Result<StatusView, DaemonError> {
        let is_traced = self.tuner.is_traced()?;
        if !(is_traced && self.was_traced) {
            self.keep_young()?;
        }
        self.was_traced = is_traced;
        let knowledge = self.knowledge();
        Ok(StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            paths: knowledge.config.paths.len(),
            path_names: knowledge.config.paths.iter().map(|path| path.name.clone()).collect(),
            open_flows: self.flows.open(),
            opened_flows: self.flows.opened(),
            closed_flows: self.flows.closed(),
            lost_records: self.lost_records,
            sinks: self.page.sinks(),
        })
    }

    fn tell_open(&self, record: &Record, how: &'static str) {
        let path = PathIndex(record.path);
        // One that opened just before a reload or a takeover can be of a path that is gone.
        let decision = (record.path < self.planner.paths()).then(|| self.planner.decision(path));
        let path = self.path_name(record);
        let set = decision.map(|decision| open_line(record, decision)).unwrap_or_default();
        info!(flow = %record.key, path, direction = %record.direction, set, "flow {how}");
        self.tell(|| News::Opened { record: Box::new(record.clone()), path, how, set });
    }

    fn log_close(&self, record: &Record) {
        info!(flow = %record.key, path = self.path_name(record), summary = close_line(record), "flow closed");
    }

    pub(crate) fn path_name(&self, record: &Record) -> String {
        let knowledge = self.knowledge();
        knowledge
            .config
            .paths
            .get(record.path as usize)
            .map_or_else(|| "?".to_owned(), |path| path.name.clone())
    }
}

/// Errors cross to the API as text.
fn text<T>(result: Result<T, DaemonError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// Now, on the clock of the kernel's records.
pub(crate) fn monotonic_now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Time::from_nanos(part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec))
}
