//! Numbers for Prometheus.

use std::thread;
use std::time::Duration;

use crate::common::wad;
use crate::host::{Host, wait_until};
use crate::page::Page;
use crate::process::Daemon;
use crate::traffic::Server;
use crate::{FAR, free_address};

/// A daemon that looks at flows often, and where its metrics are.
fn start(host: &Host, more: &str) -> (Daemon, std::net::SocketAddr) {
    let address = free_address();
    let config = format!(
        "[observe]\ninterval = \"50 ms\"\n[metrics]\nlisten = \"{address}\"\n{more}\n{FAR}metrics = {{ per_flow = true }}\n"
    );
    (Daemon::start(host, &config), address)
}

const PATH: [(&str, &str); 2] = [("class", "designated"), ("path", "far")];

#[test]
fn flows_are_summed_by_their_path_and_stay_in_the_sums() {
    let host = Host::new();
    let (daemon, address) = start(&host, "");
    let server = Server::new();
    let mut flow = server.connect();
    flow.transfer(3_000_000);
    // What a closed flow did stays; the kernel counts a SYN and a FIN.
    flow.reset();
    let mut stays = server.connect();
    stays.transfer(2_000_000);
    let acked = || Page::get(address, false).value("wad_acked_bytes_total", &PATH);
    assert!(wait_until(|| acked() >= 5_000_000.0));
    let opened = || Page::get(address, false).value("wad_flows_opened_total", &PATH);
    assert!(wait_until(|| opened() == 2.0), "{}", opened());
    let page = Page::get(address, false);
    assert!((5_000_000.0..=5_000_004.0).contains(&acked()), "{}", page.text);
    assert_eq!(page.value("wad_flows_open", &PATH), 1.0);
    assert_eq!(page.value("wad_flows_closed_total", &PATH), 1.0);
    let sent = page.value("wad_sent_bytes_total", &PATH) - page.value("wad_retransmitted_bytes_total", &PATH);
    assert_eq!(sent, 5_000_000.0);
    assert!(page.value("wad_sent_segments_total", &PATH) > 0.0);
    assert!(page.value("wad_rtt_seconds_count", &PATH) > 0.0);
    assert!(page.value("wad_round_trips_total", &PATH) > 0.0);
    assert!(page.find("wad_flows_open", &[("class", "other")]).is_none(), "nobody asked for them");
    for name in ["wad_lost_records_total", "wad_lost_last_counters_total", "wad_flows_beyond_bound"] {
        assert_eq!(page.value(name, &[]), 0.0);
    }
    assert!(page.value("wad_sample_rounds_total", &[]) > 0.0);
    assert!(page.value("process_resident_memory_bytes", &[]) > 1e6);
    assert_eq!(page.value("wad_version", &[("version", &daemon.status().version)]), 1.0);

    // The flow that runs has series of its own; that which has closed has none.
    let own = [("path", "far"), ("source", &stays.source())];
    assert!((2_000_000.0..=2_000_002.0).contains(&page.value("wad_flow_acked_bytes_total", &own)));
    assert_eq!(page.text.lines().filter(|line| line.starts_with("wad_flow_acked_bytes_total{")).count(), 1);
}

#[test]
fn both_text_forms_say_the_same() {
    let host = Host::new();
    let (_daemon, address) = start(&host, "");
    let (older, newer) = (Page::get(address, false), Page::get(address, true));
    assert!(older.head.contains("content-type: text/plain; version=0.0.4"), "{}", older.head);
    assert!(
        newer.head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        newer.head
    );
    assert!(newer.text.ends_with("# EOF\n") && !older.text.contains("# EOF"));
    assert!(newer.text.contains("# TYPE wad_sent_bytes counter\n"));
    assert!(older.text.contains("# TYPE wad_sent_bytes_total counter\n"));
    let names = |page: &Page| page.all().into_keys().collect::<Vec<_>>();
    assert_eq!(names(&older), names(&newer));
}

#[test]
fn no_counter_ever_falls_whatever_flows_do() {
    let host = Host::new();
    let (_daemon, address) = start(&host, "max_flows = 10");
    let server = Server::new();
    let traffic = thread::spawn(move || {
        for _ in 0..10 {
            server.flood(100);
            server.connect().transfer(200_000);
        }
    });
    let mut before = Page::get(address, false).all();
    let mut pages = 0;
    while !traffic.is_finished() || pages < 5 {
        let now = Page::get(address, false).all();
        for (series, value) in &before {
            let is_counter =
                ["_total", "_count", "_sum", "_bucket"].iter().any(|end| series.0.ends_with(end));
            // The series of a flow goes with it.
            if is_counter && !series.0.starts_with("wad_flow_") {
                assert!(
                    now.get(series).is_some_and(|now| now >= value),
                    "{series:?}: {value} became {:?}",
                    now.get(series)
                );
            }
        }
        before = now;
        pages += 1;
        thread::sleep(Duration::from_millis(20));
    }
    traffic.join().unwrap();
    let closed = || Page::get(address, false).value("wad_flows_closed_total", &PATH);
    assert!(wait_until(|| closed() == 1010.0), "{}", closed());
    let page = Page::get(address, false);
    assert!(page.value("wad_acked_bytes_total", &PATH) >= 2_000_000.0);
    assert!(wait_until(|| Page::get(address, false).value("wad_flows_open", &PATH) == 0.0));
}

