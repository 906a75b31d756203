//! A run of up to 64 numbers in a fixed number of bits each.
//!
//! The numbers of a run are close to each other most of the time, so what is stored is the distance from a base,
//! in as many bits as most of them need. The few that need more are *patched*: their upper bits follow in a list.
//!
//! ```text
//! run   := layout base bits [patches]
//! layout: one byte, 65 * form + width; width 0 to 64 bits a number
//! base  : signed varint
//! bits  : the low `width` bits of each distance, the lowest bit first, filled up to a whole byte
//! patches (forms 1 and 2): varint count, then for each: a byte with its place in the run, varint upper bits
//! ```
//!
//! | form | base | distance | patches |
//! |---|---|---|---|
//! | 0 | smallest | number - base | none |
//! | 1 | smallest | number - base | yes |
//! | 2 | median | number - base, folded (zigzag) | yes |
//!
//! Form 2 is for outliers on both sides, such as a congestion window that grows by ten and then falls by thousands.
//! All differences wrap, so that each 64-bit number comes back whatever the base is. The idea of bits from a base with
//! patches: M. Zukowski, S. Heman, N. Nes, P. Boncz, "Super-Scalar RAM-CPU Cache Compression", ICDE 2006.

use super::Malformed;
use super::varint::{self, Cursor, fold, unfold};

/// The longest run.
pub(crate) const RUN: usize = 64;

const FORMS: u8 = 65;

/// How a run is stored.
#[derive(Clone, Copy, Debug)]
struct Plan {
    form: Form,
    base: i64,
    width: u32,
    /// What it takes at most, but for the base.
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Smallest = 0,
    SmallestPatched = 1,
    MedianPatched = 2,
}

/// Appends a run of 1 to [`RUN`] numbers.
pub(crate) fn put(out: &mut Vec<u8>, run: &[i64]) {
    let plan = Plan::best(run);
    let mut distances = [0; RUN];
    for (distance, number) in distances.iter_mut().zip(run) {
        *distance = plan.form.distance(plan.base, *number);
    }
    let distances = &distances[..run.len()];

    out.push(plan.form as u8 * FORMS + byte(u64::from(plan.width)));
    varint::put_signed(out, plan.base);
    put_bits(out, distances, plan.width);
    if plan.form != Form::Smallest {
        put_patches(out, distances, plan.width);
    }
}

impl Plan {
    fn best(run: &[i64]) -> Self {
        let smallest = run.iter().copied().min().unwrap_or(0);
        let largest = run.iter().copied().max().unwrap_or(0);
        let width = bits(distance_up(largest, smallest));
        let plain = Self { form: Form::Smallest, base: smallest, width, bytes: packed(run.len(), width) };
        // A run of few bits has nothing to gain; it is also the most frequent one.
        if width <= 2 {
            return plain;
        }
        let mut sorted = [0; RUN];
        let sorted = &mut sorted[..run.len()];
        sorted.copy_from_slice(run);
        let (_, median, _) = sorted.select_nth_unstable(run.len() / 2);
        let median = *median;
        let patched = [(Form::SmallestPatched, smallest), (Form::MedianPatched, median)]
            .map(|(f, b)| Self::patched(run, f, b));
        patched.into_iter().fold(plain, |best, plan| if plan.bytes < best.bytes { plan } else { best })
    }

    /// The cheapest width of a form with patches.
    fn patched(run: &[i64], form: Form, base: i64) -> Self {
        // How many numbers need exactly this many bits.
        let mut needing = [0u8; 65];
        let mut widest = 0;
        for number in run {
            let bits = bits(form.distance(base, *number));
            needing[bits as usize] += 1;
            widest = widest.max(bits);
        }
        let mut best = Self { form, base, width: widest, bytes: usize::MAX };
        let mut patches = 0;
        for width in (0..=widest).rev() {
            // A patch has its place, and seven bits a byte.
            let patch = 1 + (widest - width).div_ceil(7) as usize;
            let bytes = 1 + packed(run.len(), width) + patches * patch;
            if bytes < best.bytes {
                best = Self { width, bytes, ..best };
            }
            patches += usize::from(needing[width as usize]);
        }
        best
    }
}

impl Form {
    #[inline]
    fn distance(self, base: i64, number: i64) -> u64 {
        match self {
            Self::Smallest | Self::SmallestPatched => distance_up(number, base),
            Self::MedianPatched => fold(number.wrapping_sub(base)),
        }
    }
}

/// How many bits the numbers need beyond the first of their run: what decides between ways to store a column. One far
/// off counts as what a patch of it takes.
pub(crate) fn bits_needed(numbers: &[i64]) -> u64 {
    let of_run = |run: &[i64]| -> u64 {
        let first = run.first().copied().unwrap_or(0);
        run.iter().map(|number| u64::from(bits(fold(number.wrapping_sub(first))))).sum()
    };
    numbers.chunks(RUN).map(of_run).sum()
}

#[expect(clippy::cast_sign_loss, reason = "a difference that wraps: the number comes back by adding it")]
const fn distance_up(number: i64, base: i64) -> u64 {
    number.wrapping_sub(base) as u64
}

const fn bits(value: u64) -> u32 {
    64 - value.leading_zeros()
}

