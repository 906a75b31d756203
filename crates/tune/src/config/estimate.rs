//! `estimate`: what is known of a path: its rate and its round-trip time.

use std::fmt;
use std::time::Duration;

use wad_model::{Bytes, Rate, format_duration};

use super::table::{Found, Table};
use crate::tunables::Limits;

/// The rates that an estimate can have.
pub(super) const RATES: Limits = Limits::Rate(Rate::from_bps(1_000), Rate::from_bps(10_000_000_000_000));
/// The round-trip times that an estimate can have.
pub(super) const TIMES: Limits = Limits::Time(Duration::from_micros(1), Duration::from_secs(60));

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathEstimate {
    /// What its bottleneck carries.
    pub rate: Rate,
    /// Its round-trip time without queues.
    pub rtt: Duration,
}

impl PathEstimate {
    /// What the path holds: rate times round-trip time.
    #[must_use]
    pub fn bandwidth_delay_product(&self) -> Bytes {
        self.rate.bytes_in(self.rtt)
    }

    /// Reads `rate` and `rtt` of a table; both must be there.
    pub(super) fn read_keys(table: &mut Table<'_, '_, '_>) -> Option<Self> {
        table.require("rate");
        table.require("rtt");
        let rate = table.bounded::<Rate>("rate", &RATES);
        let rtt = table.bounded::<Duration>("rtt", &TIMES);
        Some(Self { rate: rate?.value, rtt: rtt?.value })
    }

    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Option<Found<Self>> {
        let (span, line) = (table.span.clone(), table.line());
        let estimate = Self::read_keys(&mut table);
        table.finish();
        Some(Found { value: estimate?, span, line })
    }
}

impl fmt::Display for PathEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.rate, format_duration(self.rtt))
    }
}
