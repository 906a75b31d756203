//! Segments sorted into connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wad_model::FlowKey;

use super::frame::{Options, Packet, Segment};
use super::track::Track;
use crate::evidence::{Evidence, Source};

/// All connections of a capture.
#[derive(Debug, Default)]
pub(super) struct Connections {
    known: BTreeMap<(SocketAddr, SocketAddr), Connection>,
}

/// A connection; index 0 is the direction of the first segment.
#[derive(Debug)]
struct Connection {
    flow: FlowKey,
    tracks: [Track; 2],
    opening: [Option<Options>; 2],
    packets: u64,
    too_big: Vec<u64>,
}

impl Connections {
    pub(super) fn handle(&mut self, now: u64, packet: Packet) {
        match packet {
            Packet::Segment(segment) => self.segment(now, &segment),
            Packet::TooBig { flow, mtu } => {
                if let Some(connection) = self.known.get_mut(&pair(flow)) {
                    connection.too_big.push(mtu);
                }
            }
            Packet::Other => {}
        }
    }

    fn segment(&mut self, now: u64, segment: &Segment) {
        let connection = self.known.entry(pair(segment.flow)).or_insert_with(|| Connection {
            flow: segment.flow,
            tracks: Default::default(),
            opening: [None, None],
            packets: 0,
            too_big: Vec::new(),
        });
        connection.handle(now, segment);
    }

    /// The directions that carried most, of each connection with data; the largest first.
    pub(super) fn finish(self) -> Vec<Evidence> {
        let mut flows: Vec<(u64, Evidence)> =
            self.known.into_values().filter_map(Connection::finish).collect();
        flows.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        flows.into_iter().map(|(_, evidence)| evidence).collect()
    }
}

/// The two ends in one order, whichever sends.
fn pair(flow: FlowKey) -> (SocketAddr, SocketAddr) {
    (flow.source.min(flow.destination), flow.source.max(flow.destination))
}

impl Connection {
    fn handle(&mut self, now: u64, segment: &Segment) {
        let from = usize::from(segment.flow != self.flow);
        self.packets += 1;
        if segment.syn {
            self.opening[from] = Some(segment.options.clone());
        }
        if segment.reset {
            return;
        }
        let mss = self.segment_size(from, segment);
        self.tracks[from].send(now, segment, mss);
        if segment.has_ack {
            let scale = self.scale(from);
            self.tracks[1 - from].acknowledge(now, segment, scale);
        }
        for track in &mut self.tracks {
            track.tick(now, false);
        }
    }

    /// The payload of a full segment that `from` sends: what the other end allows, less the room of timestamps.
    fn segment_size(&self, from: usize, segment: &Segment) -> Option<u64> {
        let allowed = u64::from(self.opening[1 - from].as_ref()?.mss?);
        Some(allowed.saturating_sub(if segment.options.timestamps { 12 } else { 0 }))
    }

    /// The scale of the windows that `from` offers: both must have offered it (RFC 7323, section 2.2).
    fn scale(&self, from: usize) -> u8 {
        let offered = |side: usize| self.opening[side].as_ref().map(|options| options.window_scale);
        match (offered(from), offered(1 - from)) {
            (Some(Some(scale)), Some(Some(_)) | None) => scale,
            _ => 0,
        }
    }

    fn finish(mut self) -> Option<(u64, Evidence)> {
        let from = usize::from(self.tracks[1].payload_bytes > self.tracks[0].payload_bytes);
        let bytes = self.tracks[from].payload_bytes;
        if bytes == 0 {
            return None;
        }
        let flow = if from == 0 { self.flow } else { FlowKey::new(self.flow.destination, self.flow.source) };
        let now = self.tracks[from]
            .samples
            .last()
            .and_then(|last| last.get(wad_model::Counter::CurrTime))
            .unwrap_or(0);
        let offers = |side: usize, has: fn(&Options) -> bool| self.opening[side].as_ref().map(has);
        let facts = &mut self.tracks[from].facts;
        facts.packets = self.packets;
        facts.opening_seen = self.opening.iter().all(Option::is_some);
        facts.sender_offers_scaling = offers(from, |options| options.window_scale.is_some());
        facts.receiver_offers_scaling = offers(1 - from, |options| options.window_scale.is_some());
        facts.sender_offers_sack = offers(from, |options| options.sack_permitted);
        facts.receiver_offers_sack = offers(1 - from, |options| options.sack_permitted);
        facts.sender_offers_timestamps = offers(from, |options| options.timestamps);
        facts.receiver_offers_timestamps = offers(1 - from, |options| options.timestamps);
        facts.receiver_mss_bytes =
            self.opening[1 - from].as_ref().and_then(|options| options.mss).map(u64::from);
        facts.too_big_messages = self.too_big.len() as u64;
        facts.too_big_mtu_bytes = self.too_big.iter().copied().min();
        let [first, second] = self.tracks;
        let mut track = if from == 0 { first } else { second };
        track.tick(now + 1, true);
        let (samples, facts) = track.into_parts();
        let evidence = Evidence {
            source: Source::Packets,
            flow: Some(flow),
            samples,
            packets: Some(facts),
            ..Evidence::default()
        };
        Some((bytes, evidence))
    }
}
