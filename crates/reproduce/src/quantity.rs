//! What is measured of a run, by the name that it has in data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A measured quantity. The name in data ends in the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quantity {
    /// Payload that arrived over the whole transfer, all streams together, as iperf3 says, in bit/s.
    GoodputBps,
    /// The same of the flow beside the measured one.
    BesideGoodputBps,
    /// The goodput of the flow beside over half the path's rate.
    BesideShareOfFair,
    /// TCP segments sent again.
    Retransmits,
    /// Retransmits beyond what the path lost or dropped: sent again without need.
    SpuriousRetransmits,
    /// Segments sent again for each 10^9 bytes that were delivered.
    RetransmitsPerGb,
    /// How often a flow set its slow-start threshold anew: losses within one round trip count once.
    CongestionEvents,
    /// The mean of the smoothed round-trip time, in seconds.
    RttMeanS,
    /// The largest smoothed round-trip time, in seconds.
    RttMaxS,
    /// The largest congestion window, all streams together.
    WindowMaxSegments,
    /// When 2 MB had arrived, in seconds from the first byte on: how fast slow start is.
    First2MbS,
    /// Growth of the window (all streams) in congestion avoidance, fitted over its longest stretch.
    IncreaseSegmentsPerRtt,
    /// The share of the window (all streams) that an event in congestion avoidance took; the median of them.
    DecreaseShare,
    /// Growth of the window above the threshold of limited slow start, fitted: at most half the threshold (RFC 3742).
    SlowStartSegmentsPerRtt,
    /// Growth of the window in congestion avoidance over what the table of RFC 3649, Appendix B, gives for the
    /// same acknowledgements.
    HighSpeedIncreaseRatio,
    /// Window after an event over what the same table leaves; the median of them.
    HighSpeedDecreaseRatio,
    /// Packets that came back for each that arrived: how often the receiver acknowledged.
    AcksPerSegment,
    /// Growth in the last third of a recovery over that in the first third.
    IncreaseLateOverEarly,
}

impl Quantity {
    /// Its name in data.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GoodputBps => "goodput_bps",
            Self::BesideGoodputBps => "beside_goodput_bps",
            Self::BesideShareOfFair => "beside_share_of_fair",
            Self::Retransmits => "retransmits",
            Self::SpuriousRetransmits => "spurious_retransmits",
            Self::RetransmitsPerGb => "retransmits_per_gb",
            Self::CongestionEvents => "congestion_events",
            Self::RttMeanS => "rtt_mean_s",
            Self::RttMaxS => "rtt_max_s",
            Self::WindowMaxSegments => "window_max_segments",
            Self::First2MbS => "first2_mb_s",
            Self::IncreaseSegmentsPerRtt => "increase_segments_per_rtt",
            Self::DecreaseShare => "decrease_share",
            Self::SlowStartSegmentsPerRtt => "slow_start_segments_per_rtt",
            Self::HighSpeedIncreaseRatio => "high_speed_increase_ratio",
            Self::HighSpeedDecreaseRatio => "high_speed_decrease_ratio",
            Self::AcksPerSegment => "acks_per_segment",
            Self::IncreaseLateOverEarly => "increase_late_over_early",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::GoodputBps => "goodput",
            Self::BesideGoodputBps => "goodput of the flow beside",
            Self::BesideShareOfFair => "the flow beside, of its fair share",
            Self::Retransmits => "retransmits",
            Self::SpuriousRetransmits => "retransmits without a loss",
            Self::RetransmitsPerGb => "retransmits per GB",
            Self::CongestionEvents => "congestion events",
            Self::RttMeanS => "round-trip time, mean",
            Self::RttMaxS => "round-trip time, largest",
            Self::WindowMaxSegments => "largest window",
            Self::First2MbS => "time to 2 MB",
            Self::IncreaseSegmentsPerRtt => "growth per round trip",
            Self::DecreaseShare => "decrease at a loss",
            Self::SlowStartSegmentsPerRtt => "growth per round trip in slow start",
            Self::HighSpeedIncreaseRatio => "growth over RFC 3649",
            Self::HighSpeedDecreaseRatio => "window after a loss over RFC 3649",
            Self::AcksPerSegment => "acknowledgements per segment",
            Self::IncreaseLateOverEarly => "late growth over early",
        }
    }

    /// A value for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::GoodputBps | Self::BesideGoodputBps => format!("{:.1} Mbit/s", value / 1e6),
            Self::RttMeanS | Self::RttMaxS => format!("{:.1} ms", value * 1e3),
            Self::First2MbS => format!("{value:.2} s"),
            Self::DecreaseShare => format!("{value:.3}"),
            Self::IncreaseSegmentsPerRtt | Self::SlowStartSegmentsPerRtt => format!("{value:.2} segments"),
            Self::WindowMaxSegments => format!("{value:.0} segments"),
            Self::Retransmits
            | Self::SpuriousRetransmits
            | Self::RetransmitsPerGb
            | Self::CongestionEvents => {
                format!("{value:.0}")
            }
            _ => format!("{value:.3}"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_data() {
        for quantity in [Quantity::GoodputBps, Quantity::First2MbS, Quantity::HighSpeedDecreaseRatio] {
            assert_eq!(serde_json::to_value(quantity).unwrap(), quantity.name());
        }
    }
}
