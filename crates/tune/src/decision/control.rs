//! The constants of WAD's congestion control.

use wad_model::{Bytes, Segments};

use super::setting::Setting;
use super::sizes::Sizes;
use super::value::Value;
use crate::config::{
    AdditiveIncrease, Control, Given, HighSpeedMode, Law, MultiplicativeDecrease, PathPolicy, WadControl,
};
use crate::high_speed::{self, Row, USUAL_SEGMENT};
use crate::tunables::Knob;

/// What TCP's options take of a segment: timestamps, padded.
const OPTIONS: u32 = 12;

/// Increase and decrease in 1/1024, and what is said of them. All zero unless the control is WAD's.
#[derive(Debug, Default)]
pub(super) struct Constants {
    pub(super) ai_1024: u32,
    pub(super) md_1024: u32,
    pub(super) high_speed: Option<HighSpeedMode>,
    settings: Vec<Setting>,
}

impl Constants {
    pub(super) fn of(path: &PathPolicy, sizes: &Sizes, window: Option<Segments>) -> Self {
        let Control::Wad(wad) = &path.congestion.control.value else { return Self::default() };
        match wad.law {
            Law::Constants { additive_increase, multiplicative_decrease } => {
                Self::fixed(&additive_increase, &multiplicative_decrease)
            }
            Law::HighSpeed(mode) => {
                let (row, why) = looked_up(mode.value, path, sizes, window);
                Self::high_speed(&mode, row, &why)
            }
        }
    }

    fn fixed(increase: &Given<AdditiveIncrease>, decrease: &Given<MultiplicativeDecrease>) -> Self {
        let settings = vec![
            Setting::given(Knob::AdditiveIncrease, increase, |ai| Value::Growth(ai.get())),
            Setting::given(Knob::MultiplicativeDecrease, decrease, |md| Value::Share(md.get())),
        ];
        let (ai_1024, md_1024) = (increase_1024(increase.value), decrease_1024(decrease.value));
        Self { ai_1024, md_1024, high_speed: None, settings }
    }

    fn high_speed(mode: &Given<HighSpeedMode>, row: Row, why: &str) -> Self {
        let reason = || format!("RFC 3649, {why}, {}", mode.origin());
        let mut settings = vec![Setting::given(Knob::HighSpeed, mode, |mode| Value::Word(mode.name()))];
        if mode.value != HighSpeedMode::Continuous {
            let growth = Value::Growth(row.increase.into());
            let share = Value::Share((f64::from(row.decrease_1024) / 10.24).round() / 100.0);
            settings.push(Setting { knob: Knob::AdditiveIncrease, value: growth, reason: reason() });
            settings.push(Setting { knob: Knob::MultiplicativeDecrease, value: share, reason: reason() });
        }
        Self {
            ai_1024: row.increase * 1024,
            md_1024: row.decrease_1024,
            high_speed: Some(mode.value),
            settings,
        }
    }

    pub(super) fn into_settings(self, path: &PathPolicy) -> Vec<Setting> {
        let control = &path.congestion.control;
        let name = control.value.name().map(|name| Setting {
            knob: Knob::CongestionControl,
            value: Value::Control(name),
            reason: control.origin(),
        });
        let ceiling = path.congestion.max_window.map(|w| Setting::given(Knob::MaxWindow, &w, Value::Window));
        let others = match &control.value {
            Control::Wad(wad) => others(wad),
            Control::Named(_) | Control::Unchanged => Vec::new(),
        };
        name.into_iter().chain(self.settings).chain(others).chain(ceiling).collect()
    }
}

/// What is looked up, and by what.
fn looked_up(
    mode: HighSpeedMode,
    path: &PathPolicy,
    sizes: &Sizes,
    window: Option<Segments>,
) -> (Row, String) {
    match (mode, window) {
        (HighSpeedMode::AtStart, _) => {
            let row = high_speed::at_start(sizes.send.size, segment(path));
            (row, format!("for a send buffer of {}", sizes.send.size))
        }
        (HighSpeedMode::Periodic, Some(window)) => {
            (high_speed::row(window), format!("for a window of {window}"))
        }
        (HighSpeedMode::Periodic | HighSpeedMode::Continuous, _) => {
            (high_speed::row(Segments::new(0)), "until the window is known".to_owned())
        }
    }
}

/// The payload of the path's segments.
fn segment(path: &PathPolicy) -> Bytes {
    path.transport.segment_size.map_or(USUAL_SEGMENT, |size| Bytes::new((size.value - OPTIONS).into()))
}

fn others(wad: &WadControl) -> Vec<Setting> {
    let window =
        |knob, given: Option<Given<Segments>>| given.map(|given| Setting::given(knob, &given, Value::Window));
    let guess = wad.loss_guess.map(|on| Setting::given(Knob::LossGuess, &on, Value::Switch));
    [
        guess,
        window(Knob::MinSsthresh, wad.min_ssthresh),
        window(Knob::RestartWindow, wad.restart_window),
        window(Knob::BurstLimit, wad.burst_limit),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// At least one part, so that a window that should grow does.
fn increase_1024(increase: AdditiveIncrease) -> u32 {
    to_1024(increase.get()).max(1)
}

/// At least one part and not all of them, so that a loss takes something and leaves something.
fn decrease_1024(decrease: MultiplicativeDecrease) -> u32 {
    to_1024(decrease.get()).clamp(1, 1023)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is converted is above zero and up to 1000"
)]
pub(super) fn to_1024(number: f64) -> u32 {
    (number * 1024.0).round() as u32
}
