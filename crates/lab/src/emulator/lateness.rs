//! How late deliveries are.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::report::LatenessReport;

/// The time from the instant at which the model delivers to the end of the write, for each packet.
#[derive(Debug)]
pub(super) struct Lateness(Histogram<u64>);

impl Lateness {
    pub(super) fn new() -> Self {
        // Two digits: a percentile is known to one in a hundred.
        Self(Histogram::new_with_bounds(1, 10_000_000_000, 2).expect("the bounds are in order"))
    }

    pub(super) fn record(&mut self, late: Duration) {
        self.0.saturating_record(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn report(&self) -> LatenessReport {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64();
        LatenessReport {
            deliveries: self.0.len(),
            p50_s: at(0.5),
            p99_s: at(0.99),
            p999_s: at(0.999),
            max_s: Duration::from_nanos(self.0.max()).as_secs_f64(),
        }
    }
}
