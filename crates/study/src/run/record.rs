//! A run in the format of `wad trace`: the same columns where they mean the same, so that the same tools read it.
//!
//! Synchronously each change of a flow is a row; with an interval, the state at the end of each. What Linux counts and the
//! simulator does not (how long windows limited a flow) is added up here, from one change to the next.
//!
//! Addresses are those for tests of devices (RFC 2544): each node has one. The clock of the wall shows 1970 at the start, so
//! that the same run makes the same file.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use wad_model::counter::Kind;
use wad_model::{Counter, Direction, FlowKey, Time, Timestamp};
use wad_sim::control::Phase;
use wad_sim::{FlowId, FlowState, LinkId, LinkState, Nanos, Scenario};
use wad_trace::{ClockReading, Column, Flow, Header, Schema, WriteError, Writer};

use crate::survey::{FlowFacts, Survey, WindowLimit};

/// The queue before the slowest link of a flow: a column that a kernel does not have.
const PATH_QUEUE: &str = "PathQueue";
const TABLE: usize = 0;
/// Of the first flow's sender, the others count on.
const FIRST_PORT: u16 = 10_000;
const SERVICE: u16 = 5201;

/// Records a run.
///
/// The first error ends the recording, not the run; [`finish`](Self::finish) tells it.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    writer: Writer<W>,
    interval: Option<Duration>,
    next: Time,
    flows: Vec<Recorded>,
    /// Bytes that wait in each link, where that is known.
    queues: Vec<Option<u64>>,
    due: Vec<(usize, FlowState)>,
    row: Vec<Option<u64>>,
    fault: Option<WriteError>,
}

#[derive(Debug)]
struct Recorded {
    id: wad_trace::FlowId,
    facts: FlowFacts,
    state: Option<FlowState>,
    since: Time,
    written: Option<Time>,
    min_rtt: Nanos,
    held: Held,
}

/// How long a flow was busy, and what held it then.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    busy: Duration,
    receiver: Duration,
    send_buffer: Duration,
}

/// What a row is made of.
struct Moment<'a> {
    facts: &'a FlowFacts,
    state: &'a FlowState,
    held: Held,
    min_rtt: Nanos,
}

