//! A fault in a scenario's text, and where it is.

use std::ops::Range;

use crate::error::LabError;

/// What is wrong, and at which bytes of the text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// The fault with line and column of `text`, both counted from one.
    pub(super) fn locate(self, text: &str) -> LabError {
        let before = text.get(..self.at.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        LabError::Scenario {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: self.message,
        }
    }
}

impl From<toml::de::Error> for Fault {
    fn from(error: toml::de::Error) -> Self {
        let message = error.message().to_owned();
        let hint = nearest_key(&message).map(|key| format!("; did you mean `{key}`?")).unwrap_or_default();
        Self { at: error.span().unwrap_or(0..0), message: message + &hint }
    }
}

/// Of the keys that an "unknown field" message lists, the one most like what was written.
fn nearest_key(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let written = quoted.next()?;
    let likeness = |key: &str| strsim::jaro_winkler(written, key);
    let best = quoted.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.7).then_some(best)
}
