//! What flows get that depends on more than the configuration: on estimates of the path, and on their own windows.

use crate::host::Host;
use crate::process::Daemon;
use crate::traffic::Server;
use crate::{assert_parts, far, rewrite};

#[test]
fn an_estimate_of_the_command_line_sizes_buffers_and_outlives_a_reload() {
    let host = Host::new();
    let config = far("buffers = { mode = \"measured\", headroom = 1 }");
    let mut command = host.daemon(&config);
    let daemon = Daemon::spawn(command.args(["--estimate", "far=80Mbit/s,100ms"]), host.runtime_dir());
    let flow = Server::new().connect();
    let opened = daemon.line(&["flow opened", &flow.key()]);
    // 80 Mbit/s times 100 ms are 10^6 bytes.
    assert_parts(&opened, &["-> 976.563 KiB (line 4: 80 Mbit/s x 100 ms (the command line) x 1)"]);
    rewrite(&host, &config);
    daemon.ask(&["reload"]).printed();
    assert_parts(&daemon.line(&["flow retuned", flow.key().trim()]), &["976.563 KiB"]);
}

#[test]
fn constants_of_high_speed_tcp_follow_the_window_of_a_running_flow() {
    let host = Host::new();
    let path = far("congestion = { control = \"wad\", high_speed = \"periodic\" }\n\
                    slow_start = { initial_window = \"200 segments\" }");
    let grant = "[[host.grant]]\npath = \"far\"\nsettings = [\"high_speed\", \"initial_window\"]\n";
    let mut command = host.daemon(&format!("{path}{grant}"));
    let daemon = Daemon::spawn(command.env("WAD_LOG", "debug"), host.runtime_dir());
    let mut flow = Server::new().connect();
    daemon.line(&["flow opened", &flow.key()]);
    flow.transfer(1 << 20);
    let retuned = daemon.line(&["flow retuned", &flow.key()]);
    assert_parts(&retuned, &["additive increase"]);
}
