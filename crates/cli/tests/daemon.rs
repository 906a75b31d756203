//! The daemon as a process: what it says, what it changes, and what it leaves behind. Needs root.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;
#[path = "daemon/host.rs"]
mod host;
#[path = "daemon/process.rs"]
mod process;
#[path = "daemon/traffic.rs"]
mod traffic;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use common::{Outcome, WAD, text, wad};
use host::{
    DEFAULT_LIMIT, Host, PATIENCE, control_goes_with_its_process, default_control, has_control, limits,
    wait_until,
};
use process::Daemon;
use rustix::net::sockopt::{socket_send_buffer_size, tcp_congestion};
use rustix::process::Signal;
use traffic::Server;

const CONFIG: &str = r#"
[[path]]
name = "far"
destination = ["127.66.0.0/16"]
buffers = { size = "1 MiB", override_application = true }
congestion = { additive_increase = 6 }
slow_start = { initial_window = "20 segments" }

[[host.grant]]
path = "far"
settings = ["additive_increase", "initial_window"]
"#;

const LARGER: &str = "[[path]]\nname = \"far\"\ndestination = [\"127.66.0.0/16\"]\nbuffers = { size = \"4 MiB\" }\ncongestion = { control = \"wad\" }\n";

const RAISED: u64 = 1 << 20;

/// Whether a line has all these parts; the message shows which it lacks.
#[track_caller]
fn assert_parts(line: &str, parts: &[&str]) {
    let lacking: Vec<_> = parts.iter().filter(|part| !line.contains(**part)).collect();
    assert!(lacking.is_empty(), "{lacking:?} not in: {line}");
}

mod flows {
    use super::*;

    #[test]
    fn a_flow_is_told_at_its_open_listed_while_it_runs_and_summed_up_at_its_close() {
        let host = Host::new();
        let daemon = Daemon::start(&host, CONFIG);
        let mut flow = Server::new().connect_with_buffer(65_536);
        let key = flow.key();

        let opened = daemon.line(&[&format!("flow opened flow={key}")]);
        assert_parts(&opened, &["path=\"far\"", "direction=active"]);
        let control = format!("congestion control: {} -> wad", default_control());
        assert_parts(&opened, &[&control, "additive increase: 6 segments per round trip (line 6)"]);
        assert_parts(&opened, &["-> autotuned up to 1 MiB (line 5, overriding the application's 64 KiB)"]);
        assert_parts(&opened, &["initial window: 10 segments -> 20 segments (line 7)"]);

        flow.transfer(8 << 20);
        assert_eq!(socket_send_buffer_size(&flow.client).unwrap(), 131_072, "the application is told 64 KiB");
        assert_listed(&daemon, &flow);

        drop(flow);
        let closed = daemon.line(&[&format!("flow closed flow={key}")]);
        assert_parts(&closed, &["path=\"far\"", "duration ", "sent 8 MiB", "received ", "mean rate "]);
        assert_parts(&closed, &["retransmits 0", "congestion events 0", "smallest RTT ", "mean RTT "]);
        assert_parts(&closed, &["largest window ", "tuned control wad"]);
        assert_eq!(daemon.ask(&["flows"]).printed(), "no designated flow is open\n");
        let status = daemon.status();
        assert_eq!((status.opened_flows, status.closed_flows, status.open_flows), (1, 1, 0));
    }

    fn assert_listed(daemon: &Daemon, flow: &traffic::Flow) {
        let flows = daemon.flows();
        assert_eq!(flows.len(), 1, "the server's end is of no path: {flows:#?}");
        let listed = &flows[0];
        assert_eq!(listed["source"], flow.source());
        assert_eq!((&listed["path"], &listed["direction"]), (&"far".into(), &"active".into()));
        assert_eq!((&listed["control"], &listed["refused"]), (&"wad".into(), &serde_json::json!([])));
        assert_eq!(listed["acked_bytes"], 8 << 20);
        assert!(listed["age_s"].as_f64().unwrap() > 0.0);
        assert!(listed["congestion_window_segments"].as_u64().unwrap() >= 20);
        assert!(listed["mean_rate_bps"].as_u64().unwrap() > 0);
        let table = daemon.ask(&["flows"]).printed();
        let row = table.lines().find(|line| line.contains(flow.key().trim())).unwrap();
        assert_parts(row, &["far", "8 MiB", "wad"]);
    }

