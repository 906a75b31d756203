//! Types of the BPF interface as bytes.

use std::slice;

use crate::observer_skeleton::types as observer;
use crate::skeleton::types;

/// A plain type of the BPF interface, all of whose bytes are initialised.
///
/// # Safety
/// The type must be `repr(C)`, without padding.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: generated from BTF as repr(C); the members fill the type, as the assertions show.
unsafe impl Plain for types::wad_prefix {}
// SAFETY: as above.
unsafe impl Plain for types::wad_rule {}
// SAFETY: as above.
unsafe impl Plain for types::wad_parameters {}
// SAFETY: as above.
unsafe impl Plain for types::wad_order {}
// SAFETY: as above.
unsafe impl Plain for observer::wad_watch {}

const _: () = assert!(size_of::<types::wad_prefix>() == 4 + 4 + 16);
const _: () = assert!(size_of::<types::wad_rule>() == 16 + 4 + 4 * 2 + 4 + 4);
const _: () = assert!(size_of::<types::wad_control>() == 9 * 4);
const _: () = assert!(size_of::<types::wad_parameters>() == 8 + 14 * 4 + 9 * 4 + 16 + 4);
const _: () = assert!(size_of::<types::wad_socket>() == 8 + 7 * 4 + 4 + 16);
const _: () = assert!(
    size_of::<types::wad_order>() == size_of::<types::wad_parameters>() + size_of::<types::wad_socket>() + 8
);

const _: () = assert!(size_of::<observer::wad_watch>() == 4 * 4);
const _: () = assert!(size_of::<types::wad_counts>() == 2 * 8 + 23 * 4 + 4);
const _: () = assert!(size_of::<observer::wad_event>() == 2 * 4 + 6 * 8 + 18 * 4);
const _: () = assert!(size_of::<observer::wad_closing>() == 8 + size_of::<observer::wad_sample>());
// Both objects lay out alike what they share.
const _: () = assert!(size_of::<types::wad_flow>() == size_of::<observer::wad_flow>());

/// A type of the BPF interface that any bytes are a value of.
///
/// # Safety
/// Every member is an integer or an array of them.
pub(crate) unsafe trait AnyBytes: Copy {
    /// Reads one from the beginning of some bytes; `None` if they are too few.
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < size_of::<Self>() {
            return None;
        }
        // SAFETY: the bytes are long enough, and any of them are a value; the source need not be aligned.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}

// SAFETY: generated from BTF, of integers and arrays of them.
unsafe impl AnyBytes for observer::wad_sample {}
// SAFETY: as above.
unsafe impl AnyBytes for observer::wad_event {}

pub(crate) fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `T` is plain, so all its bytes are initialised; the slice borrows `value`.
    unsafe { slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}
