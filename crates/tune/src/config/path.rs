//! `[[path]]`: the flows that belong together, and how TCP should behave for them.

use wad_model::Segments;

use super::acks::Acknowledgements;
use super::buffers::Buffers;
use super::congestion::{Congestion, Control};
use super::estimate::PathEstimate;
use super::given::Given;
use super::metrics;
use super::pacing::Pacing;
use super::receive::Receive;
use super::selector::Selector;
use super::slow_start::SlowStart;
use super::table::{Found, Span, Table};
use super::transport::Transport;
use super::uses::Uses;
use super::value::{FromToml, Problem, text};
use crate::circumstances::{EstimateSource, KnownEstimate};
use crate::tunables::Knob;

/// A path: the flows that belong together, and how TCP should behave for them.
#[derive(Clone, Debug, PartialEq)]
pub struct PathPolicy {
    /// Its name: 1 to 63 letters, digits, dots, hyphens and underscores; unique.
    pub name: String,
    /// The line of the file where the entry starts, counted from one.
    pub line: u32,
    /// Which flows it is for.
    pub selector: Selector,
    /// Their socket buffers.
    pub buffers: Buffers,
    /// Their congestion control.
    pub congestion: Congestion,
    /// How they begin.
    pub slow_start: SlowStart,
    /// How fast they send at most.
    pub pacing: Option<Given<Pacing>>,
    /// What is known of the path.
    pub estimate: Option<Given<PathEstimate>>,
    /// What they let the other host send.
    pub receive: Receive,
    /// When they acknowledge.
    pub acknowledgements: Acknowledgements,
    /// The rest of what is set of TCP.
    pub transport: Transport,
    /// Whether each of its flows has metrics of its own.
    pub per_flow_metrics: bool,
}

impl PathPolicy {
    /// The estimate that the entry itself gives.
    #[must_use]
    pub fn own_estimate(&self) -> Option<KnownEstimate> {
        self.estimate.map(|given| KnownEstimate {
            estimate: given.value,
            source: EstimateSource::Configuration(given.line.unwrap_or(self.line)),
        })
    }
}

/// A path as read, with the places that the comparison of paths points to.
pub(super) struct ReadPath {
    pub(super) policy: PathPolicy,
    pub(super) name: Span,
    pub(super) destination: Vec<Span>,
    pub(super) uses: Uses,
    /// Where metrics of each flow are asked for, if they are.
    pub(super) per_flow: Option<Span>,
}

impl ReadPath {
    /// Reads an entry; `None` if its name or what it matches is wrong, which is noted.
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Option<Self> {
        let line = table.line();
        let name = table.required::<Name>("name");
        let selector = Selector::read(&mut table);
        let settings = Settings::read(&mut table);
        let uses = settings.check(&mut table);
        let per_flow = metrics::read_per_flow(&mut table);
        table.finish();
        let (Found { value: Name(name), span, .. }, (selector, destination)) = (name?, selector?);
        let policy =
            PathPolicy { per_flow_metrics: per_flow.is_some(), ..settings.policy(name, line, selector) };
        Some(Self { policy, name: span, destination, uses, per_flow })
    }
}

/// What an entry sets.
struct Settings {
    buffers: Buffers,
    congestion: Congestion,
    slow_start: SlowStart,
    pacing: Option<Given<Pacing>>,
    estimate: Option<Given<PathEstimate>>,
    receive: Receive,
    acknowledgements: Acknowledgements,
    transport: Transport,
}

impl Settings {
    fn read(table: &mut Table<'_, '_, '_>) -> Self {
        // What the path before has set is its own.
        table.findings.uses.clear();
        let buffers = table.table("buffers", Buffers::read).unwrap_or_default();
        let congestion = table.table("congestion", Congestion::read).unwrap_or_default();
        let slow_start = table.table("slow_start", SlowStart::read).unwrap_or_default();
        Self {
            buffers,
            slow_start: slow_start.with_virtual_mss(&congestion),
            congestion,
            pacing: Pacing::read(table),
            estimate: table.table("estimate", PathEstimate::read).flatten().map(Found::given),
            receive: table.table("receive", Receive::read).unwrap_or_default(),
            acknowledgements: Acknowledgements::read(table),
            transport: Transport::read(table),
        }
    }

    /// Refuses what cannot stand together.
    fn check(&self, table: &mut Table<'_, '_, '_>) -> Uses {
        let mut uses = Uses::take(table.findings);
        uses.refuse_contradictions(table.findings);
        uses.refuse_foreign(&self.congestion.control, table.findings);
        uses.refuse_above_ceiling(&self.windows(), table.findings);
        uses
    }

    /// The windows that are compared with each other, in segments.
    fn windows(&self) -> [(Knob, Option<u32>); 5] {
        let plain = |window: Option<Given<Segments>>| window.map(|window| window.value.get());
        let (min_ssthresh, restart) = match &self.congestion.control.value {
            Control::Wad(wad) => (wad.min_ssthresh, wad.restart_window),
            Control::Named(_) | Control::Unchanged => (None, None),
        };
        [
            (Knob::InitialWindow, plain(self.slow_start.initial_window)),
            (Knob::InitialSsthresh, plain(self.slow_start.initial_ssthresh)),
            (Knob::MaxWindow, plain(self.congestion.max_window)),
            (Knob::MinSsthresh, plain(min_ssthresh)),
            (Knob::RestartWindow, plain(restart)),
        ]
    }

    fn policy(self, name: String, line: u32, selector: Selector) -> PathPolicy {
        let Self { buffers, congestion, slow_start, .. } = self;
        let Self { pacing, estimate, receive, acknowledgements, transport, .. } = self;
        PathPolicy {
            name,
            line,
            selector,
            buffers,
            congestion,
            slow_start,
            pacing,
            estimate,
            receive,
            acknowledgements,
            transport,
            per_flow_metrics: false,
        }
    }
}

/// The name of an entry.
pub(super) struct Name(pub(super) String);

impl FromToml for Name {
    fn from_toml(value: &toml::de::DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "a name as text")?;
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=63).contains(&text.len()) && text.bytes().all(valid) {
            return Ok(Self(text.to_owned()));
        }
        let help = "write 1 to 63 letters, digits, dots, hyphens and underscores";
        Err(Problem::new(format!("\"{text}\" is no name"), help))
    }
}
