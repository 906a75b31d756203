//! What is known of a flow, wherever it comes from. Anything may be absent.

mod host;
mod packets;

use wad_model::{Counter, Counters, FlowKey};

pub use host::{CachedMetrics, HostFacts, SYSCTLS};
pub use packets::PacketFacts;

/// What is known of a flow, as its sender sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Where it comes from.
    pub source: Source,
    /// The flow, from its sender to its receiver.
    pub flow: Option<FlowKey>,
    /// The congestion control.
    pub congestion_control: Option<String>,
    /// The counters over time, each with [`Counter::CurrTime`], which does not decrease.
    pub samples: Vec<Counters>,
    /// What is known of the sender's host.
    pub host: HostFacts,
    /// What a capture of packets told.
    pub packets: Option<PacketFacts>,
}

/// Where evidence comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The kernel's counters, sampled by WAD.
    #[default]
    Counters,
    /// The text of `ss -tinem`.
    Ss,
    /// The document of `iperf3 --json`.
    Iperf3,
    /// Captured packets.
    Packets,
}

impl Source {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::Ss => "ss",
            Self::Iperf3 => "iperf3",
            Self::Packets => "packets",
        }
    }
}

impl Evidence {
    /// The last value of a counter that is known.
    #[must_use]
    pub fn last(&self, counter: Counter) -> Option<u64> {
        self.samples.iter().rev().find_map(|sample| sample.get(counter))
    }

    /// The first value of a counter that is known.
    #[must_use]
    pub fn first(&self, counter: Counter) -> Option<u64> {
        self.samples.iter().find_map(|sample| sample.get(counter))
    }

    /// All known values of a counter, in order of time.
    pub fn values(&self, counter: Counter) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.samples.iter().filter_map(move |sample| sample.get(counter))
    }
}
