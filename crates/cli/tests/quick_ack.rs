//! Routes with the metric `quickack`, as the daemon adds, follows, yields and removes them. Needs root.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/host.rs"]
mod host;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/process.rs"]
mod process;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use common::text;
use host::{Host, wait_until};
use process::Daemon;
use rustix::process::Signal;

const V4: &str = "198.51.100.0/24";
const V6: &str = "2001:db8:1::/48";

const CONFIG: &str = r#"
[[path]]
name = "far"
destination = ["198.51.100.0/24", "2001:db8:1::/48"]
quick_ack = true

[[host.grant]]
path = "far"
settings = ["quick_ack"]
"#;

/// A network namespace with a device and a default route, which a process of the tuned cgroup is in.
struct Elsewhere {
    cgroup: PathBuf,
    process: Child,
}

impl Elsewhere {
    fn new(host: &Host) -> Self {
        let cgroup = host.cgroup.join("elsewhere");
        fs::create_dir(&cgroup).unwrap();
        let process = Command::new("unshare").args(["--net", "sleep", "infinity"]).spawn().unwrap();
        let elsewhere = Self { cgroup, process };
        let comm = format!("/proc/{}/comm", elsewhere.process.id());
        assert!(wait_until(|| fs::read_to_string(&comm).unwrap() == "sleep\n"), "the namespace is there");
        fs::write(elsewhere.cgroup.join("cgroup.procs"), elsewhere.process.id().to_string()).unwrap();
        for command in [
            "link add wad-test type veth peer name wad-peer",
            "link set wad-test up",
            "link set wad-peer up",
            "address add 192.0.2.1/24 dev wad-test",
            "address add 2001:db8::1/64 dev wad-test nodad",
            "route add default via 192.0.2.254",
            "-6 route add default via 2001:db8::fe",
        ] {
            elsewhere.ip(command);
        }
        elsewhere
    }

    /// Starts a daemon for the process in it alone.
    fn daemon(&self, host: &Host, config: &str) -> Daemon {
        let mut command = host.command(config);
        command.args(["--cgroup", text(&self.cgroup)]);
        Daemon::spawn(&mut command, host.runtime_dir())
    }

    fn ip(&self, arguments: &str) -> String {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.process.id())).arg("ip").args(arguments.split(' '));
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "ip {arguments}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The routes to exactly this prefix.
    fn route(&self, prefix: &str) -> String {
        let family = if prefix.contains(':') { "-6" } else { "-4" };
        self.ip(&format!("{family} route show exact {prefix}"))
    }

    /// Waits until WAD's route to the prefix leads through the gateway.
    fn await_route(&self, prefix: &str, gateway: &str) {
        let parts = [format!("via {gateway} "), "proto 87 ".to_owned(), "quickack 1".to_owned()];
        let found = wait_until(|| parts.iter().all(|part| self.route(prefix).contains(part)));
        assert!(found, "{}", self.route(prefix));
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It sleeps, so nothing can fail but what has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let gone = wait_until(|| fs::remove_dir(&self.cgroup).is_ok());
        assert!(gone || thread::panicking(), "the cgroup is empty and goes");
    }
}

/// The event of each line of the history about a setting.
fn events(daemon: &Daemon, prefix: &str) -> Vec<String> {
    let history = daemon.ask(&["history", "--json"]).json();
    let lines = history["history"].as_array().unwrap().iter();
    let of_route = lines.filter(|line| line["sysctl"] == format!("route {prefix} quickack"));
    of_route.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn routes_are_there_while_the_daemon_runs() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let daemon = elsewhere.daemon(&host, CONFIG);
    elsewhere.await_route(V4, "192.0.2.254");
    elsewhere.await_route(V6, "2001:db8::fe");
    let line = daemon.line(&["host setting changed", V4]);
    for part in ["from=absent", "to=1", "quick acknowledgements of path far, line 5"] {
        assert!(line.contains(part), "{line}");
    }
    let (status, _) = daemon.end(Signal::TERM);
    assert!(status.success());
    assert_eq!((elsewhere.route(V4), elsewhere.route(V6)), Default::default());
    host.assert_nothing_stayed();
}

