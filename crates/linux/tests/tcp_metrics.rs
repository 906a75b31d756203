//! What the kernel remembers of destinations, and forgets when asked to. Needs root.

mod common;

use std::fs;
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use common::{Sandbox, connect_to, transfer};
use wad_linux::{Namespace, flush_tcp_metrics, namespaces, tcp_metrics};

#[test]
fn a_flushed_prefix_is_forgotten_and_no_other() {
    let sandbox = Sandbox::new();
    sandbox.sysctl("net.ipv4.tcp_no_metrics_save", "0");
    let inhabited = Inhabited::new(&sandbox);
    let namespace = &inhabited.namespace;
    assert!(destinations(namespace).is_empty());
    assert_eq!(flush_tcp_metrics(namespace, &[prefix("0.0.0.0", 0)]).unwrap(), 0);

    // The client's address is 127.0.0.1 each time: its server remembers that one.
    talk_to("127.0.0.1");
    talk_to("127.0.0.2");
    // A socket for both families, as most applications use today.
    talk_to("::ffff:127.0.0.3");
    talk_to("::1");
    await_destinations(namespace, &["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"]);

    assert_eq!(flush_tcp_metrics(namespace, &[]).unwrap(), 0);
    assert_eq!(flush_tcp_metrics(namespace, &[prefix("192.0.2.0", 24)]).unwrap(), 0);
    assert_eq!(flush_tcp_metrics(namespace, &[prefix("127.0.0.2", 32)]).unwrap(), 1);
    assert_eq!(destinations(namespace), ["127.0.0.1", "127.0.0.3", "::1"]);
    assert_eq!(flush_tcp_metrics(namespace, &[prefix("::ffff:127.0.0.2", 96 + 31)]).unwrap(), 1);
    assert_eq!(destinations(namespace), ["127.0.0.1", "::1"]);
    assert_eq!(flush_tcp_metrics(namespace, &[prefix("::", 0)]).unwrap(), 1);
    assert_eq!(destinations(namespace), ["127.0.0.1"]);
    // From 127.0.0.1 itself, and from the two servers.
    assert_eq!(flush_tcp_metrics(namespace, &[prefix("127.0.0.0", 8)]).unwrap(), 3);
    assert!(destinations(namespace).is_empty());
}

/// The sandbox's namespace, with a process in it by which it is found.
struct Inhabited {
    namespace: Namespace,
    process: Child,
}

impl Inhabited {
    fn new(sandbox: &Sandbox) -> Self {
        let process = Command::new("sleep").arg("infinity").spawn().unwrap();
        let inode = u32::try_from(fs::metadata("/proc/thread-self/ns/net").unwrap().ino()).unwrap();
        let namespace = namespaces(&sandbox.cgroup).unwrap().remove(&inode).expect("the process is in it");
        Self { namespace, process }
    }
}

impl Drop for Inhabited {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A connection to the address that has measured the path, and has closed.
fn talk_to(address: &str) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let (client, server) = connect_to(&listener, listener.local_addr().unwrap());
    transfer(&client, &server, 100_000);
    transfer(&server, &client, 100_000);
    // In this order the client is the last to be done: once it has left an entry, its server has, too.
    drop(server);
    drop(client);
}

fn prefix(address: &str, length: u8) -> (IpAddr, u8) {
    (address.parse().unwrap(), length)
}

fn destinations(namespace: &Namespace) -> Vec<String> {
    tcp_metrics(namespace).unwrap().iter().map(IpAddr::to_string).collect()
}

/// Closing ends in the background.
fn await_destinations(namespace: &Namespace, expected: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while destinations(namespace) != expected {
        assert!(Instant::now() < deadline, "{:?}", destinations(namespace));
        thread::sleep(Duration::from_millis(10));
    }
}
