//! Loads the BPF programs with a policy, attaches them, and brings back what they report.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel as _, SkelBuilder as _};
use libbpf_rs::{Link, MapCore, MapFlags, OpenObject, RingBuffer, RingBufferBuilder};

use crate::attach::Hooks;
use crate::namespaces::inside;
use crate::observer::monotonic_ns;
use crate::orders::records;
use crate::plain::bytes_of;
use crate::policy::saturate;
use crate::record::Record;
use crate::skeleton::{OpenWadSkel, WadSkel, WadSkelBuilder, types};
use crate::system::has_struct_ops_link;
use crate::{LinuxError, Parameters, Policy, check_system};

/// The loaded and attached programs. Dropping it detaches them, unless a successor holds them too.
pub struct Tuner {
    // Fields are dropped in order: the hooks first, then the ring, then the object.
    hooks: Hooks,
    pub(crate) iterators: Iterators,
    ring: RingBuffer<'static>,
    sender: Sender<Record>,
    records: Receiver<Record>,
    /// Records that predecessors lost.
    lost_before: u64,
    cgroup: PathBuf,
    pub(crate) skeleton: WadSkel<'static>,
}

/// Programs that run when user space asks, and the one that counts congestion signals. While two daemons hold one
/// each, a signal is counted once.
pub(crate) struct Iterators {
    _congestion: OwnedFd,
    flows: OwnedFd,
    keep: OwnedFd,
    pub(crate) adjust: OwnedFd,
    pub(crate) strangers: OwnedFd,
    pub(crate) orders: OwnedFd,
}

/// What a successor takes over, so that no flow is lost between two daemons: the hooks, the state of
/// all flows, and the ring with the records that nobody has read yet.
#[derive(Debug)]
pub struct Inheritance {
    /// Descriptors, for the same process or for another one. The order is this type's own.
    pub descriptors: Vec<OwnedFd>,
    /// Records that were lost so far.
    pub lost_records: u64,
}

/// Maps that all programs of one daemon after another share: `flows`, `records`, `wad_counts`, `wad_lease`.
const SHARED_MAPS: usize = 4;
/// Those, the control, three hooks of the cgroup.
const INHERITED: usize = SHARED_MAPS + 4;

impl fmt::Debug for Tuner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuner").field("lost_records", &self.lost_records()).finish_non_exhaustive()
    }
}

impl Tuner {
    /// Loads the programs with `policy` and attaches them to the cgroup directory `cgroup`: from
    /// then on connections of the processes below it are tuned.
    ///
    /// # Errors
    /// If the host lacks something, another daemon runs, or the kernel refuses; nothing is then
    /// left attached.
    pub fn load(policy: &Policy, cgroup: &Path) -> Result<Self, LinuxError> {
        let directory = prepare(cgroup)?;
        let opened = open(policy, &directory, cgroup)?;
        let (sender, records) = mpsc::channel();
        let Loaded { iterators, ring, mut skeleton } = Loaded::of(opened, policy, &sender)?;
        let hooks = Hooks::make(&mut skeleton, &directory, cgroup)?;
        let cgroup = cgroup.to_owned();
        Ok(Self { hooks, iterators, ring, sender, records, lost_before: 0, cgroup, skeleton })
    }

    /// Loads the programs with `policy` in the place of those that a running daemon holds, which may
    /// be this process. Flows keep their state, and no record is lost. The predecessor is to do
    /// nothing more than to end.
    ///
    /// # Errors
    /// As [`Self::load`], or if the predecessor's version keeps another state of flows; the
    /// predecessor's programs then still run.
    pub fn inherit(policy: &Policy, cgroup: &Path, inheritance: Inheritance) -> Result<Self, LinuxError> {
        let Inheritance { mut descriptors, lost_records: lost_before } = inheritance;
        if descriptors.len() != INHERITED {
            return Err(LinuxError::NothingToInherit);
        }
        let mut hooks = Hooks::from_descriptors(descriptors.split_off(SHARED_MAPS));
        let (sender, records) = mpsc::channel();
        let state = std::array::from_fn(|index| descriptors[index].as_fd());
        let Loaded { iterators, ring, mut skeleton } = Loaded::beside(state, policy, cgroup, &sender)?;
        hooks.move_to(&mut skeleton)?;
        let cgroup = cgroup.to_owned();
        Ok(Self { hooks, iterators, ring, sender, records, lost_before, cgroup, skeleton })
    }

