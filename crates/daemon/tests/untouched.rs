//! Whoever is of no configured path notices nothing. Needs root.
//!
//! Each test opens the same connections before a daemon's programs are in the kernel, while they
//! are, and after, and compares everything that a socket shows of itself: options, `TCP_INFO`, and
//! the sizes that the kernel really uses (`SO_MEMINFO`, which nobody answers in its place).

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]
#![expect(unsafe_code, reason = "the sandbox gives its thread a network namespace; options are read raw")]

#[path = "../../linux/tests/common/mod.rs"]
mod common;
#[path = "untouched/state.rs"]
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use common::{Sandbox, policy};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use state::{State, differences};
use wad_daemon::{HostState, kernel_policy};
use wad_linux::{Parameters, Sysctls, Tuner};
use wad_model::Bytes;
use wad_tune::{Config, Estimates, Planner, RuleTable, required_limits};

/// Linux's own, as long as nobody changes them.
const DEFAULT_LIMIT: u64 = 212_992;
const ADDRESSES: [&str; 3] = ["127.0.0.1", "::1", "::ffff:127.0.0.1"];

/// Applications that ask for no buffers, for some of both, for more than the host allows, for
/// hardly any, and that ask when the connection stands.
const APPLICATIONS: [Application; 6] = [
    Application { client: NOTHING, server: NOTHING },
    Application { client: both(65_536), server: NOTHING },
    Application { client: both(1), server: Buffers { send: Some(1), ..NOTHING } },
    Application { client: both(8 << 20), server: Buffers { send: Some(8 << 20), ..NOTHING } },
    Application { client: Buffers { receive: Some(100_000), ..NOTHING }, server: late(50_000) },
    Application { client: late(50_000), server: Buffers { send: Some(65_536), ..NOTHING } },
];

/// A server that fixes the receive buffer at its listening socket.
const FIXED_LISTENER: Application = Application { client: NOTHING, server: both(65_536) };

const SCALE_OF_SERVER: [&str; 2] = ["client: peer's window scale", "server: own window scale"];
const SCALE_OF_CLIENT: [&str; 2] = ["client: own window scale", "server: peer's window scale"];
const FIRST_WINDOW: [&str; 4] =
    ["client: TCP_MAXSEG", "client: snd_mss", "client: snd_wnd", "server: rcv_wnd"];

#[test]
fn beside_paths_that_override_nobody() {
    let host = Host::new();
    let all: Vec<_> = APPLICATIONS.into_iter().chain([FIXED_LISTENER]).map(as_ever).collect();
    host.compare(&all, || host.programs(false));
}

#[test]
fn beside_paths_that_override_applications() {
    let host = Host::new();
    host.compare(&APPLICATIONS.map(as_ever), || host.programs(true));
}

/// The size that the server asked for is held back until the other end is known, and by then the
/// SYN-ACK has left: it is that of a server that asked for nothing, with its window scale. Where
/// this server's first window would be another one, that shows too, and what is derived from it.
#[test]
fn beside_them_a_listener_with_a_fixed_receive_buffer_shows_another_syn_ack() {
    let host = Host::new();
    let listens = |server| Application { client: NOTHING, server };
    let receive = |bytes| Buffers { receive: Some(bytes), ..NOTHING };
    let smaller = [&SCALE_OF_SERVER[..], &FIRST_WINDOW].concat();
    let larger = [&smaller[..], &["server: rcv_space", "server: rcv_ssthresh"]].concat();
    host.compare(
        &[
            (listens(both(65_536)), &SCALE_OF_SERVER),
            (listens(receive(100_000)), &SCALE_OF_SERVER),
            (listens(receive(4096)), &smaller),
            (listens(both(8 << 20)), &larger),
        ],
        || host.programs(true),
    );
}

/// The window scale of a SYN follows from the largest buffer that the host allows, which is one
/// number for all. It is a unit, not a size: buffers and windows stay.
#[test]
fn beside_a_daemon_that_raised_the_limits_the_window_scale_grows_and_nothing_else() {
    let host = Host::new();
    let both_scales = [SCALE_OF_CLIENT, SCALE_OF_SERVER].concat();
    let differ = |application: &Application| {
        let autotuned = application.client.late || application.client.receive.is_none();
        (*application, if autotuned { &both_scales[..] } else { &SCALE_OF_SERVER })
    };
    let cases: Vec<_> = APPLICATIONS.iter().map(differ).collect();
    host.compare(&cases, || host.daemon(true));
    host.compare(&cases, || host.daemon(false));
}

