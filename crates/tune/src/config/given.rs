//! Values that know where they come from.

/// A value of the policy, and where it comes from. Two are equal if their values are.
#[derive(Clone, Copy, Debug)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// The line of the file, counted from one; `None` for a default.
    pub line: Option<u32>,
    /// What on that line gives the value, if not a key of its own: a profile, or a setting that implies it.
    pub via: Option<&'static str>,
}

impl<T: PartialEq> PartialEq for Given<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Given<T> {}

impl<T> Given<T> {
    /// A value that the file does not give.
    pub const fn default_value(value: T) -> Self {
        Self { value, line: None, via: None }
    }

    /// A value that a line of the file gives.
    pub const fn at(value: T, line: u32) -> Self {
        Self { value, line: Some(line), via: None }
    }

    /// Another value that comes with this one, which is called `via`.
    pub const fn implies<U>(&self, value: U, via: &'static str) -> Given<U> {
        Given { value, line: self.line, via: Some(via) }
    }

    /// Where the value comes from, for people.
    #[must_use]
    pub fn origin(&self) -> String {
        let line = self.line.map_or_else(|| "default".to_owned(), |line| format!("line {line}"));
        self.via.map_or_else(|| line.clone(), |via| format!("{via}, {line}"))
    }
}
