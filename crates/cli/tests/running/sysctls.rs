//! Settings that the kernel has only for a whole network namespace.

use rustix::process::Signal;
use serde_json::{Value, json};
use wad_linux::Sysctls;

use crate::common::text;
use crate::elsewhere::Elsewhere;
use crate::host::{Host, wait_until};
use crate::process::Daemon;
use crate::{assert_parts, rewrite};

const REORDERING: &str = "net.ipv4.tcp_reordering";

/// A path that needs no limit raised.
fn far(settings: &str) -> String {
    crate::far(&format!("{settings}\nbuffers = {{ size = \"64 KiB\" }}"))
}

/// A daemon for the processes elsewhere; the test itself is not among them.
fn start(host: &Host, elsewhere: &Elsewhere, config: &str) -> Daemon {
    start_as(host, elsewhere, config, &[])
}

fn start_as(host: &Host, elsewhere: &Elsewhere, config: &str, more: &[&str]) -> Daemon {
    let mut command = host.command(config);
    command.args(["--cgroup", text(&elsewhere.cgroup)]).args(more);
    Daemon::spawn(&mut command, host.runtime_dir())
}

fn history(daemon: &Daemon) -> Value {
    daemon.ask(&["history", "--json"]).json()
}

fn events(daemon: &Daemon) -> Vec<String> {
    let history = history(daemon);
    let lines = history["history"].as_array().unwrap().iter();
    lines.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_setting_acts_where_processes_of_the_cgroup_are_and_nowhere_else() {
    let host = Host::new();
    let (elsewhere, untouched) = (Elsewhere::new(&host), Elsewhere::named(&host, "untouched"));
    let here = Sysctls::default().read(REORDERING).unwrap();
    let before = elsewhere.sysctl(REORDERING);
    let daemon = start(&host, &elsewhere, &far("reordering = 30\nmtu_probing = true\necn = false"));
    assert_eq!(elsewhere.sysctl(REORDERING), "30");
    assert_eq!(elsewhere.sysctl("net.ipv4.tcp_mtu_probing"), "1");
    assert_eq!(elsewhere.sysctl("net.ipv4.tcp_ecn"), "0");
    assert_eq!(untouched.sysctl(REORDERING), before);
    assert_eq!(Sysctls::default().read(REORDERING).unwrap(), here);

    let history = history(&daemon);
    let line = &history["history"][0];
    assert_eq!(
        (&line["event"], &line["sysctl"], &line["id"]),
        (&json!("set"), &json!(REORDERING), &json!(1))
    );
    assert_eq!((&line["before"], &line["set"]), (&json!(before), &json!("30")));
    assert_eq!(line["namespace"], elsewhere.inode());
    assert_parts(line["why"].as_str().unwrap(), &["path far", "line 4"]);
    assert_eq!(history["in_force"].as_array().unwrap().len(), 3);
    let table = daemon.ask(&["history"]).printed();
    assert_parts(&table, &[REORDERING, &elsewhere.inode().to_string()]);

    assert_eq!(daemon.end(Signal::TERM).0.code(), Some(0));
    assert_eq!(elsewhere.sysctl(REORDERING), before);
    host.assert_nothing_stayed();
}

#[test]
fn what_was_undone_stays_so() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let before = elsewhere.sysctl(REORDERING);
    let daemon = start(&host, &elsewhere, &far("reordering = 30"));
    assert_eq!(daemon.ask(&["undo", "1"]).printed(), format!("{REORDERING}: 30 -> {before}\n"));
    assert_eq!(elsewhere.sysctl(REORDERING), before);
    let line = daemon.ask(&["undo", "1"]).failure(1);
    assert_eq!(line, "no change 1 is in force; `wad history` lists them");
    daemon.ask(&["reload"]).printed();
    assert_eq!(elsewhere.sysctl(REORDERING), before);
    assert_eq!(events(&daemon), ["set", "undone"]);

    let successor = start_as(&host, &elsewhere, &far("reordering = 30"), &["--take-over"]);
    assert_eq!(daemon.ended().0.code(), Some(0));
    assert_eq!(elsewhere.sysctl(REORDERING), before, "also for a successor");
    assert_eq!(successor.end(Signal::TERM).0.code(), Some(0));
    host.assert_nothing_stayed();
}

