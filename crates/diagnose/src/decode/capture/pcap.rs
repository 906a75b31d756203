//! The classic form (libpcap): a header, then frames. The order of bytes is that of the host that wrote it.

use super::{CaptureError, Frame};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const HEADER: usize = 24;
const RECORD: usize = 16;
/// No frame is longer; a length above it is damage.
pub(super) const LONGEST: usize = 1 << 24;

pub(super) fn frames(bytes: &[u8]) -> Result<Vec<Frame<'_>>, CaptureError> {
    let foreign = || CaptureError::Foreign { begin: bytes.iter().take(4).copied().collect() };
    let magic: [u8; 4] = bytes.get(..4).and_then(|magic| magic.try_into().ok()).ok_or_else(foreign)?;
    let (big, per_micro) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (MICROSECONDS, _) => (false, 1),
        (NANOSECONDS, _) => (false, 1000),
        (_, MICROSECONDS) => (true, 1),
        (_, NANOSECONDS) => (true, 1000),
        _ => return Err(foreign()),
    };
    let word = |at: usize| word(bytes, at, big);
    let damaged = |offset, problem| CaptureError::Damaged { offset, problem };
    // The upper bits tell of a frame check sequence.
    let link = word(20).ok_or_else(|| damaged(0, "the header is cut off"))? & 0x0fff_ffff;
    let mut frames = Vec::new();
    let mut at = HEADER;
    while let (Some(seconds), Some(fraction), Some(captured), Some(length)) =
        (word(at), word(at + 4), word(at + 8), word(at + 12))
    {
        let (captured, length) = (size(captured), size(length));
        if captured > LONGEST {
            return Err(damaged(at, "a frame of more than 16 MiB"));
        }
        let begin = at + RECORD;
        let Some(data) = bytes.get(begin..begin + captured) else { break };
        let time_us = u64::from(seconds) * 1_000_000 + u64::from(fraction / per_micro);
        frames.push(Frame { time_us, link, bytes: data, length });
        at = begin + captured;
    }
    Ok(frames)
}

/// A word in the writer's order.
pub(super) fn word(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

pub(super) fn size(word: u32) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}
