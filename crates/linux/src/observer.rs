//! Follows flows from the kernel's side, without the daemon's doing.
//!
//! ```text
//!   daemon's object: flows, wad_counts <---- shared ----> observer's object
//!     sock_ops, tcp_cong_state_set count                    iterator: samples of all designated flows
//!                                                            tracepoints: last counters, each acknowledgement
//! ```
//!
//! The daemon's maps are found through its program in the kernel, so that an observer costs the daemon nothing and
//! a slow one cannot hold it up. Where no daemon runs there are no designated flows, and any other flow can be
//! watched all the same. Everything that is attached goes with the [`Observer`].

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use libbpf_rs::query::{MapInfo, MapInfoIter, ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::skel::{OpenSkel as _, SkelBuilder as _};
use libbpf_rs::{
    Link, MapCore as _, MapFlags, MapHandle, MapMut, OpenObject, RingBuffer, RingBufferBuilder, libbpf_sys,
};
use rustix::time::{ClockId, clock_getres, clock_gettime};

use crate::observer_skeleton::{ObserverSkel, ObserverSkelBuilder, types};
use crate::plain::bytes_of;
use crate::{FlowEvent, FlowSample, LinuxError, check_system};

/// How long the kernel goes on to count for an observer that does not renew its wish.
const LEASE: Duration = Duration::from_secs(10);

/// Bytes of the ring of events: 130,000 events of 128 bytes.
const EVENT_RING: u32 = 1 << 24;

/// The daemon's maps that are shared, by name.
const SHARED: [&[u8]; 3] = [b"flows", b"wad_counts", b"wad_lease"];

/// How closely a flow is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// Its last counters are reported when it closes.
    Close,
    /// And it is reported once a round trip, while it sends.
    RoundTrips,
    /// And with each segment that arrives.
    Arrivals,
}

impl WatchMode {
    const fn to_kernel(self) -> u32 {
        match self {
            Self::Close => 0,
            Self::RoundTrips => 1,
            Self::Arrivals => 2,
        }
    }
}

/// What an observer is told as it happens.
#[derive(Clone, Debug)]
pub enum Observation {
    /// A segment has arrived at a watched flow.
    Event(FlowEvent),
    /// A designated or watched flow has closed: its last counters.
    Closed(Box<FlowSample>),
}

/// Programs that observe flows. Dropping it detaches them.
pub struct Observer {
    // Fields are dropped in order: what is attached first, then the rings, then the object.
    closes: Option<Link>,
    arrivals: Option<Link>,
    flows: OwnedFd,
    samples: Received<FlowSample>,
    events: Received<Observation>,
    skeleton: ObserverSkel<'static>,
    daemon: Option<u32>,
}

/// A ring, and what came out of it.
struct Received<T> {
    ring: RingBuffer<'static>,
    queue: Arc<Mutex<Vec<T>>>,
}

impl<T> Received<T> {
    fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("lost_events", &self.lost_events()).finish_non_exhaustive()
    }
}

impl Observer {
    /// Loads the programs, beside those of the daemon that runs, if one does. Nothing is attached yet that runs for
    /// every socket.
    ///
    /// # Errors
    /// If the host lacks something or the kernel refuses.
    pub fn load() -> Result<Self, LinuxError> {
        check_system()?;
        // Errors are returned; libbpf would print its own lines beside them.
        libbpf_rs::set_print(None);
        let failed = |source| LinuxError::Bpf { what: "the programs that observe flows", source };
        let shared = daemon_maps();
        let place: &'static mut MaybeUninit<OpenObject> = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut opened = ObserverSkelBuilder::default().open(place).map_err(failed)?;
        let maps = &mut opened.maps;
        for unused in
            [&mut maps.prefixes, &mut maps.rules, &mut maps.paths, &mut maps.orders, &mut maps.records]
        {
            unused.set_autocreate(false).map_err(failed)?;
        }
        maps.events.set_max_entries(EVENT_RING).map_err(failed)?;
        if let Some(rodata) = maps.rodata_data.as_deref_mut() {
            rodata.events_half = u64::from(EVENT_RING / 2);
        }
        if let Some(found) = &shared {
            for (map, own) in found.iter().zip([&mut maps.flows, &mut maps.wad_counts, &mut maps.wad_lease]) {
                reuse(own, map)?;
            }
        }
        let skeleton = opened.load().map_err(failed)?;
        let link =
            skeleton.progs.wad_sample_flows.attach_iter(skeleton.maps.flows.as_fd()).map_err(failed)?;
        // A copy of the descriptor keeps the link when libbpf's own object goes.
        let flows = link.as_fd().try_clone_to_owned().map_err(|source| LinuxError::Descriptor { source })?;
        let tick_us = tick_us();
        Ok(Self {
            closes: None,
            arrivals: None,
            flows,
            samples: ring(&skeleton.maps.samples, move |bytes| FlowSample::from_bytes(bytes, tick_us))?,
            events: ring(&skeleton.maps.events, move |bytes| observation(bytes, tick_us))?,
            skeleton,
            daemon: shared.map(|maps| maps[0].id),
        })
    }

