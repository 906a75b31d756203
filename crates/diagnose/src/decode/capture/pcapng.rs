//! The newer form (pcapng): blocks, each with its length before and after. Interfaces have their own link layer and unit
//! of time; a section has its own order of bytes and its own interfaces.

use super::pcap::{LONGEST, size, word};
use super::{CaptureError, Frame};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
const BIG_ENDIAN: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
/// The option with the unit of time.
const RESOLUTION: u16 = 9;

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u32,
    /// Units of time in a second.
    units: u64,
    snap: usize,
}

pub(super) fn frames(bytes: &[u8]) -> Result<Vec<Frame<'_>>, CaptureError> {
    let damaged = |offset, problem| CaptureError::Damaged { offset, problem };
    let (mut big, mut interfaces, mut frames) = (false, Vec::new(), Vec::new());
    let mut at = 0;
    while bytes.len() - at >= 12 {
        // The type of a section's header reads the same in both orders.
        if word(bytes, at, false) == Some(SECTION) {
            big = bytes.get(at + 8..at + 12) == Some(&BIG_ENDIAN[..]);
            interfaces.clear();
        }
        let kind = word(bytes, at, big).unwrap_or(0);
        let length = size(word(bytes, at + 4, big).unwrap_or(0));
        if length < 12 || !length.is_multiple_of(4) || length > LONGEST {
            return Err(damaged(at, "the length of a block cannot be"));
        }
        let Some(body) = bytes.get(at + 8..at + length - 4) else { break };
        match kind {
            INTERFACE => {
                interfaces.push(interface(body, big).ok_or_else(|| damaged(at, "an interface is cut off"))?)
            }
            ENHANCED => frames.extend(enhanced(body, big, &interfaces)),
            SIMPLE => frames.extend(simple(body, big, &interfaces)),
            _ => {}
        }
        at += length;
    }
    Ok(frames)
}

fn interface(body: &[u8], big: bool) -> Option<Interface> {
    let half = |at: usize| {
        let half = body.get(at..at + 2)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) })
    };
    let mut found = Interface { link: half(0)?.into(), units: 1_000_000, snap: size(word(body, 4, big)?) };
    let mut at = 8;
    while let (Some(option), Some(length)) = (half(at), half(at + 2)) {
        if option == RESOLUTION {
            found.units = units(*body.get(at + 4)?);
        }
        at += 4 + usize::from(length).next_multiple_of(4);
    }
    Some(found)
}

/// A power of ten, or with the highest bit set of two.
fn units(resolution: u8) -> u64 {
    let power = u32::from(resolution & 0x7f);
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(power).unwrap_or(u64::MAX)
}

fn enhanced<'a>(body: &'a [u8], big: bool, interfaces: &[Interface]) -> Option<Frame<'a>> {
    let interface = interfaces.get(size(word(body, 0, big)?))?;
    let time = u64::from(word(body, 4, big)?) << 32 | u64::from(word(body, 8, big)?);
    let captured = size(word(body, 12, big)?);
    let micros = u128::from(time) * 1_000_000 / u128::from(interface.units);
    Some(Frame {
        time_us: u64::try_from(micros).ok()?,
        link: interface.link,
        bytes: body.get(20..20usize.checked_add(captured)?)?,
        length: size(word(body, 16, big)?),
    })
}

/// Without a time.
fn simple<'a>(body: &'a [u8], big: bool, interfaces: &[Interface]) -> Option<Frame<'a>> {
    let interface = interfaces.first()?;
    let length = size(word(body, 0, big)?);
    let room = body.len().checked_sub(4)?;
    let snap = if interface.snap == 0 { usize::MAX } else { interface.snap };
    Some(Frame { time_us: 0, link: interface.link, bytes: &body[4..4 + length.min(snap).min(room)], length })
}
