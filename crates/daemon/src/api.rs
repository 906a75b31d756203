//! The daemon's HTTP API: JSON over its Unix socket, and over TCP where the configuration says so.
//!
//! | call | answer |
//! |---|---|
//! | `GET /v1/flows` | [`FlowsView`]: the designated flows that are open |
//! | `GET /v1/status` | [`StatusView`]: the daemon itself |
//! | `GET /v1/explain?source=ADDRESS[:PORT]&destination=ADDRESS[:PORT]` | which path a flow would take, as `wad explain --json`; with `&format=text` as `wad explain` prints it |

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tracing::error;
use wad_linux::Record;
use wad_model::{Direction, FlowKey};
use wad_tune::{Config, Ends, HostLimits, RuleTable, explain};

use crate::DaemonError;
use crate::report::mean_rate;

/// The designated flows that are open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowsView {
    /// In the order of their opening.
    pub flows: Vec<FlowView>,
}

/// A designated flow. Keys carry their unit; sizes of buffers are the kernel's, twice what
/// applications ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it, units included")]
pub struct FlowView {
    #[serde(flatten)]
    pub key: FlowKey,
    /// The path entry that it belongs to.
    pub path: String,
    pub direction: Direction,
    /// Inode number of its network namespace.
    pub namespace: u32,
    pub age_s: f64,
    pub control: String,
    pub congestion_window_segments: u32,
    /// `null` while it is infinite.
    pub slow_start_threshold_segments: Option<u32>,
    pub rtt_smoothed_s: Option<f64>,
    pub rtt_min_s: Option<f64>,
    pub rtt_mean_s: Option<f64>,
    pub send_buffer_bytes: u64,
    pub receive_buffer_bytes: u64,
    /// WAD, not the kernel's autotuning, sizes the send buffer.
    pub send_buffer_grown: bool,
    pub receive_buffer_grown: bool,
    pub acked_bytes: u64,
    pub received_bytes: u64,
    pub mean_rate_bps: u64,
    pub retransmits: u32,
    /// Counted under the control `wad` only.
    pub congestion_events: Option<u32>,
    /// Settings that the kernel refused.
    pub refused: Vec<String>,
}

impl FlowView {
    pub(crate) fn new(record: &Record, path: &str) -> Self {
        let counters = &record.counters;
        let seconds = |duration: Option<std::time::Duration>| duration.map(|rtt| rtt.as_secs_f64());
        Self {
            key: record.key,
            path: path.to_owned(),
            direction: record.direction,
            namespace: record.namespace,
            age_s: (record.time - record.opened).as_secs_f64(),
            control: record.now.control.clone(),
            congestion_window_segments: record.now.congestion_window.get(),
            slow_start_threshold_segments: counters.slow_start_threshold.map(|segments| segments.get()),
            rtt_smoothed_s: seconds(counters.rtt_smoothed),
            rtt_min_s: seconds(counters.rtt_min),
            rtt_mean_s: seconds(counters.rtt_mean),
            send_buffer_bytes: record.now.send_buffer.get(),
            receive_buffer_bytes: record.now.receive_buffer.get(),
            send_buffer_grown: record.send_grown,
            receive_buffer_grown: record.receive_grown,
            acked_bytes: counters.bytes_acked.get(),
            received_bytes: counters.bytes_received.get(),
            mean_rate_bps: mean_rate(record).as_bps(),
            retransmits: counters.retransmits,
            congestion_events: counters.congestion_events,
            refused: record.refused.iter().map(|knob| knob.name().to_owned()).collect(),
        }
    }
}

/// The daemon itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The version of WAD.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Path entries of its configuration.
    pub paths: usize,
    /// Designated flows that are open.
    pub open_flows: usize,
    /// Designated flows that have opened since it started.
    pub opened_flows: u64,
    /// Designated flows that have closed since.
    pub closed_flows: u64,
    /// Records that the kernel could not deliver; the flow table was resynchronised after each.
    pub lost_records: u64,
}

