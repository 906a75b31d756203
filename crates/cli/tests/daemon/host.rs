//! The host as a test finds it and leaves it: a cgroup of its own, and limits that are known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wad_linux::{Sysctls, cgroup2_mount};

use crate::common::{Files, Outcome, text, wad};

/// Linux's own limits, which every test starts with.
pub(crate) const DEFAULT_LIMIT: u64 = 212_992;

/// How long whatever a test waits for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const LIMITS: [&str; 2] = ["net.core.rmem_max", "net.core.wmem_max"];

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// This process in a cgroup of its own. Dropping it puts the host's limits back.
pub(crate) struct Host {
    pub(crate) files: Files,
    pub(crate) cgroup: PathBuf,
    root: PathBuf,
    limits: [u64; 2],
    _alone: MutexGuard<'static, ()>,
}

impl Host {
    /// Needs root, and fails without.
    pub(crate) fn new() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let root = cgroup2_mount().expect("a cgroup v2 hierarchy");
        // The limits that another daemon raised would be taken for the host's own.
        assert!(wait_until(|| !has_control()), "no daemon runs on this host");
        let cgroup = root.join(format!("wad-cli-test-{}", std::process::id()));
        fs::create_dir_all(&cgroup).expect("root makes a cgroup");
        let host = Self { files: Files::new(), cgroup, root, limits: limits(), _alone: alone };
        join(&host.cgroup);
        set_limits([DEFAULT_LIMIT; 2]);
        host
    }

    /// The directory that the daemons of this test use.
    pub(crate) fn runtime_dir(&self) -> PathBuf {
        self.files.path("run")
    }

    /// Starts a daemon that cannot start; returns its line, and asserts that it left nothing.
    pub(crate) fn refused(&self, config: &str, status: i32) -> String {
        self.refused_by(&mut self.daemon(config), status)
    }

    /// The same where the table of mounts is the daemon's own, and a script changes it first.
    pub(crate) fn refused_after(&self, script: &str, daemon: &Command) -> String {
        self.refused_by(&mut self.after(script, daemon), 1)
    }

    /// A daemon whose table of mounts is its own, and changed by a script first.
    pub(crate) fn after(&self, script: &str, daemon: &Command) -> Command {
        let script = format!("{script}\nexec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-ec", &script, "sh"]);
        command.arg(daemon.get_program()).args(daemon.get_args());
        command
    }

    /// The same of any command.
    pub(crate) fn refused_by(&self, command: &mut Command, status: i32) -> String {
        let line = Outcome::within(PATIENCE, command).failure(status);
        self.assert_nothing_stayed();
        line
    }

    /// The command of a daemon with this configuration.
    pub(crate) fn daemon(&self, config: &str) -> Command {
        self.daemon_at(&self.runtime_dir(), config)
    }

    /// The same with another runtime directory.
    pub(crate) fn daemon_at(&self, runtime_dir: &Path, config: &str) -> Command {
        let mut command = self.command_at(runtime_dir, config);
        command.args(["--cgroup", text(&self.cgroup)]);
        command
    }

    /// The same without a cgroup.
    pub(crate) fn command(&self, config: &str) -> Command {
        self.command_at(&self.runtime_dir(), config)
    }

    fn command_at(&self, runtime_dir: &Path, config: &str) -> Command {
        let config = self.files.write("wad.toml", config);
        wad(&["run", "--config", text(&config), "--runtime-dir", text(runtime_dir)])
    }

    /// Asserts that no daemon runs and none has left anything but its lock and its history.
    pub(crate) fn assert_nothing_stayed(&self) {
        assert!(wait_until(|| !has_control()), "the congestion control is taken away");
        assert_eq!(limits(), [DEFAULT_LIMIT; 2], "limits are as before");
        let names: Vec<_> = fs::read_dir(self.runtime_dir())
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "lock" && name != "history.jsonl")
            .collect();
        assert!(names.is_empty(), "left in the runtime directory: {names:?}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        set_limits(self.limits);
        join(&self.root);
        let gone = wait_until(|| fs::remove_dir(&self.cgroup).is_ok());
        assert!(gone || thread::panicking(), "the cgroup is empty and goes");
    }
}

impl Outcome {
    /// Runs a command that must end soon; one that does not is killed.
    pub(crate) fn within(patience: Duration, command: &mut Command) -> Self {
        let pipe = std::process::Stdio::piped;
        let mut child = command.stdout(pipe()).stderr(pipe()).spawn().unwrap();
        let deadline = Instant::now() + patience;
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        // Whether it has ended by now does not matter.
        let _ = child.kill();
        child.wait_with_output().unwrap().into()
    }
}

/// `net.core.rmem_max` and `wmem_max`.
pub(crate) fn limits() -> [u64; 2] {
    LIMITS.map(|name| Sysctls::default().read_number(name).unwrap())
}

fn set_limits(limits: [u64; 2]) {
    for (name, limit) in LIMITS.iter().zip(limits) {
        Sysctls::default().write(name, &limit.to_string()).unwrap();
    }
}

/// Whether the kernel has a congestion control named `wad`.
pub(crate) fn has_control() -> bool {
    let list = Sysctls::default().read("net.ipv4.tcp_available_congestion_control").unwrap();
    list.split(' ').any(|name| name == "wad")
}

/// Whether the control goes when the process ends that registered it: since Linux 6.4.
pub(crate) fn control_goes_with_its_process() -> bool {
    let types = fs::read("/sys/kernel/btf/vmlinux").unwrap();
    let name = b"\0bpf_struct_ops_link\0";
    types.windows(name.len()).any(|window| window == name)
}

/// The congestion control of sockets that nobody tunes.
pub(crate) fn default_control() -> String {
    Sysctls::default().read("net.ipv4.tcp_congestion_control").unwrap()
}

/// Waits until something holds; whether it does.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn join(cgroup: &Path) {
    fs::write(cgroup.join("cgroup.procs"), std::process::id().to_string()).expect("joins the cgroup");
}
