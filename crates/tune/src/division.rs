//! The division of a path's buffers among its flows.
//!
//! A flow that is alone has the whole; when a second opens, each has half, and so on (section 4.2 of the paper
//! of 2002). With each flow as large as the path, their windows together would be as many times too large as
//! there are flows, and what the path cannot hold is lost. All shares are equal, so that they depend on how many flows
//! are open and on nothing else: not on who came first.

use wad_model::Bytes;

/// A size, divided among flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// What there is to divide.
    pub total: Bytes,
    /// The least share. Where it is reached, shares come to more than the total.
    pub floor: Bytes,
}

impl Division {
    /// The share of each of this many flows; none counts as one. Never more than the total.
    #[must_use]
    pub fn share(&self, flows: u32) -> Bytes {
        let equal = Bytes::new(self.total.get() / u64::from(flows.max(1)));
        equal.max(self.floor).min(self.total)
    }

    /// Whether the floor is what decides among this many flows.
    #[must_use]
    pub fn is_at_floor(&self, flows: u32) -> bool {
        self.total.get() / u64::from(flows.max(1)) < self.floor.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIVISION: Division = Division { total: Bytes::new(1 << 20), floor: Bytes::new(64 << 10) };

    #[test]
    fn shares_are_those_of_the_paper() {
        let shares = [0, 1, 2, 4].map(|flows| DIVISION.share(flows).get());
        assert_eq!(shares, [1 << 20, 1 << 20, 1 << 19, 1 << 18]);
    }

    #[test]
    fn no_share_is_below_the_floor_or_above_the_total() {
        assert_eq!(DIVISION.share(16), DIVISION.floor);
        assert!(!DIVISION.is_at_floor(16) && DIVISION.is_at_floor(17));
        assert_eq!(DIVISION.share(u32::MAX), DIVISION.floor);
        let small = Division { total: Bytes::new(4096), ..DIVISION };
        assert_eq!(small.share(3).get(), 4096);
    }
}
