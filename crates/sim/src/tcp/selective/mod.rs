//! Loss recovery from selective acknowledgements and a record of every segment in flight: RFC 6675, FACK,
//! and RACK-TLP (RFC 8985) as Linux has them.
//!
//! What happens at an ACK, in Linux's order (`tcp_ack`):
//!
//! ```text
//! 1. segments: what is delivered, acknowledged, selectively or not      segments.rs
//! 2. the RTT, the rate of delivery                                      rate.rs
//! 3. what is lost                                                       losses.rs
//! 4. the phase: open, disorder, reduced, recovery, loss                 here
//! 5. the window: the control grows it, or it comes down gently          reduction.rs (RFC 6937)
//! 6. retransmissions, then new data, paced if wanted                    output.rs
//! ```
//!
//! A recovery that was not necessary is undone: the receiver reports duplicates (DSACK, RFC 2883), and a repeated segment
//! that is acknowledged sooner than any round trip was the original (Eifel, RFC 3522). After a time-out F-RTO looks for
//! originals that arrive (`spurious.rs`).

mod losses;
mod output;
mod rate;
mod reduction;
mod segments;
mod spurious;

use wad_model::Time;

use super::core::{Core, NEVER, Output, Report};
use super::runs::Run;
use crate::control::{Cause, CongestionControl, Phase, Window};
use crate::nanos::Nanos;

use losses::Detector;
use output::Pacer;
use rate::Rates;
use reduction::Reduction;
use segments::{Delivered, Segments};
use spurious::Doubt;

pub(crate) use losses::Rule;

/// A sender that knows the state of every segment in flight.
#[derive(Clone, Debug)]
pub(crate) struct Selective {
    segments: Segments,
    detector: Detector,
    rates: Option<Box<Rates>>,
    reduction: Reduction,
    pacer: Pacer,
    /// A phase other than open and disorder ends when this is acknowledged.
    phase_ends: u32,
    undo: Option<Box<Undo>>,
    doubt: Doubt,
    /// When the retransmission timer expires.
    time_out_at: Time,
    probe: Probe,
}

/// What a recovery that turns out spurious puts back (Linux's `tcp_try_undo_recovery`).
#[derive(Clone, Copy, Debug)]
struct Undo {
    before: Window,
    /// Retransmissions that the receiver has not reported as duplicates.
    unproven: u32,
    any: bool,
}

impl Undo {
    fn new(core: &Core) -> Box<Self> {
        Box::new(Self { before: core.window, unproven: 0, any: false })
    }
}

/// The probe of the tail (RFC 8985, 7): when it is due, and what was in flight when it was sent.
#[derive(Clone, Copy, Debug)]
struct Probe {
    at: Time,
    sent: Option<SentProbe>,
}

#[derive(Clone, Copy, Debug)]
struct SentProbe {
    /// One past the foremost segment when the probe was sent.
    high: u32,
    /// Whether it repeated a segment.
    again: bool,
}

/// What an ACK says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    /// The first segment that has not arrived.
    pub(crate) next: u32,
    /// What has arrived beyond it.
    pub(crate) blocks: &'a [Run],
    /// It echoes a mark of congestion.
    pub(crate) marked: bool,
    /// It was caused by a segment that had arrived before.
    pub(crate) duplicate: bool,
    /// One past the last segment that the receiver has room for, if it has a limit.
    pub(crate) edge: Option<u32>,
}

/// How segments leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    /// Segments that leave together.
    pub(crate) burst: u32,
    /// Spread over the round trip.
    pub(crate) pacing: bool,
    /// A segment on the wire, in bytes.
    pub(crate) wire: u32,
}

impl Selective {
    pub(crate) fn new(rule: Rule, sending: Sending, core: &Core) -> Self {
        Self {
            segments: Segments::default(),
            detector: Detector::new(rule),
            rates: core.needs.rate_samples.then(Box::default),
            reduction: Reduction::default(),
            pacer: Pacer::new(sending),
            phase_ends: 0,
            undo: None,
            doubt: Doubt::default(),
            time_out_at: NEVER,
            probe: Probe { at: NEVER, sent: None },
        }
    }

