//! The sending end: the state that all senders share, and one of the ways to repair losses.

use wad_model::Time;

use super::classic::{Classic, Kind};
use super::core::{Core, Habits, NEVER, Output};
use super::persist::Persist;
use super::pipe::Pipe;
use super::rtt::Estimator;
use super::selective::{Arrived, Rule, Selective, Sending};
use crate::control::{CongestionControl, Control, ControlConfig, Needs, Setup, Window};
use crate::nanos::Nanos;
use crate::observer::FlowState;
use crate::scenario::{Conventions, Endpoints, Recovery, WhenFull};
use crate::steer::Orders;

/// The sending end of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) core: Core,
    machine: Machine,
    /// If the receiver's buffer has a limit.
    persist: Option<Box<Persist>>,
}

/// How losses are found and repaired.
#[derive(Clone, Debug)]
#[repr(u8)]
enum Machine {
    Classic(Classic),
    Pipe(Pipe),
    Selective(Box<Selective>),
}

impl Machine {
    fn new(endpoints: &Endpoints, core: &Core) -> Self {
        let ns2 = endpoints.conventions == Conventions::Ns2;
        let rule = match endpoints.recovery {
            Recovery::Tahoe => return Self::Classic(Classic::new(Kind::Tahoe)),
            Recovery::Reno => return Self::Classic(Classic::new(Kind::Reno)),
            Recovery::NewReno => return Self::Classic(Classic::new(Kind::NewReno)),
            Recovery::Sack if ns2 && !needs_record(endpoints, core.needs) => return Self::Pipe(Pipe::new()),
            Recovery::Sack => Rule::Counting,
            Recovery::Fack => Rule::Foremost,
            Recovery::Rack => Rule::Rack,
        };
        let sending = Sending {
            burst: endpoints.burst,
            pacing: endpoints.pacing,
            wire: u32::try_from((endpoints.segment + endpoints.header).get()).unwrap_or(u32::MAX),
        };
        Self::Selective(Box::new(Selective::new(rule, sending, core)))
    }
}

/// Whether what is asked for takes a record of every segment, which recovery by duplicate ACKs does not keep.
pub(crate) fn needs_record(endpoints: &Endpoints, needs: Needs) -> bool {
    let own = needs.rate_samples || needs.pacing || needs.owns_window || needs.every_mark;
    own || endpoints.pacing || endpoints.burst > 1
}

impl Sender {
    /// A sender that will start at `start`. `seed` is its flow's own.
    pub(crate) fn new(endpoints: &Endpoints, control: &ControlConfig, seed: u64, start: Time) -> Self {
        let ns2 = endpoints.conventions == Conventions::Ns2;
        let setup = Setup {
            now: start,
            segment: endpoints.segment,
            wire: endpoints.segment + endpoints.header,
            initial_window: endpoints.initial_window,
            seed,
        };
        let window = Window {
            cwnd: 1.0,
            ssthresh: endpoints.initial_ssthresh.map_or(f64::INFINITY, f64::from),
            ceiling: endpoints.max_window.map_or(f64::INFINITY, f64::from),
        };
        let habits = Habits {
            ns2,
            limited_transmit: endpoints.limited_transmit,
            largest_window: endpoints.window,
            receive_window: endpoints.window,
            initial_window: endpoints.initial_window,
            slow_start_after_idle: endpoints.slow_start_after_idle,
            host_queue: None,
        };
        let min = Nanos::from(endpoints.min_rto);
        let estimator = if ns2 {
            // ns-2 starts the clock of each agent somewhere within a tick.
            Estimator::ticks(min, Nanos::new(seed % 10_000_000))
        } else {
            Estimator::fine(min)
        };
        let mut core =
            Core::new(habits, Control::new(control, &setup), window, estimator, endpoints.timestamps);
        let machine = Machine::new(endpoints, &core);
        if matches!(machine, Machine::Selective(_)) {
            core.forgo_times();
        }
        let persist = endpoints.receive_limits.as_ref().map(|_| Box::new(Persist::new()));
        Self { core, machine, persist }
    }

    /// Somebody sets it anew, before it starts or while it runs.
    pub(crate) fn handle_orders(&mut self, orders: &Orders, now: Time) {
        let core = &mut self.core;
        if let (Some(config), Control::Wad(wad)) = (&orders.wad, &mut core.control) {
            wad.retune(config);
        }
        if let Some(window) = orders.window {
            core.habits.largest_window = window.max(1);
            core.habits.receive_window = match &self.persist {
                Some(persist) if core.una > 0 => persist.window(core.una).min(window.max(1)),
                _ => window.max(1),
            };
        }
        if let Some(most) = orders.max_window {
            core.count_window(now);
            core.window.ceiling = f64::from(most.max(1));
            core.window.cwnd = core.window.cwnd.min(core.window.ceiling);
        }
    }

    /// When it wants to be called again if no ACK comes.
    #[inline]
    pub(crate) fn deadline(&self) -> Time {
        let deadline = self.core.time_out_at.min(self.core.retry_at);
        self.persist.as_ref().map_or(deadline, |persist| deadline.min(persist.poll_timeout()))
    }

    /// The application has written so much, all told; the first call opens the connection.
    pub(crate) fn handle_write<O: Output>(&mut self, data_end: u32, now: Time, out: &mut O) {
        let core = &mut self.core;
        core.data_end = data_end;
        if core.una == core.high && core.high < data_end {
            // ns-2 has a timer for it.
            let restarts = !core.habits.ns2 || matches!(self.machine, Machine::Selective(_));
            core.end_idle(restarts, now);
        }
        self.send(now, out);
        self.watch_window(now);
    }

