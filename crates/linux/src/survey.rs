//! Samples of any flow of the host, in all network namespaces.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sock_diag::Diag;
use crate::{FlowSample, LinuxError, Observer, SocketStates, host_namespaces};

/// How often namespaces are looked for.
const SCAN: Duration = Duration::from_secs(2);

/// Asks the kernel for all flows again and again. Namespaces are found through the processes in them and by
/// `ip netns`' names; one without either is not seen.
#[derive(Debug)]
pub struct Survey {
    states: SocketStates,
    proc: PathBuf,
    diags: BTreeMap<u32, Diag>,
    next_scan: Instant,
}

impl Survey {
    /// Of connections in these states.
    #[must_use]
    pub fn new(states: SocketStates) -> Self {
        Self { states, proc: PathBuf::from("/proc"), diags: BTreeMap::new(), next_scan: Instant::now() }
    }

    /// A sample of every flow. Those of `observed`, which an [`Observer`] has just taken, are completed: they keep what
    /// only the daemon's programs count, and learn whose they are.
    ///
    /// # Errors
    /// If namespaces cannot be listed, or the kernel refuses.
    pub fn take(&mut self, observed: Vec<FlowSample>) -> Result<Vec<FlowSample>, LinuxError> {
        self.scan()?;
        let mut designated: HashMap<u64, FlowSample> =
            observed.into_iter().map(|sample| (sample.cookie, sample)).collect();
        let mut found = Vec::new();
        for diag in self.diags.values_mut() {
            diag.each(self.states, |sample| {
                found.push(completed(sample, designated.remove(&sample.cookie)))
            })?;
        }
        // What is in a namespace that cannot be found, or in a state that was not asked for.
        found.extend(designated.into_values());
        Ok(found)
    }

    /// As [`Self::take`], with what the observer has.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_with(&mut self, observer: &Observer) -> Result<Vec<FlowSample>, LinuxError> {
        self.take(observer.samples()?)
    }

    fn scan(&mut self) -> Result<(), LinuxError> {
        let now = Instant::now();
        if now < self.next_scan {
            return Ok(());
        }
        self.next_scan = now + SCAN;
        let namespaces = host_namespaces(&self.proc, Path::new("/run/netns"))?;
        self.diags.retain(|inode, _| namespaces.contains_key(inode));
        for (inode, namespace) in &namespaces {
            if !self.diags.contains_key(inode) {
                self.diags.insert(*inode, Diag::open_in(namespace)?);
            }
        }
        Ok(())
    }
}

/// What both sources know; the observer's numbers are from one moment, and more.
fn completed(mut sample: FlowSample, observed: Option<FlowSample>) -> FlowSample {
    let Some(observed) = observed else { return sample };
    sample.counters.merge(&observed.counters);
    FlowSample { counters: sample.counters, owner: sample.owner, ..observed }
}
