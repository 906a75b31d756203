//! Whole numbers in as few bytes as they need (LEB128), and the cursor that reads them.
//!
//! Seven bits a byte, the lowest first; the eighth says that more follow. A number with a sign is folded first,
//! so that small ones are short whatever their sign: 0, -1, 1, -2 become 0, 1, 2, 3 ("zigzag").

use super::Malformed;

/// Appends `value`; one to ten bytes.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Appends a number with a sign.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, fold(value));
}

/// Appends bytes with their length before them.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A number with a sign as one without: small ones stay small.
#[expect(clippy::cast_sign_loss, reason = "the bits are rearranged, none is lost")]
pub(crate) const fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`fold`].
#[expect(clippy::cast_possible_wrap, reason = "the bits are rearranged, none is lost")]
pub(crate) const fn unfold(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn low_byte(value: u64) -> u8 {
    value as u8
}

/// Bytes that are read from the front, with checks in the place of panics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    /// How many bytes have been read.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(crate) const fn left(&self) -> usize {
        self.all.len() - self.at
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = *self.all.get(self.at).ok_or(Malformed("it ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.left() {
            return Err(Malformed("it ends too early"));
        }
        let bytes = &self.all[self.at..self.at + count];
        self.at += count;
        Ok(bytes)
    }

    /// What is left from here, without reading it.
    pub(crate) fn peek(&self) -> &'a [u8] {
        &self.all[self.at..]
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed("a number has more than 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Malformed> {
        self.number().map(unfold)
    }

    /// A number that counts something of which at most `limit` are allowed.
    pub(crate) fn count(&mut self, limit: usize, what: &'static str) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed(what))?;
        if count > limit { Err(Malformed(what)) } else { Ok(count) }
    }

    /// Bytes with their length before them.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(self.left(), "a length reaches beyond the end")?;
        self.bytes(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.sized()?).map_err(|_| Malformed("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_number_is_read_and_a_longer_one_refused() {
        let mut out = Vec::new();
        put(&mut out, u64::MAX);
        assert_eq!(out.len(), 10);
        assert_eq!(Cursor::new(&out).number(), Ok(u64::MAX));
        out[9] = 2;
        assert!(Cursor::new(&out).number().is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, shift in 0u32..64, signed: i64) {
            let value = value >> shift;
            let mut out = Vec::new();
            put(&mut out, value);
            put_signed(&mut out, signed);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.number(), Ok(value));
            prop_assert_eq!(cursor.signed(), Ok(signed));
            prop_assert_eq!(cursor.left(), 0);
        }
    }
}
