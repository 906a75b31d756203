//! What the daemon tells others of flows: events, alerts, metrics, the dashboard. Needs root.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/host.rs"]
mod host;
#[path = "telling/page.rs"]
mod page;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/process.rs"]
mod process;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/traffic.rs"]
mod traffic;

#[path = "telling/dashboard.rs"]
mod dashboard;
#[path = "telling/events.rs"]
mod events;
#[path = "telling/metrics.rs"]
mod metrics;

use std::net::{SocketAddr, TcpListener};

/// A path to the server of the tests.
const FAR: &str =
    "[[path]]\nname = \"far\"\ndestination = [\"127.66.0.0/16\"]\nbuffers = { size = \"1 MiB\" }\n";

/// A port that nobody has now.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
