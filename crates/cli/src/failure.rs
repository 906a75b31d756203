//! How a command ends when it does not succeed.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

/// Why a command did not succeed; decides the exit status.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The work found a failure: status 1.
    Failed(anyhow::Error),
    /// Wrong use or configuration: status 2.
    Misuse(anyhow::Error),
    /// The reader of the output has gone, which is its right: status 0.
    BrokenPipe,
}

impl Failure {
    /// Wrong use or configuration.
    pub(crate) fn misuse(error: impl Into<anyhow::Error>) -> Self {
        Self::Misuse(error.into())
    }

    /// Prints the error and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        let (error, status) = match self {
            Self::Failed(error) => (error, 1),
            Self::Misuse(error) => (error, 2),
            Self::BrokenPipe => return ExitCode::SUCCESS,
        };
        print(&one_line(error));
        ExitCode::from(status)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) | Self::Misuse(error) => f.write_str(&one_line(error)),
            Self::BrokenPipe => f.write_str("the reader of the output has gone"),
        }
    }
}

/// The error and its causes, each once: many errors name their cause themselves.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

fn print(message: &impl Display) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "wad: {message}");
}

/// Errors of the work itself.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let broken =
            error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe);
        if broken { Self::BrokenPipe } else { Self::Failed(error) }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_named_once() {
        let inner = || Err::<(), _>(io::Error::other("disk full"));
        assert_eq!(one_line(&inner().context("cannot write x").unwrap_err()), "cannot write x: disk full");
        assert_eq!(
            one_line(&inner().context("cannot write x: disk full").unwrap_err()),
            "cannot write x: disk full"
        );
    }
}
