//! Nothing stays behind, however a run ends. Needs root.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wad_lab::{Cancel, LabError, Progress, RunOptions, Scenario, remove_leftovers, run};

/// The application writes the numbers of its two processes and its cgroup, and stays.
const SCENARIO: &str = r#"
name = "stays"
duration = "60 s"
host.a = {}
host.b = {}
[[application]]
name = "sleeper"
host = "a"
command = ["sh", "-c", "sleep 1000 & echo {cgroup} $$ $! > {dir}/up.new; mv {dir}/up.new {dir}/up; wait"]
"#;

/// A directory of this test, gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lab-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the application wrote.
struct Up {
    cgroup: PathBuf,
    processes: Vec<u32>,
}

impl Up {
    fn wait(directory: &Path) -> Self {
        let start = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(directory.join("up")) {
                let mut words = text.split_whitespace();
                let cgroup = words.next().unwrap().into();
                return Self { cgroup, processes: words.map(|word| word.parse().unwrap()).collect() };
            }
            assert!(start.elapsed() < Duration::from_secs(10), "the application did not start");
            sleep(Duration::from_millis(5));
        }
    }

    fn assert_gone(&self) {
        assert!(!self.cgroup.exists(), "{}", self.cgroup.display());
        for process in &self.processes {
            assert!(!is_alive(*process), "process {process}");
        }
    }
}

/// A zombie, which waits for whoever inherited it, is not alive.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

fn options(directory: &Path) -> RunOptions<'_> {
    RunOptions { directory: Some(directory.to_owned()), ..RunOptions::default() }
}

#[test]
fn after_a_panic() {
    let scratch = Scratch::new("panic");
    let directory = scratch.0.clone();
    let mut panics = |progress: Progress<'_>| {
        if matches!(progress, Progress::Running { .. }) && directory.join("up").exists() {
            panic!("as the test wants");
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let options = RunOptions { progress: Some(&mut panics), ..options(&scratch.0) };
        run(&Scenario::parse(SCENARIO).unwrap(), options)
    }));
    assert!(result.is_err());
    Up::wait(&scratch.0).assert_gone();
}

#[test]
fn after_the_time_is_up() {
    let scratch = Scratch::new("time");
    let scenario = Scenario::parse(&SCENARIO.replace("60 s", "500 ms")).unwrap();
    let report = run(&scenario, options(&scratch.0)).unwrap();
    assert!(report.timed_out);
    assert!(report.applications[0].stopped);
    Up::wait(&scratch.0).assert_gone();
}

#[test]
fn after_sigterm() {
    let scratch = Scratch::new("term");
    let mut child = run_in_child(&scratch.0);
    let up = Up::wait(&scratch.0);
    signal(&child, rustix::process::Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0), "the run reports that it was cancelled");
    up.assert_gone();
}

#[test]
fn after_sigkill_the_next_run_cleans_up() {
    let scratch = Scratch::new("kill");
    let mut child = run_in_child(&scratch.0);
    let up = Up::wait(&scratch.0);
    signal(&child, rustix::process::Signal::KILL);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    assert!(up.cgroup.exists());
    assert!(is_alive(up.processes[1]), "the application's own child does not end with the run");
    assert!(remove_leftovers().unwrap() >= 1);
    sleep(Duration::from_millis(20));
    up.assert_gone();
}

fn run_in_child(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_of_a_test", "--test-threads=1"])
        .env("WAD_LAB_TEST_DIRECTORY", directory)
        .spawn()
        .unwrap()
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// Not a test by itself: the process that the tests above end.
#[test]
fn child_of_a_test() {
    let Some(directory) = std::env::var_os("WAD_LAB_TEST_DIRECTORY") else { return };
    let options = RunOptions { cancel: Cancel::on_signals().unwrap(), ..options(Path::new(&directory)) };
    let result = run(&Scenario::parse(SCENARIO).unwrap(), options);
    assert!(matches!(result, Err(LabError::Cancelled)));
}
