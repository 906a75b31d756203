//! Values that know where they come from.

/// A value of the policy, and the line that gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// The line of the file, counted from one; `None` for a default.
    pub line: Option<u32>,
}

impl<T> Given<T> {
    /// A value that the file does not give.
    pub const fn default_value(value: T) -> Self {
        Self { value, line: None }
    }

    /// Where the value comes from, for people.
    #[must_use]
    pub fn origin(&self) -> String {
        self.line.map_or_else(|| "default".to_owned(), |line| format!("line {line}"))
    }
}