    #[test]
    fn the_daemon_explains_as_its_file_does() {
        let host = Host::new();
        let daemon = Daemon::start(&host, CONFIG);
        let config = host.files.path("wad.toml");
        for ends in [["127.0.0.1", "127.66.0.1:80"], ["127.0.0.1:7", "192.0.2.1"], ["::1", "[fd00::1]:443"]] {
            for form in [&[][..], &["--json"]] {
                let asked = [&["explain"][..], &ends, form].concat();
                let by_file = Outcome::of(wad(&asked).args(["--config", text(&config)])).printed();
                let told = daemon.ask(&asked).printed();
                if form.is_empty() {
                    assert_eq!(told, by_file);
                } else {
                    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                    assert_eq!(read(&told), read(&by_file));
                }
            }
        }
    }

    #[test]
    fn the_api_answers_over_tcp_where_the_configuration_says_so() {
        let host = Host::new();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let daemon = Daemon::start(&host, &format!("{CONFIG}[api]\nlisten = \"{address}\"\n"));
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /v1/status HTTP/1.1\r\nHost: wad\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&status["pid"], &status["paths"]), (&daemon.pid().into(), &1.into()));
    }
}

mod stopping {
    use super::*;

    #[test]
    fn a_daemon_puts_the_limits_back_and_leaves_running_flows_as_they_are() {
        let host = Host::new();
        for signal in [Signal::TERM, Signal::INT] {
            let daemon = Daemon::start(&host, CONFIG);
            assert_eq!(limits(), [RAISED; 2]);
            let mut flow = Server::new().connect();
            daemon.line(&["flow opened", &flow.key()]);

            let (status, log) = daemon.end(signal);
            assert_eq!(status.code(), Some(0), "{log:#?}");
            for name in ["net.core.rmem_max", "net.core.wmem_max"] {
                let told = |message: &str, from: u64, to: u64| {
                    let parts = [message, &format!("sysctl=\"{name}\""), &format!("from={from} to={to}")];
                    assert!(
                        log.iter().any(|line| parts.iter().all(|part| line.contains(part))),
                        "{parts:?} in {log:#?}"
                    );
                };
                told("host setting changed", DEFAULT_LIMIT, RAISED);
                told("host setting put back", RAISED, DEFAULT_LIMIT);
            }
            host.assert_nothing_stayed();
            assert_eq!(tcp_congestion(&flow.client).unwrap(), "wad");
            flow.transfer(1 << 20);
        }
    }

    #[test]
    fn a_terminal_that_closes_does_not_end_the_daemon() {
        let host = Host::new();
        let daemon = Daemon::start(&host, CONFIG);
        daemon.signal(Signal::HUP);
        let flow = Server::new().connect();
        daemon.line(&["flow opened", &flow.key()]);
        assert_eq!(daemon.flows().len(), 1);
    }

    #[test]
    fn a_killed_daemon_leaves_flows_running_and_the_next_one_recovers() {
        let host = Host::new();
        let server = Server::new();
        let daemon = Daemon::start(&host, CONFIG);
        let mut flow = server.connect();
        daemon.line(&["flow opened", &flow.key()]);
        let (status, _) = daemon.end(Signal::KILL);
        assert_eq!(status.code(), None);

        flow.transfer(8 << 20);
        assert_eq!(tcp_congestion(&flow.client).unwrap(), "wad", "it keeps what it has");
        if control_goes_with_its_process() {
            assert!(wait_until(|| !has_control()), "but no new flow can have it");
        }
        let untouched = server.connect();
        assert_eq!(tcp_congestion(&untouched.client).unwrap(), default_control());
        assert_eq!(limits(), [RAISED; 2], "nobody was left to put them back");

        let daemon = Daemon::start(&host, LARGER);
        let sysctl_lines: Vec<_> =
            daemon.log().into_iter().filter(|line| line.contains("sysctl=\"net.core.wmem_max\"")).collect();
        assert_eq!(sysctl_lines.len(), 2, "{sysctl_lines:#?}");
        assert_parts(&sysctl_lines[0], &["put back", "from=1048576 to=212992"]);
        assert_parts(&sysctl_lines[1], &["changed", "from=212992 to=4194304"]);
        let tuned = server.connect();
        daemon.line(&["flow opened", &tuned.key()]);
        assert_eq!(tcp_congestion(&tuned.client).unwrap(), "wad");
        flow.transfer(1 << 20);
        assert_eq!(daemon.end(Signal::TERM).0.code(), Some(0));
        host.assert_nothing_stayed();
    }
}

