//! The hooks in the kernel: made for a first daemon, moved to new programs for its successor.

use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;

use libbpf_rs::query::{MapInfo, MapInfoIter, ProgInfoIter};
use libbpf_rs::{Link, MapCore as _, MapHandle, MapType, libbpf_sys};
use std::os::unix::ffi::OsStrExt as _;

use crate::LinuxError;
use crate::skeleton::WadSkel;
use crate::system::has_struct_ops_link;

/// The hooks. They live as long as somebody holds them.
#[derive(Debug)]
pub(crate) struct Hooks {
    /// On the cgroup: getsockopt, setsockopt, sock_ops.
    cgroup: Vec<OwnedFd>,
    control: Control,
}

#[derive(Debug)]
enum Control {
    Linked(OwnedFd),
    /// Before Linux 6.4: registered until it is dropped.
    Unlinked(Option<Link>),
}

impl Hooks {
    /// Attaches everything; the hook that starts to tune comes last.
    pub(crate) fn make(
        skeleton: &mut WadSkel<'_>,
        directory: &File,
        cgroup: &Path,
    ) -> Result<Self, LinuxError> {
        let control = register(skeleton)?;
        let failed = |source| LinuxError::Cgroup { path: cgroup.to_owned(), source };
        let mut hooks = Vec::new();
        for program in
            [&skeleton.progs.wad_getsockopt, &skeleton.progs.wad_setsockopt, &skeleton.progs.wad_sock_ops]
        {
            let link = program
                .attach_cgroup(directory.as_raw_fd())
                .map_err(|source| failed(std::io::Error::other(source)))?;
            hooks.push(link.as_fd().try_clone_to_owned().map_err(failed)?);
        }
        Ok(Self { cgroup: hooks, control })
    }

    /// Moves the hooks to the programs of another skeleton, one by one: at each moment every hook has
    /// a program, the old or the new one, also if one of them cannot be moved. Running flows keep the old
    /// control until they are given the new one.
    pub(crate) fn move_to(&mut self, skeleton: &mut WadSkel<'_>) -> Result<(), LinuxError> {
        match &mut self.control {
            Control::Linked(link) => replace_control(skeleton, link)?,
            Control::Unlinked(link) => {
                // The name is free for the new control once the old one is gone.
                drop(link.take());
                self.control = register(skeleton)?;
            }
        }
        let programs =
            [&skeleton.progs.wad_getsockopt, &skeleton.progs.wad_setsockopt, &skeleton.progs.wad_sock_ops];
        for (link, program) in self.cgroup.iter().zip(programs) {
            update(link, program.as_fd().as_raw_fd(), "to replace a program")?;
        }
        Ok(())
    }

    /// Descriptors of all hooks, the control's first; `None` where the kernel cannot hand it over.
    pub(crate) fn duplicate(&self) -> std::io::Result<Option<Vec<OwnedFd>>> {
        let Control::Linked(control) = &self.control else { return Ok(None) };
        std::iter::once(control)
            .chain(&self.cgroup)
            .map(OwnedFd::try_clone)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// What [`Self::duplicate`] gave.
    pub(crate) fn from_descriptors(mut descriptors: Vec<OwnedFd>) -> Self {
        let control = Control::Linked(descriptors.remove(0));
        Self { cgroup: descriptors, control }
    }
}

/// Registers the congestion control.
fn register(skeleton: &mut WadSkel<'_>) -> Result<Control, LinuxError> {
    let result = if has_struct_ops_link() {
        // A copy of the descriptor keeps the link when libbpf's own object goes.
        skeleton.maps.wad.attach_struct_ops().and_then(|link| {
            Ok(Control::Linked(link.as_fd().try_clone_to_owned().map_err(libbpf_rs::Error::from)?))
        })
    } else {
        register_unlinked(skeleton).map(|link| Control::Unlinked(Some(link)))
    };
    result.map_err(|source| match source.kind() {
        libbpf_rs::ErrorKind::AlreadyExists => LinuxError::AlreadyRunning,
        _ => LinuxError::Bpf { what: "the congestion control `wad`", source },
    })
}

/// Attaching fails, as the name is taken, but hands the control's functions to the kernel; the link can
/// then be moved to them.
fn replace_control(skeleton: &mut WadSkel<'_>, link: &OwnedFd) -> Result<(), LinuxError> {
    match skeleton.maps.wad.attach_struct_ops() {
        Err(error) if error.kind() == libbpf_rs::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(LinuxError::Bpf { what: "the congestion control `wad`", source }),
        // The link had no control any more: the new one's own takes over.
        Ok(_) => return Err(LinuxError::NothingToInherit),
    }
    update(link, skeleton.maps.wad.as_fd().as_raw_fd(), "to replace the congestion control `wad`")
}

fn update(link: &OwnedFd, object: i32, what: &'static str) -> Result<(), LinuxError> {
    // SAFETY: both are open descriptors, and no options are passed.
    let result = unsafe { libbpf_sys::bpf_link_update(link.as_raw_fd(), object, std::ptr::null()) };
    if result == 0 {
        return Ok(());
    }
    Err(LinuxError::Bpf { what, source: libbpf_rs::Error::from_raw_os_error(-result) })
}

/// Before Linux 6.4 a control stays registered when the process is killed that registered it: the
/// next one takes it away.
fn register_unlinked(skeleton: &mut WadSkel<'_>) -> libbpf_rs::Result<Link> {
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
