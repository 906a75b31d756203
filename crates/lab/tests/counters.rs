//! Counters agree with the truth, which is what the emulator has seen. Needs root.

#![allow(unsafe_code, reason = "the sandbox of the kernel's tests changes the namespace of its thread")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../../linux/tests/common/mod.rs"]
mod kernel;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use kernel::{Sandbox, policy};
use wad_lab::{Mode, Testbed, TestbedConfig};
use wad_linux::{FlowSample, Observer, Parameters, Sysctls, Tuner};
use wad_model::{Bytes, Counter};
use wad_path::PathConfig;

const BYTES: usize = 4_000_000;
const LOST: u64 = 5;
const PATH: &str = r#"
forward = { delay = "10 ms", rate = "200 Mbit/s", loss = { list = { packets = [300, 900, 901, 1500, 2200] } } }
backward = { delay = "10 ms" }
"#;
const ROUND_TRIP_US: u64 = 20_000;

/// Headers of a segment with timestamps, and what a SYN has beyond them.
const HEADERS: u64 = 20 + 20 + 12;
const MORE_IN_SYN: u64 = 8;

/// How often the transfer is tried: a machine that stalls for longer than a time-out makes retransmissions of its own, and
/// late acknowledgements.
const ATTEMPTS: usize = 3;

#[test]
fn counters_are_what_the_emulator_counts() {
    let sandbox = Sandbox::new();
    let _tuner = Tuner::load(&policy("10.77.0.0/16", parameters()), &sandbox.cgroup).unwrap();
    let complaints: Vec<String> = (0..ATTEMPTS).map_while(|_| transfer().err()).collect();
    assert!(complaints.len() < ATTEMPTS, "{complaints:#?}");
}

fn parameters() -> Parameters {
    Parameters {
        send_buffer: Some(Bytes::new(4 << 20)),
        control: Some("cubic".to_owned()),
        ..Parameters::default()
    }
}

/// One transfer; what a stalled machine can spoil is a complaint, anything else a failure.
fn transfer() -> Result<(), String> {
    let path: PathConfig = toml::from_str(PATH).unwrap();
    let testbed = Testbed::new(TestbedConfig::new(Mode::Plain, path)).unwrap();
    // A probe of the tail would be a retransmission without a loss.
    let without_probes =
        || Sysctls::at("/proc/sys").write("net.ipv4.tcp_early_retrans", "0").map_err(std::io::Error::other);
    testbed.left().namespace().enter(without_probes).unwrap();
    let address = SocketAddr::from((testbed.right().address(), 5201));
    let listener = testbed.right().namespace().enter(|| TcpListener::bind(address)).unwrap();
    let observer = Observer::load().unwrap();
    observer.renew().unwrap();
    let mut client = testbed.left().namespace().enter(|| TcpStream::connect(address)).unwrap();
    let mut server = listener.accept().unwrap().0;
    let receiver = thread::spawn(move || {
        server.read_exact(&mut vec![0; BYTES]).unwrap();
        server
    });
    client.write_all(&vec![7; BYTES]).unwrap();
    let server = receiver.join().unwrap();
    // The last acknowledgement is on its way.
    thread::sleep(Duration::from_millis(200));
    let sample = find(&observer.samples().unwrap(), &client);
    // Both ends are still open, so that nothing follows what was counted.
    let truth = testbed.finish().unwrap();
    drop((client, server));
    let (forward, backward) = (truth.forward.direction.link, truth.backward.direction.link);
    let counted =
        |counter: Counter| sample.counters.get(counter).unwrap_or_else(|| panic!("{counter} is absent"));

    assert_eq!(forward.lost_by_model_packets, LOST);
    assert_eq!(counted(Counter::DataBytesOut) - counted(Counter::BytesRetrans), BYTES as u64);
    assert_eq!(counted(Counter::PktsOut), forward.entered_packets);
    assert_eq!(counted(Counter::PktsIn), backward.entered_packets);
    let bytes = counted(Counter::DataBytesOut) + counted(Counter::PktsOut) * HEADERS + MORE_IN_SYN;
    assert_eq!(bytes, forward.entered_bytes);
    assert!(counted(Counter::FastRetran) <= counted(Counter::CongSignals));
    assert!(counted(Counter::MaxRTT) >= counted(Counter::MinRTT));
    assert!(counted(Counter::MinRTT) >= ROUND_TRIP_US, "{} us", counted(Counter::MinRTT));

    // Two of the losses are of one window.
    let wanted = [
        (Counter::PktsRetrans, LOST..=LOST),
        (Counter::CongSignals, 1..=LOST - 1),
        (Counter::FastRetran, 1..=LOST - 1),
        (Counter::Timeouts, 0..=0),
        (Counter::MinRTT, ROUND_TRIP_US..=ROUND_TRIP_US + 1000),
    ];
    let differing = wanted.iter().filter(|(counter, range)| !range.contains(&counted(*counter)));
    let complaint: Vec<_> =
        differing.map(|(counter, _)| format!("{counter} {}", counted(*counter))).collect();
    if complaint.is_empty() { Ok(()) } else { Err(complaint.join(", ")) }
}

fn find(samples: &[FlowSample], end: &TcpStream) -> FlowSample {
    let (local, peer) = (end.local_addr().unwrap(), end.peer_addr().unwrap());
    *samples.iter().find(|sample| (sample.key.source, sample.key.destination) == (local, peer)).unwrap()
}
