use wad_path::{Loss, Queue};

use super::*;
use crate::testbed::Mode;

const SCENARIO: &str = r#"
name = "test"
duration = "12 s"

[path]
mode = "plain"
rate = "622 Mbit/s"
rtt = "70 ms"
queue = { bdp = 1.0 }

[path.backward]
delay = "10 ms"
loss = { list = { packets = [3] } }

[host.zeus]
sysctl = { "net.ipv4.tcp_sack" = 0, "net.ipv4.tcp_congestion_control" = "cubic" }

[host.apollo]

[[application]]
name = "server"
host = "apollo"
command = ["iperf3", "-s"]
role = "service"
ready = "listening"

[[application]]
name = "client"
host = "zeus"
command = ["iperf3", "-c", "{address:apollo}"]
start = "1 s"
"#;

fn fault(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}

#[test]
fn shorthands_hold_for_both_directions_unless_one_says_otherwise() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let path = &scenario.testbed.path;
    assert_eq!(scenario.testbed.mode, Mode::Plain);
    assert_eq!((path.forward.delay.as_millis(), path.backward.delay.as_millis()), (35, 10));
    // 622 Mbit/s for 45 ms, which is the round-trip time with the way back as it is.
    assert_eq!(path.forward.queue, Queue::Bytes(wad_model::Bytes::new(3_498_750)));
    assert_eq!(path.backward.loss, Loss::List { packets: vec![3] });
    assert_eq!(path.backward.rate, path.forward.rate);
}

#[test]
fn hosts_stand_in_the_order_of_the_text_or_at_their_sides() {
    let names = |text: &str| Scenario::parse(text).unwrap().testbed.hosts.map(|host| host.name);
    assert_eq!(names(SCENARIO), ["zeus", "apollo"]);
    assert_eq!(
        names(&SCENARIO.replace("[host.apollo]", "[host.apollo]\nside = \"left\"")),
        ["apollo", "zeus"]
    );
    let scenario = Scenario::parse(SCENARIO).unwrap();
    assert_eq!(scenario.testbed.hosts[0].sysctl["net.ipv4.tcp_sack"], "0");
}

#[test]
fn an_unknown_key_is_refused_where_it_stands() {
    let error = fault(&SCENARIO.replace("rtt =", "rt ="));
    assert!(error.starts_with("scenario, line 8, column 1: unknown field `rt`"), "{error}");
    assert!(error.ends_with("did you mean `rtt`?"), "{error}");
}

#[test]
fn a_quantity_without_unit_is_refused_where_it_stands() {
    let error = fault(&SCENARIO.replace("622 Mbit/s", "622"));
    assert!(error.starts_with("scenario, line 7, column 8: \"622\" is not a rate"), "{error}");
}

#[test]
fn what_does_not_fit_together_is_told() {
    let cases = [
        ("host = \"zeus\"", "host = \"hera\"", "line 29, column 8: there is no host \"hera\""),
        ("{address:apollo}", "{address6:hera}", "there is no host \"hera\""),
        ("[host.apollo]", "", "a path has two hosts"),
        ("rate = \"622 Mbit/s\"", "", "needs a rate"),
        ("role = \"service\"\n", "ready_port = 1\n", "give either"),
        ("start = \"1 s\"", "role = \"service\"", "no application has the role \"main\""),
        ("[3] }", "[3] }, every = { nth = 3 }", "line"),
        ("mode = \"plain\"", "mtu = 100", "from 1280 to 65535"),
    ];
    for (from, to, expected) in cases {
        let error = fault(&SCENARIO.replace(from, to));
        assert!(error.contains(expected), "{from} -> {to}: {error}");
    }
}

#[test]
fn placeholders_are_filled_in_and_other_braces_stay() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let places = Places {
        hosts: &scenario.testbed.hosts,
        cgroup: Path::new("/c"),
        directory: Path::new("/d"),
        executable: Path::new("/w"),
    };
    assert_eq!(
        places.fill("{address:apollo} [{address6:zeus}] {cgroup} {dir}/x {wad} {print $1}"),
        "10.77.0.2 [fd77::1] /c /d/x /w {print $1}"
    );
}
