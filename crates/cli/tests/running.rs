//! What the daemon does with flows that run, and with the host while they do: adoption, reload, takeover, settings of
//! network namespaces, divided buffers. Needs root.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;
#[path = "running/elsewhere.rs"]
mod elsewhere;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/host.rs"]
mod host;
#[path = "running/load.rs"]
mod load;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/process.rs"]
mod process;
#[path = "running/socket.rs"]
mod socket;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/traffic.rs"]
mod traffic;

#[path = "running/adoption.rs"]
mod adoption;
#[path = "running/division.rs"]
mod division;
#[path = "running/plans.rs"]
mod plans;
#[path = "running/reload.rs"]
mod reload;
#[path = "running/sysctls.rs"]
mod sysctls;
#[path = "running/takeover.rs"]
mod takeover;

use host::Host;

/// A configuration with one path, to the server of the tests, that has these settings.
fn far(settings: &str) -> String {
    format!("[[path]]\nname = \"far\"\ndestination = [\"127.66.0.0/16\"]\n{settings}\n")
}

/// Everything that a socket shows.
const TUNED: &str = r#"
buffers = { mode = "fixed", size = "1 MiB", override_application = true }
congestion = { control = "wad" }
nagle = false
pacing = { rate = "100 Mbit/s" }
"#;

/// The configuration of a daemon that runs is another from its next reload on.
fn rewrite(host: &Host, config: &str) {
    host.files.write("wad.toml", config);
}

/// Whether a line has all these parts; the message shows which it lacks.
#[track_caller]
fn assert_parts(line: &str, parts: &[&str]) {
    let lacking: Vec<_> = parts.iter().filter(|part| !line.contains(**part)).collect();
    assert!(lacking.is_empty(), "{lacking:?} not in: {line}");
}
