//! Whether this host can do what WAD needs: asked of the kernel's BTF, never of its version.

use std::fs::File;
use std::path::Path;

use libbpf_rs::btf::{
    Btf,
    types::{Func, Struct},
};

use rustix::net::sockopt::set_tcp_congestion;
use rustix::net::{AddressFamily, SocketType, ipproto};

use crate::{LinuxError, Sysctls};

const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Types and functions that are in the kernel's BTF once it can do what WAD needs.
const STRUCTS: [(&str, &str, &str); 1] =
    [("bpf_iter__bpf_sk_storage_map", "iterators over socket storage", "5.9")];
const FUNCTIONS: [(&str, &str, &str); 1] = [("tcp_slow_start", "congestion controls in BPF", "5.13")];

/// Checks that the process may, and the kernel can.
///
/// # Errors
/// The first thing that is missing.
pub fn check_system() -> Result<(), LinuxError> {
    if !rustix::process::geteuid().is_root() {
        return Err(LinuxError::NotRoot);
    }
    let path = Path::new(BTF);
    File::open(path).map_err(|source| LinuxError::NoBtf { path: path.to_owned(), source })?;
    let btf = Btf::from_vmlinux().map_err(|source| LinuxError::Bpf { what: "to show its BTF", source })?;
    for (name, feature, since) in STRUCTS {
        if btf.type_by_name::<Struct<'_>>(name).is_none() {
            return Err(LinuxError::KernelTooOld { feature, since });
        }
    }
    for (name, feature, since) in FUNCTIONS {
        if btf.type_by_name::<Func<'_>>(name).is_none() {
            return Err(LinuxError::KernelTooOld { feature, since });
        }
    }
    Ok(())
}

/// Whether a congestion control in BPF can be registered by a link (since Linux 6.4).
pub(crate) fn has_struct_ops_link() -> bool {
    Btf::from_vmlinux().is_ok_and(|btf| btf.type_by_name::<Struct<'_>>("bpf_struct_ops_link").is_some())
}

/// Makes sure that the kernel has a congestion control. A BPF program cannot load its module;
/// asking for it on a socket, as root, does.
///
/// # Errors
/// If the kernel neither has the control nor finds a module for it.
pub fn require_control(control: &str) -> Result<(), LinuxError> {
    let missing = |_| LinuxError::NoSuchControl { control: control.to_owned(), available: available() };
    let socket =
        rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP)).map_err(missing)?;
    set_tcp_congestion(&socket, control).map_err(missing)
}

fn available() -> String {
    Sysctls::default()
        .read("net.ipv4.tcp_available_congestion_control")
        .map_or_else(|_| "unknown ones".to_owned(), |list| list.replace(' ', ", "))
}
