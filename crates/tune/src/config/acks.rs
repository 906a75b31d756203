//! `delayed_ack` and `quick_ack`: when a path's flows acknowledge what they receive.

use std::time::Duration;

use toml::de::DeValue;

use super::given::Given;
use super::table::{Found, Table};
use super::value::{FromToml, Problem};
use crate::error::Related;
use crate::tunables::{Knob, Within as _};

/// When a path's flows acknowledge what they receive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Acknowledgements {
    /// How long an acknowledgement may wait.
    pub delayed: Option<Given<DelayedAck>>,
    /// Whether each segment is acknowledged at once, for all flows to the destinations.
    pub quick: Option<Given<bool>>,
}

/// How long an acknowledgement may wait (RFC 1122, section 4.2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelayedAck {
    /// As long as the kernel lets it.
    Kernel,
    /// Not at all: each segment is acknowledged.
    Never,
    /// This long at most.
    AtMost(Duration),
}

impl Acknowledgements {
    /// Reads the two keys of a path.
    pub(super) fn read(path: &mut Table<'_, '_, '_>) -> Self {
        let delayed = path.value::<DelayedAck>("delayed_ack");
        let quick = path.setting::<bool>(Knob::QuickAck);
        if let Some(found) = &delayed
            && found.value != DelayedAck::Kernel
        {
            path.note_use(Knob::DelayedAck, found, 1.0);
        }
        if let (Some(delayed), Some(quick)) = (&delayed, &quick) {
            refuse_opposites(path, delayed, quick);
        }
        Self { delayed: delayed.map(Found::given), quick: quick.map(Found::given) }
    }
}

fn refuse_opposites(path: &mut Table<'_, '_, '_>, delayed: &Found<DelayedAck>, quick: &Found<bool>) {
    let why = match (delayed.value, quick.value) {
        (DelayedAck::Never, false) => "without delay each segment is acknowledged at once",
        (DelayedAck::Kernel, true) => "what is acknowledged at once is not delayed",
        _ => return,
    };
    let message = format!("`quick_ack` contradicts `delayed_ack` at line {}: {why}", delayed.line);
    let related = Related { span: delayed.span.clone(), label: "`delayed_ack` is here".to_owned() };
    let problem = Problem::new(message, "leave out `quick_ack` or `delayed_ack`");
    path.findings.add_related(quick.span.clone(), problem, Some(related));
}

impl FromToml for DelayedAck {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        if let Some(on) = value.as_bool() {
            return Ok(if on { Self::Kernel } else { Self::Never });
        }
        if value.as_str().is_none() {
            return Err(Problem::wrong_type(value, "true, false or a time such as \"20 ms\""));
        }
        let (time, limits) = (Duration::from_toml(value)?, Knob::DelayedAck.tunable().limits);
        if time.is_within(&limits) {
            return Ok(Self::AtMost(time));
        }
        let help = format!("write true, false, or {limits}");
        Err(Problem::new(format!("{} is out of range", time.text()), help))
    }
}
