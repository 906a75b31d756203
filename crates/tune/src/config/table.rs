//! A table of the file while it is being read.
//!
//! Each key is asked for by name and type; what is asked for is what is valid, so that the names of
//! the keys stand in one place. A value that cannot be read is noted and reading goes on: one run names
//! everything that is wrong. [`Table::finish`] then refuses the keys that nobody asked for.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::Given;
use super::uses::Use;
use super::value::{FromToml, Problem};
use crate::error::{ConfigError, ConfigErrors, Related};
use crate::nearest::{did_you_mean, nearest};
use crate::position::Lines;
use crate::tunables::{Knob, Limits, Within};

pub(super) type Span = Range<usize>;

/// The errors found so far, the text that they lie in, and what the path being read sets.
#[derive(Debug)]
pub(super) struct Findings<'t> {
    lines: Lines<'t>,
    pub(super) errors: Vec<ConfigError>,
    pub(super) uses: Vec<Use>,
}

impl<'t> Findings<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { lines: Lines::new(text), errors: Vec::new(), uses: Vec::new() }
    }

    /// The document, if the text is TOML; where it is not is noted.
    pub(super) fn document<'i>(
        &mut self,
        parsed: Result<Spanned<DeTable<'i>>, toml::de::Error>,
    ) -> Option<Spanned<DeTable<'i>>> {
        let error = match parsed {
            Ok(document) => return Some(document),
            Err(error) => error,
        };
        let problem = Problem { message: error.message().to_owned(), help: None };
        self.add(error.span().unwrap_or(0..0), problem);
        None
    }

    /// What was read, unless something was wrong.
    pub(super) fn into_result<T>(self, read: T) -> Result<T, ConfigErrors> {
        if self.errors.is_empty() { Ok(read) } else { Err(ConfigErrors::new(self.errors)) }
    }

    pub(super) fn line(&self, span: &Span) -> u32 {
        self.lines.line(span.start)
    }

    /// The place of a character, counted from 1, of a text that stands at `span`; the whole of it where the file writes
    /// the text in another way.
    pub(super) fn within_text(&self, span: &Span, text: &str, column: usize) -> Span {
        let place = || {
            let start = span.start + self.lines.text().get(span.clone())?.find(text)?;
            let at = text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let word = text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
            Some(start + at..start + at + word.max(1))
        };
        place().unwrap_or_else(|| span.clone())
    }

    pub(super) fn add(&mut self, span: Span, problem: Problem) {
        self.add_related(span, problem, None);
    }

    pub(super) fn add_related(&mut self, span: Span, problem: Problem, related: Option<Related>) {
        let (line, column) = (self.lines.line(span.start), self.lines.column(span.start));
        let Problem { message, help } = problem;
        self.errors.push(ConfigError { message, span, line, column, help, related });
    }
}

/// A value together with its place.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) span: Span,
    pub(super) line: u32,
}

impl<T> Found<T> {
    pub(super) fn given(self) -> Given<T> {
        Given::at(self.value, self.line)
    }
}

/// The value found, or the default.
pub(super) fn or_default<T>(found: Option<Found<T>>, default: T) -> Given<T> {
    found.map_or_else(|| Given::default_value(default), Found::given)
}