    /// Whether a daemon runs, whose designated flows are sampled.
    #[must_use]
    pub fn has_daemon(&self) -> bool {
        self.daemon.is_some()
    }

    /// Whether a daemon has come or gone since this was loaded: what it designates is then seen by a new observer
    /// only.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        daemon_maps().map(|maps| maps[0].id) != self.daemon
    }

    /// A sample of every designated flow that is open, in all network namespaces.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn samples(&self) -> Result<Vec<FlowSample>, LinuxError> {
        let failed = |source| LinuxError::Bpf { what: "to iterate over flows", source };
        // SAFETY: the link is open.
        let descriptor = unsafe { libbpf_sys::bpf_iter_create(self.flows.as_raw_fd()) };
        if descriptor < 0 {
            return Err(failed(libbpf_rs::Error::from_raw_os_error(-descriptor)));
        }
        // SAFETY: the kernel has just given it, and nobody else has it.
        let mut pass = unsafe { File::from_raw_fd(descriptor) };
        loop {
            // The programs write into the ring, never into what is read; a full ring interrupts the pass.
            let outcome = pass.read(&mut [0; 64]);
            self.samples.ring.consume().map_err(failed)?;
            match outcome {
                Ok(_) => break,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        Ok(self.samples.take())
    }

    /// Asks the daemon's programs to count what they count for observers only (docs/COUNTERS.md). It holds for ten
    /// seconds: renew it as long as there is somebody to look.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn renew(&self) -> Result<(), LinuxError> {
        let until = monotonic_ns() + u64::try_from(LEASE.as_nanos()).unwrap_or(u64::MAX);
        self.skeleton
            .maps
            .wad_lease
            .update(&0_u32.to_ne_bytes(), &until.to_ne_bytes(), MapFlags::ANY)
            .map_err(|source| LinuxError::Bpf { what: "to ask for counters", source })
    }

    /// Watches a flow from now on: any flow of the host that the kernel has shown, as that gives it its cookie.
    ///
    /// # Errors
    /// If the kernel refuses, as it does beyond 65,536 flows.
    pub fn watch(&mut self, cookie: u64, mode: WatchMode) -> Result<(), LinuxError> {
        let failed = |source| LinuxError::Bpf { what: "to watch a flow", source };
        let watch = types::wad_watch { mode: mode.to_kernel(), ..Default::default() };
        self.skeleton
            .maps
            .watched
            .update(&cookie.to_ne_bytes(), bytes_of(&watch), MapFlags::ANY)
            .map_err(failed)?;
        if mode != WatchMode::Close && self.arrivals.is_none() {
            self.arrivals = Some(self.skeleton.progs.wad_arrival.attach().map_err(failed)?);
        }
        self.follow_closes()
    }

    /// Watches a flow no longer. One that has closed is not watched any more by itself.
    pub fn forget(&self, cookie: u64) {
        // One that is not there has closed.
        let _ = self.skeleton.maps.watched.delete(&cookie.to_ne_bytes());
    }

    /// From now on the last counters of each designated flow that closes are reported, those of watched flows as well.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn follow_closes(&mut self) -> Result<(), LinuxError> {
        if self.closes.is_none() {
            let failed = |source| LinuxError::Bpf { what: "to follow flows to their end", source };
            self.closes = Some(self.skeleton.progs.wad_last_sample.attach().map_err(failed)?);
        }
        Ok(())
    }

    /// Waits up to `timeout`, less if many come, and returns what has happened.
    ///
    /// # Errors
    /// If the ring cannot be read.
    pub fn observations(&self, timeout: Duration) -> Result<Vec<Observation>, LinuxError> {
        let failed = |source| LinuxError::Bpf { what: "to read the ring of events", source };
        match self.events.ring.poll(timeout) {
            Err(error) if error.kind() != libbpf_rs::ErrorKind::Interrupted => return Err(failed(error)),
            _ => {}
        }
        // The kernel wakes us only when many wait.
        self.events.ring.consume().map_err(failed)?;
        Ok(self.events.take())
    }

    /// How many observations found the ring full.
    #[must_use]
    pub fn lost_events(&self) -> u64 {
        let Some(bss) = self.skeleton.maps.bss_data.as_deref() else { return 0 };
        // SAFETY: the map is mapped into memory while the skeleton lives, and aligned; the kernel
        // writes it at any time, which a volatile read allows for.
        unsafe { (&raw const bss.lost_events).read_volatile() }
    }
}

