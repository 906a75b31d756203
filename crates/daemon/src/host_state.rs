//! The host's settings that the daemon changes: set, watched, and put back.
//!
//! Three kinds. `net.core.rmem_max` and `wmem_max` bound what any socket's buffer can be set to, and the first of
//! them the window scale of a SYN: they are the host's, so the daemon raises them no further than its paths
//! need. Other settings the kernel has only for a whole network namespace, or for a destination in one (see
//! docs/TUNABLES.md): sysctls, and routes with the metric `quickack`. They are set in those namespaces alone that
//! processes of the tuned cgroup are in.
//!
//! What is to be put back is on disk before anything is changed (see [`crate::ledger`]). A value that somebody
//! else has set meanwhile is theirs: the daemon yields, says so, and never touches it again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tracing::{info, warn};
use wad_linux::{LinuxError, Namespace, Obstacle, QuickAckRoute, RouteState, Sysctls};
use wad_model::Bytes;
use wad_tune::{HostAction, HostLimits, Prefix, RequiredLimits};

use crate::DaemonError;
use crate::ledger::{Change, Event, HistoryLine, Ledger};
use crate::place::{self, ABSENT, IN_PLACE, Place};

const WMEM_MAX: &str = "net.core.wmem_max";
const RMEM_MAX: &str = "net.core.rmem_max";

/// The host's settings as far as the daemon changes them. Dropping it puts them back.
#[derive(Debug)]
pub struct HostState {
    sysctls: Sysctls,
    ledger: Ledger,
    namespaces: BTreeMap<u32, Namespace>,
    /// Settings that somebody else has set since.
    theirs: BTreeSet<(Option<u32>, String)>,
    /// Why settings that paths want could not be set when that was last tried.
    refused: BTreeMap<(u32, String), String>,
    /// A successor has them now.
    handed_over: bool,
}

/// A setting of a network namespace that a path wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    sysctl: String,
    value: String,
    why: String,
}

impl Wanted {
    /// What an action sets; `None` if there is nothing to be put back.
    pub(crate) fn of(action: &HostAction, why: String) -> Option<Self> {
        let (sysctl, value) = match action {
            HostAction::Sysctl { sysctl, value } => (sysctl.replace('/', "."), value.clone()),
            HostAction::QuickAckRoute { quick_ack_route_to: prefix } => {
                (Place::QuickAck(*prefix).to_string(), IN_PLACE.to_owned())
            }
            HostAction::FlushMetrics { .. } => return None,
        };
        Some(Self { sysctl, value, why })
    }
}

impl HostState {
    /// Puts back what a daemon that was killed has left, whose ledger is in `directory`.
    ///
    /// # Errors
    /// If the ledger cannot be read or something not put back.
    pub fn recover(
        sysctls: Sysctls,
        directory: &Path,
        namespaces: BTreeMap<u32, Namespace>,
    ) -> Result<Self, DaemonError> {
        let mut state = Self::take_over(sysctls, directory, namespaces)?;
        if state.put_all_back() {
            state.settle();
            return Ok(state);
        }
        Err(DaemonError::NotPutBack { ledger: directory.join("ledger.json") })
    }

