//! A running application.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal};
use wad_model::Time;

use crate::cgroup::Cgroup;
use crate::clock;
use crate::error::LabError;
use crate::host::Host;
use crate::scenario::{Application, Role};
use crate::sys::{self, Placement};

/// So much of an application's output is shown where it failed.
const TAIL: usize = 2000;

/// An application from its start to its end.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pidfd: OwnedFd,
    output: Output,
    pub(super) started: Time,
    pub(super) ended: Option<(Time, ExitStatus)>,
    /// Whether the laboratory asked it to end.
    pub(super) stopped: bool,
}

/// The files with what an application wrote.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
}

impl Output {
    pub(super) fn new(directory: &Path, application: &str) -> Self {
        let file = |kind| directory.join(format!("{}.{kind}", application.replace('/', "_")));
        Self { stdout: file("stdout"), stderr: file("stderr") }
    }

    /// The end of what was written, standard error last.
    pub(super) fn tail(&self) -> String {
        let text = [&self.stdout, &self.stderr].map(|file| read(file)).join("\n");
        let text = text.trim();
        let cut = text.len().saturating_sub(TAIL);
        let start = (cut..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text[start..].to_owned()
    }

    /// Whether `wanted` was written.
    pub(super) fn contains(&self, wanted: &str) -> bool {
        [&self.stdout, &self.stderr].iter().any(|file| read(file).contains(wanted))
    }

    pub(super) fn stdout(&self) -> String {
        read(&self.stdout)
    }
}

/// Output need not be text, and what cannot be read was not written.
fn read(file: &Path) -> String {
    fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

impl Process {
    /// Starts `application` with its `command` filled in.
    pub(super) fn start(
        application: &Application,
        command: &[String],
        host: Option<&Host>,
        cgroup: &Cgroup,
        output: Output,
        directory: &Path,
    ) -> Result<Self, LabError> {
        let program = &command[0];
        let fail = |source: io::Error| start_error(application, program, source);
        let mut prepared = Command::new(program);
        prepared
            .args(&command[1..])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(create(&output.stdout)?)
            .stderr(create(&output.stderr)?)
            // A terminal's Ctrl-C is for the laboratory, which ends its applications itself.
            .process_group(0);
        let network =
            host.map(|host| host.namespace().try_clone().map(OwnedFd::from)).transpose().map_err(fail)?;
        let death_signal = if application.role == Role::Main { Signal::KILL } else { Signal::TERM };
        let parent = rustix::process::getpid();
        sys::place(&mut prepared, Placement { cgroup: cgroup.entrance()?, network, death_signal, parent });
        let child = prepared.spawn().map_err(fail)?;
        let pidfd = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(|error| fail(error.into()))?;
        Ok(Self { child, pidfd, output, started: clock::now(), ended: None, stopped: false })
    }

    /// Notes its end, if that has come; says whether it came just now.
    pub(super) fn reap(&mut self) -> io::Result<bool> {
        if self.ended.is_some() {
            return Ok(false);
        }
        self.ended = self.child.try_wait()?.map(|status| (clock::now(), status));
        Ok(self.ended.is_some())
    }

    /// Asks it to end.
    pub(super) fn terminate(&mut self) {
        if self.ended.is_none() {
            self.stopped = true;
            // It may have ended meanwhile.
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::TERM);
        }
    }

    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    /// The exit status in words.
    pub(super) fn status(&self) -> String {
        self.ended.map_or_else(|| "running".to_owned(), |(_, status)| status.to_string())
    }

    pub(super) fn exit_code(&self) -> Option<i32> {
        self.ended?.1.code()
    }

    pub(super) fn signal(&self) -> Option<i32> {
        self.ended?.1.signal()
    }
}

impl AsFd for Process {
    /// Readable when the application has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

fn create(path: &Path) -> Result<File, LabError> {
    File::create(path).map_err(|source| LabError::File { operation: "create", path: path.to_owned(), source })
}

fn start_error(application: &Application, program: &str, source: io::Error) -> LabError {
    let (application, program) = (application.name.clone(), program.to_owned());
    if source.kind() == io::ErrorKind::NotFound {
        return LabError::ProgramNotFound { application, program };
    }
    LabError::Start { application, program, source }
}
