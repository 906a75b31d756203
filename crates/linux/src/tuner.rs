//! Loads the BPF programs with a policy, attaches them, and brings back what they report.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::slice;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use libbpf_rs::query::{MapInfo, MapInfoIter, ProgInfoIter};
use libbpf_rs::skel::{OpenSkel as _, SkelBuilder as _};
use libbpf_rs::{
    Iter, Link, MapCore, MapFlags, MapHandle, MapType, OpenObject, RingBuffer, RingBufferBuilder,
};
use std::os::unix::ffi::OsStrExt as _;

use crate::policy::saturate;
use crate::record::Record;
use crate::skeleton::{OpenWadSkel, WadSkel, WadSkelBuilder, types};
use crate::system::has_struct_ops_link;
use crate::{LinuxError, Policy, check_system};

/// The loaded and attached programs. Dropping it detaches them.
pub struct Tuner {
    // Fields are dropped in order: the links first, then the ring, then the object.
    _links: Vec<Link>,
    dump: Link,
    ring: RingBuffer<'static>,
    records: Receiver<Record>,
    skeleton: WadSkel<'static>,
}

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
        check_system()?;
        // Errors are returned; libbpf would print its own lines beside them.
        libbpf_rs::set_print(None);
        let directory =
            File::open(cgroup)
                .and_then(|file| {
                    if file.metadata()?.is_dir() { Ok(file) } else { Err(ErrorKind::NotADirectory.into()) }
                })
                .map_err(|source| LinuxError::Cgroup { path: cgroup.to_owned(), source })?;
        let mut skeleton =
            open(policy)?.load().map_err(|source| LinuxError::Bpf { what: "the BPF programs", source })?;
        fill(&skeleton, policy)?;
        let dump = skeleton
            .progs
            .wad_dump_flows
            .attach_iter(skeleton.maps.flows.as_fd())
            .map_err(|source| LinuxError::Bpf { what: "the iterator over flows", source })?;
        let (sender, records) = mpsc::channel();
        let ring = ring(&skeleton, sender)?;
        let _links = attach(&mut skeleton, &directory, cgroup)?;
        Ok(Self { _links, dump, ring, records, skeleton })
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
        let Some(bss) = self.skeleton.maps.bss_data.as_deref() else { return 0 };
        // SAFETY: the map is mapped into memory while the skeleton lives, and aligned; the kernel
        // writes it at any time, which a volatile read allows for.
        unsafe { (&raw const bss.lost_records).read_volatile() }
    }

    /// All designated flows that are open now, in all network namespaces.
    ///
    /// # Errors
    /// If the iterator cannot be read.
    pub fn flows(&self) -> Result<Vec<Record>, LinuxError> {
        let mut iterator = Iter::new(&self.dump)
            .map_err(|source| LinuxError::Bpf { what: "to iterate over flows", source })?;
        let mut bytes = Vec::new();
        iterator
            .read_to_end(&mut bytes)
            .map_err(|source| LinuxError::Bpf { what: "to iterate over flows", source: source.into() })?;
        Ok(bytes.chunks(size_of::<types::wad_record>()).filter_map(Record::from_bytes).collect())
    }
}

/// Opens the object and sizes its maps.
fn open(policy: &Policy) -> Result<OpenWadSkel<'static>, LinuxError> {
    let failed = |source| LinuxError::Bpf { what: "to open the BPF object", source };
    // The skeleton wants a place that outlives it. It is the size of a pointer, and a process
    // loads the programs once, so it is leaked rather than made part of a self-referential type.
    let place: &'static mut MaybeUninit<OpenObject> = Box::leak(Box::new(MaybeUninit::uninit()));
    let mut skeleton = WadSkelBuilder::default().open(place).map_err(failed)?;
    let entries = |count: usize| u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    skeleton.maps.prefixes.set_max_entries(entries(policy.prefixes.len())).map_err(failed)?;
    skeleton.maps.rules.set_max_entries(entries(policy.rules.len())).map_err(failed)?;
    skeleton.maps.paths.set_max_entries(entries(policy.paths.len())).map_err(failed)?;
    let linked = has_struct_ops_link();
    skeleton.maps.wad.set_autocreate(linked).map_err(failed)?;
    skeleton.maps.wad_unlinked.set_autocreate(!linked).map_err(failed)?;
    if let Some(rodata) = skeleton.maps.rodata_data.as_deref_mut() {
        rodata.any_override = policy.paths.iter().any(|path| path.override_application);
        rodata.wmem_max_before = saturate(policy.wmem_max_before);
        rodata.rmem_max_before = saturate(policy.rmem_max_before);
    }
    Ok(skeleton)
}