    /// What a successor needs.
    ///
    /// # Errors
    /// If descriptors cannot be duplicated, or the kernel, before Linux 6.4, cannot hand over.
    pub fn inheritance(&self) -> Result<Inheritance, LinuxError> {
        let failed = |source| LinuxError::Descriptor { source };
        let mut descriptors = shared_maps(&self.skeleton)
            .iter()
            .map(BorrowedFd::try_clone_to_owned)
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        let hooks = self.hooks.duplicate().map_err(failed)?.ok_or(LinuxError::KernelTooOld {
            feature: "links of congestion controls, by which a daemon takes over from another",
            since: "6.4",
        })?;
        descriptors.extend(hooks);
        Ok(Inheritance { descriptors, lost_records: self.lost_records() })
    }

    /// Replaces the policy. Flows that open from now on follow the new one; those that run keep what they have, and
    /// are to be given orders where the policy has changed for them: those in these network namespaces also if they
    /// have moved little yet.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::keep_young`]; every hook then still has a program, and the old policy holds unless
    /// the kernel refused to move a hook after another.
    pub fn reload<'n>(
        &mut self,
        policy: &Policy,
        namespaces: impl IntoIterator<Item = BorrowedFd<'n>>,
    ) -> Result<(), LinuxError> {
        let Loaded { iterators, ring, mut skeleton } =
            Loaded::beside(shared_maps(&self.skeleton), policy, &self.cgroup, &self.sender)?;
        self.keep_young(namespaces)?;
        self.hooks.move_to(&mut skeleton)?;
        self.lost_before = self.lost_records();
        self.iterators = iterators;
        self.ring = ring;
        self.skeleton = skeleton;
        Ok(())
    }

    /// Changes what flows of a path get that open from now on.
    ///
    /// # Errors
    /// If there is no such path.
    pub fn offer(&self, path: u32, parameters: &Parameters) -> Result<(), LinuxError> {
        let value = parameters.to_kernel();
        update(&self.skeleton.maps.paths, &path.to_ne_bytes(), bytes_of(&value))
    }

    /// Whether somebody traces: each flow then has state from its open on.
    ///
    /// # Errors
    /// If the map cannot be read.
    pub fn is_traced(&self) -> Result<bool, LinuxError> {
        let until = self
            .skeleton
            .maps
            .wad_lease
            .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(|source| LinuxError::Bpf { what: "the wish of whoever traces", source })?;
        let until = until.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes);
        Ok(until > monotonic_ns())
    }

    /// Waits up to `timeout`, less if many records come, and returns those that came.
    ///
    /// # Errors
    /// If the ring cannot be polled.
    pub fn poll(&self, timeout: Duration) -> Result<Vec<Record>, LinuxError> {
        match self.ring.poll(timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == libbpf_rs::ErrorKind::Interrupted => {}
            Err(source) => return Err(LinuxError::Bpf { what: "to poll the ring of records", source }),
        }
        // The kernel wakes us only when many records wait.
        self.ring
            .consume()
            .map_err(|source| LinuxError::Bpf { what: "to read the ring of records", source })?;
        Ok(self.records.try_iter().collect())
    }

    /// How many records the kernel could not deliver because the ring was full. When it grows,
    /// compare [`Self::flows`] with what is known.
    #[must_use]
    pub fn lost_records(&self) -> u64 {
        let Some(bss) = self.skeleton.maps.bss_data.as_deref() else { return self.lost_before };
        // SAFETY: the map is mapped into memory while the skeleton lives, and aligned; the kernel
        // writes it at any time, which a volatile read allows for.
        self.lost_before + unsafe { (&raw const bss.lost_records).read_volatile() }
    }

    /// All designated flows that are open now. Of those that have moved little yet, the ones in these network
    /// namespaces; of all others, those in any.
    ///
    /// # Errors
    /// If a namespace cannot be entered or the iterators cannot be read.
    pub fn flows<'n>(
        &self,
        namespaces: impl IntoIterator<Item = BorrowedFd<'n>>,
    ) -> Result<Vec<Record>, LinuxError> {
        self.keep_young(namespaces)?;
        records(self.iterators.flows.as_fd())
    }

    /// Gives state to the designated flows of these network namespaces that have none, because they have moved little
    /// yet: from then on whoever looks sees them, and a successor takes them over.
    ///
    /// # Errors
    /// If a namespace cannot be entered or its sockets cannot be walked.
    pub fn keep_young<'n>(
        &self,
        namespaces: impl IntoIterator<Item = BorrowedFd<'n>>,
    ) -> Result<(), LinuxError> {
        let link = self.iterators.keep.as_fd();
        for namespace in namespaces {
            inside(namespace, || records(link))?;
        }
        Ok(())
    }
}