    /// An ACK has arrived.
    #[inline]
    pub(crate) fn handle_ack<O: Output>(
        &mut self,
        core: &mut Core,
        ack: Arrived<'_>,
        now: Time,
        out: &mut O,
    ) {
        if ack.next > core.high || (ack.next < core.una && ack.blocks.is_empty()) {
            return;
        }
        let starts_data = core.una == 0 && ack.next > 0;
        self.segments.hold_repetitions(false);
        let prior_in_flight = self.segments.in_flight();
        let delivered = self.segments.acknowledge(core, ack.next, ack.blocks, &mut self.rates, now);
        core.total_delivered += u64::from(delivered.total());
        if ack.duplicate {
            self.detector.note_duplicate();
        }
        self.prove(delivered.late_originals + u32::from(ack.duplicate));
        let rtt = take_rtt(core, &delivered, now);
        let lost = self.detector.find(core, &mut self.segments, &delivered, now);
        let report = Report {
            acked: delivered.acked,
            delivered: delivered.total(),
            lost,
            marked: if ack.marked { delivered.total() } else { 0 },
            in_flight: self.segments.in_flight(),
            prior_in_flight,
            rtt,
            rate: self.rates.as_mut().and_then(|rates| rates.sample(core, lost, now)),
        };
        core.in_flight = report.in_flight;
        if starts_data {
            core.phase = Phase::Open;
            core.begin();
        } else {
            self.doubt_time_out(core, &delivered, now);
            self.move_on(core, &ack, &report, now);
        }
        if delivered.acked > 0 {
            self.doubt.end_repetition();
            self.restart_timers(core, now);
        }
        self.send_new_first(core, now, out);
        self.send(core, now, out);
        self.arm(core, now);
    }

