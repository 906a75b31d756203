//! Buffers that are divided among a path's flows.

use rustix::net::sockopt::socket_send_buffer_size;

use crate::far;
use crate::host::{Host, wait_until};
use crate::process::Daemon;
use crate::traffic::{Flow, Server};

fn send_buffer(flow: &Flow) -> usize {
    socket_send_buffer_size(&flow.client).unwrap()
}

#[test]
fn each_of_four_flows_has_a_quarter_and_the_last_one_all() {
    let host = Host::new();
    let config = far("buffers = { mode = \"fixed\", size = \"8 MiB\", divide = true }");
    let daemon = Daemon::start(&host, &config);
    let server = Server::new();
    let mut flows = Vec::new();
    for count in 1..=4 {
        flows.push(server.connect());
        // The kernel accounts for twice what is asked for.
        let share = 2 * (8 << 20) / count;
        let near = |flow: &Flow| send_buffer(flow).abs_diff(share) < 4;
        assert!(
            wait_until(|| flows.iter().all(near)),
            "{:?}",
            flows.iter().map(send_buffer).collect::<Vec<_>>()
        );
    }
    flows.drain(1..);
    assert!(wait_until(|| send_buffer(&flows[0]) == 16 << 20), "{}", send_buffer(&flows[0]));
    daemon.line(&["flow closed"]);
}

/// On the loopback device the kernel begins with a larger buffer than this quarter, so that a ceiling shows as soon as
/// data flows.
#[test]
fn a_share_is_a_ceiling_that_rises_as_others_close() {
    let host = Host::new();
    let config = far("buffers = { size = \"1 MiB\", divide = true }");
    let daemon = Daemon::spawn(host.daemon(&config).env("WAD_LOG", "debug"), host.runtime_dir());
    let server = Server::new();
    let mut flows: Vec<_> = (0..4).map(|_| server.connect()).collect();
    let quarter = 2 * (1 << 20) / 4;
    for flow in &mut flows {
        daemon.line(&["flow opened", &flow.key()]);
        assert!(wait_until(|| {
            flow.transfer(1 << 20);
            send_buffer(flow) == quarter
        }));
    }
    for listed in daemon.flows() {
        assert_eq!(listed["send_buffer_bytes"], quarter);
    }
    daemon.line(&["flow retuned", &flows[0].key(), "256 KiB"]);

    flows.drain(1..);
    daemon.line(&["flow retuned", &flows[0].key(), "-> 1 MiB"]);
    assert!(wait_until(|| {
        flows[0].transfer(1 << 20);
        send_buffer(&flows[0]) > quarter
    }));
    assert!(send_buffer(&flows[0]) <= 2 << 20);
}
