//! Starts applications in their turn, watches them, and ends them.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use wad_model::Time;

use super::Progress;
use super::process::{Output, Process};
use crate::cancel::Cancel;
use crate::cgroup::Cgroup;
use crate::clock;
use crate::error::LabError;
use crate::flows::{self, FlowRecorder};
use crate::host::Host;
use crate::iperf3::Iperf3;
use crate::report::{ApplicationReport, FlowReport};
use crate::scenario::{Application, Places, Ready, ReadyWhen, Role, Scenario};
use crate::testbed::Testbed;

/// The longest time between two looks at everything.
const TICK: Duration = Duration::from_millis(20);
/// How often the caller hears that time passes.
const PROGRESS: Duration = Duration::from_millis(100);
/// How long services may go on by themselves when the last main application has ended: a server that
/// serves one client writes its result.
const GRACE: Duration = Duration::from_millis(500);
/// How long an application that was asked to end may take before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A run under way.
#[derive(Debug)]
pub(super) struct Supervisor<'a> {
    scenario: &'a Scenario,
    testbed: &'a Testbed,
    cgroup: &'a Cgroup,
    directory: &'a Path,
    cancel: &'a Cancel,
    origin: Time,
    tasks: Vec<Task<'a>>,
    recorder: Option<Recorder>,
    next_progress: Time,
}

#[derive(Debug)]
struct Task<'a> {
    application: &'a Application,
    command: Vec<String>,
    process: Option<Process>,
    ready: bool,
}

#[derive(Debug)]
struct Recorder {
    flows: FlowRecorder,
    interval: Duration,
    next: Time,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        testbed: &'a Testbed,
        cgroup: &'a Cgroup,
        directory: &'a Path,
        cancel: &'a Cancel,
        origin: Time,
    ) -> Result<Self, LabError> {
        let executable = std::env::current_exe().map_err(|source| LabError::File {
            operation: "find",
            path: "/proc/self/exe".into(),
            source,
        })?;
        let recorder = match scenario.record.tcp {
            Some(interval) => {
                Some(Recorder { flows: FlowRecorder::new(testbed.hosts(), origin)?, interval, next: origin })
            }
            None => None,
        };
        let places = Places {
            hosts: &scenario.testbed.hosts,
            cgroup: cgroup.path(),
            directory,
            executable: &executable,
        };
        let tasks = scenario.applications.iter().map(|application| Task::new(application, &places)).collect();
        Ok(Self {
            scenario,
            testbed,
            cgroup,
            directory,
            cancel,
            origin,
            tasks,
            recorder,
            next_progress: origin,
        })
    }

    /// Runs until the last main application has ended, or the time is up, which is what it returns.
    pub(super) fn run(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<bool, LabError> {
        let deadline = self.origin + self.scenario.duration;
        while !self.mains_have_ended() {
            if clock::now() >= deadline {
                return Ok(true);
            }
            self.turn(progress)?;
            self.wait(deadline)?;
        }
        self.linger(progress)?;
        Ok(false)
    }

    /// Looks after everything once.
    fn turn(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), LabError> {
        if self.cancel.is_cancelled() {
            return Err(LabError::Cancelled);
        }
        if self.testbed.emulator().has_failed() {
            let source = io::Error::other("its thread has ended");
            return Err(LabError::Emulator { operation: "go on", source });
        }
        self.start_due(progress)?;
        for task in &mut self.tasks {
            task.watch(self.testbed, progress)?;
        }
        self.record()?;
        let now = clock::now();
        if now >= self.next_progress {
            self.next_progress = now + PROGRESS;
            let delivered_bytes = self.testbed.emulator().delivered_bytes();
            progress(Progress::Running { elapsed: now - self.origin, delivered_bytes });
        }
        Ok(())
    }

    /// Starts each application whose time has come, as long as all before it are ready.
    fn start_due(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), LabError> {
        for task in &mut self.tasks {
            let due = self.origin + task.application.start;
            if task.process.is_none() && due <= clock::now() {
                let host = host(self.testbed, task.application);
                let output = Output::new(self.directory, &task.application.name);
                let process = Process::start(
                    task.application,
                    &task.command,
                    host,
                    self.cgroup,
                    output,
                    self.directory,
                )?;
                task.process = Some(process);
                progress(Progress::Started(&task.application.name));
            }
            if !task.ready {
                break;
            }
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(), LabError> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        let now = clock::now();
        if now < recorder.next {
            return Ok(());
        }
        while recorder.next <= now {
            recorder.next = recorder.next + recorder.interval;
        }
        recorder.flows.sample()
    }

    /// Sleeps until an application ends, or something else is due.
    fn wait(&self, deadline: Time) -> Result<(), LabError> {
        let now = clock::now();
        let until = self.recorder.iter().map(|recorder| recorder.next).chain([now + TICK, deadline]).min();
        let timeout = clock::wait_until(until.unwrap_or(deadline), now);
        let running = self.tasks.iter().filter_map(Task::running);
        let mut ends: Vec<_> =
            running.map(|process| PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)).collect();
        match rustix::event::poll(&mut ends, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => {
                Err(LabError::Emulator { operation: "wait for applications", source: error.into() })
            }
        }
    }

    fn mains_have_ended(&self) -> bool {
        self.tasks.iter().filter(|task| task.application.role == Role::Main).all(Task::has_ended)
    }

    /// Gives services a moment to end by themselves.
    fn linger(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), LabError> {
        let deadline = clock::now() + GRACE;
        while clock::now() < deadline && self.tasks.iter().any(|task| task.running().is_some()) {
            self.turn(progress)?;
            self.wait(deadline)?;
        }
        Ok(())
    }

    /// Ends what still runs, and says what became of everything.
    pub(super) fn finish(mut self) -> Result<(Vec<ApplicationReport>, Vec<FlowReport>), LabError> {
        for process in self.tasks.iter_mut().filter_map(|task| task.process.as_mut()) {
            process.terminate();
        }
        self.reap_until(clock::now() + PATIENCE)?;
        self.cgroup.kill();
        self.reap_until(clock::now() + PATIENCE)?;
        let reports = self.tasks.iter().map(|task| task.report(self.origin, self.directory)).collect();
        let flows = self.recorder.map(|recorder| recorder.flows.into_reports()).unwrap_or_default();
        Ok((reports, flows))
    }

    fn reap_until(&mut self, deadline: Time) -> Result<(), LabError> {
        while clock::now() < deadline {
            for task in &mut self.tasks {
                task.reap()?;
            }
            if self.tasks.iter().all(|task| task.running().is_none()) {
                break;
            }
            self.wait(deadline)?;
        }
        Ok(())
    }
}

