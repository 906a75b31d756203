//! `[[events]]`: which events leave the host, in which form, and where to.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;
use wad_model::{Bytes, EventForm, EventTarget};

use super::observe::Observe;
use super::path::Name;
use super::table::{self, Findings, Found, Span, Table, idle};
use super::value::{FromToml, Problem, text};
use crate::error::Related;
use crate::nearest::did_you_mean;
use crate::tunables::Limits;

const QUEUE: Bytes = Bytes::new(4 << 20);
const QUEUES: Limits = Limits::Size(Bytes::new(4 << 10), Bytes::new(1 << 30));
const SIZES: Limits = Limits::Size(Bytes::new(4 << 10), Bytes::new(1 << 40));
const AGES: Limits = Limits::Time(Duration::from_secs(1), Duration::from_secs(365 * 86_400));
const KEEP: u32 = 10;
const KEEPS: Limits = Limits::Whole(0, 10_000);

/// What happens to flows and can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A designated flow opened, or was found or adopted.
    Opens,
    /// A designated flow closed.
    Closes,
    /// The counters of each designated flow, once an interval.
    Samples,
    /// The numbers of derived events, once an interval.
    Derived,
    /// A derived event that is true or false has become the other.
    Alerts,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Opens, Self::Closes, Self::Samples, Self::Derived, Self::Alerts];
    /// Those that a sink gets unless it says otherwise.
    const USUAL: [Self; 3] = [Self::Opens, Self::Closes, Self::Alerts];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Closes => "closes",
            Self::Samples => "samples",
            Self::Derived => "derived",
            Self::Alerts => "alerts",
        }
    }
}

/// Where events go, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSink {
    /// Its name; unique.
    pub name: String,
    /// The text form.
    pub form: EventForm,
    /// Where they go.
    pub target: EventTarget,
    /// Which events.
    pub kinds: Vec<EventKind>,
    /// How much may wait for the consumer.
    pub queue: Bytes,
    /// A file is put aside before it becomes larger.
    pub rotate_size: Option<Bytes>,
    /// A file is put aside when it is so old.
    pub rotate_age: Option<Duration>,
    /// How many files are kept beside the one that grows.
    pub keep: u32,
}

impl EventSink {
    /// Whether it gets events of this kind.
    #[must_use]
    pub fn has(&self, kind: EventKind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// An entry as read, with the places that errors point to.
#[derive(Debug)]
pub(super) struct ReadSink {
    pub(super) sink: EventSink,
    name: Span,
    /// Kinds that need definitions.
    computed: Vec<Span>,
}

pub(super) fn read_all(value: Spanned<DeValue<'_>>, findings: &mut Findings<'_>) -> Vec<ReadSink> {
    table::tables("events", "[[events]]", value, findings, ReadSink::read)
}

impl ReadSink {
    fn read(mut table: Table<'_, '_, '_>) -> Option<Self> {
        let name = table.required::<Name>("name");
        let form = table.choice("form", &EventForm::ALL.map(|form| (form.name(), form)));
        let target = table.required::<EventTarget>("target");
        let kinds = kinds(&mut table);
        let queue = table.bounded::<Bytes>("queue", &QUEUES);
        let rotate_size = table.bounded::<Bytes>("rotate_size", &SIZES);
        let rotate_age = table.bounded::<Duration>("rotate_age", &AGES);
        let keep = table.bounded::<u32>("keep", &KEEPS);
        let is_file = target.as_ref().is_none_or(|target| matches!(target.value, EventTarget::File(_)));
        if !is_file {
            idle(&mut table, "rotate_size", rotate_size.as_ref(), "target = \"file:...\"");
            idle(&mut table, "rotate_age", rotate_age.as_ref(), "target = \"file:...\"");
        }
        if rotate_size.is_none() && rotate_age.is_none() {
            idle(&mut table, "keep", keep.as_ref(), "`rotate_size` or `rotate_age`");
        }
        table.finish();
        let Found { value: Name(name), span, .. } = name?;
        let is_computed =
            |found: &&Found<EventKind>| matches!(found.value, EventKind::Derived | EventKind::Alerts);
        let given = kinds.as_deref().unwrap_or_default();
        let computed = given.iter().filter(is_computed).map(|found| found.span.clone()).collect();
        let sink = EventSink {
            name,
            form: form.map_or(EventForm::Json, |found| found.value),
            target: target?.value,
            kinds: kinds.map_or_else(
                || EventKind::USUAL.to_vec(),
                |kinds| kinds.into_iter().map(|found| found.value).collect(),
            ),
            queue: queue.map_or(QUEUE, |found| found.value),
            rotate_size: rotate_size.map(|found| found.value),
            rotate_age: rotate_age.map(|found| found.value),
            keep: keep.map_or(KEEP, |found| found.value),
        };
        Some(Self { sink, name: span, computed })
    }
}

/// `None` if they are left out.
fn kinds(table: &mut Table<'_, '_, '_>) -> Option<Vec<Found<EventKind>>> {
    if table.has_text("kinds", "all") {
        let all = table.value::<String>("kinds")?;
        let each = |value| Found { value, span: all.span.clone(), line: all.line };
        // Without definitions there are no computed ones, which "all" does not ask for in particular.
        return Some(EventKind::ALL.into_iter().map(each).collect());
    }
    table.list::<EventKind>("kinds")
}

/// Refuses what only several entries, or other sections, show to be wrong.
pub(super) fn check(sinks: &[ReadSink], observe: &Observe, findings: &mut Findings<'_>) {
    for (place, later) in sinks.iter().enumerate() {
        if let Some(first) = sinks[..place].iter().find(|first| first.sink.name == later.sink.name) {
            let related = Related { span: first.name.clone(), label: "first used here".to_owned() };
            let message = format!("the name \"{}\" is used twice", later.sink.name);
            let problem = Problem::new(message, "give each entry of [[events]] a name of its own");
            findings.add_related(later.name.clone(), problem, Some(related));
        }
        let is_all = later.sink.kinds.len() == EventKind::ALL.len();
        if observe.derived.is_empty() && !is_all {
            for span in &later.computed {
                let problem = Problem::new(
                    "`kinds`: there is nothing derived to tell",
                    "add `derived = [...]` to [observe], or leave it out",
                );
                findings.add(span.clone(), problem);
            }
        }
    }
}

impl FromToml for EventKind {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let word = text(value, "the name of a kind of events as text")?;
        Self::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| {
            let help = did_you_mean(word, Self::ALL.into_iter().map(Self::name), "\"");
            Problem::new(format!("unknown kind of events \"{word}\""), help)
        })
    }
}

impl FromToml for EventTarget {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let target: Self = text(value, "a place for events as text")?.parse().map_err(
            |error: wad_model::ParseTargetError| Problem { message: error.to_string(), help: None },
        )?;
        match target.path() {
            Some(path) if !path.has_root() => {
                let message = format!("\"{}\" is not an absolute path", path.display());
                Err(Problem::new(message, "write it from the root on, starting with \"/\""))
            }
            _ => Ok(target),
        }
    }
}