#[test]
fn a_killed_daemon_leaves_routes_to_the_next_start() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let daemon = elsewhere.daemon(&host, CONFIG);
    elsewhere.await_route(V4, "192.0.2.254");
    elsewhere.await_route(V6, "2001:db8::fe");
    daemon.end(Signal::KILL);
    elsewhere.await_route(V4, "192.0.2.254");
    let nothing = CONFIG.replace("quick_ack = true", "quick_ack = false");
    let daemon = elsewhere.daemon(&host, &nothing);
    assert_eq!((elsewhere.route(V4), elsewhere.route(V6)), Default::default());
    assert_eq!(events(&daemon, V4), ["set", "put_back"]);
}

#[test]
fn a_route_of_no_ledger_is_taken_away_in_the_end() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    elsewhere.ip(&format!("route add {V4} via 192.0.2.254 quickack 1 proto 87"));
    let daemon = elsewhere.daemon(&host, CONFIG);
    elsewhere.await_route(V6, "2001:db8::fe");
    let (status, _) = daemon.end(Signal::TERM);
    assert!(status.success());
    assert_eq!(elsewhere.route(V4), "");
}

#[test]
fn a_route_can_be_undone_and_one_that_is_taken_away_stays_away() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let daemon = elsewhere.daemon(&host, CONFIG);
    elsewhere.await_route(V6, "2001:db8::fe");
    elsewhere.ip(&format!("route del {V4}"));
    daemon.line(&["somebody else has set this since", V4, "now=absent"]);
    let in_force = daemon.ask(&["history", "--json"]).json()["in_force"].clone();
    let left = in_force.as_array().unwrap().iter().find(|line| line["before"] == "absent").unwrap();
    daemon.ask(&["undo", &left["id"].to_string()]).printed();
    assert_eq!(elsewhere.route(V6), "");
    daemon.ask(&["reload"]).printed();
    assert_eq!((elsewhere.route(V4), elsewhere.route(V6)), Default::default());
    assert_eq!(events(&daemon, V4), ["set", "yielded"]);
    assert_eq!(events(&daemon, V6), ["set", "undone"]);
}

#[test]
fn routes_follow_the_way_and_go_with_it() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let daemon = elsewhere.daemon(&host, CONFIG);
    elsewhere.await_route(V4, "192.0.2.254");
    elsewhere.ip("route replace default via 192.0.2.253");
    elsewhere.await_route(V4, "192.0.2.253");
    daemon.line(&["made anew", V4]);
    elsewhere.ip("route del default");
    assert!(wait_until(|| elsewhere.route(V4).is_empty()));
    daemon.line(&["not set", V4, "no route leads there"]);
    elsewhere.ip("route add default via 192.0.2.252");
    elsewhere.await_route(V4, "192.0.2.252");
    assert_eq!(events(&daemon, V4), ["set", "vanished", "set"]);
}

#[test]
fn what_has_a_route_already_is_said_once() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    elsewhere.ip(&format!("route add {V4} via 192.0.2.253"));
    let daemon = elsewhere.daemon(&host, CONFIG);
    elsewhere.await_route(V6, "2001:db8::fe");
    daemon.line(&["not set", V4, "a route to exactly this prefix is there already"]);
    assert_eq!(events(&daemon, V4), Vec::<String>::new());
    // The next looks find the same.
    elsewhere.ip("-6 route replace default via 2001:db8::fd");
    elsewhere.await_route(V6, "2001:db8::fd");
    let (_, log) = daemon.end(Signal::TERM);
    let of_elsewhere = |line: &&String| line.contains("not set") && line.contains("exactly this prefix");
    assert_eq!(log.iter().filter(of_elsewhere).count(), 1);
    assert!(elsewhere.route(V4).contains("via 192.0.2.253"));
}