/// Whoever asks for more than the host allowed is cut as ever, before the connection or on it.
#[test]
fn raised_limits_are_for_the_paths_alone() {
    let host = Host::new();
    let asked = 8 << 20;
    let size = |buffers: Buffers| {
        let application = Application { client: buffers, server: NOTHING };
        let pair = Pair::open(&application, ADDRESSES[0]);
        State::memory("client", &pair.client)
    };
    let sizes = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        both(asked).ask(&socket);
        (size(both(asked)), size(late(asked)), State::of_buffers(&socket))
    };
    let before = sizes();
    for overrides in [true, false] {
        let _daemon = host.daemon(overrides);
        assert_eq!(sizes(), before);
    }
}

#[test]
fn a_flow_that_runs_when_the_programs_come_stays_as_it_is() {
    let host = Host::new();
    let applications = APPLICATIONS.into_iter().chain([FIXED_LISTENER]);
    let running: Vec<_> = applications.map(|application| Pair::open(&application, ADDRESSES[0])).collect();
    let observe = || running.iter().map(Pair::observe).collect::<Vec<_>>();
    let before = observe();
    let programs = host.programs(true);
    assert_eq!(observe(), before);
    drop(programs);
    assert_eq!(observe(), before);
}

#[test]
fn sockets_that_are_no_tcp_are_not_looked_at() {
    let host = Host::new();
    let sizes = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        both(50_000).ask(&socket);
        State::of_buffers(&socket)
    };
    let before = sizes();
    let _programs = host.programs(true);
    assert_eq!(sizes(), before);
}

/// What an application asks for.
#[derive(Clone, Copy, Debug)]
struct Buffers {
    send: Option<usize>,
    receive: Option<usize>,
    /// When the connection stands, instead of before.
    late: bool,
}

/// A client and a server.
#[derive(Clone, Copy, Debug)]
struct Application {
    client: Buffers,
    server: Buffers,
}

const NOTHING: Buffers = Buffers { send: None, receive: None, late: false };

const fn both(bytes: usize) -> Buffers {
    Buffers { send: Some(bytes), receive: Some(bytes), late: false }
}

/// Nothing may differ.
fn as_ever<'a>(application: Application) -> (Application, &'a [&'a str]) {
    (application, &[])
}

const fn late(bytes: usize) -> Buffers {
    Buffers { late: true, ..both(bytes) }
}

impl Buffers {
    fn ask(&self, socket: &impl AsFd) {
        self.send.inspect(|bytes| set_socket_send_buffer_size(socket, *bytes).unwrap());
        self.receive.inspect(|bytes| set_socket_recv_buffer_size(socket, *bytes).unwrap());
    }

    fn ask_early(&self, socket: &impl AsFd) {
        if !self.late {
            self.ask(socket);
        }
    }

    fn ask_late(&self, socket: &impl AsFd) {
        if self.late {
            self.ask(socket);
        }
    }
}

/// A connection, and what its application was told of its buffers before it stood.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    told: State,
}

impl Pair {
    /// A server and its client from `socket` to the end of `accept`, as the application does it.
    fn open(application: &Application, address: &str) -> Self {
        let any: SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), 0).into();
        // One socket for both families accepts the mapped address, as most servers do.
        let bind = if any.is_ipv6() { "[::]:0".parse().unwrap() } else { any };
        let listener = TcpListener::bind(bind).unwrap();
        application.server.ask_early(&listener);
        let family = if any.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let client =
            socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP)).unwrap();
        application.client.ask_early(&client);
        let told = State::told("client before", &client).and(State::told("listener", &listener));
        connect(&client, &SocketAddr::new(any.ip(), listener.local_addr().unwrap().port())).unwrap();
        let client = TcpStream::from(client);
        let server = listener.accept().unwrap().0;
        application.client.ask_late(&client);
        application.server.ask_late(&server);
        Self { client, server, told }
    }

    fn observe(&self) -> State {
        State::of("client", &self.client).and(State::of("server", &self.server)).and(self.told.clone())
    }
}

/// A host with Linux's own settings.
struct Host {
    sandbox: Sandbox,
    _limits: Limits,
    initial: Initial,
}

impl Host {
    fn new() -> Self {
        let initial = Initial::open();
        let sandbox = Sandbox::new();
        initial.enter(wait_for_other_daemons);
        let limits = Limits::set(initial.clone(), DEFAULT_LIMIT);
        sandbox.sysctl("net.ipv4.tcp_rmem", "4096 131072 6291456");
        sandbox.sysctl("net.ipv4.tcp_wmem", "4096 16384 4194304");
        sandbox.sysctl("net.ipv4.tcp_no_metrics_save", "1");
        Self { sandbox, _limits: limits, initial }
    }

