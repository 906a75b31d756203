//! What bounds a flow before it runs: its path, its windows, losses, its application.
//!
//! Rates are goodput at the application, in steady state, by the closed forms of [`wad_sim::theory`].

use std::time::Duration;

use wad_model::{Bytes, Rate};
use wad_path::Loss;
use wad_sim::control::ControlConfig;
use wad_sim::scenario::{Application, Conventions, DelayedAck};
use wad_sim::theory::pipe;
use wad_sim::theory::response::{Acks, Losses, Response, mathis_constant};
use wad_sim::{Scenario, theory::pftk::Pftk};

use crate::survey::{FlowFacts, Survey};

/// The bounds of a flow; none where there is no bound of the kind.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The slowest link alone.
    pub path_bps: Option<f64>,
    /// The slowest link, shared evenly with the other flows that cross it.
    pub share_bps: Option<f64>,
    /// The smallest of the windows over the round trip without queues.
    pub window_bps: Option<f64>,
    /// What the receiving application reads.
    pub reader_bps: Option<f64>,
    /// Whether the sender waits for it: its buffer has an end.
    pub reader_holds_back: bool,
    /// What the control's response function allows under the random losses of the path.
    pub loss_bps: Option<f64>,
    /// The same for standard TCP with time-outs and its window (PFTK), for comparison.
    pub pftk_bps: Option<f64>,
    /// What the application offers in the mean.
    pub application_bps: Option<f64>,
    /// The probability that a segment is lost at random on its way.
    pub loss: f64,
    /// The response function that was used, with its name.
    pub response: Option<(&'static str, Response)>,
}

impl Limits {
    /// Those of a flow of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario, survey: &Survey, flow: &FlowFacts) -> Self {
        let config = &scenario.flows[flow.entry];
        let (segment, rtt) = (flow.endpoints.segment, flow.unloaded);
        let goodput = |rate: Rate| bps(rate) * ratio(segment, flow.wire);
        let path = flow.slowest.map(|(_, rate)| goodput(rate));
        let sharing = flow.slowest.map_or(1, |(link, _)| survey.flows_over(link));
        let window = flow.endpoints.window.min(flow.endpoints.max_window.unwrap_or(u32::MAX));
        let has_window = !flow.is_windowless();
        let loss = random_loss(survey, flow);
        let response = response(scenario.conventions, &config.control, flow);
        let by_loss = |response: Response| bps(response.rate(loss, segment, rtt));
        let pftk = Pftk {
            rtt,
            rto: (3 * rtt).max(flow.endpoints.min_rto),
            segments_an_ack: 1.0,
            window: if has_window { window.into() } else { 1e9 },
        };
        Self {
            path_bps: path,
            share_bps: path.map(|path| path / count(sharing)),
            window_bps: has_window.then(|| bps(pipe::rate_of(window.into(), segment, rtt))),
            reader_bps: config.read_rate.map(bps),
            reader_holds_back: config.window.is_some() || config.receive_buffer.is_some(),
            loss_bps: response.filter(|_| loss > 0.0).map(|(_, response)| by_loss(response)),
            pftk_bps: (loss > 0.0).then(|| bps(pftk.rate(loss, segment))),
            application_bps: application(&config.application, rtt, path),
            loss,
            response,
        }
    }

    /// The lowest of all bounds of what is sent.
    #[must_use]
    pub fn lowest_bps(&self) -> f64 {
        let reader = self.reader_bps.filter(|_| self.reader_holds_back);
        let all = [self.share_bps, self.window_bps, reader, self.loss_bps, self.application_bps];
        all.into_iter().flatten().fold(f64::INFINITY, f64::min)
    }
}

/// Independent losses on all links of the data.
fn random_loss(survey: &Survey, flow: &FlowFacts) -> f64 {
    let kept = flow.forward.iter().map(|&link| match survey.network.links[link].config.loss {
        Loss::Random { probability } => 1.0 - probability,
        Loss::GilbertElliott { good_to_bad, bad_to_good, loss_good, loss_bad } => {
            let all = good_to_bad + bad_to_good;
            let bad = if all > 0.0 { good_to_bad / all } else { 0.0 };
            1.0 - bad * loss_bad - (1.0 - bad) * loss_good
        }
        #[expect(clippy::cast_precision_loss, reason = "above 2^53 there is hardly a loss")]
        Loss::Every { nth } => 1.0 - 1.0 / nth as f64,
        Loss::None | Loss::List { .. } => 1.0,
    });
    1.0 - kept.product::<f64>()
}

/// The response function of a control under random losses; none for controls that losses do not bound.
fn response(
    conventions: Conventions,
    control: &ControlConfig,
    flow: &FlowFacts,
) -> Option<(&'static str, Response)> {
    // Linux counts segments, so delayed acknowledgements do not slow its growth.
    let delayed = conventions == Conventions::Ns2 && flow.endpoints.delayed_ack != DelayedAck::None;
    let acks = if delayed { Acks::Delayed } else { Acks::Every };
    let standard = ("Mathis", Response::Mathis { constant: mathis_constant(Losses::Random, acks) });
    match control {
        ControlConfig::Reno(config) | ControlConfig::Aimd(config) => {
            let (increase, decrease) = (config.additive_increase, config.multiplicative_decrease);
            let is_standard = (increase - 1.0).abs() < 1e-9 && (decrease - 0.5).abs() < 1e-9;
            Some(if is_standard { standard } else { ("AIMD", Response::Aimd { increase, decrease }) })
        }
        ControlConfig::HighSpeed(_) => Some(("RFC 3649", Response::HighSpeed)),
        ControlConfig::Scalable(_) => Some(("Scalable", Response::SCALABLE)),
        ControlConfig::Cubic(config) => {
            Some(("RFC 9438", Response::Cubic { c: config.c, beta: config.beta }))
        }
        ControlConfig::Bbr1(_) | ControlConfig::Bbr3(_) => None,
        _ => Some(standard),
    }
}

/// What the application offers in the mean; none if it always has more.
fn application(application: &Application, rtt: Duration, path: Option<f64>) -> Option<f64> {
    let over = |bytes: Bytes, time: Duration| {
        if time.is_zero() { None } else { Some(bits(bytes) / time.as_secs_f64()) }
    };
    match application {
        Application::Bursts { every, size } => over(*size, *every),
        Application::OnOff { on, off } => {
            let on_share = on.as_secs_f64() / (*on + *off).as_secs_f64();
            path.map(|path| path * on_share)
        }
        // A response takes a round trip at least, and the time that it takes to be sent.
        Application::Request { response, think } => {
            let sending = path.map_or(0.0, |path| bits(*response) / path);
            over(*response, rtt + *think + Duration::from_secs_f64(sending))
        }
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates of this world are far below 2^53")]
pub(crate) fn bps(rate: Rate) -> f64 {
    rate.as_bps() as f64
}

#[expect(clippy::cast_precision_loss, reason = "sizes of this world are far below 2^53")]
pub(crate) fn bits(bytes: Bytes) -> f64 {
    bytes.get() as f64 * 8.0
}

fn ratio(part: Bytes, whole: Bytes) -> f64 {
    bits(part) / bits(whole).max(1.0)
}

pub(crate) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
