//! `congestion`: the congestion control of a path's flows.
//!
//! Without the table a flow keeps the control that it has: a window as large as the path needs
//! helps under any control, and which one is best is the administrator's to say.

use serde::Serialize;
use wad_model::Segments;

use super::aimd::{AdditiveIncrease, MultiplicativeDecrease};
use super::control_name::ControlName;
use super::defaults;
use super::given::Given;
use super::table::{Found, Table, or_default};
use crate::tunables::{Knob, Mechanism};

/// The congestion control of a path's flows.
#[derive(Clone, Debug, PartialEq)]
pub struct Congestion {
    /// The control and its parameters.
    pub control: Given<Control>,
    /// The ceiling of the congestion window, under any control.
    pub max_window: Option<Given<Segments>>,
}

/// A congestion control, with the parameters that it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// The one that the flow has anyway: the host's default, or what its application chose.
    Unchanged,
    /// WAD's own, with parameters per flow.
    Wad(Box<WadControl>),
    /// Another that the kernel has, by its name.
    Named(ControlName),
}

/// The parameters of WAD's control; what is `None` is as in standard TCP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WadControl {
    /// How its window grows and shrinks.
    pub law: Law,
    /// As if segments were so many times larger: [`Law`] and the initial window have it.
    pub virtual_mss: Option<Given<Segments>>,
    /// The number of standard flows that one flow acts as: [`Law`] has it.
    pub equivalent_streams: Option<Given<u32>>,
    /// Whether losses that look random are answered more mildly.
    pub loss_guess: Option<Given<bool>>,
    /// No loss brings the slow-start threshold below it.
    pub min_ssthresh: Option<Given<Segments>>,
    /// The congestion window after the flow was idle.
    pub restart_window: Option<Given<Segments>>,
    /// The most segments that leave at once.
    pub burst_limit: Option<Given<Segments>>,
}

/// How the window grows and shrinks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// By constants.
    Constants {
        /// How fast the window grows.
        additive_increase: Given<AdditiveIncrease>,
        /// How much of the window a loss takes.
        multiplicative_decrease: Given<MultiplicativeDecrease>,
    },
    /// By what RFC 3649 has for the window.
    HighSpeed(Given<HighSpeedMode>),
}

/// When HighSpeed TCP looks up increase and decrease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HighSpeedMode {
    /// Once, by the send buffer; again if that is divided or measured anew.
    AtStart,
    /// Every tenth of a second, by the congestion window then.
    Periodic,
    /// At each acknowledgement, by the congestion window then.
    Continuous,
}

impl HighSpeedMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AtStart, Self::Periodic, Self::Continuous];

    /// The word of the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtStart => "at_start",
            Self::Periodic => "periodic",
            Self::Continuous => "continuous",
        }
    }
}

impl Control {
    /// The name by which the kernel knows it; `None` if it is left alone.
    #[must_use]
    pub const fn name(&self) -> Option<ControlName> {
        match self {
            Self::Unchanged => None,
            Self::Wad(_) => Some(ControlName::WAD),
            Self::Named(name) => Some(*name),
        }
    }
}

impl Default for Congestion {
    fn default() -> Self {
        Self { control: Given::default_value(Control::Unchanged), max_window: None }
    }
}

impl Congestion {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let name = table.value("control");
        let wad = WadControl::read(&mut table);
        let parameters =
            table.findings.uses.iter().any(|one| one.knob.tunable().mechanism == Mechanism::Control);
        let max_window = table.setting(Knob::MaxWindow).map(Found::given);
        let control = match name {
            Some(Found { value, line, .. }) if value == ControlName::WAD => {
                Given::at(Control::Wad(Box::new(wad)), line)
            }
            Some(Found { value, line, .. }) => Given::at(Control::Named(value), line),
            // A ceiling alone needs no other control.
            None if max_window.is_some() && !parameters => Self::default().control,
            None => Given::default_value(Control::Wad(Box::new(wad))),
        };
        table.finish();
        Self { control, max_window }
    }
}

impl WadControl {
    fn read(table: &mut Table<'_, '_, '_>) -> Self {
        let virtual_mss = table.setting(Knob::VirtualMss).map(Found::given);
        let equivalent_streams = table.setting(Knob::EquivalentStreams).map(Found::given);
        Self {
            law: Law::read(table, virtual_mss, equivalent_streams),
            virtual_mss,
            equivalent_streams,
            loss_guess: table.setting(Knob::LossGuess).map(Found::given),
            min_ssthresh: table.setting(Knob::MinSsthresh).map(Found::given),
            restart_window: table.setting(Knob::RestartWindow).map(Found::given),
            burst_limit: table.setting(Knob::BurstLimit).map(Found::given),
        }
    }
}

impl Law {
    /// Contradictions are refused elsewhere; of two that contradict, any will do here.
    fn read(
        table: &mut Table<'_, '_, '_>,
        virtual_mss: Option<Given<Segments>>,
        streams: Option<Given<u32>>,
    ) -> Self {
        let modes = HighSpeedMode::ALL.map(|mode| (mode.name(), mode));
        let high_speed = table.choice("high_speed", &modes);
        let increase = table.setting(Knob::AdditiveIncrease);
        let decrease = table.setting(Knob::MultiplicativeDecrease);
        if let Some(mode) = high_speed {
            table.note_use(Knob::HighSpeed, &mode, 1.0);
            return Self::HighSpeed(mode.given());
        }
        let both = streams.and_then(of_streams);
        let virtual_increase = virtual_mss.and_then(of_virtual_mss);
        Self::Constants {
            additive_increase: both
                .map(|(increase, _)| increase)
                .or(virtual_increase)
                .unwrap_or_else(|| or_default(increase, defaults::ADDITIVE_INCREASE)),
            multiplicative_decrease: both
                .map(|(_, decrease)| decrease)
                .unwrap_or_else(|| or_default(decrease, defaults::MULTIPLICATIVE_DECREASE)),
        }
    }
}

/// N flows grow by N segments in a round trip, and a loss in one of them takes half of an Nth: increase N,
/// decrease 1/(2N) (section 4.2 of the paper of 2002).
fn of_streams(streams: Given<u32>) -> Option<(Given<AdditiveIncrease>, Given<MultiplicativeDecrease>)> {
    let n = f64::from(streams.value);
    let increase = AdditiveIncrease::new(n)?;
    let decrease = MultiplicativeDecrease::new(0.5 / n)?;
    Some((streams.implies(increase, "equivalent_streams"), streams.implies(decrease, "equivalent_streams")))
}

/// Segments that are K times larger make the window grow by K in a round trip (section 4.3 of the paper).
fn of_virtual_mss(segments: Given<Segments>) -> Option<Given<AdditiveIncrease>> {
    AdditiveIncrease::new(segments.value.get().into()).map(|k| segments.implies(k, "virtual_mss"))
}