    /// Opens the connections of each application before, during and after `daemon`, and asserts
    /// that they differ in the members alone that stand beside the application.
    fn compare<D>(&self, applications: &[(Application, &[&str])], daemon: impl Fn() -> D) {
        let observe = || {
            let pairs = applications
                .iter()
                .flat_map(|(application, _)| ADDRESSES.map(|address| (application, address)));
            pairs.map(|(application, address)| Pair::open(application, address).observe()).collect::<Vec<_>>()
        };
        let before = observe();
        let running = daemon();
        let during = observe();
        drop(running);
        let after = observe();
        let cases = applications.iter().flat_map(|case| ADDRESSES.map(|address| (case, address)));
        for (at, ((application, differ), address)) in cases.enumerate() {
            let found = differences(&before[at], &during[at]);
            // What a kernel does not show cannot differ.
            let expected: BTreeSet<_> =
                differ.iter().copied().filter(|name| before[at].shows(name)).collect();
            assert!(
                found.names() == expected,
                "{application:?} at {address}, expected {expected:?}: {found}"
            );
            let found = differences(&before[at], &after[at]);
            assert!(found.names().is_empty(), "afterwards {application:?} at {address}: {found}");
        }
    }

    /// The programs alone, with a policy for other destinations.
    fn programs(&self, override_application: bool) -> Tuner {
        let parameters = Parameters {
            override_application,
            send_buffer: Some(Bytes::new(16 << 20)),
            receive_buffer: Some(Bytes::new(16 << 20)),
            control: Some("wad".to_owned()),
            ..Parameters::default()
        };
        Tuner::load(&policy("192.0.2.0/24", parameters), &self.sandbox.cgroup).unwrap()
    }

    /// The programs as a daemon loads them: with the host's limits raised for a path.
    fn daemon(&self, overrides: bool) -> Daemon {
        let config = Config::parse(&format!(
            "[[path]]\nname = \"far\"\ndestination = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
             buffers = {{ size = \"16 MiB\", override_application = {overrides} }}\n"
        ))
        .unwrap();
        let (limits, planner, before) = self.initial.enter(|| {
            let directory = std::env::temp_dir().join(format!("wad-untouched-{}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            let mut host = HostState::recover(Sysctls::default(), &directory, BTreeMap::new()).unwrap();
            host.raise_limits(required_limits(&config)).unwrap();
            let planner = Planner::new(&config, host.limits().unwrap(), &Estimates::default());
            let before = host.limits_before().unwrap();
            (host, planner, before)
        });
        let table = RuleTable::compile(&config).unwrap();
        let policy = kernel_policy(&config, &table, &planner, before.0, before.1);
        let tuner = Tuner::load(&policy, &self.sandbox.cgroup).unwrap();
        Daemon { _tuner: tuner, limits: Some(limits), initial: self.initial.clone() }
    }
}

/// The programs, and limits that are put back with them.
struct Daemon {
    _tuner: Tuner,
    limits: Option<HostState>,
    initial: Initial,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let limits = self.limits.take();
        self.initial.enter(|| drop(limits));
        let directory = std::env::temp_dir().join(format!("wad-untouched-{}", std::process::id()));
        fs::remove_dir_all(directory).unwrap();
    }
}

/// The network namespace that this process started in: only there are the host's limits.
#[derive(Clone)]
struct Initial(std::sync::Arc<OwnedFd>);

static INITIAL: std::sync::OnceLock<Initial> = std::sync::OnceLock::new();

impl Initial {
    /// Call it before the first sandbox.
    fn open() -> Self {
        let open = || Self(std::sync::Arc::new(File::open("/proc/thread-self/ns/net").unwrap().into()));
        INITIAL.get_or_init(open).clone()
    }

    /// Does something there, in a thread of its own.
    fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }
}

/// The limits that a daemon raised elsewhere would be taken for the host's own.
fn wait_for_other_daemons() {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Sysctls::default().read("net.ipv4.tcp_available_congestion_control").unwrap().contains("wad") {
        assert!(Instant::now() < deadline, "no daemon runs on this host");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The host's limits, put back to what they were.
struct Limits {
    initial: Initial,
    before: Vec<(&'static str, u64)>,
}

impl Limits {
    fn set(initial: Initial, value: u64) -> Self {
        let swap = |name| {
            let before = Sysctls::default().read_number(name).unwrap();
            Sysctls::default().write(name, &value.to_string()).unwrap();
            (name, before)
        };
        let before = initial.enter(|| ["net.core.rmem_max", "net.core.wmem_max"].map(swap).to_vec());
        Self { initial, before }
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        let put_back = || {
            self.before
                .iter()
                .try_for_each(|(name, value)| Sysctls::default().write(name, &value.to_string()))
        };
        self.initial.enter(put_back).unwrap();
    }
}
