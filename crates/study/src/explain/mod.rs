//! What limits a scenario, and what would help.
//!
//! Theory first: each [`Bound`] is a closed form with its numbers, and the lowest names the limit. Then, where there is time
//! for it, the run itself: what it reached, and [how its flows spent their lives](Lives).
//!
//! | bound | from |
//! |---|---|
//! | path | the slowest link, shared evenly |
//! | window, receive buffer, send buffer | W MSS 8 / RTT of the smallest |
//! | reader | the rate at which the receiving application reads |
//! | loss | the response function of the control at the path's random losses |
//! | queue | the saw-tooth of the control over a queue that is too short |
//! | slow start | what the doubling of the window costs a transfer that is short |
//! | application | what it offers |

mod bound;
mod life;
mod queue;
mod remedy;

use serde::Serialize;
use wad_sim::control::ControlConfig;
use wad_sim::scenario::Application;
use wad_sim::theory::response::Response;
use wad_sim::theory::{pipe, slow_start};
use wad_sim::{Scenario, ScenarioError};

use crate::limits::{Limits, bits, bps, count};
use crate::show;
use crate::survey::{FlowFacts, Survey, WindowLimit};

pub use bound::{Bound, BoundKind};
pub use life::{Life, Lives};

/// A scenario explained: each kind of flow that it has.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// One of each entry of the scenario's flows.
    pub flows: Vec<Explained>,
}

/// A kind of flow.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The first flow of this kind.
    pub flow: String,
    /// How many are alike.
    pub count: u32,
    /// Its congestion control.
    pub control: &'static str,
    /// The round trip without queues.
    pub rtt_s: f64,
    /// What the path holds (bandwidth-delay product), for all flows together.
    pub bdp_bytes: Option<f64>,
    /// The queue before the slowest link; none without a limit.
    pub queue_bytes: Option<f64>,
    /// The probability of a random loss.
    pub loss: f64,
    /// All bounds, the lowest first.
    pub bounds: Vec<Bound>,
    /// What limits it.
    pub limit: BoundKind,
    /// What theory expects: the lowest bound.
    pub expected_bps: f64,
    /// What the path would allow.
    pub possible_bps: Option<f64>,
    /// What theory says of losses, for comparison.
    pub theory: Vec<Theory>,
    /// What to change, and to what.
    pub remedies: Vec<String>,
}

/// A formula of losses at the path's loss rate.
#[derive(Clone, Debug, Serialize)]
pub struct Theory {
    /// Whose.
    pub name: &'static str,
    /// The mean window.
    pub window_segments: f64,
    /// The goodput, if nothing else bounds it.
    pub goodput_bps: f64,
}

impl Explanation {
    /// Explains a scenario.
    ///
    /// # Errors
    /// It has no network, or flows have no way through it.
    pub fn of(scenario: &Scenario) -> Result<Self, ScenarioError> {
        let survey = Survey::new(scenario)?;
        let first = |entry| survey.flows.iter().find(|flow| flow.entry == entry);
        let flows = (0..scenario.flows.len()).filter_map(first);
        Ok(Self { flows: flows.map(|flow| Explained::of(scenario, &survey, flow)).collect() })
    }
}

impl Explained {
    fn of(scenario: &Scenario, survey: &Survey, flow: &FlowFacts) -> Self {
        let config = &scenario.flows[flow.entry];
        let limits = Limits::of(scenario, survey, flow);
        let subject = Subject { scenario, survey, flow, limits: &limits };
        let mut bounds = subject.bounds();
        bounds.sort_by(|a, b| a.goodput_bps.total_cmp(&b.goodput_bps));
        let (limit, expected) =
            bounds.first().map_or((BoundKind::Path, f64::INFINITY), |bound| (bound.kind, bound.goodput_bps));
        Self {
            flow: flow.name.clone(),
            count: config.count,
            control: config.control.name(),
            rtt_s: flow.unloaded.as_secs_f64(),
            bdp_bytes: flow.slowest.map(|(_, rate)| bps(rate) / 8.0 * flow.round_trip.as_secs_f64()),
            queue_bytes: subject.queue_segments().map(|queue| queue * bits(flow.wire) / 8.0),
            loss: limits.loss,
            limit,
            expected_bps: expected,
            possible_bps: limits.share_bps,
            theory: subject.theory(),
            remedies: remedy::remedies(&subject, limit, expected),
            bounds,
        }
    }
}

