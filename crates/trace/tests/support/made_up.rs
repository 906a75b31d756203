//! Flows that never were: a seeded model of what `struct tcp_info` shows of bulk transfers, for tests and benches.
//!
//! Each flow is a sender on a path with a rate, a round trip and losses of its own. Its window grows by a segment a
//! round trip and is halved at a loss; its counters move as those of Linux do, noise included: the bytes of one
//! interval differ from those of the next, round trips wander with the queue, the state of the socket's buffers is
//! whatever the moment of the sample met. Some flows pause. It is no simulation of TCP, only of its counters.

#![allow(dead_code, reason = "each user of this file needs another part of it")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "made-up numbers are far below the limits of their types"
)]

use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use wad_model::{FlowKey, Time, Timestamp};
use wad_trace::{ClockReading, Column, Flow, Header, Kind, Schema};

/// The columns of a made-up flow.
pub(crate) const COLUMNS: [(&str, &str, Kind); 40] = [
    ("PktsOut", "segments", Kind::Counter),
    ("DataPktsOut", "segments", Kind::Counter),
    ("DataBytesOut", "B", Kind::Counter),
    ("PktsRetrans", "segments", Kind::Counter),
    ("BytesRetrans", "B", Kind::Counter),
    ("ThruBytesAcked", "B", Kind::Counter),
    ("Delivered", "segments", Kind::Counter),
    ("PktsIn", "segments", Kind::Counter),
    ("DataPktsIn", "segments", Kind::Counter),
    ("ThruBytesReceived", "B", Kind::Counter),
    ("SmoothedRTT", "us", Kind::Gauge),
    ("RTTVar", "us", Kind::Gauge),
    ("MinRTT", "us", Kind::Gauge),
    ("CurRTO", "us", Kind::Gauge),
    ("CurCwnd", "segments", Kind::Gauge),
    ("CurSsthresh", "segments", Kind::Gauge),
    ("CurMSS", "B", Kind::Gauge),
    ("RcvMSS", "B", Kind::Gauge),
    ("PMTU", "B", Kind::Gauge),
    ("CurRwinRcvd", "B", Kind::Gauge),
    ("CurRwinSent", "B", Kind::Gauge),
    ("PacingRate", "B/s", Kind::Gauge),
    ("DeliveryRate", "B/s", Kind::Gauge),
    ("BusyTime", "us", Kind::StateTime),
    ("SndLimTimeRwin", "us", Kind::StateTime),
    ("SndLimTimeSnd", "us", Kind::StateTime),
    ("NotSent", "B", Kind::Gauge),
    ("InFlight", "segments", Kind::Gauge),
    ("Sacked", "segments", Kind::Gauge),
    ("LostNow", "segments", Kind::Gauge),
    ("SinceDataSent", "us", Kind::Gauge),
    ("SinceAck", "us", Kind::Gauge),
    ("SndBuf", "B", Kind::Gauge),
    ("RcvBuf", "B", Kind::Gauge),
    ("WriteQueue", "B", Kind::Gauge),
    ("ReadQueue", "B", Kind::Gauge),
    ("State", "", Kind::Gauge),
    ("Reordering", "segments", Kind::Gauge),
    ("DSACKDups", "segments", Kind::Counter),
    ("Timeouts", "events", Kind::Counter),
];

/// The time between two samples.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

const MSS: u64 = 1448;

/// The schema of made-up flows.
pub(crate) fn schema() -> Schema {
    Schema::new("samples", COLUMNS.map(|(name, unit, kind)| Column::new(name, unit, kind)))
}

/// The header of a trace of them.
pub(crate) fn header() -> Header {
    Header {
        host: "dtn1.example.org".to_owned(),
        program: "made up".to_owned(),
        start: ClockReading {
            monotonic: Time::from_nanos(86_400_000_000_000),
            wall: Timestamp::from_iso("2026-03-01T12:00:00Z").expect("a time"),
        },
        interval: Some(INTERVAL),
        sequence: 0,
        tables: vec![schema()],
    }
}

/// The flow numbered `number`.
pub(crate) fn flow(number: usize, opened: Time) -> Flow {
    let source = format!("192.0.2.1:{}", 40_000 + number % 20_000).parse().expect("an address");
    let destination = format!("198.51.100.{}:5001", 1 + number % 250).parse().expect("an address");
    Flow::new(FlowKey::new(source, destination)).opened(opened)
}

/// A flow whose counters can be sampled.
#[derive(Clone, Debug)]
pub(crate) struct MadeUp {
    random: Pcg64Mcg,
    rate: f64,
    base_rtt: f64,
    loss: f64,
    pauses: bool,
    window: f64,
    threshold: f64,
    rtt: f64,
    variance: f64,
    min_rtt: f64,
    paused: u32,
    bytes: u64,
    acked: u64,
    retransmitted: u64,
    packets: u64,
    acks: u64,
    busy: u64,
    limited: u64,
}