type Value = fn(&Moment<'_>) -> Option<u64>;

/// What is recorded of the counters of the project's table.
const COLUMNS: &[(Counter, Value)] = &[
    (Counter::DataPktsOut, |m| Some(m.state.sent)),
    (Counter::DataBytesOut, |m| Some(m.bytes(m.state.sent))),
    (Counter::PktsRetrans, |m| Some(m.state.retransmitted)),
    (Counter::BytesRetrans, |m| Some(m.bytes(m.state.retransmitted))),
    (Counter::ThruBytesAcked, |m| Some(m.bytes(m.state.acked))),
    (Counter::SampleRTT, |m| micros(m.state.rtt)),
    (Counter::SmoothedRTT, |m| micros(m.state.srtt)),
    (Counter::RTTVar, |m| micros(m.state.srtt).map(|_| m.state.rttvar.get() / 1000)),
    (Counter::MinRTT, |m| if m.min_rtt == Nanos::MAX { None } else { micros(m.min_rtt) }),
    (Counter::CurRTO, |m| micros(m.state.rto)),
    (Counter::CurCwnd, |m| whole(m.state.cwnd)),
    (Counter::CurSsthresh, |m| whole(m.state.ssthresh)),
    (Counter::CurRwinRcvd, |m| Some(m.bytes(m.state.receive_window.into()))),
    (Counter::UnackedPkts, |m| Some(unacked(m.state))),
    (Counter::CongSignals, |m| Some(m.state.congestion_events + m.state.timeouts)),
    (Counter::Timeouts, |m| Some(m.state.timeouts)),
    (Counter::BusyTime, |m| Some(as_micros(m.held.busy))),
    (Counter::SndLimTimeRwin, |m| Some(as_micros(m.held.receiver))),
    (Counter::SndLimTimeSnd, |m| Some(as_micros(m.held.send_buffer))),
    (Counter::SndLimTimeCwnd, |m| {
        Some(as_micros(m.held.busy.saturating_sub(m.held.receiver + m.held.send_buffer)))
    }),
    (Counter::AppLimited, |m| Some(u64::from(m.is_application_limited()))),
    (Counter::CurAppWQueue, |m| m.is_application_limited().then_some(0)),
    (Counter::PacingRate, |m| m.state.pacing_rate.map(|rate| rate.as_bps() / 8)),
    (Counter::State, |_| Some(1)),
    (Counter::CAState, |m| Some(congestion_state(m.state.phase))),
    (Counter::ActiveOpen, |_| Some(1)),
    (Counter::CurMSS, |m| Some(m.facts.endpoints.segment.get())),
    (Counter::TimestampsEnabled, |m| Some(m.facts.endpoints.timestamps.into())),
    (Counter::SACKEnabled, |m| Some(m.facts.endpoints.recovery.uses_sack().into())),
    (Counter::ECNEnabled, |m| Some(m.facts.endpoints.ecn.into())),
];

impl<W: Write> Recorder<W> {
    /// Begins a recording: of each change, or of the state at each interval.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(
        out: W,
        scenario: &Scenario,
        survey: &Survey,
        interval: Option<Duration>,
    ) -> Result<Self, WriteError> {
        let start = ClockReading { monotonic: Time::ZERO, wall: Timestamp::from_nanos(0) };
        let host = if scenario.name.is_empty() { "simulation" } else { &scenario.name };
        let header = Header {
            host: host.to_owned(),
            program: format!("wad sim {}", env!("CARGO_PKG_VERSION")),
            start,
            interval,
            sequence: 0,
            tables: vec![schema()],
        };
        let mut writer = Writer::new(out, header)?;
        let mut flows = Vec::with_capacity(survey.flows.len());
        for (index, facts) in survey.flows.iter().enumerate() {
            let control = scenario.flows[facts.entry].control.name();
            let id = writer.open(described(index, facts, control))?;
            flows.push(Recorded {
                id,
                facts: facts.clone(),
                state: None,
                since: Time::ZERO,
                written: None,
                min_rtt: Nanos::MAX,
                held: Held::default(),
            });
        }
        let next = interval.map_or(Time::ZERO, |interval| Time::ZERO + interval);
        let queues = vec![None; survey.network.links.len()];
        Ok(Self { writer, interval, next, flows, queues, due: Vec::new(), row: Vec::new(), fault: None })
    }

    pub(super) const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Without an interval each change is recorded with the queue of its moment.
    pub(super) fn queue_wanted(&self, flow: FlowId) -> Option<LinkId> {
        let facts = &self.flows.get(flow.0 as usize)?.facts;
        let (link, _) = facts.slowest.filter(|_| self.interval.is_none())?;
        u32::try_from(link).ok().map(LinkId)
    }

    pub(super) fn queue(&mut self, link: LinkId, bytes: u64) {
        self.queues[link.0 as usize] = Some(bytes);
    }

    pub(super) fn change(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        let index = flow.0 as usize;
        // Short flows of the cross-traffic have higher numbers.
        let Some(recorded) = self.flows.get_mut(index) else { return };
        recorded.change(now, state);
        if self.interval.is_none() {
            self.write(now, index, *state);
        }
    }

    /// Rows wait for the queues of the same instant.
    pub(super) fn flow_sample(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        let index = flow.0 as usize;
        let Some(recorded) = self.flows.get(index) else { return };
        let has_started = now >= Time::ZERO + recorded.facts.start;
        if self.interval.is_some() && now >= self.next && has_started {
            self.due.push((index, *state));
        }
    }

    pub(super) fn link_sample(&mut self, now: Time, link: LinkId, state: &LinkState) {
        let link = link.0 as usize;
        // A recording of changes has the queue of each change; samples are for the picture then.
        if self.interval.is_some() {
            self.queues[link] = Some(state.queue_bytes);
        }
        let (Some(interval), true) = (self.interval, link + 1 == self.queues.len()) else { return };
        if now >= self.next {
            self.next = self.next + interval;
            for (index, state) in std::mem::take(&mut self.due) {
                self.write(now, index, state);
            }
        }
    }

    fn write(&mut self, now: Time, index: usize, state: FlowState) {
        if self.fault.is_some() {
            return;
        }
        let flow = &mut self.flows[index];
        flow.fill(now, &state, &mut self.row);
        self.row.push(flow.facts.slowest.and_then(|(link, _)| self.queues[link]));
        flow.written = Some(now);
        self.fault = self.writer.sample(TABLE, flow.id, now, &self.row).err();
    }

    /// Ends the recording at the end of the run: each flow with its last state.
    ///
    /// # Errors
    /// The first that happened; what was written before stays readable.
    pub fn finish(mut self, end: Time) -> Result<W, WriteError> {
        if self.interval.is_none() {
            // They are those of the last changes, not of the end.
            self.queues.fill(None);
        }
        for index in 0..self.flows.len() {
            if let Some(state) = self.flows[index].state
                && self.flows[index].written != Some(end)
            {
                self.write(end, index, state);
            }
            if let Some(fault) = self.fault {
                return Err(fault);
            }
            self.writer.close(self.flows[index].id, end, None)?;
        }
        self.writer.finish()
    }
}