    /// Goes on with what a predecessor has changed, whose ledger is in `directory`. Until [`Self::settle`] it
    /// stays the predecessor's: dropping this puts nothing back.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn take_over(
        sysctls: Sysctls,
        directory: &Path,
        namespaces: BTreeMap<u32, Namespace>,
    ) -> Result<Self, DaemonError> {
        let ledger = Ledger::open(directory)?;
        Ok(Self {
            sysctls,
            ledger,
            namespaces,
            theirs: BTreeSet::new(),
            refused: BTreeMap::new(),
            handed_over: true,
        })
    }

    /// From now on this puts back what is changed.
    pub const fn settle(&mut self) {
        self.handed_over = false;
    }

    /// Leaves everything as it is: a successor goes on with it.
    pub(crate) const fn hand_over(&mut self) {
        self.handed_over = true;
    }

    /// A successor has failed: what it changed is set back to what is wanted here.
    pub(crate) fn take_back(&mut self) {
        let mark = self.mark();
        match self.ledger.reread() {
            Ok(()) => self.return_to(&mark),
            Err(error) => warn!(%error, "what the successor changed is not known"),
        }
    }

    /// What is in force, for [`Self::return_to`].
    pub(crate) fn mark(&self) -> Vec<Change> {
        self.ledger.changes().to_vec()
    }

    /// Makes what is in force what it was.
    pub(crate) fn return_to(&mut self, mark: &[Change]) {
        for change in self.mark() {
            if !mark.iter().any(|had| had.id == change.id) {
                self.put_back(&change, Event::PutBack);
            }
        }
        for Change { namespace, sysctl, set, why, .. } in mark {
            if let Err(error) = self.set(*namespace, sysctl, set, why) {
                warn!(%error, namespace, sysctl, "not set");
            }
        }
    }

    /// Settings that are somebody else's, for a successor.
    pub(crate) const fn theirs(&self) -> &BTreeSet<(Option<u32>, String)> {
        &self.theirs
    }

    /// Settings that a predecessor has left to somebody else.
    pub(crate) fn yield_to(&mut self, theirs: BTreeSet<(Option<u32>, String)>) {
        self.theirs.extend(theirs);
    }

    /// Raises the limits on buffers to what the paths need, or lowers what was raised for earlier paths.
    ///
    /// # Errors
    /// If a limit cannot be read or written; the limits are then as they were.
    pub fn raise_limits(&mut self, required: RequiredLimits) -> Result<(), DaemonError> {
        let mark = self.mark();
        let result = [(WMEM_MAX, required.wmem_max), (RMEM_MAX, required.rmem_max)]
            .into_iter()
            .try_for_each(|(name, required)| self.raise(name, required));
        if result.is_err() {
            self.return_to(&mark);
        }
        result
    }

    /// Raises the limits further, where they are smaller than this.
    ///
    /// # Errors
    /// As [`Self::raise_limits`].
    pub(crate) fn make_room(&mut self, required: RequiredLimits) -> Result<(), DaemonError> {
        let now = self.limits()?;
        let larger = |now: Option<Bytes>, required: Bytes| now.map_or(required, |now| now.max(required));
        self.raise_limits(RequiredLimits {
            wmem_max: larger(now.wmem_max, required.wmem_max),
            rmem_max: larger(now.rmem_max, required.rmem_max),
        })
    }

    /// The limits as they are now.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn limits(&self) -> Result<HostLimits, DaemonError> {
        let read = |name| self.number(name).map(|number| Some(Bytes::new(number)));
        Ok(HostLimits { wmem_max: read(WMEM_MAX)?, rmem_max: read(RMEM_MAX)? })
    }

    /// `net.core.wmem_max` and `rmem_max` as they were before the daemon raised them.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn limits_before(&self) -> Result<(Bytes, Bytes), DaemonError> {
        let before = |name| match self.ledger.find(None, name).and_then(|change| change.before.parse().ok()) {
            Some(before) => Ok(Bytes::new(before)),
            None => self.number(name).map(Bytes::new),
        };
        Ok((before(WMEM_MAX)?, before(RMEM_MAX)?))
    }

    /// Sets what the paths want in each namespace, and puts back what they no longer want.
    pub(crate) fn set_wanted(&mut self, wanted: &[Wanted]) {
        let is_wanted = |change: &Change| {
            change.namespace.is_none() || wanted.iter().any(|one| one.sysctl == change.sysctl)
        };
        for change in self.ledger.changes().to_vec().iter().filter(|change| !is_wanted(change)) {
            self.put_back(change, Event::PutBack);
        }
        for inode in self.namespaces.keys().copied().collect::<Vec<_>>() {
            for one in wanted {
                let result = self.set(Some(inode), &one.sysctl, &one.value, &one.why);
                self.say_once(inode, &one.sysctl, result.err());
            }
        }
    }

    /// Says why something could not be set, unless that is known from the last try.
    fn say_once(&mut self, inode: u32, sysctl: &str, error: Option<DaemonError>) {
        let key = (inode, sysctl.to_owned());
        let Some(error) = error.map(|error| error.to_string()) else {
            self.refused.remove(&key);
            return;
        };
        if self.refused.get(&key) != Some(&error) {
            warn!(%error, namespace = inode, sysctl, "not set");
            self.refused.insert(key, error);
        }
    }

    /// The namespaces to tune now. Those that are gone take what was set in them with them.
    pub(crate) fn handle_namespaces(&mut self, namespaces: BTreeMap<u32, Namespace>) {
        for change in self.ledger.changes().to_vec() {
            let Some(inode) = change.namespace.filter(|inode| !namespaces.contains_key(inode)) else {
                continue;
            };
            // It can live on without a process of ours: then it gets back what it had.
            if self.namespaces.contains_key(&inode) {
                self.put_back(&change, Event::Vanished);
            }
        }
        self.refused.retain(|(inode, _), _| namespaces.contains_key(inode));
        self.namespaces = namespaces;
    }

    pub(crate) const fn namespaces(&self) -> &BTreeMap<u32, Namespace> {
        &self.namespaces
    }

    /// Looks whether somebody else has changed what the daemon set, and yields. Routes follow the ways that they were
    /// copied from.
    pub(crate) fn check(&mut self) {
        for change in self.ledger.changes().to_vec() {
            if let Place::QuickAck(prefix) = Place::named(&change.sysctl) {
                self.check_route(&change, prefix);
                continue;
            }
            let Ok(now) = self.read(change.namespace, &change.sysctl) else { continue };
            if !same(&now, &change.set) {
                self.leave(&change, &now);
            }
        }
    }

    fn check_route(&mut self, change: &Change, prefix: Prefix) {
        let Change { id, namespace, sysctl, .. } = change;
        let Ok(route) = self.route(*namespace, prefix) else { return };
        match route.state() {
            Ok(RouteState::Current) | Err(_) => {}
            Ok(RouteState::Outdated) => match route.follow() {
                Ok(()) => info!(sysctl, namespace, id, "made anew: the way to the destination has changed"),
                Err(error) => {
                    warn!(%error, sysctl, namespace, id, "taken away: the way to the destination has changed");
                    self.strike(*id, Event::Vanished);
                }
            },
            // It went with its device.
            Ok(RouteState::Barred(Obstacle::Unreachable)) => self.strike(*id, Event::Vanished),
            Ok(RouteState::Barred(Obstacle::TheirRoute)) => self.leave(change, "a route of theirs"),
            Ok(state @ (RouteState::Absent | RouteState::Barred(_))) => {
                self.leave(change, place::value(state))
            }
        }
    }

    /// Puts one change back because somebody asks for it.
    ///
    /// # Errors
    /// If there is no such change, or it cannot be put back.
    pub(crate) fn undo(&mut self, id: u64) -> Result<Change, DaemonError> {
        let change = self.ledger.changes().iter().find(|change| change.id == id).cloned();
        let change = change.ok_or(DaemonError::NoSuchChange(id))?;
        self.theirs.insert((change.namespace, change.sysctl.clone()));
        if self.put_back(&change, Event::Undone) { Ok(change) } else { Err(DaemonError::NotUndone(id)) }
    }

    /// Everything that happened to the host's settings, oldest first.
    pub(crate) fn history(&self) -> Result<Vec<HistoryLine>, DaemonError> {
        self.ledger.history()
    }

    /// What is changed now.
    pub(crate) fn in_force(&self) -> &[Change] {
        self.ledger.changes()
    }

    fn raise(&mut self, name: &'static str, required: Bytes) -> Result<(), DaemonError> {
        let limit = |error| match error {
            DaemonError::Linux(source) => DaemonError::Limit { limit: name, source },
            error => error,
        };
        let known = self.ledger.find(None, name).cloned();
        let before = match known.as_ref().and_then(|change| change.before.parse().ok()) {
            Some(before) => before,
            None => self.number(name)?,
        };
        let target = before.max(required.get());
        if target > before {
            return self.set(None, name, &target.to_string(), "the largest buffer of a path").map_err(limit);
        }
        if let Some(change) = known {
            self.put_back(&change, Event::PutBack);
        }
        Ok(())
    }

    /// Notes, then sets. Nothing is done where the value is there already, or is somebody else's.
    fn set(
        &mut self,
        namespace: Option<u32>,
        sysctl: &str,
        value: &str,
        why: &str,
    ) -> Result<(), DaemonError> {
        if self.theirs.contains(&(namespace, sysctl.to_owned())) {
            return Ok(());
        }
        let known = self.ledger.find(namespace, sysctl).cloned();
        let now = self.read(namespace, sysctl)?;
        let change = |before: &str| Change {
            id: 0,
            namespace,
            sysctl: sysctl.to_owned(),
            before: before.to_owned(),
            set: value.to_owned(),
            why: why.to_owned(),
        };
        if same(&now, value) {
            if let (Place::QuickAck(_), None) = (Place::named(sysctl), &known) {
                // Only WAD makes such routes: one that no ledger has is a leftover.
                self.ledger.note(change(ABSENT))?;
            }
            return Ok(());
        }
        if let Some(change) = known.as_ref().filter(|change| !same(&now, &change.set)) {
            self.leave(change, &now);
            return Ok(());
        }
        self.refuse_barred(namespace, sysctl)?;
        let change = self.ledger.note(change(&now))?;
        if let Err(error) = self.write(namespace, sysctl, value) {
            match known {
                Some(known) => drop(self.ledger.note(known)?),
                None => self.ledger.strike(change.id, Event::PutBack)?,
            }
            return Err(error);
        }
        info!(sysctl, namespace, from = %change.before, to = %value, why, id = change.id, "host setting changed");
        Ok(())
    }

    /// What cannot be is known before it is noted.
    fn refuse_barred(&self, namespace: Option<u32>, sysctl: &str) -> Result<(), DaemonError> {
        let Place::QuickAck(prefix) = Place::named(sysctl) else { return Ok(()) };
        match self.route(namespace, prefix)?.state()? {
            RouteState::Barred(obstacle) => {
                Err(LinuxError::NoQuickAck { prefix: kernel_prefix(prefix), obstacle }.into())
            }
            _ => Ok(()),
        }
    }

    /// Somebody else's from now on.
    fn leave(&mut self, change: &Change, now: &str) {
        let Change { sysctl, namespace, set, id, .. } = change;
        warn!(sysctl, namespace, %now, %set, "somebody else has set this since: it is left to them");
        self.theirs.insert((*namespace, sysctl.clone()));
        self.strike(*id, Event::Yielded);
    }

    fn put_all_back(&mut self) -> bool {
        let changes = self.ledger.changes().to_vec();
        changes
            .iter()
            .rev()
            .map(|change| self.put_back(change, Event::PutBack))
            .fold(true, |all, one| all & one)
    }

    /// Whether nothing remains to be done.
    fn put_back(&mut self, change: &Change, event: Event) -> bool {
        let Change { id, namespace, sysctl, before, set, .. } = change;
        if namespace.is_some_and(|inode| !self.namespaces.contains_key(&inode)) {
            self.strike(*id, Event::Vanished);
            return true;
        }
        match self.read(*namespace, sysctl) {
            Ok(now) if same(&now, before) => {}
            Ok(now) if !same(&now, set) => {
                self.leave(change, &now);
                return true;
            }
            Ok(_) | Err(_) => {
                if let Err(error) = self.write(*namespace, sysctl, before) {
                    warn!(%error, sysctl, namespace, "host setting not put back");
                    return false;
                }
                info!(sysctl, namespace, from = %set, to = %before, "host setting put back");
            }
        }
        self.strike(*id, event);
        true
    }

    fn strike(&mut self, id: u64, event: Event) {
        if let Err(error) = self.ledger.strike(id, event) {
            warn!(%error, "the ledger could not be written");
        }
    }

    fn number(&self, sysctl: &'static str) -> Result<u64, DaemonError> {
        self.sysctls.read_number(sysctl).map_err(|source| DaemonError::Limit { limit: sysctl, source })
    }

    fn read(&self, namespace: Option<u32>, sysctl: &str) -> Result<String, DaemonError> {
        match Place::named(sysctl) {
            Place::Sysctl(name) => self.inside(namespace, || self.sysctls.read(name)),
            Place::QuickAck(prefix) => Ok(place::value(self.route(namespace, prefix)?.state()?).to_owned()),
        }
    }

    fn write(&self, namespace: Option<u32>, sysctl: &str, value: &str) -> Result<(), DaemonError> {
        match Place::named(sysctl) {
            Place::Sysctl(name) => self.inside(namespace, || self.sysctls.write(name, value)),
            Place::QuickAck(prefix) if value == IN_PLACE => Ok(self.route(namespace, prefix)?.add()?),
            Place::QuickAck(prefix) => Ok(self.route(namespace, prefix)?.remove().map(drop)?),
        }
    }

    fn route(&self, namespace: Option<u32>, prefix: Prefix) -> Result<QuickAckRoute<'_>, DaemonError> {
        // Routes are always of a namespace.
        let inode = namespace.unwrap_or_default();
        let namespace = self.namespaces.get(&inode).ok_or(DaemonError::NoSuchNamespace(inode))?;
        Ok(QuickAckRoute::new(namespace, kernel_prefix(prefix)))
    }

    fn inside<T: Send>(
        &self,
        namespace: Option<u32>,
        work: impl FnOnce() -> Result<T, LinuxError> + Send,
    ) -> Result<T, DaemonError> {
        let Some(inode) = namespace else { return Ok(work()?) };
        let namespace = self.namespaces.get(&inode).ok_or(DaemonError::NoSuchNamespace(inode))?;
        Ok(namespace.enter(work)??)
    }
}

