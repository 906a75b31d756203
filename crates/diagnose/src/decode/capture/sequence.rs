//! Sequence numbers that do not wrap.

/// Follows a direction's sequence numbers beyond 32 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unwrapper {
    near: Option<u64>,
}

impl Unwrapper {
    /// The number nearest to the last one that ends in these 32 bits.
    pub(super) fn unwrap(&mut self, number: u32) -> u64 {
        // Room below the first for what was sent before it.
        let near = *self.near.get_or_insert((1 << 33) + u64::from(number));
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
        let step = number.wrapping_sub(near as u32).cast_signed();
        let full = near.saturating_add_signed(i64::from(step));
        self.near = Some(near.max(full));
        full
    }
}
