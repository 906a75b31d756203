//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use thiserror::Error;

/// One thing wrong with a configuration.
///
/// Its text is `LINE:COLUMN: message; help`, in one line; [`ConfigError::in_file`] puts the file's name
/// before it, and [`ConfigError::render`] draws it into the text of the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
    /// The line where these start, counted from one.
    pub line: u32,
    /// The column where these start, in characters, counted from one.
    pub column: u32,
    /// What to do.
    pub help: Option<String>,
    /// Another place that has to do with it.
    pub related: Option<Related>,
}

/// Another place in the text that an error has to do with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The bytes of the text.
    pub span: Range<usize>,
    /// What is there.
    pub label: String,
}

impl ConfigError {
    /// The one-line form with the name of the file: `FILE:LINE:COLUMN: message; help`.
    #[must_use]
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{self}")
    }

    /// The error drawn into the text that it was found in; in colour if a terminal reads it.
    #[must_use]
    pub fn render(&self, file: &str, source: &str, colour: bool) -> String {
        let primary = AnnotationKind::Primary.span(within(&self.span, source));
        let related = self.related.as_ref().map(|related| {
            AnnotationKind::Context.span(within(&related.span, source)).label(related.label.as_str())
        });
        let snippet = Snippet::source(source).path(file).annotation(primary).annotations(related);
        let help = self.help.as_deref().map(|help| Level::HELP.message(help));
        let group = Level::ERROR.primary_title(self.message.as_str()).element(snippet).elements(help);
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// The span cut to the text, so that an error drawn into another text is still drawn.
fn within(span: &Range<usize>, source: &str) -> Range<usize> {
    let cut = |offset: usize| (0..=offset.min(source.len())).rev().find(|at| source.is_char_boundary(*at));
    cut(span.start).unwrap_or(0)..cut(span.end).unwrap_or(0)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

/// All that was found wrong with a configuration, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", lines(errors.iter().map(ToString::to_string)))]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    pub(crate) fn new(mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| error.span.start);
        Self { errors }
    }

    /// The errors.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.errors.iter()
    }

    /// One line for each, with the name of the file.
    #[must_use]
    pub fn in_file(&self, file: &str) -> String {
        lines(self.iter().map(|error| error.in_file(file)))
    }

    /// All of them drawn into the text, with an empty line between two.
    #[must_use]
    pub fn render(&self, file: &str, source: &str, colour: bool) -> String {
        let drawn: Vec<_> = self.iter().map(|error| error.render(file, source, colour)).collect();
        drawn.join("\n\n")
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}
