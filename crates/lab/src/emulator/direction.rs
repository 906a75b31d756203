//! One direction of the path: in from one device, through the link, out to the other.

use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use wad_model::{Bytes, Time};
use wad_path::{Label, Link};

use super::join::{Joiner, Segment, Written};
use super::lateness::Lateness;
use crate::clock;
use crate::pool::{LARGEST, PacketRef, Pool};
use crate::report::{DirectionReport, EmulatorCounters, LinkCounters, ThroughputSample};
use crate::segment::{SuperPacket, VnetHeader};
use crate::tun::Tun;

/// So many packets are read, and so many delivered, before the other direction gets its turn.
const BATCH: usize = 64;

#[derive(Debug)]
pub(super) struct Direction {
    link: Link<Segment>,
    joiner: Joiner,
    lateness: Lateness,
    counters: EmulatorCounters,
    samples: Vec<ThroughputSample>,
    scratch: Box<[u8]>,
}

impl Direction {
    pub(super) fn new(link: Link<Segment>, coalesce: Duration) -> Self {
        Self {
            link,
            joiner: Joiner::new(coalesce),
            lateness: Lateness::new(),
            counters: EmulatorCounters::default(),
            samples: Vec::new(),
            scratch: vec![0; LARGEST].into_boxed_slice(),
        }
    }

    /// Reads a batch of packets into the link; says whether more may be waiting.
    pub(super) fn receive(&mut self, input: &Tun, pool: &Rc<Pool>) -> io::Result<bool> {
        for _ in 0..BATCH {
            let Some(length) = input.read(&mut self.scratch)? else { return Ok(false) };
            let ip = if input.has_offload() { VnetHeader::SIZE.min(length) } else { 0 }..length;
            self.counters.read_packets += 1;
            if !crosses_a_path(&self.scratch[ip.clone()]) {
                self.counters.not_routed += 1;
            } else if let Some(packet) = self.hold(ip, pool) {
                self.admit(&packet);
            } else {
                self.counters.dropped_for_memory += 1;
            }
        }
        Ok(true)
    }

    /// Takes the packet at `ip` out of the scratch buffer.
    fn hold(&mut self, ip: Range<usize>, pool: &Rc<Pool>) -> Option<PacketRef> {
        let note = VnetHeader::parse(&self.scratch[..ip.start]);
        let cut = note.filter(VnetHeader::is_super).and_then(|note| {
            self.counters.super_packets += 1;
            let cut = SuperPacket::parse(&note, &self.scratch[ip.clone()]);
            self.counters.not_cut += u64::from(cut.is_err());
            cut.ok()
        });
        pool.take(&mut self.scratch, ip, cut)
    }

    /// Hands the packet to the link, each segment for itself.
    fn admit(&mut self, packet: &PacketRef) {
        let now = clock::now();
        let whole = packet.ip().len();
        let label = Label { flow: flow_of(packet.ip()), ecn_capable: false };
        for index in 0..packet.cut().map_or(1, SuperPacket::segments) {
            let size = packet.cut().map_or(whole, |cut| cut.wire_size(index));
            let segment = Segment { packet: packet.clone(), index };
            self.link.handle_labelled(now, Bytes::new(size as u64), label, segment);
        }
    }

    /// Writes a batch of what is due; says whether more may be.
    pub(super) fn deliver(&mut self, output: &Tun) -> bool {
        let Self { link, joiner, lateness, counters, .. } = self;
        let mut written = |written: Written<'_>| record(&written, lateness, counters);
        let now = clock::now();
        for _ in 0..BATCH {
            let Some(delivery) = link.poll_transmit(now) else {
                joiner.expire(now, output, written);
                return false;
            };
            joiner.push(delivery, output, &mut written);
        }
        true
    }

    /// When `deliver` will next have something to do.
    ///
    /// While a run is open, what follows it waits for it: waking for each segment would cost what
    /// writing them together saves.
    pub(super) fn wake_at(&self) -> Option<Time> {
        self.joiner.deadline().or_else(|| self.link.poll_timeout())
    }

    pub(super) fn delivered_bytes(&self) -> u64 {
        self.link.counters().delivered_bytes.get()
    }

    /// Notes how much went through, and what waits.
    pub(super) fn sample(&mut self, now: Time, origin: Time) {
        let counters = self.link.counters();
        let backlog = self.link.backlog(now);
        self.samples.push(ThroughputSample {
            time_s: (now - origin).as_secs_f64(),
            delivered_bytes: counters.delivered_bytes.get(),
            delivered_packets: counters.delivered,
            dropped_by_queue_packets: counters.dropped_by_queue,
            lost_by_model_packets: counters.lost_by_model,
            queue_packets: backlog.packets,
            queue_bytes: backlog.bytes.get(),
        });
    }

    pub(super) fn report(self, now: Time) -> DirectionReport {
        DirectionReport {
            link: LinkCounters::new(&self.link.counters(), &self.link.usage(now)),
            emulator: self.counters,
            lateness: self.lateness.report(),
            samples: self.samples,
        }
    }
}

fn record(written: &Written<'_>, lateness: &mut Lateness, counters: &mut EmulatorCounters) {
    let now = clock::now();
    for due in written.due {
        lateness.record(now - *due);
    }
    counters.written_packets += 1;
    if let Err(error) = &written.result {
        counters.failed_writes += 1;
        tracing::debug!(%error, "packet not written");
    }
}

/// A hash of addresses and ports (FNV-1a): packets of a flow have the same. What is not TCP or UDP, and what has IP
/// options, is told apart by its addresses and the bytes in the place of ports.
fn flow_of(ip: &[u8]) -> u64 {
    let told_apart = match ip.first().map(|first| first >> 4) {
        Some(4) => ip.get(12..24),
        _ => ip.get(8..44),
    };
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    told_apart.unwrap_or_default().iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Whether a router would pass the packet on: IPv4 or IPv6, to one host.
fn crosses_a_path(ip: &[u8]) -> bool {
    match ip.first().map(|first| first >> 4) {
        Some(4) => ip.get(16).is_some_and(|first| first & 0xf0 != 0xe0),
        Some(6) => ip.get(24).is_some_and(|first| *first != 0xff),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_a_flow_have_one_hash() {
        let mut packet = [0x45; 44];
        let flow = flow_of(&packet);
        packet[30] = 1;
        assert_eq!(flow_of(&packet), flow, "the sequence number is no part of the flow");
        packet[21] = 1;
        assert_ne!(flow_of(&packet), flow, "the source port is");
        packet[0] = 0x60;
        assert_ne!(flow_of(&packet), flow_of(&[]));
    }

    #[test]
    fn group_reports_and_foreign_protocols_stay_at_home() {
        let mut v4 = [0x45; 20];
        assert!(crosses_a_path(&v4));
        v4[16] = 224;
        assert!(!crosses_a_path(&v4));
        let mut v6 = [0x60; 40];
        assert!(crosses_a_path(&v6));
        v6[24] = 0xff;
        assert!(!crosses_a_path(&v6));
        assert!(!crosses_a_path(&[]) && !crosses_a_path(&[0x45]) && !crosses_a_path(&[0; 40]));
    }
}