impl Drop for HostState {
    fn drop(&mut self) {
        if !self.handed_over {
            self.put_all_back();
        }
    }
}

fn kernel_prefix(prefix: Prefix) -> wad_linux::Prefix {
    wad_linux::Prefix { address: prefix.address(), length: prefix.length() }
}

/// Sysctls of several numbers come back with tabs between them.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A host whose limits are files in a directory of the test's own.
    struct Host {
        root: PathBuf,
    }

    impl Host {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("wad-host-{name}-{}", std::process::id()));
            fs::create_dir_all(root.join("net/core")).unwrap();
            let host = Self { root };
            host.write(WMEM_MAX, "212992\n");
            host.write(RMEM_MAX, "212992\n");
            host
        }

        fn write(&self, name: &str, value: &str) {
            fs::write(self.root.join(name.replace('.', "/")), value).unwrap();
        }

        fn get(&self, name: &str) -> u64 {
            Sysctls::at(&self.root).read_number(name).unwrap()
        }

        fn recover(&self) -> HostState {
            HostState::recover(Sysctls::at(&self.root), &self.root, BTreeMap::new()).unwrap()
        }

        fn raise(&self) -> HostState {
            let mut state = self.recover();
            state.raise_limits(required(16 << 20)).unwrap();
            state
        }
    }

    impl Drop for Host {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.root).unwrap();
        }
    }

    fn required(wmem: u64) -> RequiredLimits {
        RequiredLimits { wmem_max: Bytes::new(wmem), rmem_max: Bytes::new(100_000) }
    }

    fn events(state: &HostState) -> Vec<Event> {
        state.history().unwrap().into_iter().map(|line| line.event).collect()
    }

    #[test]
    fn only_what_is_too_small_is_raised_and_all_is_put_back() {
        let host = Host::new("raise");
        let raised = host.raise();
        assert_eq!((host.get(WMEM_MAX), host.get(RMEM_MAX)), (16 << 20, 212_992));
        assert_eq!(raised.limits_before().unwrap().0, Bytes::new(212_992));
        drop(raised);
        assert_eq!(host.get(WMEM_MAX), 212_992);
        assert_eq!(events(&host.recover()), [Event::Set, Event::PutBack]);
    }

    #[test]
    fn a_start_after_a_kill_puts_back_first() {
        let host = Host::new("kill");
        std::mem::forget(host.raise());
        let raised = host.raise();
        assert_eq!(raised.limits_before().unwrap().0, Bytes::new(212_992));
        drop(raised);
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn a_successor_goes_on_with_what_was_changed() {
        let host = Host::new("successor");
        let mut first = host.raise();
        first.hand_over();
        drop(first);
        assert_eq!(host.get(WMEM_MAX), 16 << 20);
        let mut second = HostState::take_over(Sysctls::at(&host.root), &host.root, BTreeMap::new()).unwrap();
        second.settle();
        assert_eq!(second.limits_before().unwrap().0, Bytes::new(212_992));
        drop(second);
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn a_successor_that_fails_leaves_no_trace() {
        let host = Host::new("failed-successor");
        let mut first = host.raise();
        let mut second = HostState::take_over(Sysctls::at(&host.root), &host.root, BTreeMap::new()).unwrap();
        second.raise_limits(required(64 << 20)).unwrap();
        drop(second);
        first.take_back();
        assert_eq!(host.get(WMEM_MAX), 16 << 20);
        first.check();
        assert!(!events(&first).contains(&Event::Yielded));
        drop(first);
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn limits_that_cannot_be_raised_further_stay_and_are_put_back() {
        let host = Host::new("further");
        let mut state = host.raise();
        let path = host.root.join("net/core/rmem_max");
        fs::rename(&path, host.root.join("aside")).unwrap();
        let required = RequiredLimits { wmem_max: Bytes::new(64 << 20), rmem_max: Bytes::new(64 << 20) };
        state.raise_limits(required).unwrap_err();
        fs::rename(host.root.join("aside"), &path).unwrap();
        assert_eq!((host.get(WMEM_MAX), host.get(RMEM_MAX)), (16 << 20, 212_992));
        drop(state);
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn limits_follow_the_paths_up_and_down() {
        let host = Host::new("follow");
        let mut state = host.raise();
        for (needed, is) in [(32 << 20, 32 << 20), (1 << 20, 1 << 20), (4096, 212_992), (1 << 20, 1 << 20)] {
            state.raise_limits(required(needed)).unwrap();
            assert_eq!(host.get(WMEM_MAX), is);
        }
        drop(state);
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn a_value_that_somebody_else_set_stays() {
        let host = Host::new("yield");
        let mut state = host.raise();
        host.write(WMEM_MAX, "1000000");
        state.check();
        assert_eq!(events(&state), [Event::Set, Event::Yielded]);
        state.raise_limits(required(64 << 20)).unwrap();
        assert_eq!(host.get(WMEM_MAX), 1_000_000);
        drop(state);
        assert_eq!(host.get(WMEM_MAX), 1_000_000);
    }

    #[test]
    fn a_change_can_be_undone_once_and_stays_so() {
        let host = Host::new("undo");
        let mut state = host.raise();
        let undone = state.undo(1).unwrap();
        assert_eq!((undone.sysctl.as_str(), host.get(WMEM_MAX)), (WMEM_MAX, 212_992));
        assert!(matches!(state.undo(1), Err(DaemonError::NoSuchChange(1))));
        state.raise_limits(required(64 << 20)).unwrap();
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }

    #[test]
    fn a_limit_that_cannot_be_written_undoes_the_others() {
        let host = Host::new("partial");
        fs::remove_file(host.root.join("net/core/rmem_max")).unwrap();
        let mut state = host.recover();
        let error = state.raise_limits(required(16 << 20)).unwrap_err();
        assert!(error.to_string().contains("rmem_max"), "{error}");
        assert_eq!(host.get(WMEM_MAX), 212_992);
    }
}