/// What the API asks of the daemon's loop, which alone reads the kernel.
#[derive(Debug)]
pub(crate) enum Request {
    Flows(oneshot::Sender<FlowsView>),
    Status(oneshot::Sender<StatusView>),
}

/// What the API answers by itself: the policy does not change while the daemon runs.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) config: Config,
    pub(crate) table: RuleTable,
    pub(crate) limits: HostLimits,
}

#[derive(Clone, Debug)]
struct Shared {
    requests: Sender<Request>,
    knowledge: Arc<Knowledge>,
}

/// The API's sockets, open before anything in the kernel is changed.
#[derive(Debug)]
pub(crate) struct Listeners {
    unix: StdUnixListener,
    tcp: Option<StdTcpListener>,
}

impl Listeners {
    /// Opens the Unix socket, which only root may use, and the TCP address if there is one.
    pub(crate) fn open(socket: &Path, address: Option<SocketAddr>) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::RuntimeDir { path: socket.to_owned(), source };
        match fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let unix = StdUnixListener::bind(socket).map_err(failed)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        unix.set_nonblocking(true).map_err(failed)?;
        let tcp = address.map(open_tcp).transpose()?;
        Ok(Self { unix, tcp })
    }

    /// Serves from a thread of its own, until the process ends.
    pub(crate) fn serve(
        self,
        requests: Sender<Request>,
        knowledge: Arc<Knowledge>,
    ) -> Result<(), DaemonError> {
        let failed = |source| DaemonError::System { what: "start the thread of the API", source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let router = router(Shared { requests, knowledge });
        let serve = move || {
            if let Err(error) = runtime.block_on(self.run(router)) {
                error!(%error, "the API stopped");
            }
        };
        thread::Builder::new().name("api".to_owned()).spawn(serve).map_err(failed)?;
        Ok(())
    }

    async fn run(self, router: Router) -> io::Result<()> {
        let unix = axum::serve(UnixListener::from_std(self.unix)?, router.clone());
        let Some(tcp) = self.tcp else { return unix.await };
        let tcp = axum::serve(TcpListener::from_std(tcp)?, router);
        tokio::try_join!(unix.into_future(), tcp.into_future()).map(|_| ())
    }
}

fn open_tcp(address: SocketAddr) -> Result<StdTcpListener, DaemonError> {
    StdTcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|source| DaemonError::Listen { address, source })
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/flows", get(flows))
        .route("/v1/status", get(status))
        .route("/v1/explain", get(explanation))
        .with_state(shared)
}

async fn flows(State(shared): State<Shared>) -> Response {
    ask(&shared, Request::Flows).await
}

async fn status(State(shared): State<Shared>) -> Response {
    ask(&shared, Request::Status).await
}

async fn ask<T: Serialize>(shared: &Shared, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Response {
    let (sender, answer) = oneshot::channel();
    // If the loop has ended or could not answer, the sender is dropped and the answer fails.
    let _ = shared.requests.send(request(sender));
    match answer.await {
        Ok(answer) => Json(answer).into_response(),
        Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the daemon cannot answer now: see its log\n").into_response()
        }
    }
}

#[derive(Debug, Deserialize)]
struct ExplainQuery {
    source: String,
    destination: String,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Text,
}

async fn explanation(State(shared): State<Shared>, Query(query): Query<ExplainQuery>) -> Response {
    let bad = |error: &dyn std::fmt::Display| (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
    let source = match query.source.parse() {
        Ok(source) => source,
        Err(error) => return bad(&error),
    };
    let destination = match query.destination.parse() {
        Ok(destination) => destination,
        Err(error) => return bad(&error),
    };
    let Knowledge { config, table, limits } = &*shared.knowledge;
    let explanation = explain(config, table, limits, Ends { source, destination });
    match query.format {
        Format::Json => Json(explanation).into_response(),
        Format::Text => format!("{explanation}\n").into_response(),
    }
}
