//! Scenarios are run and reported. Needs root.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;

use wad_lab::{Progress, Report, RunOptions, Scenario, run};

fn scenario(application: &str) -> Scenario {
    let text = format!("name = \"test\"\nduration = \"5 s\"\nhost.a = {{}}\nhost.b = {{}}\n{application}");
    Scenario::parse(&text).unwrap()
}

fn error(application: &str) -> String {
    run(&scenario(application), RunOptions::default()).unwrap_err().to_string()
}

#[test]
fn every_example_is_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        Scenario::load(&entry.unwrap().path()).unwrap();
        count += 1;
    }
    assert!(count >= 3);
}

#[test]
fn an_example_is_run_and_its_report_is_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/transatlantic.toml");
    let mut scenario = Scenario::load(&path).unwrap();
    let time = scenario.applications[1].command.iter().position(|word| word == "--time").unwrap() + 1;
    scenario.applications[1].command[time] = "3".into();
    let mut heard = Vec::new();
    let mut progress = |progress: Progress<'_>| heard.push(format!("{progress:?}"));
    let options = RunOptions { progress: Some(&mut progress), ..RunOptions::default() };
    let report = run(&scenario, options).unwrap();
    assert!(!report.timed_out);
    assert!(report.applications.iter().all(|one| one.exit_code == Some(0)), "{:?}", report.applications);

    let iperf3 = report.applications[1].iperf3.as_ref().unwrap();
    assert!(iperf3.goodput_bps.unwrap() > 10e6, "{iperf3:?}");
    let data = |flow: &&wad_lab::report::FlowReport| {
        flow.host == "client" && flow.samples.iter().any(|sample| sample.bytes_acked > Some(1_000_000))
    };
    let flow = report.flows.iter().find(data).unwrap();
    let last = flow.samples.last().unwrap();
    assert_eq!(flow.congestion_control.as_deref(), Some("cubic"));
    assert!((0.07..0.6).contains(&last.srtt_s.unwrap()), "{last:?}");
    assert!(flow.samples.len() > 20 && last.cwnd_segments.unwrap() > 10);
    assert!(report.path.forward.direction.samples.len() > 20);
    assert!(heard.iter().any(|one| one == "Started(\"client\")") && heard.len() > 20);

    let json = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!((read.flows.len(), read.path.forward.queue_bytes), (report.flows.len(), Some(5_442_500)));
}

#[test]
fn an_application_has_its_host_its_cgroup_and_its_sysctls() {
    let mut scenario = scenario(
        r#"
        [[application]]
        name = "look"
        host = "b"
        command = ["sh", "-c", "cat /proc/sys/net/ipv4/tcp_sack; grep -c wad0 /proc/net/dev; cat {cgroup}/cgroup.procs; echo $$; pwd"]
        [[application]]
        name = "outside"
        command = ["sh", "-c", "grep -c wad0 /proc/net/dev; echo {address6:a}; exit 3"]
        "#,
    );
    scenario.testbed.hosts[1].sysctl.insert("net.ipv4.tcp_sack".into(), "0".into());
    let directory = std::env::temp_dir().join(format!("lab-test-look-{}", std::process::id()));
    let options = RunOptions { directory: Some(directory.clone()), ..RunOptions::default() };
    let report = run(&scenario, options).unwrap();
    let read = |n: usize| std::fs::read_to_string(&report.applications[n].stdout).unwrap();
    let look = read(0);
    let lines: Vec<&str> = look.lines().collect();
    assert_eq!(lines[..2], ["0", "1"]);
    let own = lines[lines.len() - 2];
    assert!(lines[2..lines.len() - 2].contains(&own), "{look}");
    assert_eq!(Path::new(lines[lines.len() - 1]), std::fs::canonicalize(&directory).unwrap());
    assert_eq!(read(1), "0\nfd77::1\n");
    assert_eq!(report.applications[1].exit_code, Some(3));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn what_fails_is_said() {
    let missing = error("[[application]]\nname = \"x\"\ncommand = [\"no-such-program\"]");
    assert_eq!(missing, "application x: program \"no-such-program\" not found");

    let early =
        error("[[application]]\nname = \"x\"\ncommand = [\"sh\", \"-c\", \"echo oh >&2\"]\nready = \"up\"");
    assert_eq!(early, "application x ended (exit status: 0) before it was ready; its output ends with: oh");

    let never = error(
        "[[application]]\nname = \"x\"\nhost = \"a\"\ncommand = [\"sleep\", \"9\"]\nready_port = 1\nready_timeout = \"200 ms\"",
    );
    assert!(never.contains("(a listener on TCP port 1) within 200 ms"), "{never}");

    let mut sysctl = scenario("[[application]]\nname = \"x\"\ncommand = [\"true\"]");
    sysctl.testbed.hosts[0].sysctl.insert("net.ipv4.no_such".into(), "1".into());
    let sysctl = run(&sysctl, RunOptions::default()).unwrap_err().to_string();
    assert!(sysctl.starts_with("host a: cannot set sysctl net.ipv4.no_such to \"1\""), "{sysctl}");
}

#[test]
fn applications_start_in_their_time_and_after_those_that_must_be_ready() {
    let report = run(
        &scenario(
            r#"
            [[application]]
            name = "first"
            command = ["sh", "-c", "sleep 0.4; echo up; sleep 0.2"]
            ready = "up"
            [[application]]
            name = "second"
            command = ["true"]
            [[application]]
            name = "third"
            command = ["true"]
            start = "600 ms"
            "#,
        ),
        RunOptions::default(),
    )
    .unwrap();
    let started: Vec<f64> = report.applications.iter().map(|one| one.started_s.unwrap()).collect();
    assert!(started[1] >= 0.4 && started[2] >= 0.6, "{started:?}");
    assert!(!report.timed_out);
}
