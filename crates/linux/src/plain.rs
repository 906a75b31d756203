//! Types of the BPF interface as bytes.

use std::slice;

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

const _: () = assert!(size_of::<types::wad_prefix>() == 4 + 4 + 16);
const _: () = assert!(size_of::<types::wad_rule>() == 16 + 4 + 4 * 2 + 4 + 4);
const _: () = assert!(size_of::<types::wad_control>() == 9 * 4);
const _: () = assert!(size_of::<types::wad_parameters>() == 8 + 14 * 4 + 9 * 4 + 16 + 4);
const _: () = assert!(size_of::<types::wad_socket>() == 8 + 7 * 4 + 4 + 16);
const _: () = assert!(
    size_of::<types::wad_order>() == size_of::<types::wad_parameters>() + size_of::<types::wad_socket>() + 8
);

pub(crate) fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: `T` is plain, so all its bytes are initialised; the slice borrows `value`.
    unsafe { slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}
