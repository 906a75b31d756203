//! A cgroup and a network namespace of a test's own, and connections inside them.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::UnshareFlags;
use wad_linux::{
    Parameters, Policy, PortRange, Prefix, Record, RecordKind, Rule, Sysctls, Tuner, cgroup2_mount,
};
use wad_model::Bytes;

/// This process in a cgroup and (the calling thread) in a network namespace of its own.
pub(crate) struct Sandbox {
    pub(crate) cgroup: PathBuf,
    root: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Sandbox {
    /// Needs root, and fails without.
    pub(crate) fn new() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let root = cgroup2_mount().expect("a cgroup v2 hierarchy");
        let cgroup = root.join(format!("wad-test-{}", std::process::id()));
        fs::create_dir_all(&cgroup).expect("root makes a cgroup");
        fs::write(cgroup.join("cgroup.procs"), std::process::id().to_string()).expect("joins the cgroup");
        // SAFETY: the thread shares no file descriptor table; only its network namespace changes.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
            .expect("root makes a network namespace");
        let up =
            Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("iproute2 is installed");
        assert!(up.success());
        Self { cgroup, root, _alone: alone }
    }

    /// Sets a sysctl of the test's network namespace.
    pub(crate) fn sysctl(&self, name: &str, value: &str) {
        Sysctls::at("/proc/sys").write(name, value).unwrap();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        fs::write(self.root.join("cgroup.procs"), std::process::id().to_string()).expect("leaves the cgroup");
        for _ in 0..50 {
            if fs::remove_dir(&self.cgroup).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert!(thread::panicking(), "the cgroup is empty and goes");
    }
}

pub(crate) const ANY_PORT: PortRange = PortRange { low: 0, high: u16::MAX };

/// A policy of one path for one destination prefix.
pub(crate) fn policy(prefix: &str, parameters: Parameters) -> Policy {
    let (address, length) = prefix.split_once('/').expect("ADDRESS/LENGTH");
    let prefix = Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() };
    let any = Prefix { length: 0, ..prefix };
    Policy {
        prefixes: vec![(prefix, 0)],
        rules: vec![Rule {
            source: any,
            source_port: ANY_PORT,
            destination_port: ANY_PORT,
            path: 0,
            next: None,
        }],
        paths: vec![parameters],
        wmem_max_before: Bytes::new(212_992),
        rmem_max_before: Bytes::new(212_992),
    }
}

/// A connection over loopback: the client's end and the accepted one.
pub(crate) fn connect(listen: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(listen).unwrap();
    connect_to(&listener, listener.local_addr().unwrap())
}

pub(crate) fn connect_to(listener: &TcpListener, address: SocketAddr) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Sends `bytes` from one end to the other and waits until all has arrived.
pub(crate) fn transfer(from: &TcpStream, mut to: &TcpStream, bytes: usize) {
    let mut writer = from.try_clone().unwrap();
    let sender = thread::spawn(move || writer.write_all(&vec![7; bytes]).unwrap());
    let mut left = bytes;
    let mut buffer = vec![0; 1 << 16];
    while left > 0 {
        left -= to.read(&mut buffer).unwrap();
    }
    sender.join().unwrap();
}

/// The network namespace of the calling thread.
pub(crate) fn namespace() -> File {
    File::open("/proc/thread-self/ns/net").unwrap()
}

/// All designated flows.
pub(crate) fn flows(tuner: &Tuner) -> Vec<Record> {
    tuner.flows([namespace().as_fd()]).unwrap()
}

/// The records of `kind` that wait, and further ones until `count` have come or ten seconds have passed.
pub(crate) fn records(tuner: &Tuner, kind: RecordKind, count: usize) -> Vec<Record> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut found = Vec::new();
    loop {
        let new = tuner.poll(Duration::from_millis(20)).unwrap();
        found.extend(new.into_iter().filter(|record| record.kind == kind));
        if found.len() >= count || Instant::now() > deadline {
            return found;
        }
    }
}
