//! A sequence of numbers whose count the reader knows.
//!
//! ```text
//! stream := 0                   all are zero
//!         | 1 signed-varint     all are this
//!         | 2 run run ...       runs of 64, the last one shorter
//! ```
//!
//! A stream of no numbers has no bytes.

use super::Malformed;
use super::pack::{self, RUN};
use super::varint::{self, Cursor};

const ZEROS: u8 = 0;
const CONSTANT: u8 = 1;
const RUNS: u8 = 2;

/// Appends the numbers.
pub(crate) fn put(out: &mut Vec<u8>, numbers: &[i64]) {
    let Some((first, rest)) = numbers.split_first() else { return };
    if rest.iter().all(|number| number == first) {
        return put_constant(out, *first);
    }
    out.push(RUNS);
    numbers.chunks(RUN).for_each(|run| pack::put(out, run));
}

/// Appends any count, but not none, of one number.
pub(crate) fn put_constant(out: &mut Vec<u8>, number: i64) {
    if number == 0 {
        out.push(ZEROS);
    } else {
        out.push(CONSTANT);
        varint::put_signed(out, number);
    }
}

/// Reads as many numbers as `numbers` has room for.
pub(crate) fn take(cursor: &mut Cursor<'_>, numbers: &mut [i64]) -> Result<(), Malformed> {
    if numbers.is_empty() {
        return Ok(());
    }
    match cursor.byte()? {
        ZEROS => numbers.fill(0),
        CONSTANT => numbers.fill(cursor.signed()?),
        RUNS => {
            for run in numbers.chunks_mut(RUN) {
                pack::take(cursor, run)?;
            }
        }
        _ => return Err(Malformed("a stream has a form that does not exist")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(numbers: &[i64]) -> usize {
        let mut out = Vec::new();
        put(&mut out, numbers);
        let mut read = vec![1; numbers.len()];
        take(&mut Cursor::new(&out), &mut read).unwrap();
        assert_eq!(read, numbers);
        out.len()
    }

    #[test]
    fn what_does_not_change_is_nearly_free() {
        assert_eq!(round_trip(&[]), 0);
        assert_eq!(round_trip(&[0; 1000]), 1);
        assert_eq!(round_trip(&[1448; 1000]), 3);
    }

    proptest! {
        #[test]
        fn streams_come_back(numbers in prop::collection::vec(-1000..1000i64, 0..300)) {
            round_trip(&numbers);
        }
    }
}