/// A flow with all that is known of it.
struct Subject<'s> {
    scenario: &'s Scenario,
    survey: &'s Survey,
    flow: &'s FlowFacts,
    limits: &'s Limits,
}

impl Subject<'_> {
    fn bounds(&self) -> Vec<Bound> {
        let Limits { share_bps, window_bps, reader_bps, loss_bps, application_bps, .. } = *self.limits;
        let rtt = show::time(self.flow.unloaded.as_secs_f64());
        let endpoints = &self.flow.endpoints;
        let window = endpoints.window.min(endpoints.max_window.unwrap_or(u32::MAX));
        let bound = |kind, goodput: Option<f64>, how: String| {
            goodput.map(|goodput_bps| Bound { kind, goodput_bps, how })
        };
        let mut bounds: Vec<Bound> = [
            bound(BoundKind::Path, share_bps, self.share_in_words()),
            bound(
                self.window_kind(),
                window_bps,
                format!("{window} segments of {} B each {rtt}", endpoints.segment.get()),
            ),
            bound(BoundKind::Reader, reader_bps, "so fast the receiving application reads".to_owned()),
            bound(BoundKind::Loss, loss_bps, self.loss_in_words()),
            bound(BoundKind::Application, application_bps, "what it offers in the mean".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let steady = bounds.iter().map(|bound| bound.goodput_bps).fold(f64::INFINITY, f64::min);
        bounds.extend(self.queue(steady));
        let steady = bounds.iter().map(|bound| bound.goodput_bps).fold(steady, f64::min);
        bounds.extend(self.slow_start(steady));
        bounds
    }

    fn window_kind(&self) -> BoundKind {
        match self.flow.window_limit {
            WindowLimit::Receiver | WindowLimit::None => BoundKind::Window,
            WindowLimit::ReceiveBuffer => BoundKind::ReceiveBuffer,
            WindowLimit::SendBuffer => BoundKind::SendBuffer,
            WindowLimit::Application => BoundKind::ApplicationWindow,
        }
    }

    fn share_in_words(&self) -> String {
        let Some((link, rate)) = self.flow.slowest else { return String::new() };
        let (name, sharing) = (self.survey.link_name(link), self.survey.flows_over(link));
        let others = if sharing > 1 { format!(", shared by {sharing} flows") } else { String::new() };
        let (segment, wire) = (self.flow.endpoints.segment.get(), self.flow.wire.get());
        format!("{name} carries {rate}{others}; {segment} of {wire} B are data")
    }

    fn loss_in_words(&self) -> String {
        let Some((name, response)) = self.limits.response else { return String::new() };
        let window = response.mean_window(self.limits.loss, self.flow.unloaded);
        format!(
            "{name}: a mean window of {} segments at a loss of {}",
            show::number(window),
            show::share(self.limits.loss)
        )
    }

    /// The queue before the slowest link, in segments; none without a limit.
    #[expect(clippy::cast_precision_loss, reason = "queues of this world are far below 2^53")]
    fn queue_segments(&self) -> Option<f64> {
        let (link, _) = self.flow.slowest?;
        match self.survey.network.links[link].config.queue {
            wad_path::Queue::Unlimited => None,
            wad_path::Queue::Packets(packets) => Some(packets as f64),
            wad_path::Queue::Bytes(bytes) => Some(bits(bytes) / bits(self.flow.wire)),
        }
    }

    /// What the path holds for all flows together, in segments.
    fn pipe_segments(&self) -> Option<f64> {
        let (_, rate) = self.flow.slowest?;
        Some(pipe::window_of(rate, self.flow.wire, self.flow.unloaded))
    }

    /// Where the saw-tooth of the control leaves a part of the path unused; none where windows or losses keep the flow from
    /// filling the queue.
    fn queue(&self, steady: f64) -> Option<Bound> {
        let (link, _) = self.flow.slowest?;
        let (share, pipe, room) = (self.limits.share_bps?, self.pipe_segments()?, self.queue_segments()?);
        if steady < share * 0.999 {
            return None;
        }
        let flows = count(self.survey.flows_over(link));
        if let Some(window) = self.limits.window_bps
            && window * flows * self.flow.unloaded.as_secs_f64() / bits(self.flow.endpoints.segment)
                <= pipe + room
        {
            return None;
        }
        let part = match &self.scenario.flows[self.flow.entry].control {
            ControlConfig::Reno(config) | ControlConfig::Aimd(config) => {
                queue::aimd(pipe, room, config.additive_increase * flows, config.multiplicative_decrease)
            }
            ControlConfig::Cubic(config) => {
                queue::cubic(pipe / flows, room / flows, config.c, config.beta, self.flow.unloaded)
            }
            _ => return None,
        };
        (part < 0.995).then(|| Bound {
            kind: BoundKind::Queue,
            goodput_bps: share * part,
            how: format!(
                "the queue holds {} of what the path does: after a loss the path runs empty, {} of it is used",
                show::share(room / pipe),
                show::share(part)
            ),
        })
    }

    /// How long the window doubles until it allows the steady rate: none if that is a small part of the flow's time.
    fn slow_start(&self, steady: f64) -> Option<Bound> {
        let config = &self.scenario.flows[self.flow.entry];
        let (segment, rtt) = (bits(self.flow.endpoints.segment), self.flow.unloaded.as_secs_f64());
        let initial = f64::from(self.flow.endpoints.initial_window);
        let target = steady * rtt / segment;
        if !target.is_finite() || rtt <= 0.0 {
            return None;
        }
        let stop = config.stop.unwrap_or(self.scenario.duration).min(self.scenario.duration);
        let time = stop.saturating_sub(self.flow.start).as_secs_f64();
        // The connection is opened first, and the first segment takes half a round trip to arrive.
        let opening = 1.5 * rtt;
        if let Application::File { size } = config.application {
            let rounds = slow_start::rounds_to_send(bits(size) / segment, initial, target.max(initial), 2.0);
            let mean = bits(size) / (rounds * rtt + opening);
            let how = format!("{} round trips to send {size}", show::number(rounds));
            return Some(Bound { kind: BoundKind::SlowStart, goodput_bps: mean, how });
        }
        let rounds = slow_start::rounds(initial, target, 2.0);
        let open = (time - opening).max(0.0);
        let lasts = (rounds * rtt).min(open);
        let sent = slow_start::segments(initial, 2.0, lasts / rtt) * segment;
        let mean = (sent + steady * (open - lasts)) / time;
        (mean < 0.95 * steady).then(|| Bound {
            kind: BoundKind::SlowStart,
            goodput_bps: mean,
            how: format!(
                "{} round trips to open and until the window is {} segments: {} of {}",
                show::number(rounds + 1.5),
                show::number(target),
                show::time(rounds * rtt + opening),
                show::time(time)
            ),
        })
    }

    fn theory(&self) -> Vec<Theory> {
        if self.limits.loss <= 0.0 {
            return Vec::new();
        }
        let (rtt, segment) = (self.flow.unloaded, self.flow.endpoints.segment);
        let formula = |(name, response): (&'static str, Response)| Theory {
            name,
            window_segments: response.mean_window(self.limits.loss, rtt),
            goodput_bps: bps(response.rate(self.limits.loss, segment, rtt)),
        };
        let mut all: Vec<Theory> = loss_formulas().map(formula).collect();
        if let Some(goodput_bps) = self.limits.pftk_bps {
            let window_segments = goodput_bps * rtt.as_secs_f64() / bits(segment);
            all.insert(1, Theory { name: "PFTK (Reno with time-outs)", window_segments, goodput_bps });
        }
        all
    }
}

/// The response functions that are compared.
fn loss_formulas() -> impl Iterator<Item = (&'static str, Response)> {
    use wad_sim::theory::response::{Acks, Losses, mathis_constant};
    let mathis = Response::Mathis { constant: mathis_constant(Losses::Random, Acks::Every) };
    [
        ("Mathis (Reno)", mathis),
        ("RFC 9438 (CUBIC)", Response::CUBIC),
        ("RFC 3649 (HighSpeed)", Response::HighSpeed),
        ("Kelly (Scalable)", Response::SCALABLE),
    ]
    .into_iter()
}