    /// Its deadline has come: whichever it was.
    pub(crate) fn handle_timeout<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        if self.detector.deadline() <= now {
            let lost = self.detector.find_late(core, &mut self.segments, now);
            if lost > 0 && !matches!(core.phase, Phase::Recovery | Phase::Loss) {
                self.enter_recovery(core, now);
            }
        }
        if self.probe.at <= now {
            self.send_probe(core, now, out);
        }
        if self.time_out_at <= now {
            self.time_out(core, now);
        }
        self.send(core, now, out);
        self.arm(core, now);
    }

    /// More data, room for it, or the time to send it.
    #[inline]
    pub(crate) fn send<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        self.transmit(core, now, out);
        if self.time_out_at == NEVER && core.una < core.high {
            self.restart_timers(core, now);
        }
        self.arm(core, now);
    }

    /// Phases, as `tcp_fastretrans_alert`, and what they make of the window.
    fn move_on(&mut self, core: &mut Core, ack: &Arrived<'_>, report: &Report, now: Time) {
        self.finish_probe(core, ack, now);
        if core.una >= self.phase_ends || self.was_spurious() {
            self.leave_phase(core, now);
        }
        match core.phase {
            Phase::Open | Phase::Disorder | Phase::Reduced if self.segments.lost() > 0 => {
                self.enter_recovery(core, now);
            }
            Phase::Open | Phase::Disorder if ack.marked => self.enter_reduced(core, now),
            Phase::Open if self.segments.selective() > 0 => core.phase = Phase::Disorder,
            Phase::Disorder if self.segments.selective() == 0 => core.phase = Phase::Open,
            _ => {}
        }
        let description = core.describe_report(report, now);
        core.control.on_sample(&mut core.window, &description);
        if core.needs.owns_window {
            return;
        }
        match core.phase {
            Phase::Recovery | Phase::Reduced => {
                let advanced = report.acked > 0 && report.lost == 0;
                let sent = self.reduction.allow(core.window.ssthresh, report, advanced);
                core.window.cwnd = f64::from(report.in_flight + sent).max(1.0);
            }
            _ if report.acked > 0 => {
                if core.in_use() {
                    core.control.on_ack(&mut core.window, &description);
                }
                core.validate_window(report.prior_in_flight, now);
            }
            _ => {}
        }
    }

    /// The host's queue is full (`tcp_enter_cwr`): as a mark.
    pub(crate) fn handle_stall(&mut self, core: &mut Core, now: Time) {
        if matches!(core.phase, Phase::Open | Phase::Disorder) {
            self.enter_reduced(core, now);
        }
    }

    fn leave_phase(&mut self, core: &mut Core, now: Time) {
        let undone = self.undo.take().filter(|undo| undo.any && undo.unproven == 0);
        match core.phase {
            Phase::Recovery | Phase::Loss if undone.is_some() => {
                if let Some(undo) = undone {
                    core.control.on_undo(&mut core.window, undo.before);
                }
            }
            Phase::Recovery | Phase::Reduced => {
                if !core.needs.owns_window && core.window.ssthresh.is_finite() {
                    core.window.cwnd = core.window.ssthresh;
                }
            }
            Phase::Loss => {}
            Phase::Open | Phase::Disorder => return,
        }
        core.phase = Phase::Open;
        core.control.on_exit_recovery(&mut core.window, now);
    }

    fn enter_recovery(&mut self, core: &mut Core, now: Time) {
        let reduced_already = core.phase == Phase::Reduced;
        self.undo = Some(Undo::new(core));
        self.phase_ends = core.high;
        core.phase = Phase::Recovery;
        if !reduced_already {
            self.reduce(core, Cause::Loss, now);
        }
    }

    fn enter_reduced(&mut self, core: &mut Core, now: Time) {
        self.undo = None;
        self.phase_ends = core.high;
        core.phase = Phase::Reduced;
        self.reduce(core, Cause::Mark, now);
    }

    fn reduce(&mut self, core: &mut Core, cause: Cause, now: Time) {
        self.reduction = Reduction::begin(core.usable_congestion_window());
        core.congestion(cause, 0, now);
    }

    /// So many repetitions were not necessary.
    fn prove(&mut self, spurious: u32) {
        if let Some(undo) = &mut self.undo {
            undo.unproven = undo.unproven.saturating_sub(spurious);
        }
    }

    /// Whether every repetition of this recovery was unnecessary.
    fn was_spurious(&self) -> bool {
        self.segments.lost() == 0 && self.undo.as_ref().is_some_and(|undo| undo.any && undo.unproven == 0)
    }

    /// RFC 8985, 7.4.2: the probe repaired a loss if it repeated a segment and nobody had it twice.
    fn finish_probe(&mut self, core: &mut Core, ack: &Arrived<'_>, now: Time) {
        let Some(probe) = self.probe.sent else { return };
        if probe.again && ack.duplicate {
            self.probe.sent = None;
        } else if core.una >= probe.high {
            self.probe.sent = None;
            if probe.again && core.phase == Phase::Open {
                self.enter_reduced(core, now);
                core.window.cwnd = core.window.ssthresh;
            }
        }
    }

    /// RFC 6298, 5.4 to 5.7, and RFC 5681, 3.1: everything that is not acknowledged counts as lost.
    fn time_out(&mut self, core: &mut Core, now: Time) {
        self.probe = Probe { at: NEVER, sent: None };
        if core.una == 0 {
            core.habits.initial_window = 1;
        } else if self.reduces_again(core) {
            self.undo = Some(Undo::new(core));
            core.congestion(Cause::Timeout, 0, now);
        } else {
            core.counters.timeouts += 1;
        }
        self.doubt.begin(core.phase);
        self.segments.hold_repetitions(false);
        self.segments.lose_all(core.una, self.detector.recent(now));
        core.phase = Phase::Loss;
        self.phase_ends = core.high;
        core.window.cwnd = f64::from(self.segments.in_flight()) + 1.0;
        core.estimator.back_off();
        self.time_out_at = core.estimator.time_out().after(now);
    }

    /// Whether a time-out reduces the window: unless that was done for losses of the same window, or for a time-out of the
    /// same segment (`tcp_enter_loss`).
    fn reduces_again(&self, core: &Core) -> bool {
        let reduced = matches!(core.phase, Phase::Reduced | Phase::Recovery)
            || (core.phase == Phase::Loss && self.doubt.repeats());
        !reduced || core.una >= self.phase_ends
    }

    /// RFC 8985, 7.3: new data if there is any, else the foremost segment again.
    fn send_probe<O: Output>(&mut self, core: &mut Core, now: Time, out: &mut O) {
        self.probe.at = NEVER;
        let edge = core.una.saturating_add(core.habits.receive_window);
        let again = core.high >= core.data_end.min(edge);
        let segment = if again { core.high - 1 } else { core.high };
        if again && self.segments.is_selective(core.una, segment) {
            return;
        }
        self.probe.sent = Some(SentProbe { high: core.high, again });
        self.emit(core, segment, now, out);
        self.time_out_at = core.estimator.time_out().after(now);
    }

    /// After something was acknowledged: the retransmission timer starts anew, and the probe's (RFC 8985, 7.2).
    fn restart_timers(&mut self, core: &Core, now: Time) {
        self.probe.at = NEVER;
        if core.una == core.high {
            self.time_out_at = NEVER;
            return;
        }
        let time_out = core.estimator.time_out();
        self.time_out_at = time_out.after(now);
        let srtt = core.estimator.smoothed();
        let wanted = self.detector.probes() && core.phase == Phase::Open && self.probe.sent.is_none();
        if wanted && srtt > Nanos::ZERO && self.segments.selective() == 0 {
            let lone = core.high - core.una == 1;
            let wait = srtt * 2 + if lone { Nanos::from_millis(200) } else { Nanos::from_millis(2) };
            self.probe.at = wait.min(time_out).after(now);
        }
    }

    /// The earliest of all deadlines.
    #[inline]
    fn arm(&self, core: &mut Core, now: Time) {
        let paced = self.pacer.deadline(now);
        core.time_out_at = self.time_out_at.min(self.probe.at).min(self.detector.deadline()).min(paced);
    }
}

/// The round trip of the latest segment among those delivered that was sent once (Karn; RFC 6298, 3).
#[inline]
fn take_rtt(core: &mut Core, delivered: &Delivered, now: Time) -> Option<Nanos> {
    let sent = delivered.sent_once?;
    let rtt = Nanos::between(sent, now);
    core.estimator.end_back_off();
    core.estimator.sample(sent, now, core.una, core.high);
    core.note_rtt(rtt);
    Some(rtt)
}