const fn packed(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn byte(value: u64) -> u8 {
    value as u8
}

fn put_bits(out: &mut Vec<u8>, distances: &[u64], width: u32) {
    if width == 0 {
        return;
    }
    let mask = u64::MAX >> (64 - width);
    let end = out.len() + packed(distances.len(), width);
    let (mut pending, mut filled) = (0u128, 0);
    for distance in distances {
        pending |= u128::from(distance & mask) << filled;
        filled += width;
        if filled >= 64 {
            out.extend(low_64(pending).to_le_bytes());
            pending >>= 64;
            filled -= 64;
        }
    }
    out.extend(low_64(pending).to_le_bytes());
    out.truncate(end);
}

fn put_patches(out: &mut Vec<u8>, distances: &[u64], width: u32) {
    let above = |distance: &&u64| bits(**distance) > width;
    varint::put(out, distances.iter().filter(above).count() as u64);
    for (place, distance) in distances.iter().enumerate() {
        if bits(*distance) > width {
            out.push(byte(place as u64));
            varint::put(out, distance >> width);
        }
    }
}

/// Reads a run as long as `run`.
pub(crate) fn take(cursor: &mut Cursor<'_>, run: &mut [i64]) -> Result<(), Malformed> {
    let layout = cursor.byte()?;
    let width = u32::from(layout % FORMS);
    let base = cursor.signed()?;
    match layout / FORMS {
        0 if width == 0 => run.fill(base),
        0 => take_bits(cursor, run, width, |distance| plus(base, distance))?,
        1 => {
            take_bits(cursor, run, width, |distance| plus(base, distance))?;
            for _ in 0..patches(cursor, run.len())? {
                let (number, above) = patch(cursor, run, width)?;
                *number = plus(*number, above);
            }
        }
        2 => {
            take_bits(cursor, run, width, |distance| base.wrapping_add(unfold(distance)))?;
            for _ in 0..patches(cursor, run.len())? {
                let (number, above) = patch(cursor, run, width)?;
                let low = fold(number.wrapping_sub(base));
                *number = base.wrapping_add(unfold(low | above));
            }
        }
        _ => return Err(Malformed("a run has a form that does not exist")),
    }
    Ok(())
}

#[expect(clippy::cast_possible_wrap, reason = "the sum wraps as the difference did")]
const fn plus(base: i64, distance: u64) -> i64 {
    base.wrapping_add(distance as i64)
}

fn patches(cursor: &mut Cursor<'_>, run: usize) -> Result<usize, Malformed> {
    cursor.count(run, "a run has more patches than numbers")
}

/// The number to patch, and its upper bits in their place.
fn patch<'a>(
    cursor: &mut Cursor<'_>,
    run: &'a mut [i64],
    width: u32,
) -> Result<(&'a mut i64, u64), Malformed> {
    let place = usize::from(cursor.byte()?);
    let above = cursor.number()?.checked_shl(width).unwrap_or(0);
    let number = run.get_mut(place).ok_or(Malformed("a patch lies outside its run"))?;
    Ok((number, above))
}

/// Bytes that may be looked at beyond the last number, so that each is read with one load.
const SLACK: usize = 16;

#[inline(always)]
fn take_bits(
    cursor: &mut Cursor<'_>,
    run: &mut [i64],
    width: u32,
    number: impl Fn(u64) -> i64,
) -> Result<(), Malformed> {
    if width == 0 {
        run.fill(number(0));
        return Ok(());
    }
    let ahead = cursor.peek();
    let bytes = cursor.bytes(packed(run.len(), width))?;
    if ahead.len() >= bytes.len() + SLACK {
        unpack(ahead, run, width, number);
    } else {
        let mut padded = [0; RUN * 8 + SLACK];
        padded[..bytes.len()].copy_from_slice(bytes);
        unpack(&padded, run, width, number);
    }
    Ok(())
}

/// `bytes` reaches [`SLACK`] beyond the last number.
#[inline(always)]
fn unpack(bytes: &[u8], run: &mut [i64], width: u32, number: impl Fn(u64) -> i64) {
    let mask = u64::MAX >> (64 - width);
    let mut at = 0;
    if width <= 56 {
        for slot in run {
            *slot = number((load(bytes, at / 8) >> (at % 8)) & mask);
            at += width as usize;
        }
    } else {
        for slot in run {
            let (low, high) = (load(bytes, at / 8), load(bytes, at / 8 + 8));
            let wide = u128::from(low) | u128::from(high) << 64;
            *slot = number(low_64(wide >> (at % 8)) & mask);
            at += width as usize;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
const fn low_64(value: u128) -> u64 {
    value as u64
}

#[inline(always)]
fn load(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(run: &[i64]) -> usize {
        let mut out = Vec::new();
        put(&mut out, run);
        let mut read = vec![0; run.len()];
        let mut cursor = Cursor::new(&out);
        take(&mut cursor, &mut read).unwrap();
        assert_eq!(read, run);
        assert_eq!(cursor.left(), 0);
        // With other bytes behind it, which the fast way of reading looks at.
        out.extend([0xff; 32]);
        take(&mut Cursor::new(&out), &mut read).unwrap();
        assert_eq!(read, run);
        out.len() - 32
    }

    #[test]
    fn equal_numbers_need_no_bits() {
        assert_eq!(round_trip(&[7; 64]), 2);
    }

    #[test]
    fn one_outlier_costs_a_patch_and_not_a_wider_run() {
        let mut window: Vec<i64> = (0..64).map(|i| 10 + i % 4).collect();
        window[40] = -7000;
        // 64 numbers of three bits, and some bytes.
        assert!(round_trip(&window) <= 24 + 8);
    }

    #[test]
    fn the_extremes_come_back() {
        round_trip(&[i64::MIN, i64::MAX, 0, -1, 1]);
        round_trip(&[i64::MAX]);
    }

    proptest! {
        #[test]
        fn runs_come_back(
            run in prop::collection::vec((any::<i64>(), 0u32..64).prop_map(|(n, s)| n >> s), 1..=RUN)
        ) {
            round_trip(&run);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, length in 1..=RUN) {
            let _ = take(&mut Cursor::new(&bytes), &mut vec![0; length]);
        }
    }
}