impl MadeUp {
    /// A flow of 10 Mbit/s to 10 Gbit/s and 1 to 200 ms; if `pauses`, its application sends now and then only.
    pub(crate) fn new(seed: u64, pauses: bool) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut uniform = || unit(&mut random);
        let rate = 10f64.powf(7.0 + 3.0 * uniform());
        let base_rtt = 10f64.powf(-3.0 + 2.3 * uniform());
        let loss = 10f64.powf(-2.5 + 1.5 * uniform());
        Self {
            rate,
            base_rtt,
            loss,
            pauses,
            window: 10.0,
            threshold: rate * base_rtt / 8.0 / MSS as f64,
            rtt: base_rtt,
            variance: base_rtt / 2.0,
            min_rtt: base_rtt,
            paused: 0,
            bytes: 0,
            acked: 0,
            retransmitted: 0,
            packets: 2,
            acks: 1,
            busy: 0,
            limited: 0,
            random,
        }
    }

    /// One interval later: its counters, in the order of [`COLUMNS`].
    pub(crate) fn sample(&mut self) -> [Option<u64>; 40] {
        if self.pauses && self.paused == 0 && unit(&mut self.random) < 0.05 {
            self.paused = 20 + (unit(&mut self.random) * 200.0) as u32;
        }
        let sending = self.paused == 0;
        self.paused = self.paused.saturating_sub(1);
        let lost = if sending { self.send() } else { 0 };
        self.row(sending, lost)
    }

    fn send(&mut self) -> u64 {
        let seconds = INTERVAL.as_secs_f64();
        let fits = self.rate * self.base_rtt / 8.0 / MSS as f64;
        let queued = (self.window - fits).max(0.0);
        let rtt = self.base_rtt + queued * MSS as f64 * 8.0 / self.rate;
        let noise = 1.0 + 0.02 * (unit(&mut self.random) - 0.5);
        self.rtt += (rtt * noise - self.rtt) * 0.3;
        self.variance += ((rtt * noise - self.rtt).abs() - self.variance) * 0.25 + 3e-6;
        self.min_rtt = self.min_rtt.min(self.rtt);

        let goodput = (self.window * MSS as f64 / rtt).min(self.rate / 8.0);
        let packets = (goodput * seconds * (1.0 + 0.05 * (unit(&mut self.random) - 0.5)) / MSS as f64) as u64;
        self.packets += packets;
        self.bytes += packets * MSS;
        let waiting = (unit(&mut self.random) * 3.0) as u64;
        self.acked = self.bytes.saturating_sub((self.window as u64 + waiting) * MSS).max(self.acked);
        self.acks += packets / 2 + (unit(&mut self.random) * 8.0) as u64;
        self.busy += 100_000 + (unit(&mut self.random) * 200.0) as u64;

        let overflow = queued > fits;
        if overflow || unit(&mut self.random) < self.loss {
            let lost = 1 + (unit(&mut self.random) * self.window * 0.05) as u64;
            self.retransmitted += lost;
            self.window = (self.window / 2.0).max(2.0);
            self.threshold = self.window;
            return lost;
        }
        self.window = if self.window < self.threshold {
            (self.window * 2f64.powf(seconds / self.rtt)).min(self.threshold)
        } else {
            self.window + seconds / self.rtt
        };
        0
    }

    fn row(&mut self, sending: bool, lost: u64) -> [Option<u64>; 40] {
        let mut jitter = |most: f64| if sending { (unit(&mut self.random) * most) as u64 } else { 0 };
        let micros = |seconds: f64| (seconds * 1e6) as u64;
        let in_flight = if sending { (self.window as u64).saturating_sub(jitter(3.0)) } else { 0 };
        let pacing = 1.2 * self.window * MSS as f64 / self.rtt;
        let delivery = (self.window * MSS as f64 / self.rtt).min(self.rate / 8.0);
        let not_sent = jitter(4.0) * 16 * MSS;
        let buffer = ((2.0 * self.window * 2304.0) as u64).max(87_040);
        let since = if sending { jitter(3.0) * 4000 } else { u64::from(self.paused) * 100_000 };
        [
            self.packets + self.retransmitted,
            self.packets + self.retransmitted - 2,
            self.bytes + self.retransmitted * MSS,
            self.retransmitted,
            self.retransmitted * MSS,
            self.acked,
            self.acked / MSS + 1,
            self.acks,
            1,
            312,
            micros(self.rtt),
            micros(self.variance),
            micros(self.min_rtt),
            (micros(self.rtt) + 200_000 + 4 * micros(self.variance)) / 4000 * 4000,
            self.window as u64,
            self.threshold as u64,
            MSS,
            536,
            1500,
            3_145_728,
            64_256,
            pacing as u64,
            (delivery * (1.0 + jitter(100.0) as f64 / 2000.0)) as u64,
            self.busy / 4000 * 4000,
            0,
            self.limited,
            not_sent,
            in_flight,
            lost.min(3) * jitter(20.0),
            lost,
            since,
            since,
            buffer,
            131_072,
            not_sent + in_flight * MSS,
            0,
            u64::from(lost > 0) * 3,
            3,
            0,
            0,
        ]
        .map(Some)
    }
}

/// A number from 0 to 1.
fn unit(random: &mut Pcg64Mcg) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