#[test]
fn an_administrators_own_change_is_left_alone() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let daemon = start(&host, &elsewhere, &far("reordering = 30"));
    elsewhere.set_sysctl(REORDERING, "40");
    let line = daemon.line(&["WARN", "somebody else has set this since: it is left to them"]);
    assert_parts(&line, &[REORDERING, "40", "30"]);
    assert_eq!(events(&daemon), ["set", "yielded"]);
    rewrite(&host, &far("reordering = 50"));
    daemon.ask(&["reload"]).printed();
    assert_eq!(elsewhere.sysctl(REORDERING), "40");

    let successor = start_as(&host, &elsewhere, &far("reordering = 60"), &["--take-over"]);
    assert_eq!(daemon.ended().0.code(), Some(0));
    assert_eq!(elsewhere.sysctl(REORDERING), "40", "also by a successor");
    assert_eq!(successor.end(Signal::TERM).0.code(), Some(0));
    assert_eq!(elsewhere.sysctl(REORDERING), "40", "also at the end");
    host.assert_nothing_stayed();
}

#[test]
fn a_reload_follows_up_and_down() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let before = elsewhere.sysctl(REORDERING);
    let daemon = start(&host, &elsewhere, &far("nagle = false"));
    for (setting, is) in [("reordering = 30", "30"), ("reordering = 40", "40"), ("nagle = false", &before)] {
        rewrite(&host, &far(setting));
        daemon.ask(&["reload"]).printed();
        assert_eq!(elsewhere.sysctl(REORDERING), is);
    }
    assert_eq!(history(&daemon)["in_force"], json!([]));
}

#[test]
fn a_successor_puts_back_what_its_predecessor_set() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let before = elsewhere.sysctl(REORDERING);
    let first = start(&host, &elsewhere, &far("reordering = 30"));
    let second = start_as(&host, &elsewhere, &far("reordering = 30"), &["--take-over"]);
    assert_eq!(first.ended().0.code(), Some(0));
    assert_eq!(elsewhere.sysctl(REORDERING), "30");
    assert_eq!(events(&second), ["set"]);
    assert_eq!(second.end(Signal::TERM).0.code(), Some(0));
    assert_eq!(elsewhere.sysctl(REORDERING), before);
    host.assert_nothing_stayed();
}

#[test]
fn what_a_killed_daemon_set_is_put_back_by_the_next_one() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let before = elsewhere.sysctl(REORDERING);
    let killed = start(&host, &elsewhere, &far("reordering = 30"));
    killed.end(Signal::KILL);
    assert_eq!(elsewhere.sysctl(REORDERING), "30", "nobody was left to put it back");
    let next = start(&host, &elsewhere, &far("nagle = false"));
    assert_parts(&next.line(&["host setting put back"]), &[REORDERING, "from=30", &format!("to={before}")]);
    assert_eq!(elsewhere.sysctl(REORDERING), before);
    assert_eq!(next.end(Signal::TERM).0.code(), Some(0));
    host.assert_nothing_stayed();
}

#[test]
fn a_namespace_that_comes_later_is_found_and_one_that_goes_is_forgotten() {
    let host = Host::new();
    let settings = far("reordering = 30\ncongestion = { control = \"reno\" }");
    let first = Elsewhere::new(&host);
    // The test itself is in this cgroup, and so the host's own namespace.
    let here = Sysctls::default().read(REORDERING).unwrap();
    let daemon = Daemon::start(&host, &settings);
    assert_eq!(Sysctls::default().read(REORDERING).unwrap(), "30");
    let second = Elsewhere::named(&host, "later");
    assert!(wait_until(|| second.sysctl(REORDERING) == "30"));
    let inode = second.inode();
    drop(second);
    let line = |event: &str| {
        let history = history(&daemon);
        let mut lines = history["history"].as_array().unwrap().iter().cloned();
        lines.any(|line| line["event"] == event && line["namespace"] == inode)
    };
    assert!(line("set"));
    assert!(wait_until(|| line("vanished")));
    assert_eq!(daemon.end(Signal::TERM).0.code(), Some(0));
    assert_eq!(Sysctls::default().read(REORDERING).unwrap(), here);
    drop(first);
    host.assert_nothing_stayed();
}
