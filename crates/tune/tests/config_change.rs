//! What a reload tells of a new configuration.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use wad_tune::{Config, ConfigChange};

const OLD: &str = r#"
[[path]]
name = "a"
destination = ["10.0.0.0/8"]
buffers = { size = "16 MiB", divide = true }
congestion = { control = "cubic" }

[[path]]
name = "b"
destination = ["11.0.0.0/8"]

[[path]]
name = "c"
destination = ["12.0.0.0/8"]
estimate = { rate = "1 Gbit/s", rtt = "10 ms" }
reordering = 9
"#;

const NEW: &str = r#"
[host]
cgroup = "/sys/fs/cgroup/transfers"

[api]
listen = "127.0.0.1:9823"

[[path]]
name = "d"
destination = ["13.0.0.0/8"]

[[path]]
name = "c"
destination = ["12.0.0.0/9"]
estimate = { rate = "1 Gbit/s", rtt = "20 ms" }
reordering = 12

[[path]]
name = "a"
destination = ["10.0.0.0/8"]
buffers = { send = "32 MiB", receive = "16 MiB", divide = true, floor = "1 MiB" }
congestion = { control = "wad" }
nagle = false
"#;

fn between(old: &str, new: &str) -> ConfigChange {
    ConfigChange::between(&Config::parse(old).unwrap(), &Config::parse(new).unwrap())
}

#[test]
fn each_thing_that_is_other_is_named() {
    insta::assert_snapshot!("all", between(OLD, NEW));
    insta::assert_snapshot!("back", between(NEW, OLD));
}

#[test]
fn where_a_thing_stands_does_not_count() {
    let moved = format!("# A comment that moves all lines.\n\n{OLD}");
    let change = between(OLD, &moved);
    assert!(change.is_empty(), "{change}");
    assert_eq!(change.to_string(), "nothing is other");
}

#[test]
fn nothing_to_something_and_back() {
    let change = between("", OLD);
    assert_eq!((change.added.len(), change.removed.len(), change.reordered), (3, 0, false));
    assert_eq!(between(OLD, "").removed, ["a", "b", "c"]);
}