/// What [`Loaded::beside`] takes, in its order.
fn shared_maps<'s>(skeleton: &'s WadSkel<'_>) -> [BorrowedFd<'s>; SHARED_MAPS] {
    let maps = &skeleton.maps;
    [maps.flows.as_fd(), maps.records.as_fd(), maps.wad_counts.as_fd(), maps.wad_lease.as_fd()]
}

impl Iterators {
    fn attach(skeleton: &mut WadSkel<'_>) -> Result<Self, LinuxError> {
        let failed = |source| LinuxError::Bpf { what: "the iterators over flows", source };
        // A copy of the descriptor keeps the link when libbpf's own object goes.
        let keep = |link: libbpf_rs::Result<Link>| {
            let link = link.map_err(failed)?;
            link.as_fd().try_clone_to_owned().map_err(|source| LinuxError::Descriptor { source })
        };
        let flows = skeleton.maps.flows.as_fd();
        Ok(Self {
            _congestion: keep(skeleton.progs.wad_congestion.attach())?,
            flows: keep(skeleton.progs.wad_dump_flows.attach_iter(flows))?,
            keep: keep(skeleton.progs.wad_keep_young.attach())?,
            adjust: keep(skeleton.progs.wad_adjust_flows.attach_iter(flows))?,
            strangers: keep(skeleton.progs.wad_dump_strangers.attach())?,
            orders: keep(skeleton.progs.wad_carry_out_orders.attach())?,
        })
    }
}

/// Programs and maps, loaded but not yet in the place of any others.
struct Loaded {
    iterators: Iterators,
    ring: RingBuffer<'static>,
    skeleton: WadSkel<'static>,
}

impl Loaded {
    fn of(
        opened: OpenWadSkel<'static>,
        policy: &Policy,
        sender: &Sender<Record>,
    ) -> Result<Self, LinuxError> {
        let mut skeleton = load(opened, policy)?;
        let iterators = Iterators::attach(&mut skeleton)?;
        let ring = ring(&skeleton, sender.clone())?;
        Ok(Self { iterators, ring, skeleton })
    }

