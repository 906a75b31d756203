//! Changes of flows that run: what user space decides, carried out by the iterators.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _};

use libbpf_rs::{MapCore, MapFlags, libbpf_sys};

use crate::namespaces::inside;
use crate::plain::bytes_of;
use crate::record::Record;
use crate::skeleton::types;
use crate::{LinuxError, Parameters, SocketState, Tuner};

/// What to do with a running flow.
#[derive(Clone, Debug)]
pub struct Order {
    /// The flow, by its socket's cookie.
    pub cookie: u64,
    /// What to do.
    pub action: Action,
}

/// What can be done with a running flow.
#[derive(Clone, Debug)]
pub enum Action {
    /// Set everything that can be set on a running flow; one of no path becomes one of this path.
    Apply {
        /// Index of the path entry.
        path: u32,
        /// What it sets.
        parameters: Parameters,
    },
    /// Change the parameters of the control and the ceilings of the buffers, and nothing else.
    Adjust {
        /// What is set.
        parameters: Parameters,
    },
    /// Put the socket back, and follow it no longer.
    Restore {
        /// What had been set.
        parameters: Parameters,
        /// The socket as it was before.
        before: SocketState,
    },
}

const ACTION_APPLY: u32 = 1;
const ACTION_ADJUST: u32 = 2;
const ACTION_RESTORE: u32 = 3;

/// The largest number of orders in one pass: `WAD_MAX_ORDERS`.
const MAX_ORDERS: usize = 65536;

impl Action {
    fn to_kernel(&self) -> types::wad_order {
        let empty = types::wad_order::default();
        match self {
            Self::Apply { path, parameters } => types::wad_order {
                parameters: parameters.to_kernel(),
                action: ACTION_APPLY,
                path: *path,
                ..empty
            },
            Self::Adjust { parameters } => {
                types::wad_order { parameters: parameters.to_kernel(), action: ACTION_ADJUST, ..empty }
            }
            Self::Restore { parameters, before } => types::wad_order {
                parameters: parameters.to_kernel(),
                before: before.to_kernel(),
                action: ACTION_RESTORE,
                ..empty
            },
        }
    }
}

impl Tuner {
    /// Connections of the cgroup's processes in a network namespace that run and are of no path.
    ///
    /// # Errors
    /// If the namespace cannot be entered or its sockets cannot be listed.
    pub fn strangers(&self, namespace: BorrowedFd<'_>) -> Result<Vec<Record>, LinuxError> {
        let link = self.iterators.strangers.as_fd();
        inside(namespace, || records(link))
    }

    /// Carries out orders for flows of a network namespace, each under its socket's lock. Returns
    /// the flows as they are then; one that has closed meanwhile is not among them.
    ///
    /// # Errors
    /// If the namespace cannot be entered or the kernel refuses the pass.
    pub fn carry_out(&self, namespace: BorrowedFd<'_>, orders: &[Order]) -> Result<Vec<Record>, LinuxError> {
        let mut applied = HashMap::new();
        for part in orders.chunks(MAX_ORDERS) {
            self.place(part)?;
            let link = self.iterators.orders.as_fd();
            let result = inside(namespace, || records(link));
            self.withdraw(part);
            applied.extend(result?.into_iter().map(|record| (record.cookie, record)));
        }
        self.announce_changes();
        // In the order in which they were asked for.
        Ok(orders.iter().filter_map(|order| applied.remove(&order.cookie)).collect())
    }

    /// Adjusts flows of any namespace. Those that have closed meanwhile are left out.
    ///
    /// # Errors
    /// If the kernel refuses the pass.
    pub fn adjust(&self, orders: &[Order]) -> Result<(), LinuxError> {
        for part in orders.chunks(MAX_ORDERS) {
            self.place(part)?;
            let result = records(self.iterators.adjust.as_fd());
            self.withdraw(part);
            result?;
        }
        self.announce_changes();
        Ok(())
    }

    fn place(&self, orders: &[Order]) -> Result<(), LinuxError> {
        for order in orders {
            let value = order.action.to_kernel();
            self.skeleton
                .maps
                .orders
                .update(&order.cookie.to_ne_bytes(), bytes_of(&value), MapFlags::ANY)
                .map_err(|source| LinuxError::Bpf { what: "an order for a running flow", source })?;
        }
        Ok(())
    }

    /// Orders that no socket took: theirs has closed.
    fn withdraw(&self, orders: &[Order]) {
        for order in orders {
            // Most have been taken out when they were carried out.
            let _ = self.skeleton.maps.orders.delete(&order.cookie.to_ne_bytes());
        }
    }

    /// Lets the control read the parameters of its flows anew.
    fn announce_changes(&self) {
        let Some(data) = self.skeleton.maps.data_data.as_deref() else { return };
        // SAFETY: the map is mapped into memory while the skeleton lives, and aligned; this process alone
        // writes the member, and the kernel reads it at any time, which volatile accesses allow for.
        unsafe {
            let changes = (&raw const data.control_changes).cast_mut();
            changes.write_volatile(changes.read_volatile().wrapping_add(1));
        }
    }
}

/// All records of one pass of an iterator, whose link this is.
pub(crate) fn records(link: BorrowedFd<'_>) -> Result<Vec<Record>, LinuxError> {
    let failed = |source| LinuxError::Bpf { what: "to iterate over flows", source };
    // SAFETY: the link is open.
    let descriptor = unsafe { libbpf_sys::bpf_iter_create(link.as_raw_fd()) };
    if descriptor < 0 {
        return Err(failed(libbpf_rs::Error::from_raw_os_error(-descriptor)));
    }
    // SAFETY: the kernel has just given it, and nobody else has it.
    let mut pass = unsafe { File::from_raw_fd(descriptor) };
    let mut bytes = Vec::new();
    pass.read_to_end(&mut bytes).map_err(|error| failed(error.into()))?;
    Ok(bytes.chunks(size_of::<types::wad_record>()).filter_map(Record::from_bytes).collect())
}
