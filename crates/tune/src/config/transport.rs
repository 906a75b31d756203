//! What a path sets of TCP beside windows, buffers and acknowledgements.

use std::time::Duration;

use wad_model::Bytes;

use super::given::Given;
use super::table::{Found, Table};
use crate::tunables::Knob;

/// What a path sets of TCP beside windows, buffers and acknowledgements; `None` leaves it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transport {
    /// How many segments may arrive before an earlier one until that counts as lost.
    pub reordering: Option<Given<u32>>,
    /// How much unsent data the application may queue.
    pub notsent_lowat: Option<Given<Bytes>>,
    /// Whether small segments wait until earlier data is acknowledged.
    pub nagle: Option<Given<bool>>,
    /// How long data may stay unacknowledged before the flow is given up.
    pub user_timeout: Option<Given<Duration>>,
    /// The least that a retransmission timer waits beyond the round-trip time.
    pub min_rto: Option<Given<Duration>>,
    /// The most that a retransmission timer waits.
    pub max_rto: Option<Given<Duration>>,
    /// Whether ECN is asked for.
    pub ecn: Option<Given<bool>>,
    /// Whether smaller segments are tried where large ones vanish.
    pub mtu_probing: Option<Given<bool>>,
    /// The largest segment, in bytes.
    pub segment_size: Option<Given<u32>>,
    /// The byte of the IP header.
    pub traffic_class: Option<Given<u32>>,
    /// Whether new flows begin with what the kernel remembers of the destination.
    pub metrics_cache: Option<Given<MetricsCache>>,
}

/// What becomes of the kernel's memory of destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricsCache {
    /// It is kept, and new flows begin with it.
    On,
    /// Nothing new is remembered.
    Off,
    /// What it has of the path's destinations is forgotten when the daemon starts.
    Flush,
}

impl MetricsCache {
    const ALL: [Self; 3] = [Self::On, Self::Off, Self::Flush];

    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Flush => "flush",
        }
    }
}

/// A ready set of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Short delays for small messages rather than throughput: little waits in the send queue, nothing waits to be
    /// joined, and a loss is noticed early.
    Latency,
}

impl Transport {
    /// Reads the keys of a path.
    pub(super) fn read(path: &mut Table<'_, '_, '_>) -> Self {
        let caches = MetricsCache::ALL.map(|cache| (cache.name(), cache));
        let metrics_cache = path.choice("metrics_cache", &caches);
        if let Some(found) = &metrics_cache {
            path.note_use(Knob::MetricsCache, found, 1.0);
        }
        let given = Self {
            reordering: path.setting(Knob::Reordering).map(Found::given),
            notsent_lowat: path.setting(Knob::NotsentLowat).map(Found::given),
            nagle: path.setting(Knob::Nagle).map(Found::given),
            user_timeout: path.setting(Knob::UserTimeout).map(Found::given),
            min_rto: path.setting(Knob::MinRto).map(Found::given),
            max_rto: path.setting(Knob::MaxRto).map(Found::given),
            ecn: path.setting(Knob::Ecn).map(Found::given),
            mtu_probing: path.setting(Knob::MtuProbing).map(Found::given),
            segment_size: path.setting(Knob::SegmentSize).map(Found::given),
            traffic_class: path.setting(Knob::TrafficClass).map(Found::given),
            metrics_cache: metrics_cache.map(Found::given),
        };
        let profile = path.choice("profile", &[("latency", Profile::Latency)]);
        if let Some(found) = &profile {
            path.note_use(Knob::Profile, found, 1.0);
        }
        profile.map_or(given, |profile| given.or_profile(profile.given()))
    }

    /// What the profile has where nothing is given.
    fn or_profile(self, profile: Given<Profile>) -> Self {
        let Profile::Latency = profile.value;
        let via = "profile latency";
        Self {
            notsent_lowat: self.notsent_lowat.or(Some(profile.implies(Bytes::new(16 << 10), via))),
            nagle: self.nagle.or(Some(profile.implies(false, via))),
            min_rto: self.min_rto.or(Some(profile.implies(Duration::from_millis(5), via))),
            reordering: self.reordering.or(Some(profile.implies(3, via))),
            ..self
        }
    }
}
