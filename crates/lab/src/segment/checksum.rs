//! The Internet checksum (RFC 1071).

/// A ones' complement sum under construction.
///
/// RFC 1071 section 2: the sum may be taken in words of any width and in either byte order, so it is
/// taken eight native bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum(u64);

impl Checksum {
    /// The sum over `bytes` as well; only the last piece of a sum may have an odd length.
    #[must_use]
    pub fn over(self, bytes: &[u8]) -> Self {
        let mut sum = self.0;
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            sum = add_carrying(sum, u64::from_ne_bytes(word.try_into().expect("a chunk has eight bytes")));
        }
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        Self(add_carrying(sum, u64::from_ne_bytes(last)))
    }

    /// The sum in sixteen bits, as it stands in a packet: what a device that is to complete the
    /// checksum finds in the checksum's place.
    #[must_use]
    pub fn partial(self) -> [u8; 2] {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).expect("the sum was folded").to_ne_bytes()
    }

    /// The complement of the sum: the checksum itself.
    #[must_use]
    pub fn complete(self) -> [u8; 2] {
        (!u16::from_ne_bytes(self.partial())).to_ne_bytes()
    }
}

fn add_carrying(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u64::from(carry)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 1071 section 4.1, word by word in network order.
    fn by_the_book(bytes: &[u8]) -> u16 {
        let mut sum: u32 = 0;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let sum = Checksum::default().over(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.partial(), [0xdd, 0xf2]);
    }

    proptest! {
        #[test]
        fn the_wide_sum_is_the_books(head in prop::collection::vec(any::<u16>(), 0..40), tail: Vec<u8>) {
            let head: Vec<u8> = head.into_iter().flat_map(u16::to_be_bytes).collect();
            let sum = Checksum::default().over(&head).over(&tail);
            let whole = [head, tail].concat();
            prop_assert_eq!(u16::from_be_bytes(sum.complete()), by_the_book(&whole));
        }
    }
}