/// A table of the file, and the keys of it that were asked for.
pub(super) struct Table<'i, 'f, 't> {
    pub(super) findings: &'f mut Findings<'t>,
    name: &'static str,
    pub(super) span: Span,
    entries: DeTable<'i>,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'i, 'f, 't> Table<'i, 'f, 't> {
    /// A table that the file calls `name`.
    pub(super) fn new(
        name: &'static str,
        table: Spanned<DeTable<'i>>,
        findings: &'f mut Findings<'t>,
    ) -> Self {
        let (span, entries) = (table.span(), table.into_inner());
        Self { findings, name, span, entries, known: Vec::new(), missing: Vec::new() }
    }

    /// The line of the table's header.
    pub(super) fn line(&self) -> u32 {
        self.findings.line(&self.span)
    }

    /// The value of a key, as it was parsed.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// The value of a key, read by `read`; `None` if it is absent, or wrong, which is noted.
    pub(super) fn value_with<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, Problem>,
    ) -> Option<Found<T>> {
        let value = self.take(key)?;
        self.read(key, &value, read)
    }

    /// The value of a key.
    pub(super) fn value<T: FromToml>(&mut self, key: &'static str) -> Option<Found<T>> {
        self.value_with(key, T::from_toml)
    }

    /// The value of a setting, within its limits.
    pub(super) fn setting<T: FromToml + Within>(&mut self, knob: Knob) -> Option<Found<T>> {
        let tunable = knob.tunable();
        let found = self.value_with(tunable.short_key(), |value| {
            within(T::from_toml(value)?, &tunable.limits, Some(tunable.meaning))
        })?;
        self.note_use(knob, &found, found.value.as_number());
        Some(found)
    }

    /// The value of a key, within limits.
    pub(super) fn bounded<T: FromToml + Within>(
        &mut self,
        key: &'static str,
        limits: &Limits,
    ) -> Option<Found<T>> {
        self.value_with(key, |value| within(T::from_toml(value)?, limits, None))
    }

    /// Notes that the path sets this; `number` is the value as its danger mark counts it.
    pub(super) fn note_use<T>(&mut self, knob: Knob, found: &Found<T>, number: f64) {
        let dangerous = knob.tunable().is_dangerous(number);
        self.findings.uses.push(Use { knob, span: found.span.clone(), line: found.line, dangerous });
    }

    /// The value of a key that must be there.
    pub(super) fn required<T: FromToml>(&mut self, key: &'static str) -> Option<Found<T>> {
        self.require(key);
        self.value(key)
    }

    /// Whether a key has this very text.
    pub(super) fn has_text(&self, key: &str, text: &str) -> bool {
        self.entries.get(key).is_some_and(|value| value.get_ref().as_str() == Some(text))
    }

    /// Notes that the key must be there, before it is taken.
    pub(super) fn require(&mut self, key: &'static str) {
        if !self.entries.contains_key(key) {
            self.missing.push(key);
        }
    }

    /// A key whose value is one of several words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Found<T>> {
        self.value_with(key, |value| {
            let text = super::value::text(value, "a word as text")?;
            let chosen = choices.iter().find(|(word, _)| *word == text);
            chosen.map(|(_, choice)| *choice).ok_or_else(|| {
                let help = did_you_mean(text, choices.iter().map(|(word, _)| *word), "\"");
                Problem::new(format!("unknown {key} \"{text}\""), help)
            })
        })
    }

    /// The elements of a list that can be read; `None` if the key is absent, no list, or empty.
    pub(super) fn list<T: FromToml>(&mut self, key: &'static str) -> Option<Vec<Found<T>>> {
        let value = self.take(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.refuse(key, value.span(), Problem::new("expected a list", "put it in brackets: [...]"));
            return None;
        };
        if array.is_empty() {
            self.refuse(key, value.span(), Problem::new("the list is empty", "name at least one"));
            return None;
        }
        Some(array.iter().filter_map(|element| self.read(key, element, T::from_toml)).collect())
    }

    fn read<T>(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, Problem>,
    ) -> Option<Found<T>> {
        let span = value.span();
        let line = self.findings.line(&span);
        match read(value.get_ref()) {
            Ok(value) => Some(Found { value, span, line }),
            Err(problem) => {
                self.refuse(key, span, problem);
                None
            }
        }
    }

    /// Notes that the value of a key is wrong.
    pub(super) fn refuse(&mut self, key: &str, span: Span, problem: Problem) {
        let message = format!("`{key}`: {}", problem.message);
        self.findings.add(span, Problem { message, ..problem });
    }

    /// Reads a table within this one; `None` if the key is absent or no table.
    pub(super) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Table<'i, '_, 't>) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        Some(read(Table::new(key, as_table(key, value, self.findings)?, self.findings)))
    }

    /// Refuses the keys that nobody asked for, and names those that had to be there.
    pub(super) fn finish(self) {
        let Self { findings, name, span, entries, known, mut missing } = self;
        for (key, _) in &entries {
            let help = did_you_mean(key.get_ref(), known.iter().copied(), "`");
            missing.retain(|required| nearest(key.get_ref(), known.iter().copied()) != Some(required));
            findings
                .add(key.span(), Problem::new(format!("unknown key `{}` in {name}", key.get_ref()), help));
        }
        for key in missing {
            let help = format!("add `{key} = ...`");
            findings.add(span.clone(), Problem::new(format!("{name} lacks the key `{key}`"), help));
        }
    }
}

/// Refuses a key that acts only beside another, which is not there.
pub(super) fn idle<T>(table: &mut Table<'_, '_, '_>, key: &str, found: Option<&Found<T>>, needs: &str) {
    let Some(found) = found else { return };
    let problem = Problem::new(
        format!("without {needs} it does nothing"),
        format!("add {needs}, or leave out `{key}`"),
    );
    table.refuse(key, found.span.clone(), problem);
}

/// The value if it is within its limits.
fn within<T: Within>(value: T, limits: &Limits, meaning: Option<&str>) -> Result<T, Problem> {
    if value.is_within(limits) {
        return Ok(value);
    }
    let meaning = meaning.map(|meaning| format!(": {meaning}")).unwrap_or_default();
    Err(Problem::new(format!("{} is out of range", value.text()), format!("write {limits}{meaning}")))
}

/// Reads a list of tables, each under a header such as `[[path]]`.
pub(super) fn tables<'i, 't, T>(
    key: &str,
    header: &'static str,
    value: Spanned<DeValue<'i>>,
    findings: &mut Findings<'t>,
    mut read: impl FnMut(Table<'i, '_, 't>) -> Option<T>,
) -> Vec<T> {
    let span = value.span();
    let DeValue::Array(entries) = value.into_inner() else {
        let help = format!("write {header} in double brackets: there can be several");
        findings.add(span, Problem::new(format!("`{key}`: expected a list of tables"), help));
        return Vec::new();
    };
    let tables = entries.into_iter().filter_map(|entry| {
        let table = as_table(key, entry, findings)?;
        read(Table::new(header, table, findings))
    });
    tables.collect()
}

/// The value as a table; `None` if it is none, which is noted.
pub(super) fn as_table<'i>(
    key: &str,
    value: Spanned<DeValue<'i>>,
    findings: &mut Findings<'_>,
) -> Option<Spanned<DeTable<'i>>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Some(Spanned::new(span, table)),
        DeValue::Array(_) => {
            let help = format!("write it once, as [{key}] in single brackets");
            findings.add(span, Problem::new(format!("`{key}`: expected one table, found several"), help));
            None
        }
        other => {
            let help = format!("write it as {key} = {{ ... }}");
            let problem = Problem::wrong_type(&other, "a table");
            let message = format!("`{key}`: {}", problem.message);
            findings.add(span, Problem::new(message, help));
            None
        }
    }
}