    /// With the state of flows, the ring, and what is counted, of a predecessor.
    fn beside(
        [flows, records, counts, lease]: [BorrowedFd<'_>; SHARED_MAPS],
        policy: &Policy,
        cgroup: &Path,
        sender: &Sender<Record>,
    ) -> Result<Self, LinuxError> {
        let failed = |source| LinuxError::Bpf { what: "the state of running flows for new programs", source };
        let directory = prepare(cgroup)?;
        let mut opened = open(policy, &directory, cgroup)?;
        opened.maps.flows.reuse_fd(flows).map_err(failed)?;
        opened.maps.records.reuse_fd(records).map_err(failed)?;
        opened.maps.wad_counts.reuse_fd(counts).map_err(failed)?;
        opened.maps.wad_lease.reuse_fd(lease).map_err(failed)?;
        Self::of(opened, policy, sender)
    }
}

/// The directory of the cgroup, on a host that can do what WAD needs.
fn prepare(cgroup: &Path) -> Result<File, LinuxError> {
    check_system()?;
    // Errors are returned; libbpf would print its own lines beside them.
    libbpf_rs::set_print(None);
    File::open(cgroup)
        .and_then(
            |file| {
                if file.metadata()?.is_dir() { Ok(file) } else { Err(ErrorKind::NotADirectory.into()) }
            },
        )
        .map_err(|source| LinuxError::Cgroup { path: cgroup.to_owned(), source })
}

/// Opens the object and sizes its maps.
fn open(policy: &Policy, directory: &File, cgroup: &Path) -> Result<OpenWadSkel<'static>, LinuxError> {
    let failed = |source| LinuxError::Bpf { what: "to open the BPF object", source };
    // The skeleton wants a place that outlives it. It is the size of a pointer, and a policy is loaded
    // rarely, so it is leaked rather than made part of a self-referential type.
    let place: &'static mut MaybeUninit<OpenObject> = Box::leak(Box::new(MaybeUninit::uninit()));
    let mut skeleton = WadSkelBuilder::default().open(place).map_err(failed)?;
    let entries = |count: usize| u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    skeleton.maps.prefixes.set_max_entries(entries(policy.prefixes.len())).map_err(failed)?;
    skeleton.maps.rules.set_max_entries(entries(policy.rules.len())).map_err(failed)?;
    skeleton.maps.paths.set_max_entries(entries(policy.paths.len())).map_err(failed)?;
    let linked = has_struct_ops_link();
    skeleton.maps.wad.set_autocreate(linked).map_err(failed)?;
    skeleton.maps.wad_unlinked.set_autocreate(!linked).map_err(failed)?;
    let number =
        directory.metadata().map_err(|source| LinuxError::Cgroup { path: cgroup.to_owned(), source })?.ino();
    if let Some(rodata) = skeleton.maps.rodata_data.as_deref_mut() {
        set_constants(rodata, policy, number);
    }
    Ok(skeleton)
}

fn set_constants(rodata: &mut types::rodata, policy: &Policy, cgroup: u64) {
    let any = |is: fn(&Parameters) -> bool| policy.paths.iter().any(is);
    rodata.cgroup_id = cgroup;
    rodata.any_override = any(|path| path.override_application);
    rodata.any_receive_window = any(|path| path.initial_receive_window.is_some());
    rodata.any_ecn = any(|path| path.ecn);
    rodata.any_at_connect = any(Parameters::acts_at_connect);
    rodata.wmem_max_before = saturate(policy.wmem_max_before);
    rodata.rmem_max_before = saturate(policy.rmem_max_before);
}

/// Loads the programs and writes the policy into the maps.
fn load(opened: OpenWadSkel<'static>, policy: &Policy) -> Result<WadSkel<'static>, LinuxError> {
    let skeleton = opened.load().map_err(|source| LinuxError::Bpf { what: "the BPF programs", source })?;
    for (prefix, first) in &policy.prefixes {
        update(&skeleton.maps.prefixes, bytes_of(&prefix.to_kernel()), &first.to_ne_bytes())?;
    }
    for (index, rule) in (0_u32..).zip(&policy.rules) {
        update(&skeleton.maps.rules, &index.to_ne_bytes(), bytes_of(&rule.to_kernel()))?;
    }
    for (index, path) in (0_u32..).zip(&policy.paths) {
        update(&skeleton.maps.paths, &index.to_ne_bytes(), bytes_of(&path.to_kernel()))?;
    }
    Ok(skeleton)
}

fn update(map: &impl MapCore, key: &[u8], value: &[u8]) -> Result<(), LinuxError> {
    map.update(key, value, MapFlags::ANY)
        .map_err(|source| LinuxError::Bpf { what: "an entry of the policy's maps", source })
}

fn ring(skeleton: &WadSkel<'_>, sender: Sender<Record>) -> Result<RingBuffer<'static>, LinuxError> {
    let failed = |source| LinuxError::Bpf { what: "the ring of records", source };
    let mut builder = RingBufferBuilder::new();
    let receive = move |bytes: &[u8]| {
        if let Some(record) = Record::from_bytes(bytes) {
            // The receiver lives as long as the ring.
            let _ = sender.send(record);
        }
        0
    };
    builder.add(&skeleton.maps.records, receive).map_err(failed)?;
    builder.build().map_err(failed)
}