mod refusals {
    use super::*;

    #[test]
    fn a_second_daemon_of_the_same_directory() {
        let host = Host::new();
        let first = Daemon::start(&host, CONFIG);
        let line = Outcome::within(PATIENCE, &mut host.daemon(CONFIG)).failure(1);
        let lock = host.runtime_dir().join("lock");
        let expected = format!(
            "a daemon runs already (process {}, lock {}); stop it first",
            first.pid(),
            lock.display()
        );
        assert_eq!(line, expected);
        assert_works(&first);
    }

    #[test]
    fn a_second_daemon_of_another_directory() {
        let host = Host::new();
        let first = Daemon::start(&host, CONFIG);
        let other = host.files.path("other");
        let line = Outcome::within(PATIENCE, &mut host.daemon_at(&other, LARGER)).failure(1);
        assert_eq!(
            line,
            "a congestion control named `wad` is registered already: another daemon runs; stop it first"
        );
        let left: Vec<_> = fs::read_dir(other).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let left: Vec<_> = left.iter().filter(|name| *name != "history.jsonl").collect();
        assert_eq!(left, ["lock"]);
        assert_works(&first);
    }

    /// Nothing of the second daemon has harmed the first.
    fn assert_works(first: &Daemon) {
        assert_eq!(limits(), [RAISED; 2]);
        let flow = Server::new().connect();
        first.line(&["flow opened", &flow.key()]);
        assert_eq!(first.flows().len(), 1);
    }

    #[test]
    fn a_port_that_is_taken() {
        let host = Host::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = host.refused(&format!("{CONFIG}[api]\nlisten = \"{address}\"\n"), 1);
        assert_parts(&line, &[&format!("cannot listen on {address}: Address already in use")]);
        assert_parts(&line, &["name a free address in [api] listen"]);
    }

    #[test]
    fn a_congestion_control_that_the_kernel_does_not_have() {
        let host = Host::new();
        let config = "[[path]]\nname = \"far\"\ndestination = [\"127.66.0.0/16\"]\ncongestion = { control = \"warp\" }\n";
        let line = host.refused(config, 2);
        assert_parts(&line, &["the kernel has no congestion control `warp` (it has ", "reno", "cubic"]);
    }

    #[test]
    fn a_cgroup_that_is_none() {
        let host = Host::new();
        for (cgroup, why) in [
            ("/nonexistent", "No such file or directory"),
            ("/etc/passwd", "it is not"),
            ("/tmp", "it is not"),
        ] {
            let line = host.refused_by(host.command(CONFIG).args(["--cgroup", cgroup]), 1);
            assert_parts(&line, &[&format!("{cgroup} is no usable cgroup v2 directory: "), why]);
        }
    }

    #[test]
    fn a_runtime_directory_that_cannot_be() {
        let host = Host::new();
        host.files.write("file", "");
        let line =
            Outcome::within(PATIENCE, &mut host.daemon_at(&host.files.path("file/run"), CONFIG)).failure(1);
        assert_parts(
            &line,
            &["cannot use ", "file/run: Not a directory", "name another directory with --runtime-dir"],
        );
        host.assert_nothing_stayed();
    }

    #[test]
    fn nobody_is_not_root() {
        let host = Host::new();
        // Where the build puts the binary, others may not be able to read it.
        let binary = host.files.path("wad");
        fs::copy(WAD, &binary).unwrap();
        let mut command = Command::new(binary);
        command.args(host.daemon(CONFIG).get_args()).uid(65_534).gid(65_534);
        let line = host.refused_by(&mut command, 1);
        assert_eq!(
            line,
            "tuning needs root (the capabilities BPF, NET_ADMIN and SYS_ADMIN): run it with sudo"
        );
        assert!(!host.runtime_dir().exists());
    }

