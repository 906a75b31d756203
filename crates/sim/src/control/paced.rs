//! A paced flow over a link, for the tests of controls that model the path: what a sender must do for them, and no more.
//!
//! Losses are seen when the next segment is acknowledged, and are not repaired.

use std::collections::VecDeque;

use wad_model::{Bytes, Rate, Time};
use wad_path::{Fate, Link, LinkConfig};

use super::testing::SETUP;
use super::{Ack, CongestionControl, Phase, RateSample, Setup, Window};
use crate::nanos::Nanos;

/// What is noted of a segment when it is sent (draft-cheng-iccrg-delivery-rate-estimation section 3.2).
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Time,
    delivered: u64,
    delivered_at: Time,
    first_sent_at: Time,
    in_flight: u32,
    lost: u64,
}

#[derive(Debug)]
pub(crate) struct Paced<C> {
    pub(crate) control: C,
    pub(crate) window: Window,
    link: Link<Sent>,
    now: Time,
    next_send: Time,
    in_flight: u32,
    delivered: u64,
    delivered_at: Time,
    first_sent_at: Time,
    /// Drops that the sender has not yet seen: behind so many segments that were sent before.
    unseen: VecDeque<u64>,
    lost: u64,
    sent: u64,
    min_rtt: Nanos,
    rtts: (f64, f64),
    marked_at: (Time, u64),
    rate: f64,
}

impl<C: CongestionControl> Paced<C> {
    /// A flow over the link that `path` describes.
    pub(crate) fn new(path: &str, control: impl FnOnce(&Setup) -> C) -> Self {
        let config: LinkConfig = toml::from_str(path).unwrap();
        let rate = config.rate.map_or(0, Rate::as_bps);
        Self {
            control: control(&SETUP),
            window: Window { cwnd: 10.0, ssthresh: f64::INFINITY, ceiling: f64::INFINITY },
            link: Link::new(&config, 1),
            now: Time::ZERO,
            next_send: Time::ZERO,
            in_flight: 0,
            delivered: 0,
            delivered_at: Time::ZERO,
            first_sent_at: Time::ZERO,
            unseen: VecDeque::new(),
            lost: 0,
            sent: 0,
            min_rtt: Nanos::MAX,
            rtts: (0.0, 0.0),
            marked_at: (Time::ZERO, 0),
            rate: f64::from(u32::try_from(rate / 12_000).unwrap()),
        }
    }

    /// Runs until so many seconds; means are taken from the last call on.
    pub(crate) fn run_until(&mut self, seconds: f64) {
        self.rtts = (0.0, 0.0);
        self.marked_at = (self.now, self.delivered);
        while self.now_s() < seconds {
            self.step();
        }
    }

    pub(crate) fn now_s(&self) -> f64 {
        self.now.as_secs_f64()
    }

    pub(crate) fn drops(&self) -> u64 {
        self.link.counters().dropped_by_queue
    }

    /// What a policer or a loss model took.
    pub(crate) fn losses(&self) -> u64 {
        self.link.counters().lost_by_model
    }

    pub(crate) fn mean_rtt_since_mark(&self) -> f64 {
        self.rtts.0 / self.rtts.1
    }

    /// The part of the bottleneck that was used since the last call of `run_until`.
    #[expect(clippy::cast_precision_loss, reason = "counts of tests")]
    pub(crate) fn utilisation(&self) -> f64 {
        let (since, before) = self.marked_at;
        (self.delivered - before) as f64 / ((self.now - since).as_secs_f64() * self.rate)
    }

    /// The next segment sent or acknowledged.
    pub(crate) fn step(&mut self) {
        let may_send = f64::from(self.in_flight + 1) <= self.window.cwnd;
        let send_at = self.next_send.max(self.now);
        match self.link.poll_timeout() {
            Some(at) if !may_send || at <= send_at => self.receive(at),
            _ if may_send => self.send(send_at),
            _ => {
                // All in flight were lost: the sender would time out.
                self.in_flight = 0;
                self.lost += self.unseen.drain(..).count() as u64;
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn send(&mut self, at: Time) {
        self.now = at;
        if self.in_flight == 0 {
            (self.first_sent_at, self.delivered_at) = (at, at);
        }
        self.in_flight += 1;
        let sent = Sent {
            at,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            in_flight: self.in_flight,
            lost: self.lost,
        };
        if self.link.handle_packet(at, Bytes::new(1500), sent) != Fate::Queued {
            self.unseen.push_back(self.sent);
        }
        self.sent += 1;
        let rate = self.control.pacing_rate().map_or(1e12, |rate| rate.as_bps() as f64);
        self.next_send = Nanos::from_secs_f64(12_000.0 / rate).after(at);
    }

    fn receive(&mut self, at: Time) {
        self.now = at;
        let Some(delivery) = self.link.poll_transmit(at) else { return };
        let sent = delivery.payload;
        let lost = self.see_losses();
        let rtt = Nanos::between(sent.at, at);
        self.min_rtt = self.min_rtt.min(rtt);
        self.rtts = (self.rtts.0 + rtt.as_secs_f64(), self.rtts.1 + 1.0);
        let prior_in_flight = self.in_flight;
        self.in_flight = self.in_flight.saturating_sub(1 + lost);
        self.delivered += 1;
        self.delivered_at = at;
        self.first_sent_at = sent.at;
        let send_span = Nanos::between(sent.first_sent_at, sent.at);
        let interval = send_span.max(Nanos::between(sent.delivered_at, at));
        let rate = RateSample {
            delivered: u32::try_from(self.delivered - sent.delivered).unwrap(),
            interval,
            prior_delivered: sent.delivered,
            in_flight_when_sent: sent.in_flight,
            lost: u32::try_from(self.lost - sent.lost).unwrap(),
            app_limited: false,
        };
        let una = u32::try_from(self.delivered + self.lost).unwrap();
        let ack = Ack {
            now: at,
            acked: 1,
            delivered: 1,
            credit: 1,
            lost,
            marked: 0,
            in_flight: self.in_flight,
            prior_in_flight,
            total_delivered: self.delivered,
            una,
            nxt: una + self.in_flight,
            rtt: Some(rtt),
            srtt: rtt,
            min_rtt: self.min_rtt,
            rate: Some(rate),
            app_limited: false,
            phase: Phase::Open,
        };
        self.control.on_sample(&mut self.window, &ack);
        self.control.on_ack(&mut self.window, &ack);
    }

    /// What was dropped before the segment that has just arrived: in order, so all that were sent before it.
    fn see_losses(&mut self) -> u32 {
        let mut arrived = self.delivered + self.lost;
        let mut seen = 0;
        while self.unseen.front() == Some(&arrived) {
            self.unseen.pop_front();
            arrived += 1;
            seen += 1;
        }
        self.lost += u64::from(seen);
        seen
    }
}
