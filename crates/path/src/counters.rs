//! What a link counts.

use std::time::Duration;

use wad_model::{Bytes, Time};

/// What has happened on a link since it was made.
///
/// At any time, with copies counted in [`Link::in_flight`](crate::Link::in_flight):
/// `entered + duplicated = delivered + dropped_by_queue + dropped_early + lost_by_model + in flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets handed to the link.
    pub entered: u64,
    /// Their sizes.
    pub entered_bytes: Bytes,
    /// Packets that found the queue full.
    pub dropped_by_queue: u64,
    /// Packets that the discipline dropped before the queue was full.
    pub dropped_early: u64,
    /// Packets that the discipline marked instead of dropping them (CE, RFC 3168).
    pub marked: u64,
    /// Packets that the loss model, the outage, the black hole or the policer took.
    pub lost_by_model: u64,
    /// Copies that duplication made.
    pub duplicated: u64,
    /// Packets delivered after one that had entered later (type-P-reordered, RFC 4737 section 3.3).
    pub reordered: u64,
    /// Packets delivered, copies included.
    pub delivered: u64,
    /// Their sizes.
    pub delivered_bytes: Bytes,
    /// The largest backlog in packets, the one in service included.
    pub queue_largest_packets: u64,
    /// The largest backlog in bytes, the whole packet in service included.
    pub queue_largest_bytes: Bytes,
}

impl Counters {
    /// Keeps the largest backlog.
    #[inline]
    pub(crate) fn note_backlog(&mut self, backlog: Backlog) {
        // Records are rare: two comparisons, and seldom more.
        if backlog.packets > self.queue_largest_packets {
            self.queue_largest_packets = backlog.packets;
        }
        if backlog.bytes > self.queue_largest_bytes {
            self.queue_largest_bytes = backlog.bytes;
        }
    }
}

/// What is in the queue and on its way onto the wire at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Packets that wait, and the one in service.
    pub packets: u64,
    /// Their sizes, the whole packet in service included.
    pub bytes: Bytes,
}

/// How much a link's queue and wire were used, from the first packet to some later instant.
///
/// Two of them give what happened between them: `link.usage(end).after(&link.usage(warm_up))`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The begin of the interval: the entry of the first packet.
    pub since: Time,
    /// The end of the interval.
    pub until: Time,
    /// How long the wire was sending.
    pub busy: Duration,
    /// The backlog in packets, integrated over the interval.
    pub(crate) packet_nanos: u128,
    /// The backlog in bytes, integrated over the interval.
    pub(crate) byte_nanos: u128,
}

impl Usage {
    /// The time-weighted mean backlog in packets, the one in service included; 0 for no time.
    #[must_use]
    pub fn mean_packets(&self) -> f64 {
        self.per_nano(self.packet_nanos)
    }

    /// The time-weighted mean backlog in bytes, the whole packet in service included; 0 for no time.
    #[must_use]
    pub fn mean_bytes(&self) -> f64 {
        self.per_nano(self.byte_nanos)
    }

    /// The part of the time during which the wire was sending, 0 to 1.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        self.per_nano(self.busy.as_nanos())
    }

    /// What came after `earlier`, an earlier reading of the same link.
    #[must_use]
    pub fn after(&self, earlier: &Self) -> Self {
        Self {
            since: earlier.until,
            until: self.until,
            busy: self.busy.saturating_sub(earlier.busy),
            packet_nanos: self.packet_nanos.saturating_sub(earlier.packet_nanos),
            byte_nanos: self.byte_nanos.saturating_sub(earlier.byte_nanos),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean to 15 digits")]
    fn per_nano(&self, integral: u128) -> f64 {
        match (self.until - self.since).as_nanos() {
            0 => 0.0,
            nanos => integral as f64 / nanos as f64,
        }
    }
}