impl Recorded {
    /// Adds up the time since the last change, in which the flow was as it was then.
    fn change(&mut self, now: Time, state: &FlowState) {
        self.held = self.held_until(now);
        self.since = now;
        self.state = Some(*state);
        if state.rtt > Nanos::ZERO {
            self.min_rtt = self.min_rtt.min(state.rtt);
        }
    }

    fn held_until(&self, now: Time) -> Held {
        let mut held = self.held;
        let Some(state) = self.state.filter(|state| unacked(state) > 0 || state.receive_window == 0) else {
            return held;
        };
        let time = now - self.since;
        held.busy += time;
        if is_window_full(&state) {
            match self.facts.window_limit {
                WindowLimit::Receiver | WindowLimit::ReceiveBuffer => held.receiver += time,
                WindowLimit::SendBuffer => held.send_buffer += time,
                WindowLimit::Application | WindowLimit::None => {}
            }
        }
        held
    }

    fn fill(&self, now: Time, state: &FlowState, row: &mut Vec<Option<u64>>) {
        let held = self.held_until(now);
        let moment = Moment { facts: &self.facts, state, held, min_rtt: self.min_rtt };
        row.clear();
        row.extend(COLUMNS.iter().map(|(_, value)| value(&moment)));
    }
}

impl Moment<'_> {
    const fn bytes(&self, segments: u64) -> u64 {
        segments * self.facts.endpoints.segment.get()
    }

    /// Windows have room, nothing is being repaired or paced, and yet nothing more was sent. Or the application's own window
    /// is full.
    fn is_application_limited(&self) -> bool {
        if self.facts.is_bulk {
            return self.facts.window_limit == WindowLimit::Application && is_window_full(self.state);
        }
        let in_flight = f64::from(self.state.in_flight);
        let room = self.state.cwnd.min(self.state.receive_window.into()) - in_flight;
        self.state.phase == Phase::Open
            && self.state.pacing_rate.is_none()
            && room >= f64::from(self.facts.endpoints.burst)
    }
}

fn is_window_full(state: &FlowState) -> bool {
    unacked(state) >= u64::from(state.receive_window)
}

/// Sent for the first time and not acknowledged.
const fn unacked(state: &FlowState) -> u64 {
    state.sent.saturating_sub(state.retransmitted).saturating_sub(state.acked)
}

fn micros(time: Nanos) -> Option<u64> {
    (time > Nanos::ZERO).then(|| time.get() / 1000)
}

fn as_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn whole(window: f64) -> Option<u64> {
    (0.0..4e9).contains(&window).then_some(window as u64)
}

/// As Linux numbers them (linux/tcp.h).
const fn congestion_state(phase: Phase) -> u64 {
    match phase {
        Phase::Open => 0,
        Phase::Disorder => 1,
        Phase::Reduced => 2,
        Phase::Recovery => 3,
        Phase::Loss => 4,
    }
}

fn schema() -> Schema {
    let counters = COLUMNS.iter().map(|(counter, _)| Column::of(counter.info()));
    let queue = Column {
        description: "What waits before the slowest link of the flow's way".to_owned(),
        ..Column::new(PATH_QUEUE, "B", Kind::Gauge)
    };
    Schema::new("samples", counters.chain([queue]))
}

fn described(index: usize, facts: &FlowFacts, control: &str) -> Flow {
    let port = FIRST_PORT + u16::try_from(index % 50_000).unwrap_or(0);
    let source = SocketAddr::new(address(0, facts.ends.0), port);
    let destination = SocketAddr::new(address(1, facts.ends.1), SERVICE);
    let labels = [("name", facts.name.as_str()), ("congestion_control", control)];
    Flow::new(FlowKey::new(source, destination))
        .direction(Direction::Active)
        .opened(Time::ZERO + facts.start)
        .labels(labels.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec())
}

/// Senders in 198.18.0.0/16, receivers in 198.19.0.0/16.
fn address(side: u8, node: usize) -> IpAddr {
    let [.., high, low] = (node + 1).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(198, 18 + side, high, low))
}