#[test]
fn series_of_flows_have_a_bound_and_what_is_beyond_it_is_counted() {
    let host = Host::new();
    let (_daemon, address) = start(&host, "max_flows = 3");
    let server = Server::new();
    let flows: Vec<_> = (0..5).map(|_| server.connect()).collect();
    let open = || Page::get(address, false).value("wad_flows_open", &PATH);
    assert!(wait_until(|| open() == 5.0));
    let page = Page::get(address, false);
    assert_eq!(page.text.lines().filter(|line| line.starts_with("wad_flow_acked_bytes_total{")).count(), 3);
    assert_eq!(page.value("wad_flows_beyond_bound", &[]), 2.0);
    drop(flows);
}

#[test]
fn flows_of_no_path_are_summed_where_that_is_asked_for() {
    let host = Host::new();
    let (_daemon, address) = start(&host, "other_flows = true");
    let _flow = Server::new().connect();
    // The server's end is of no path.
    let open = || Page::get(address, false).find("wad_flows_open", &[("class", "other")]);
    assert!(wait_until(|| open().is_some_and(|open| open >= 1.0)));
}

#[test]
fn alerts_are_counted() {
    let host = Host::new();
    let address = free_address();
    let config = format!(
        "[observe]\ninterval = \"50 ms\"\nderived = [\"Large = DataBytesOut > 1 MB\"]\n[metrics]\nlisten = \"{address}\"\n{FAR}"
    );
    let daemon = Daemon::start(&host, &config);
    let alert = [("path", "far"), ("alert", "Large")];
    let mut flow = Server::new().connect();
    flow.transfer(500_000);
    assert!(wait_until(|| Page::get(address, false).find("wad_alerts", &alert) == Some(0.0)));
    flow.transfer(1_000_000);
    let line = daemon.line(&[" alert ", &format!("flow={}", flow.key().trim())]);
    assert!(
        line.contains("WARN") && line.contains("alert=\"Large\"") && line.contains("path=\"far\""),
        "{line}"
    );
    assert!(wait_until(|| Page::get(address, false).value("wad_alerts", &alert) == 1.0));
    assert_eq!(Page::get(address, false).value("wad_alerts_raised_total", &alert), 1.0);
    drop(flow);
    daemon.line(&["alert over: the flow has closed", "alert=\"Large\""]);
    assert!(wait_until(|| Page::get(address, false).value("wad_alerts", &alert) == 0.0));
}

#[test]
fn the_address_is_handed_over_and_a_configuration_without_metrics_has_none() {
    let host = Host::new();
    let (daemon, address) = start(&host, "");
    let flow = Server::new().connect();
    daemon.line(&["flow opened", &flow.key()]);
    let mut successor = wad(&["run", "--take-over", "--config"]);
    successor.arg(host.files.path("wad.toml")).arg("--runtime-dir").arg(host.runtime_dir());
    successor.arg("--cgroup").arg(&host.cgroup);
    let successor = Daemon::spawn(&mut successor, host.runtime_dir());
    assert_eq!(daemon.ended().0.code(), Some(0));
    assert!(wait_until(|| Page::get(address, false).find("wad_flows_open", &PATH) == Some(1.0)));
    assert_eq!(
        Page::get(address, false).value("wad_acked_bytes_total", &PATH),
        0.0,
        "what it did before is no news"
    );

    host.files.write("wad.toml", FAR);
    assert_eq!(successor.ask(&["reload"]).status, Some(0));
    assert!(wait_until(|| Page::get(address, false).head.starts_with("HTTP/1.1 404")));
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let host = Host::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let line = host.refused(&format!("[metrics]\nlisten = \"{address}\"\n{FAR}"), 1);
    assert!(
        line.contains(&format!("cannot listen on {address}")) && line.contains("in [metrics] listen"),
        "{line}"
    );
    // Without an address, the API's socket has them.
    let _daemon = Daemon::start(&host, &format!("[metrics]\n{FAR}"));
    let socket = host.runtime_dir().join("api.sock");
    assert_eq!(Page::of_api(&socket).value("wad_flows_open", &PATH), 0.0);
}