/// Now, on the clock of samples.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}

/// How long a jiffy lasts, in microseconds: the coarse clock moves with them.
fn tick_us() -> u64 {
    let tick = clock_getres(ClockId::MonotonicCoarse);
    u64::try_from(tick.tv_nsec).map_or(4000, |nanos| (nanos / 1000).max(1))
}

fn observation(bytes: &[u8], tick_us: u64) -> Option<Observation> {
    const ARRIVAL: [u8; 4] = 1_u32.to_ne_bytes();
    const CLOSE: [u8; 4] = 2_u32.to_ne_bytes();
    match *bytes.first_chunk::<4>()? {
        ARRIVAL => FlowEvent::from_bytes(bytes, tick_us).map(Observation::Event),
        // The kind, padded to eight bytes, and the sample.
        CLOSE => {
            let sample = FlowSample::from_bytes(bytes.get(8..)?, tick_us)?;
            Some(Observation::Closed(Box::new(sample)))
        }
        _ => None,
    }
}

fn ring<T: Send + 'static>(
    map: &MapMut<'_>,
    read: impl Fn(&[u8]) -> Option<T> + Send + 'static,
) -> Result<Received<T>, LinuxError> {
    let failed = |source| LinuxError::Bpf { what: "the rings of those who observe", source };
    let queue = Arc::new(Mutex::new(Vec::new()));
    let end = Arc::clone(&queue);
    let receive = move |bytes: &[u8]| {
        if let Some(value) = read(bytes) {
            end.lock().unwrap_or_else(PoisonError::into_inner).push(value);
        }
        0
    };
    let mut builder = RingBufferBuilder::new();
    builder.add(map, receive).map_err(failed)?;
    Ok(Received { ring: builder.build().map_err(failed)?, queue })
}

/// What an observer shares with the daemon that runs, in the order of [`SHARED`].
fn daemon_maps() -> Option<Vec<MapInfo>> {
    let with_maps = ProgInfoQueryOptions::default().include_map_ids(true);
    let newest = ProgInfoIter::with_query_opts(with_maps)
        .filter(|program| program.name.as_bytes() == b"wad_sock_ops")
        .max_by_key(|program| program.id)?;
    let maps: Vec<MapInfo> = MapInfoIter::default().filter(|map| newest.map_ids.contains(&map.id)).collect();
    SHARED.iter().map(|name| maps.iter().find(|map| map.name.as_bytes() == *name).cloned()).collect()
}

/// A daemon of another version may keep another state of flows.
fn reuse(own: &mut libbpf_rs::OpenMapMut<'_>, map: &MapInfo) -> Result<(), LinuxError> {
    if own.value_size() != map.value_size {
        return Err(LinuxError::OtherVersion);
    }
    let failed = |source| LinuxError::Bpf { what: "to share the daemon's maps", source };
    let handle = MapHandle::from_map_id(map.id).map_err(failed)?;
    own.reuse_fd(handle.as_fd()).map_err(failed)
}
