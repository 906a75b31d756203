//! `[[path]]`: the flows that belong together, and how TCP should behave for them.

use super::buffers::Buffers;
use super::congestion::Congestion;
use super::selector::Selector;
use super::slow_start::SlowStart;
use super::table::{Found, Span, Table};
use super::value::{FromToml, Problem, text};

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
}

/// A path as read, with the places that the comparison of paths points to.
pub(super) struct ReadPath {
    pub(super) policy: PathPolicy,
    pub(super) name: Span,
    pub(super) destination: Vec<Span>,
}

impl ReadPath {
    /// Reads an entry; `None` if its name or what it matches is wrong, which is noted.
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Option<Self> {
        let line = table.line();
        let name = table.required::<Name>("name");
        let selector = Selector::read(&mut table);
        let buffers = table.table("buffers", Buffers::read).unwrap_or_default();
        let congestion = table.table("congestion", Congestion::read).unwrap_or_default();
        let slow_start = table.table("slow_start", SlowStart::read).unwrap_or_default();
        table.finish();
        let (Found { value: Name(name), span, .. }, (selector, destination)) = (name?, selector?);
        let policy = PathPolicy { name, line, selector, buffers, congestion, slow_start };
        Some(Self { policy, name: span, destination })
    }
}

struct Name(String);

impl FromToml for Name {
    fn from_toml(value: &toml::de::DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "a name as text")?;
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if (1..=63).contains(&text.len()) && text.bytes().all(valid) {
            return Ok(Self(text.to_owned()));
        }
        let help = "write 1 to 63 letters, digits, dots, hyphens and underscores";
        Err(Problem::new(format!("\"{text}\" is no name of a path"), help))
    }
}