impl<'a> Task<'a> {
    fn new(application: &'a Application, places: &Places<'_>) -> Self {
        let command = application.command.iter().map(|argument| places.fill(argument)).collect();
        Self { application, command, process: None, ready: application.ready.is_none() }
    }

    fn running(&self) -> Option<&Process> {
        self.process.as_ref().filter(|process| process.ended.is_none())
    }

    fn has_ended(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.ended.is_some())
    }

    /// Notes whether it has ended or become ready.
    fn watch(&mut self, testbed: &Testbed, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), LabError> {
        let name = &self.application.name;
        if self.reap()? {
            progress(Progress::Ended(name));
        }
        let (Some(process), Some(ready)) = (&self.process, &self.application.ready) else { return Ok(()) };
        if self.ready {
            return Ok(());
        }
        if is_ready(ready, process, host(testbed, self.application))? {
            self.ready = true;
            progress(Progress::Ready(name));
            return Ok(());
        }
        let tail = || process.output().tail();
        if process.ended.is_some() {
            return Err(LabError::EndedEarly {
                application: name.clone(),
                status: process.status(),
                tail: tail(),
            });
        }
        if clock::now() - process.started > ready.timeout {
            let (application, awaited) = (name.clone(), ready.when.to_string());
            return Err(LabError::NotReady { application, awaited, after: ready.timeout, tail: tail() });
        }
        Ok(())
    }

    fn reap(&mut self) -> Result<bool, LabError> {
        let Some(process) = &mut self.process else { return Ok(false) };
        process.reap().map_err(|source| LabError::Start {
            application: self.application.name.clone(),
            program: self.command[0].clone(),
            source,
        })
    }

    fn report(&self, origin: Time, directory: &Path) -> ApplicationReport {
        let process = self.process.as_ref();
        let since = |time: Time| (time - origin).as_secs_f64();
        let output = Output::new(directory, &self.application.name);
        let exit_code = process.and_then(Process::exit_code);
        let failed = process.is_some() && exit_code != Some(0);
        ApplicationReport {
            name: self.application.name.clone(),
            host: self.application.host.clone(),
            command: self.command.clone(),
            started_s: process.map(|process| since(process.started)),
            ended_s: process.and_then(|process| process.ended).map(|(time, _)| since(time)),
            exit_code,
            signal: process.and_then(Process::signal),
            stopped: process.is_some_and(|process| process.stopped),
            tail: failed.then(|| output.tail()),
            iperf3: Iperf3::parse(&output.stdout()),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }
}

fn host<'t>(testbed: &'t Testbed, application: &Application) -> Option<&'t Host> {
    let name = application.host.as_ref()?;
    testbed.hosts().iter().find(|host| host.name() == name)
}

fn is_ready(ready: &Ready, process: &Process, host: Option<&Host>) -> Result<bool, LabError> {
    match (&ready.when, host) {
        (ReadyWhen::Output(text), _) => Ok(process.output().contains(text)),
        (ReadyWhen::Port(port), Some(host)) => flows::is_listening(host, *port),
        (ReadyWhen::Port(_), None) => Ok(true),
    }
}