    #[test]
    fn limits_that_cannot_be_written() {
        let host = Host::new();
        let file = "/proc/sys/net/core/wmem_max";
        let script = format!("mount --bind {file} {file}\nmount -o remount,bind,ro {file}");
        let line = host.refused_after(&script, &host.daemon(CONFIG));
        assert_parts(&line, &[&format!("cannot write 1048576 to {file}: Read-only file system")]);
        assert_parts(&line, &["give no path a larger buffer than net.core.wmem_max allows"]);
    }

    #[test]
    fn another_network_namespace() {
        let host = Host::new();
        let daemon = host.daemon(CONFIG);
        let mut command = Command::new("unshare");
        command.arg("--net").arg(daemon.get_program()).args(daemon.get_args());
        let line = host.refused_by(&mut command, 1);
        assert_parts(&line, &["net/core/", "start the daemon in the initial network namespace"]);
    }

    #[test]
    fn a_kernel_that_does_not_describe_its_types() {
        let host = Host::new();
        let line = host.refused_after("mount -t tmpfs none /sys/kernel/btf", &host.daemon(CONFIG));
        assert_parts(&line, &["/sys/kernel/btf/vmlinux: No such file", "CONFIG_DEBUG_INFO_BTF=y"]);
    }

    #[test]
    fn a_kernel_that_is_too_old() {
        let host = Host::new();
        // A kernel whose description has no type at all: a header, and an empty string.
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        for number in [24_u32, 0, 0, 0, 1] {
            btf.extend(number.to_le_bytes());
        }
        btf.push(0);
        let path = host.files.path("btf");
        fs::write(&path, btf).unwrap();
        let script = format!("mount --bind {} /sys/kernel/btf/vmlinux", path.display());
        let line = host.refused_after(&script, &host.daemon(CONFIG));
        assert_parts(&line, &["this kernel lacks ", "(since Linux ", "WAD needs Linux "]);
    }

    #[test]
    fn a_host_without_cgroup_v2() {
        let host = Host::new();
        let script = "for place in $(findmnt -rn -t cgroup2 -o TARGET); do umount -l \"$place\"; done";
        let line = host.refused_after(script, &host.command(CONFIG));
        assert_parts(&line, &["no cgroup v2 hierarchy is mounted: mount one with `mount -t cgroup2 "]);
    }
}

mod lost_records {
    use super::*;

    /// Each connection leaves two records, and the ring has room for some 4,200.
    const FLOOD: usize = 4000;

    #[test]
    fn what_was_lost_is_counted_and_found_again() {
        let host = Host::new();
        let server = Server::new();
        let daemon = Daemon::start(&host, CONFIG);
        let (stays, leaves) = (server.connect(), server.connect());
        daemon.line(&["flow opened", &leaves.key()]);

        daemon.freeze();
        server.flood(FLOOD);
        let comes = server.connect();
        let left = leaves.key();
        leaves.reset();
        daemon.signal(Signal::CONT);

        let warning = daemon.line(&["WARN", "records were lost, the ring was full"]);
        assert!(number(&warning, "lost") > 0 && number(&warning, "gone") > 0, "{warning}");
        assert_eq!(number(&warning, "found"), 1, "{warning}");
        daemon.line(&["flow found", &comes.key()]);
        daemon.line(&["its summary was lost", left.trim()]);
        let listed: BTreeSet<_> =
            daemon.flows().iter().map(|flow| flow["source"].as_str().unwrap().to_owned()).collect();
        assert_eq!(listed, BTreeSet::from([stays.source(), comes.source()]));
        let status = daemon.status();
        assert_eq!((status.open_flows, status.lost_records), (2, number(&warning, "lost")));
        assert_eq!(status.opened_flows - status.closed_flows, 2);
    }

    #[test]
    fn the_table_is_in_step_also_when_flows_come_and_go_meanwhile() {
        let host = Host::new();
        let server = Server::new();
        let daemon = Daemon::start(&host, CONFIG);
        daemon.freeze();
        server.flood(FLOOD);
        daemon.signal(Signal::CONT);
        server.flood(FLOOD);
        daemon.line(&["records were lost"]);
        let ended = || {
            let status = daemon.status();
            status.open_flows == 0 && status.opened_flows == status.closed_flows
        };
        assert!(wait_until(ended), "{:?}", daemon.status());
        assert!(daemon.flows().is_empty());
    }

    fn number(line: &str, field: &str) -> u64 {
        let start = format!(" {field}=");
        let rest = line.split_once(&start).unwrap().1;
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}
