//! A daemon as a process, and its log.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use wad_daemon::{Client, StatusView};

use crate::common::{Outcome, text, wad};
use crate::host::{Host, PATIENCE, wait_until};

/// A daemon that runs. Dropping it kills it.
pub(crate) struct Daemon {
    child: Child,
    runtime_dir: PathBuf,
    arriving: Receiver<String>,
    log: RefCell<Vec<String>>,
}

impl Daemon {
    /// Starts a daemon and waits until it is ready.
    pub(crate) fn start(host: &Host, config: &str) -> Self {
        Self::spawn(&mut host.daemon(config), host.runtime_dir())
    }

    /// The same with a command of the test's own, whose runtime directory this is.
    pub(crate) fn spawn(command: &mut Command, runtime_dir: PathBuf) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, arriving) = mpsc::channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let daemon = Self { child, runtime_dir, arriving, log: RefCell::default() };
        daemon.line(&[" ready "]);
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line of the log, past or to come, that has all these parts.
    pub(crate) fn line(&self, parts: &[&str]) -> String {
        let has = |line: &&String| parts.iter().all(|part| line.contains(part));
        if let Some(line) = self.log.borrow().iter().find(has) {
            return line.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.arriving.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.log.borrow_mut().push(line.clone());
            if has(&&line) {
                return line;
            }
            if Instant::now() > deadline {
                break;
            }
        }
        let log = self.log.borrow();
        panic!(
            "no line with {parts:?}; the last of {}: {:#?}",
            log.len(),
            log.iter().rev().take(20).collect::<Vec<_>>()
        );
    }

    /// The log up to now.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow_mut().extend(self.arriving.try_iter());
        self.log.borrow().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops the process as a debugger would, and waits until it stands still.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.pid());
        assert!(wait_until(|| fs::read_to_string(&stat).unwrap().contains(") T ")));
    }

    /// Ends the daemon by a signal; returns how it ended, and its whole log.
    pub(crate) fn end(self, signal: Signal) -> (ExitStatus, Vec<String>) {
        self.signal(signal);
        self.ended()
    }

    /// Waits until the daemon has ended; returns how, and its whole log.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let mut status = None;
        assert!(wait_until(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        }));
        self.log.borrow_mut().extend(self.arriving.iter());
        (status.unwrap(), self.log.take())
    }

    /// `wad VERB --runtime-dir ...` of this daemon.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(wad(arguments).args(["--runtime-dir", text(&self.runtime_dir)]))
    }

    /// The flows that `wad flows --json` lists.
    pub(crate) fn flows(&self) -> Vec<serde_json::Value> {
        self.ask(&["flows", "--json"]).json()["flows"].as_array().unwrap().clone()
    }

    pub(crate) fn status(&self) -> StatusView {
        Client::new(&self.runtime_dir).status().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
