//! A network namespace beside the host's own, with a process in it that does nothing.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;

use wad_linux::{Namespace, Sysctls, namespaces};

use crate::host::{Host, wait_until};

/// A process in a network namespace and in a cgroup of its own, below that of the test.
pub(crate) struct Elsewhere {
    pub(crate) cgroup: PathBuf,
    child: Child,
    namespace: Namespace,
}

impl Elsewhere {
    pub(crate) fn new(host: &Host) -> Self {
        Self::named(host, "elsewhere")
    }

    pub(crate) fn named(host: &Host, name: &str) -> Self {
        let cgroup = host.cgroup.join(name);
        fs::create_dir(&cgroup).unwrap();
        let mut command = Command::new("unshare");
        let child =
            command.args(["--net", "sh", "-ec", "ip link set lo up; exec sleep 3600"]).spawn().unwrap();
        let comm = format!("/proc/{}/comm", child.id());
        assert!(wait_until(|| fs::read_to_string(&comm).unwrap() == "sleep\n"), "the namespace is there");
        fs::write(cgroup.join("cgroup.procs"), child.id().to_string()).unwrap();
        let (_, namespace) = namespaces(&cgroup).unwrap().pop_first().unwrap();
        Self { cgroup, child, namespace }
    }

    pub(crate) fn inode(&self) -> u32 {
        self.namespace.inode
    }

    /// Does something there.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.enter(work).unwrap()
    }

    pub(crate) fn sysctl(&self, name: &str) -> String {
        self.enter(|| Sysctls::default().read(name).unwrap())
    }

    pub(crate) fn set_sysctl(&self, name: &str, value: &str) {
        self.enter(|| Sysctls::default().write(name, value).unwrap());
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It sleeps, so nothing can fail but what has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let gone = wait_until(|| fs::remove_dir(&self.cgroup).is_ok());
        assert!(gone || thread::panicking(), "the cgroup is empty and goes");
    }
}
