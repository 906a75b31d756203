//! How a command ends when it does not succeed.

use std::fmt::Display;
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
        print(&format!("{error:#}"));
        ExitCode::from(status)
    }
}

fn print(message: &dyn Display) {
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
