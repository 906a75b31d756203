//! Events: who saw what, when, where, and how much, in the text forms of NetLogger.
//!
//! | part | ULM | BP | JSON |
//! |---|---|---|---|
//! | time | `DATE=20020329210355.443568` | `ts=2002-03-29T21:03:55.443568Z` | `"time":"2002-03-29T21:03:55.443568Z"` |
//! | host | `HOST` | `host` | `"host"` |
//! | program | `PROG` | `prog` | `"program"` |
//! | level | `LVL` | `level` | `"level"` |
//! | event | `NL.EVNT` | `event` | `"event"` |
//! | source | `SRC` | `src` | `"source"` |
//! | destination | `DST` | `dst` | `"destination"` |
//! | value | `VAL` | `val` | `"value"` |
//! | others | as they are called | as they are called | `"fields":{...}` |
//!
//! ULM and BP are one line of `KEY=value` an event, after the draft "Universal Format for Logger Messages"
//! (J. Abela, T. Debeaupuis, 1999) and the best practices of the NetLogger toolkit. Each form is written and read, and
//! an event survives each of them. What others write is read with tolerance: any part but the time may be missing, a
//! number may have a unit behind it (`94.5Mbps`), and a fraction of a second may have lost its zeros.
//!
//! ```
//! use wad_model::{Event, EventForm};
//!
//! let line = "DATE=20020329210355.443568 HOST=10.1.1.10 PROG=nliperf NL.EVNT=SlowStart ID=2746 DST=10.1.1.11 VAL=2 DELTA=3";
//! let event = EventForm::Ulm.read(line)?;
//! assert_eq!(event.name.as_deref(), Some("SlowStart"));
//! assert_eq!(event.field("DELTA").and_then(|value| value.number()), Some(3.0));
//! assert_eq!(
//!     EventForm::Bp.write(&event),
//!     "ts=2002-03-29T21:03:55.443568Z event=SlowStart host=10.1.1.10 prog=nliperf dst=10.1.1.11 val=2 ID=2746 DELTA=3"
//! );
//! # Ok::<(), wad_model::ReadEventError>(())
//! ```

mod json;
mod line;
mod target;
mod timestamp;
mod value;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use target::{EventTarget, HostPort, ParseTargetError, SyslogForm};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use value::EventValue;

/// Something that was seen at a point in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// On which host.
    pub host: Option<String>,
    /// By which program.
    pub program: Option<String>,
    /// How much it matters: "Info", "Warning", "Error", "Alert", ...
    pub level: Option<String>,
    /// What it was: "SlowStart", "wad.flow.rtt".
    pub name: Option<String>,
    /// Whose end of the path this is.
    pub source: Option<String>,
    /// The other end of the path.
    pub destination: Option<String>,
    /// How much.
    pub value: Option<EventValue>,
    /// Whatever else there is to say, in order.
    pub fields: Vec<(String, EventValue)>,
}

impl Event {
    /// An event of which only time and name are known.
    pub fn new(time: Timestamp, name: impl Into<String>) -> Self {
        Self { time, name: Some(name.into()), ..Self::default() }
    }

    /// The same event with one more field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<EventValue>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The first field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&EventValue> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The parts that are texts, in the order in which lines have them.
    fn texts(&self) -> [(Part, Option<&str>); 6] {
        [
            (Part::Name, self.name.as_deref()),
            (Part::Level, self.level.as_deref()),
            (Part::Host, self.host.as_deref()),
            (Part::Program, self.program.as_deref()),
            (Part::Source, self.source.as_deref()),
            (Part::Destination, self.destination.as_deref()),
        ]
    }

    /// The place of a part that is a text.
    const fn text_mut(&mut self, part: Part) -> Option<&mut Option<String>> {
        match part {
            Part::Name => Some(&mut self.name),
            Part::Level => Some(&mut self.level),
            Part::Host => Some(&mut self.host),
            Part::Program => Some(&mut self.program),
            Part::Source => Some(&mut self.source),
            Part::Destination => Some(&mut self.destination),
            Part::Time | Part::Value => None,
        }
    }
}

/// What each event may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Time,
    Host,
    Program,
    Level,
    Name,
    Source,
    Destination,
    Value,
}

/// A text form of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventForm {
    /// Universal logger messages: `DATE=... HOST=... NL.EVNT=...`.
    Ulm,
    /// Best practices: `ts=... event=...`.
    Bp,
    /// One JSON object a line.
    Json,
}

impl EventForm {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Ulm, Self::Bp, Self::Json];

    /// Its name, as options and configurations write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ulm => "ulm",
            Self::Bp => "bp",
            Self::Json => "json",
        }
    }

    /// The event as one line, without the end of the line.
    #[must_use]
    pub fn write(self, event: &Event) -> String {
        match self {
            Self::Ulm => line::write(&line::ULM, event),
            Self::Bp => line::write(&line::BP, event),
            Self::Json => json::write(event),
        }
    }

    /// Reads one line.
    ///
    /// # Errors
    /// Names the column, counted in characters from 1, and what is wrong there.
    pub fn read(self, line: &str) -> Result<Event, ReadEventError> {
        match self {
            Self::Ulm => line::read(&line::ULM, line),
            Self::Bp => line::read(&line::BP, line),
            Self::Json => json::read(line),
        }
    }

    /// Which form a line seems to have.
    #[must_use]
    pub fn guess(line: &str) -> Self {
        let line = line.trim_start();
        if line.starts_with('{') {
            Self::Json
        } else if line.starts_with("ts=") || line.contains(" ts=") {
            Self::Bp
        } else {
            Self::Ulm
        }
    }
}

impl fmt::Display for EventForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no form of events has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no form of events: expected ulm, bp or json")]
pub struct UnknownEventForm(String);

impl FromStr for EventForm {
    type Err = UnknownEventForm;

    fn from_str(name: &str) -> Result<Self, UnknownEventForm> {
        let found = Self::ALL.into_iter().find(|form| form.name() == name);
        found.ok_or_else(|| UnknownEventForm(name.to_owned()))
    }
}

/// Why a line is no event.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {message}")]
pub struct ReadEventError {
    /// The character at fault, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}
