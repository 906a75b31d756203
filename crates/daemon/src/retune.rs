//! Flows that run already are given other settings: at the start, at a reload, as a plan moves, at the end.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::time::Duration;

use tracing::{debug, info, warn};
use wad_linux::{Action, Namespace, Order, Parameters, Record};
use wad_model::Bytes;
use wad_tune::{
    ConfigChange, FlowId, HighSpeedMode, PathIndex, Planner, RequiredLimits, Retuning, RuleTable, Target,
};

use crate::DaemonError;
use crate::api::{Addresses, Knowledge, ReloadView, StopView};
use crate::daemon::{Daemon, monotonic_now};
use crate::observe::Plan;
use crate::policy::{parameters, undoing};
use crate::report::open_line;
use crate::start::{cgroup, check_controls, plan};

/// Orders by the network namespace of their flows.
type Orders = BTreeMap<u32, Vec<Order>>;

impl Daemon<'_> {
    /// Reads the files anew. What is wrong with them is said, and then nothing has changed.
    pub(crate) fn reload(&mut self) -> Result<ReloadView, DaemonError> {
        let wishes = (self.options.read)().map_err(DaemonError::Refused)?;
        let table = RuleTable::compile(&wishes.config)?;
        check_controls(&wishes.config)?;
        if cgroup(&wishes.config, self.options)? != self.cgroup {
            return Err(DaemonError::Refused("the cgroup cannot change while the daemon runs".to_owned()));
        }
        let observed = Plan::of(&wishes.config)?;
        let (before, after) = (Addresses::of(&self.knowledge().config), Addresses::of(&wishes.config));
        for (section, is_other) in
            [("api", before.api != after.api), ("metrics", before.metrics != after.metrics)]
        {
            if is_other {
                warn!("[{section}] listen is another address: it counts from the next start on");
            }
        }
        let mark = self.host.mark();
        let (planner, policy) = plan(&wishes, &table, &mut self.host)?;
        self.find_namespaces();
        let namespaces = self.host.namespaces().values().map(Namespace::as_fd);
        if let Err(error) = self.tuner.reload(&policy, namespaces) {
            self.host.return_to(&mark);
            return Err(error.into());
        }
        // Records of flows that opened under the old policy count by it.
        self.take_records(Duration::ZERO)?;
        let before = std::mem::replace(&mut self.planner, planner);
        for change in ConfigChange::between(&self.knowledge().config, &wishes.config).to_string().lines() {
            info!(change, "configuration");
        }
        self.learn(Knowledge { config: wishes.config, table, limits: self.host.limits()? });
        self.observe(observed);
        self.scan();
        self.forget_destinations();
        let view = self.move_flows(Some(&before))?;
        info!(
            paths = view.paths,
            retuned = view.retuned_flows,
            adopted = view.adopted_flows,
            restored = view.restored_flows,
            "reloaded"
        );
        Ok(view)
    }

    /// Gives every running flow what its path says now: those of a path before, and those of none.
    pub(crate) fn move_flows(&mut self, before: Option<&Planner>) -> Result<ReloadView, DaemonError> {
        let sample = self.running()?;
        // The opening records of all of them come first.
        self.take_records(Duration::ZERO)?;
        let knowledge = self.knowledge();
        let mut view = ReloadView { paths: knowledge.config.paths.len(), ..ReloadView::default() };
        let (mut orders, mut restores) = (Orders::new(), Orders::new());
        for record in sample {
            match knowledge.table.matching(&record.key) {
                Some(found) => add(&mut orders, record.namespace, self.apply(&record, found.path)),
                None => {
                    let order = self.restore(&record, before);
                    restores.entry(record.namespace).or_default().extend(order);
                }
            }
        }
        view.restored_flows = self.put_back(restores);
        for record in self.carry_out(orders) {
            // One that a predecessor tuned, and that has been heard of before it could be adopted.
            if self.flows.handle_applied(record.clone()) {
                self.opened(&record, "adopted");
                view.adopted_flows += 1;
                continue;
            }
            self.planner.handle_open(record.opened, FlowId(record.cookie), PathIndex(record.path));
            self.log_retuned(&record);
            view.retuned_flows += 1;
        }
        view.adopted_flows += self.adopt(&knowledge.table)?;
        Ok(view)
    }

    /// Flows of a path that run and were never tuned.
    fn adopt(&mut self, table: &RuleTable) -> Result<usize, DaemonError> {
        let mut orders = Orders::new();
        for (inode, namespace) in self.host.namespaces() {
            let strangers = match self.tuner.strangers(namespace.as_fd()) {
                Ok(strangers) => strangers,
                Err(error) => {
                    warn!(%error, namespace = inode, "running flows not listed");
                    continue;
                }
            };
            for record in strangers {
                if let Some(found) = table.matching(&record.key) {
                    add(&mut orders, *inode, self.apply(&record, found.path));
                }
            }
        }
        let adopted = self.carry_out(orders);
        for record in &adopted {
            if self.flows.handle_applied(record.clone()) {
                self.opened(record, "adopted");
            }
        }
        Ok(adopted.len())
    }

    /// Does what the plan says for flows that are open.
    pub(crate) fn follow_plan(&mut self) -> Result<(), DaemonError> {
        let now = monotonic_now();
        if self.planner.poll_at().is_none_or(|at| at > now) {
            return Ok(());
        }
        if self.looks_up_by_window() {
            // Their paths move, so that none of their flows is without state.
            for record in self.tuner.flows([])? {
                self.planner.handle_window(FlowId(record.cookie), record.now.congestion_window);
            }
        }
        let (mut adjustments, mut orders) = (Vec::new(), Orders::new());
        for retuning in self.planner.poll(now) {
            let settings = parameters(&retuning.decision.parameters);
            match retuning.target {
                Target::NewFlows(path) => {
                    self.tuner.offer(path.0, &Parameters { moves: self.planner.moves(path), ..settings })?;
                    self.planner.handle_offered(monotonic_now(), path);
                }
                Target::Flow(FlowId(cookie)) => {
                    let Some(record) = self.flows.find_open(cookie) else { continue };
                    debug!(flow = %record.key, changes = changes(&retuning), "flow retuned");
                    if needs_socket(&retuning) {
                        let action = Action::Apply { path: record.path, parameters: settings };
                        add(&mut orders, record.namespace, Order { cookie, action });
                    } else {
                        adjustments.push(Order { cookie, action: Action::Adjust { parameters: settings } });
                    }
                }
            }
        }
        if !adjustments.is_empty() {
            self.tuner.adjust(&adjustments)?;
        }
        for record in self.carry_out(orders) {
            self.flows.handle_applied(record);
        }
        Ok(())
    }

    /// Whether some path's constants are looked up by the windows of its flows.
    fn looks_up_by_window(&self) -> bool {
        let mode = |index| self.planner.decision(PathIndex(index)).parameters.high_speed;
        (0..self.planner.paths()).any(|index| mode(index) == Some(HighSpeedMode::Periodic))
    }

    /// The end; with `restore`, running flows are put back as they were.
    pub(crate) fn stop(&mut self, restore: bool) -> Result<StopView, DaemonError> {
        self.take_records(Duration::ZERO)?;
        let mut view = StopView { kept_flows: self.flows.open(), ..StopView::default() };
        if !restore {
            return Ok(view);
        }
        let mut orders = Orders::new();
        for record in self.running()? {
            let order = self.restore(&record, Some(&self.planner));
            orders.entry(record.namespace).or_default().extend(order);
        }
        view.restored_flows = self.put_back(orders);
        view.kept_flows = self.flows.open();
        Ok(view)
    }

    fn apply(&self, record: &Record, path: PathIndex) -> Order {
        let parameters = parameters(&self.planner.decision(path).parameters);
        Order { cookie: record.cookie, action: Action::Apply { path: path.0, parameters } }
    }

    /// `None` for a flow of which nobody knows what it was.
    fn restore(&self, record: &Record, planner: Option<&Planner>) -> Option<Order> {
        let Some(before) = self.flows.find_open(record.cookie).and_then(|known| known.before.clone()) else {
            warn!(flow = %record.key, "not put back: what it was before is not known");
            return None;
        };
        // A flow that is closing may be of a path of an earlier configuration: no order reaches it.
        let planner = planner.filter(|planner| record.path < planner.paths());
        let set: Parameters = planner.map_or_else(Parameters::default, |planner| {
            parameters(&planner.decision(PathIndex(record.path)).parameters)
        });
        let parameters = undoing(set, &record.now, &before);
        Some(Order { cookie: record.cookie, action: Action::Restore { parameters, before } })
    }

    /// Puts flows back; how many. A buffer that the kernel's autotuning had made larger than the host's limit gets that
    /// size again while the limit is raised.
    fn put_back(&mut self, orders: Orders) -> usize {
        let mark = self.host.mark();
        if let Err(error) = self.host.make_room(room(&orders)) {
            warn!(%error, "buffers get no larger again than the host's limit");
        }
        let restored = self.carry_out(orders);
        self.host.return_to(&mark);
        restored.iter().for_each(|record| self.let_go(record));
        restored.len()
    }

    /// A flow that was put back is followed no longer.
    fn let_go(&mut self, record: &Record) {
        self.flows.release(record.cookie);
        self.planner.handle_close(FlowId(record.cookie));
        let refused: Vec<_> = record.refused.iter().map(|knob| knob.name()).collect();
        info!(flow = %record.key, control = record.now.control, ?refused, "flow put back");
    }

    /// Carries out orders; flows that have closed meanwhile, and those whose namespace has gone, are left out.
    fn carry_out(&mut self, orders: Orders) -> Vec<Record> {
        let mut applied = Vec::new();
        // A flow can be of a namespace that is younger than the last look for them.
        if orders.keys().any(|inode| !self.host.namespaces().contains_key(inode)) {
            self.find_namespaces();
        }
        for (inode, orders) in orders {
            if orders.is_empty() {
                continue;
            }
            let Some(namespace) = self.host.namespaces().get(&inode) else {
                warn!(
                    namespace = inode,
                    flows = orders.len(),
                    "its flows keep what they have: no process is left in it"
                );
                continue;
            };
            match self.tuner.carry_out(namespace.as_fd(), &orders) {
                Ok(records) => applied.extend(records),
                Err(error) => warn!(%error, namespace = inode, "flows not retuned"),
            }
        }
        applied
    }

    fn log_retuned(&self, record: &Record) {
        info!(
            flow = %record.key,
            path = self.path_name(record),
            set = open_line(record, self.planner.decision(PathIndex(record.path))),
            "flow retuned"
        );
    }
}