/// Writes the policy into the maps.
fn fill(skeleton: &WadSkel<'_>, policy: &Policy) -> Result<(), LinuxError> {
    for (prefix, first) in &policy.prefixes {
        update(&skeleton.maps.prefixes, bytes_of(&prefix.to_kernel()), &first.to_ne_bytes())?;
    }
    for (index, rule) in (0_u32..).zip(&policy.rules) {
        update(&skeleton.maps.rules, &index.to_ne_bytes(), bytes_of(&rule.to_kernel()))?;
    }
    for (index, path) in (0_u32..).zip(&policy.paths) {
        update(&skeleton.maps.paths, &index.to_ne_bytes(), bytes_of(&path.to_kernel()))?;
    }
    Ok(())
}

fn update(map: &impl MapCore, key: &[u8], value: &[u8]) -> Result<(), LinuxError> {
    map.update(key, value, MapFlags::ANY)
        .map_err(|source| LinuxError::Bpf { what: "an entry of the policy's maps", source })
}

/// A plain type of the BPF interface, all of whose bytes are initialised.
///
/// # Safety
/// The type must be `repr(C)`, without padding.
unsafe trait Plain: Copy {}

// SAFETY: generated from BTF as repr(C); the members fill the type, as the assertions show.
unsafe impl Plain for types::wad_prefix {}
// SAFETY: as above.
unsafe impl Plain for types::wad_rule {}
// SAFETY: as above.
unsafe impl Plain for types::wad_parameters {}

const _: () = assert!(size_of::<types::wad_prefix>() == 4 + 4 + 16);
const _: () = assert!(size_of::<types::wad_rule>() == 16 + 4 + 4 * 2 + 4 + 4);
const _: () = assert!(size_of::<types::wad_parameters>() == 6 * 4 + 16);

fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `T` is plain, so all its bytes are initialised; the slice borrows `value`.
    unsafe { slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
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

/// Attaches everything; the hook that starts to tune comes last.
fn attach(skeleton: &mut WadSkel<'_>, directory: &File, cgroup: &Path) -> Result<Vec<Link>, LinuxError> {
    let mut links = vec![attach_control(skeleton)?];
    for program in
        [&skeleton.progs.wad_getsockopt, &skeleton.progs.wad_setsockopt, &skeleton.progs.wad_sock_ops]
    {
        let link = program.attach_cgroup(directory.as_raw_fd()).map_err(|source| LinuxError::Cgroup {
            path: cgroup.to_owned(),
            source: std::io::Error::other(source),
        })?;
        links.push(link);
    }
    Ok(links)
}

/// Registers the congestion control.
fn attach_control(skeleton: &mut WadSkel<'_>) -> Result<Link, LinuxError> {
    let result = if has_struct_ops_link() {
        skeleton.maps.wad.attach_struct_ops()
    } else {
        attach_unlinked_control(skeleton)
    };
    result.map_err(|source| match source.kind() {
        libbpf_rs::ErrorKind::AlreadyExists => LinuxError::AlreadyRunning,
        _ => LinuxError::Bpf { what: "the congestion control `wad`", source },
    })
}

/// Before Linux 6.4 a control stays registered when the process is killed that registered it: the
/// next one takes it away.
fn attach_unlinked_control(skeleton: &mut WadSkel<'_>) -> libbpf_rs::Result<Link> {
    match skeleton.maps.wad_unlinked.attach_struct_ops() {
        Err(error) if error.kind() == libbpf_rs::ErrorKind::AlreadyExists && !another_lives() => {
            unregister_leftover();
            skeleton.maps.wad_unlinked.attach_struct_ops()
        }
        result => result,
    }
}

/// Whether another process has loaded these programs. Other than the control they go with the
/// process that loaded them, so this tells a daemon from what a killed one left.
fn another_lives() -> bool {
    ProgInfoIter::default().filter(|program| program.name.as_bytes() == b"wad_sock_ops").count() > 1
}

/// Flows that use the leftover keep it until they close.
fn unregister_leftover() {
    let ours = |info: &MapInfo| info.ty == MapType::StructOps && info.name.as_bytes() == b"wad_unlinked";
    for map in MapInfoIter::default().filter(ours) {
        if let Ok(handle) = MapHandle::from_map_id(map.id) {
            // If it is not registered, there is nothing to take away.
            let _ = handle.delete(&0_u32.to_ne_bytes());
        }
    }
}
