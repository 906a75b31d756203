//! From a stream of what happens to what is to be set anew: the core of the daemon, without its clock and its
//! kernel.
//!
//! Most paths are settled when they are compiled: the kernel has their numbers, and sets them when a flow opens. A
//! path *moves* if what its flows get depends on what happens later: buffers that are divided among the open flows,
//! buffers and pacing that follow an estimate, constants that are looked up every tenth of a second. For those:
//!
//! ```text
//!   handle_open, handle_close ──┐
//!   handle_estimate ────────────┼──> Planner ──poll(now)──> [Retuning { target, before, decision }]
//!   handle_window ──────────────┘        └──poll_at()────> when to poll next
//! ```
//!
//! The order of calls: any number of `handle_*`, then `poll` when [`Planner::poll_at`] says so, with a time no earlier
//! than those before. A [`Retuning`] is for a flow that is open, or for those that will open
//! ([`Target::NewFlows`]): the kernel sets what it was last told for these, before the daemon hears of them. A flow that
//! opened before that reached the kernel may have what was there earlier; it is told again.
//!
//! The same calls give the same answers, bit for bit. Between two polls, opens and closes of different flows may
//! come in any order.

mod path;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wad_model::{Segments, Time};

use crate::circumstances::KnownEstimate;
use crate::config::{Config, Estimates};
use crate::decision::{Change, Decision};
use crate::limits::HostLimits;
use crate::rules::PathIndex;
use path::PlannedPath;

/// How often constants are looked up by the window: the 0.1 s of the daemon of 2002.
pub const PERIOD: Duration = Duration::from_millis(100);

/// What tells a flow from others for as long as it is open: the kernel's socket cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// What is to be set anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Retuning {
    /// For which flows.
    pub target: Target,
    /// What they had; `None` if that is not known, as the flow opened while it changed.
    pub before: Option<Arc<Decision>>,
    /// What they are to have.
    pub decision: Arc<Decision>,
}

/// For which flows something is to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Those of a path that open from now on.
    NewFlows(PathIndex),
    /// One that is open.
    Flow(FlowId),
}

impl Retuning {
    /// What is other than it was, for the log; nothing if what was is not known.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.before.as_ref().map(|before| self.decision.changes_from(before)).unwrap_or_default()
    }
}

/// Follows what happens, and says what is to be set anew. See the top of this module for the order of calls.
#[derive(Clone, Debug)]
pub struct Planner {
    paths: Vec<PlannedPath>,
    /// The path of each open flow of a path that moves.
    flows: BTreeMap<FlowId, usize>,
    /// Paths of which something has happened since the last poll.
    touched: BTreeSet<usize>,
    /// When flows are to be looked at again, the earliest first.
    due: BTreeSet<(Time, FlowId)>,
}

impl Planner {
    /// A planner for the paths of a configuration, of which no flow is open yet. `estimates` go before what the
    /// paths say themselves.
    #[must_use]
    pub fn new(config: &Config, limits: HostLimits, estimates: &Estimates) -> Self {
        let path = |(index, policy): (u32, &crate::PathPolicy)| {
            PlannedPath::new(PathIndex(index), policy.clone(), limits, estimates.get(&policy.name))
        };
        Self {
            paths: (0..).zip(&config.paths).map(path).collect(),
            flows: BTreeMap::new(),
            touched: BTreeSet::new(),
            due: BTreeSet::new(),
        }
    }

    /// How many paths there are.
    #[must_use]
    pub fn paths(&self) -> u32 {
        u32::try_from(self.paths.len()).unwrap_or(u32::MAX)
    }

    /// What a flow of the path would get that opens now: what the kernel is to set.
    ///
    /// # Panics
    /// When there is no such path.
    #[must_use]
    pub fn decision(&self, path: PathIndex) -> &Arc<Decision> {
        self.paths[path.0 as usize].offer()
    }

    /// What an open flow has; `None` if it is not open, or of a path that does not move.
    #[must_use]
    pub fn decision_of(&self, flow: FlowId) -> Option<&Arc<Decision>> {
        self.paths[*self.flows.get(&flow)?].decision_of(flow)
    }