/// The limits that the buffers need to which flows are put back. The kernel accounts for twice what is set.
fn room(orders: &Orders) -> RequiredLimits {
    let before = |order: &Order| match &order.action {
        Action::Restore { before, .. } => [before.send_buffer, before.receive_buffer],
        Action::Apply { .. } | Action::Adjust { .. } => Default::default(),
    };
    let largest =
        |at: usize| orders.values().flatten().map(|order| before(order)[at]).max().unwrap_or_default();
    let [wmem_max, rmem_max] = [0, 1].map(|at| Bytes::new(largest(at).get() / 2));
    RequiredLimits { wmem_max, rmem_max }
}

fn add(orders: &mut Orders, namespace: u32, order: Order) {
    orders.entry(namespace).or_default().push(order);
}

/// Whether a change goes further than the control's parameters and the ceilings of buffers.
fn needs_socket(retuning: &Retuning) -> bool {
    let now = &retuning.decision.parameters;
    let fixed = now.flags.contains(wad_tune::Flags::FIXED_SEND);
    fixed
        || retuning
            .before
            .as_ref()
            .is_none_or(|before| before.parameters.pacing_rate_bytes_per_s != now.pacing_rate_bytes_per_s)
}

fn changes(retuning: &Retuning) -> String {
    let changes: Vec<String> = retuning.changes().iter().map(ToString::to_string).collect();
    changes.join("; ")
}