    /// An ACK has arrived.
    #[inline]
    pub(crate) fn handle_ack<O: Output>(&mut self, ack: Arrived<'_>, now: Time, out: &mut O) {
        self.core.count_window(now);
        if self.persist.is_some() && self.take_window(&ack) {
            self.send(now, out);
            self.watch_window(now);
            return;
        }
        match &mut self.machine {
            Machine::Classic(classic) => classic.handle_ack(&mut self.core, ack.next, ack.marked, now, out),
            Machine::Pipe(pipe) => {
                pipe.handle_ack(&mut self.core, ack.next, ack.blocks, ack.marked, now, out);
            }
            Machine::Selective(selective) => selective.handle_ack(&mut self.core, ack, now, out),
        }
        if self.core.stalled {
            self.handle_stall(now);
        }
        self.watch_window(now);
    }

    /// Its deadline has come.
    pub(crate) fn handle_timeout<O: Output>(&mut self, now: Time, out: &mut O) {
        self.core.count_window(now);
        if let Some(persist) = self.persist.as_mut().filter(|persist| persist.poll_timeout() <= now) {
            persist.handle_timeout(self.core.estimator.time_out(), now);
            out.window_probe();
        }
        if self.core.retry_at <= now {
            self.core.retry_at = NEVER;
            self.send(now, out);
        }
        if self.core.time_out_at > now {
            return;
        }
        match &mut self.machine {
            Machine::Classic(classic) => classic.handle_timeout(&mut self.core, now, out),
            Machine::Pipe(pipe) => pipe.handle_timeout(&mut self.core, now, out),
            Machine::Selective(selective) => selective.handle_timeout(&mut self.core, now, out),
        }
        if self.core.stalled {
            self.handle_stall(now);
        }
    }

    /// What an observer may see; the receiver's part is not filled in.
    pub(crate) fn state(&self) -> FlowState {
        let core = &self.core;
        FlowState {
            cwnd: core.window.cwnd,
            ssthresh: core.window.ssthresh,
            in_flight: core.in_flight,
            receive_window: core.habits.receive_window,
            phase: core.phase,
            control_phase: core.control.phase(&core.window),
            rtt: core.rtts.last(),
            srtt: core.estimator.smoothed(),
            rttvar: core.estimator.deviation(),
            rto: core.estimator.time_out(),
            pacing_rate: core.control.pacing_rate(),
            sent: core.counters.sent,
            acked: u64::from(core.una.saturating_sub(1)),
            received: 0,
            read: 0,
            retransmitted: core.counters.retransmitted,
            congestion_events: core.counters.congestion_events,
            timeouts: core.counters.timeouts,
        }
    }

    /// Probes of a closed window.
    pub(crate) fn window_probes(&self) -> u64 {
        self.persist.as_ref().map_or(0, |persist| persist.probes())
    }

    /// What an ACK says of the window; returns whether it says nothing else, so that it counts as no duplicate (RFC 5681, 2:
    /// nothing is outstanding, or the window is another).
    #[cold]
    fn take_window(&mut self, ack: &Arrived<'_>) -> bool {
        let Some(persist) = &mut self.persist else { return false };
        let habits = &mut self.core.habits;
        let moved = ack.edge.is_some_and(|edge| persist.handle_edge(edge));
        habits.receive_window = persist.window(self.core.una.max(ack.next)).min(habits.largest_window);
        let is_bare = ack.next == self.core.una && ack.blocks.is_empty() && !ack.duplicate && !ack.marked;
        is_bare && (moved || self.core.una == self.core.high)
    }

    /// Whether there is data, and nothing but the receiver's window holds it back.
    #[inline]
    fn watch_window(&mut self, now: Time) {
        let Some(persist) = &mut self.persist else { return };
        let core = &self.core;
        let is_idle = core.una > 0 && core.una == core.high;
        let waits = is_idle && core.high < core.data_end && core.habits.receive_window == 0;
        persist.handle_wait(waits, core.estimator.time_out(), now);
    }

    fn send<O: Output>(&mut self, now: Time, out: &mut O) {
        match &mut self.machine {
            Machine::Classic(classic) => classic.send(&mut self.core, now, out),
            Machine::Pipe(pipe) => pipe.send(&mut self.core, now, out),
            Machine::Selective(selective) => selective.send(&mut self.core, now, out),
        }
        if self.core.stalled {
            self.handle_stall(now);
        }
    }

    /// The host's queue has refused a segment. It is tried again when a packet has left; or, as Linux did when it took that
    /// for congestion, at the next ACK, if one will come.
    #[cold]
    fn handle_stall(&mut self, now: Time) {
        let core = &mut self.core;
        core.stalled = false;
        let Some(queue) = core.habits.host_queue.as_deref().copied() else { return };
        core.counters.send_stalls += 1;
        if queue.when_full == WhenFull::Wait || core.una == core.high {
            core.retry_at = queue.retry_after(core.counters.send_stalls).after(now);
        }
        if queue.when_full == WhenFull::Reduce {
            match &mut self.machine {
                Machine::Classic(classic) => classic.handle_stall(core, now),
                Machine::Pipe(pipe) => pipe.handle_stall(core, now),
                Machine::Selective(selective) => selective.handle_stall(core, now),
            }
        }
    }
}
