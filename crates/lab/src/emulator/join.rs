//! Segments that follow each other out of the link are written together.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::time::Duration;

use wad_model::Time;
use wad_path::Delivery;

use crate::pool::PacketRef;
use crate::tun::Tun;

/// What the link carries: a packet of its own, or one segment of a super-packet. No bytes.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) packet: PacketRef,
    pub(super) index: u16,
}

/// A run that may still grow.
#[derive(Debug)]
struct Run {
    packet: PacketRef,
    segments: Range<u16>,
    /// When it is written at the latest.
    deadline: Time,
}

/// The last stage of a direction: takes deliveries in order, and writes them in that order.
#[derive(Debug)]
pub(super) struct Joiner {
    hold: Duration,
    open: Option<Run>,
    /// When the segments of the open run were due.
    due: Vec<Time>,
}

/// What was written at once: the instants at which its parts were due, and how that went.
#[derive(Debug)]
pub(super) struct Written<'a> {
    pub(super) due: &'a [Time],
    pub(super) result: io::Result<()>,
}

impl Joiner {
    pub(super) fn new(hold: Duration) -> Self {
        Self { hold, open: None, due: Vec::with_capacity(64) }
    }

    /// When the open run must be written.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.open.as_ref().map(|run| run.deadline)
    }

    /// Takes the next delivery; `done` learns of each write that this brings about.
    pub(super) fn push(
        &mut self,
        delivery: Delivery<Segment>,
        output: &Tun,
        mut done: impl FnMut(Written<'_>),
    ) {
        let Delivery { at, payload: Segment { packet, index }, .. } = delivery;
        let Some(last) = packet.cut().map(|cut| cut.segments() - 1) else {
            self.flush(output, &mut done);
            let result = output.write(&[packet.whole()]);
            return done(Written { due: &[at], result });
        };
        match &mut self.open {
            Some(run) if run.packet.is(&packet) && run.segments.end == index => run.segments.end += 1,
            _ => {
                self.flush(output, &mut done);
                self.open = Some(Run { packet, segments: index..index + 1, deadline: at + self.hold });
            }
        }
        self.due.push(at);
        if index == last {
            self.flush(output, done);
        }
    }

    /// Writes the open run if its time has come.
    pub(super) fn expire(&mut self, now: Time, output: &Tun, done: impl FnMut(Written<'_>)) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.flush(output, done);
        }
    }

    fn flush(&mut self, output: &Tun, mut done: impl FnMut(Written<'_>)) {
        let Some(run) = self.open.take() else { return };
        done(Written { due: &self.due, result: run.write(output) });
        self.due.clear();
    }
}

impl Run {
    fn write(self, output: &Tun) -> io::Result<()> {
        let packet = self.packet.ip();
        let cut = self.packet.cut().expect("only segments make a run");
        let header = cut.header(packet, self.segments.clone());
        output.write(&[
            IoSlice::new(&header.vnet().to_bytes()),
            IoSlice::new(header.bytes()),
            IoSlice::new(&packet[cut.payload(self.segments)]),
        ])
    }
}