    /// Whether what the path's flows get can change while they are open.
    #[must_use]
    pub fn moves(&self, path: PathIndex) -> bool {
        self.paths.get(path.0 as usize).is_some_and(PlannedPath::moves)
    }

    /// A flow of a path opened at `opened`, by the clock of [`Planner::poll`]. One that is known to be open is not
    /// opened again.
    pub fn handle_open(&mut self, opened: Time, flow: FlowId, path: PathIndex) {
        let at = path.0 as usize;
        if !self.moves(path) || self.flows.get(&flow) == Some(&at) {
            return;
        }
        self.handle_close(flow);
        self.flows.insert(flow, at);
        self.touched.insert(at);
        self.paths[at].open(opened, flow);
        if self.paths[at].is_periodic() {
            self.due.insert((opened + PERIOD, flow));
        }
    }

    /// A flow closed.
    pub fn handle_close(&mut self, flow: FlowId) {
        let Some(at) = self.flows.remove(&flow) else { return };
        self.touched.insert(at);
        if let Some(due) = self.paths[at].close(flow) {
            self.due.remove(&(due, flow));
        }
    }

    /// A flow's congestion window was seen. It counts when the flow is due.
    pub fn handle_window(&mut self, flow: FlowId, window: Segments) {
        if let Some(at) = self.flows.get(&flow) {
            self.paths[*at].see_window(flow, window);
        }
    }

    /// The kernel has taken what new flows of a path get. Flows that opened up to then may have had what was there
    /// before, and are told again. Without this call, the time of the poll counts.
    pub fn handle_offered(&mut self, now: Time, path: PathIndex) {
        if let Some(path) = self.paths.get_mut(path.0 as usize) {
            path.offered_at(now);
        }
    }

    /// Something became known of a path.
    pub fn handle_estimate(&mut self, path: PathIndex, estimate: KnownEstimate) {
        let at = path.0 as usize;
        if self.paths.get_mut(at).is_some_and(|path| path.learn(estimate)) {
            self.touched.insert(at);
        }
    }

    /// The host's limits are others now.
    pub fn handle_limits(&mut self, limits: HostLimits) {
        for (at, path) in self.paths.iter_mut().enumerate() {
            path.limit(limits);
            self.touched.insert(at);
        }
    }

    /// When to poll next: the origin of the clock if there is something to do at once, `None` if nothing will
    /// change until something happens.
    #[must_use]
    pub fn poll_at(&self) -> Option<Time> {
        if !self.touched.is_empty() {
            return Some(Time::ZERO);
        }
        self.due.first().map(|(time, _)| *time)
    }

    /// What is to be set anew: path by path, first for new flows, then for open ones by their number.
    pub fn poll(&mut self, now: Time) -> Vec<Retuning> {
        let due = self.take_due(now);
        let mut retunings = Vec::new();
        for at in std::mem::take(&mut self.touched) {
            retunings.extend(self.paths[at].plan(now));
        }
        for (at, flow) in due {
            retunings.extend(self.paths[at].look_up(now, flow));
            self.due.insert((now + PERIOD, flow));
        }
        retunings
    }

    /// The flows whose time has come, by path and number.
    fn take_due(&mut self, now: Time) -> BTreeSet<(usize, FlowId)> {
        let mut due = BTreeSet::new();
        while let Some((_, flow)) = self.due.pop_first_if_up_to(now) {
            if let Some(at) = self.flows.get(&flow) {
                due.insert((*at, flow));
            }
        }
        due
    }
}

/// The earliest entries of a queue by time.
trait PopMost {
    fn pop_first_if_up_to(&mut self, now: Time) -> Option<(Time, FlowId)>;
}

impl PopMost for BTreeSet<(Time, FlowId)> {
    fn pop_first_if_up_to(&mut self, now: Time) -> Option<(Time, FlowId)> {
        let first = *self.first()?;
        (first.0 <= now).then(|| {
            self.remove(&first);
            first
        })
    }
}
