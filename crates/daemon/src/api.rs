//! The daemon's HTTP API: JSON over its Unix socket, and over TCP where the configuration says so.
//!
//! | call | answer |
//! |---|---|
//! | `GET /v1/flows` | [`FlowsView`]: the designated flows that are open |
//! | `GET /v1/status` | [`StatusView`]: the daemon itself |
//! | `GET /v1/history` | [`HistoryView`]: what happened to the host's settings |
//! | `POST /v1/undo/ID` | [`Change`]: the change that was put back |
//! | `POST /v1/reload` | [`ReloadView`]: what the configuration, read anew, has changed |
//! | `POST /v1/stop?restore=true` | [`StopView`]: the daemon ends, and puts running flows back if asked to |
//! | `GET /metrics` | numbers for Prometheus, if the configuration has `[metrics]`; also on an address of its own |
//! | `GET /v1/explain?source=ADDRESS[:PORT]&destination=ADDRESS[:PORT]` | which path a flow would take, as `wad explain --json`; with `&format=text` as `wad explain` prints it |

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{oneshot, watch};
use tracing::error;
use wad_events::Sink;
use wad_linux::Record;
use wad_model::{Direction, FlowKey};
use wad_tune::{Config, Ends, HostLimits, RuleTable, explain};

use crate::DaemonError;
use crate::ledger::{Change, HistoryLine};
use crate::metrics::Page;
use crate::report::mean_rate;

/// How long the end waits for answers to go out.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

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
    /// It ran before it was tuned; its direction is then a guess from its ports.
    pub adopted: bool,
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
            adopted: record.adopted,
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
    /// Their names, in their order.
    pub path_names: Vec<String>,
    /// Designated flows that are open.
    pub open_flows: usize,
    /// Designated flows that have opened since it started.
    pub opened_flows: u64,
    /// Designated flows that have closed since.
    pub closed_flows: u64,
    /// Records that the kernel could not deliver; the flow table was resynchronised after each.
    pub lost_records: u64,
    /// Where events go.
    #[serde(default)]
    pub sinks: Vec<SinkView>,
}

/// Where events go, and how that is going.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it, units included")]
pub struct SinkView {
    pub name: String,
    pub form: String,
    pub target: String,
    /// The consumer is there.
    pub connected: bool,
    /// Events that the kernel has taken for it.
    pub delivered: u64,
    /// Events that it will never get.
    pub missed: u64,
    /// Events that wait for it.
    pub queued: u64,
    pub queued_bytes: u64,
    /// Why the consumer is not there.
    pub error: Option<String>,
}

impl SinkView {
    pub(crate) fn new(sink: &Sink) -> Self {
        let (options, status) = (sink.options(), sink.status());
        Self {
            name: options.name.clone(),
            form: options.form.to_string(),
            target: options.target.to_string(),
            connected: status.connected,
            delivered: status.delivered,
            missed: status.missed,
            queued: status.queued as u64,
            queued_bytes: status.queued_bytes as u64,
            error: status.error,
        }
    }
}

/// What happened to the host's settings, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryView {
    /// All that is known since the host started.
    pub history: Vec<HistoryLine>,
    /// What is in force now.
    pub in_force: Vec<Change>,
}

/// What reading the configuration anew has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// Path entries now.
    pub paths: usize,
    /// Running flows that were given other settings.
    pub retuned_flows: usize,
    /// Running flows of no path before, which have one now.
    pub adopted_flows: usize,
    /// Running flows that no path has any more; they were put back.
    pub restored_flows: usize,
}

/// How the daemon ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopView {
    /// Running flows that were put back.
    pub restored_flows: usize,
    /// Running flows that keep what they have.
    pub kept_flows: usize,
}

/// An answer of the daemon's loop, or why there is none.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, String>>;

/// What the API asks of the daemon's loop, which alone reads the kernel.
#[derive(Debug)]
pub(crate) enum Request {
    Flows(Answer<FlowsView>),
    Status(Answer<StatusView>),
    History(Answer<HistoryView>),
    Undo(u64, Answer<Change>),
    Reload(Answer<ReloadView>),
    Stop { restore: bool, answer: Answer<StopView> },
}

/// What the API answers by itself, as long as the configuration stays.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) config: Config,
    pub(crate) table: RuleTable,
    pub(crate) limits: HostLimits,
}

#[derive(Clone, Debug)]
struct Shared {
    requests: Sender<Request>,
    knowledge: Current,
    page: Arc<Page>,
}

/// The knowledge that holds now; a reload replaces it.
pub(crate) type Current = Arc<RwLock<Arc<Knowledge>>>;

/// The API's sockets, open before anything in the kernel is changed.
#[derive(Debug)]
pub(crate) struct Listeners {
    unix: StdUnixListener,
    tcp: Option<StdTcpListener>,
    /// For metrics alone.
    metrics: Option<StdTcpListener>,
}

/// The addresses of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) api: Option<SocketAddr>,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Addresses {
    pub(crate) fn of(config: &Config) -> Self {
        Self { api: config.api.listen, metrics: config.metrics.and_then(|metrics| metrics.listen) }
    }
}

/// Descriptors of the API's sockets.
#[derive(Debug)]
pub(crate) struct ApiSockets {
    pub(crate) unix: OwnedFd,
    pub(crate) tcp: Option<OwnedFd>,
    pub(crate) metrics: Option<OwnedFd>,
}

impl Listeners {
    /// Opens the Unix socket, which only root may use, and the TCP addresses if there are any.
    pub(crate) fn open(socket: &Path, addresses: Addresses) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::RuntimeDir { path: socket.to_owned(), source };
        match fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let unix = StdUnixListener::bind(socket).map_err(failed)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        unix.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            unix,
            tcp: open_tcp(addresses.api, "api")?,
            metrics: open_tcp(addresses.metrics, "metrics")?,
        })
    }

    /// Those of a predecessor; an address is opened where it had another or none.
    pub(crate) fn inherit(sockets: ApiSockets, addresses: Addresses) -> Result<Self, DaemonError> {
        let keep = |inherited: Option<OwnedFd>, address, section| {
            let inherited = inherited.map(StdTcpListener::from);
            let is_same = |listener: &StdTcpListener| listener.local_addr().ok() == address;
            match inherited.filter(is_same) {
                Some(listener) => Ok(Some(listener)),
                None => open_tcp(address, section),
            }
        };
        Ok(Self {
            unix: sockets.unix.into(),
            tcp: keep(sockets.tcp, addresses.api, "api")?,
            metrics: keep(sockets.metrics, addresses.metrics, "metrics")?,
        })
    }

    /// Descriptors for a successor.
    pub(crate) fn duplicate(&self) -> io::Result<ApiSockets> {
        let clone = |listener: &Option<StdTcpListener>| -> io::Result<Option<OwnedFd>> {
            Ok(listener.as_ref().map(StdTcpListener::try_clone).transpose()?.map(OwnedFd::from))
        };
        Ok(ApiSockets {
            unix: self.unix.try_clone()?.into(),
            tcp: clone(&self.tcp)?,
            metrics: clone(&self.metrics)?,
        })
    }

    /// Serves from a thread of its own, until what this gives is dropped.
    pub(crate) fn serve(
        self,
        requests: Sender<Request>,
        knowledge: Current,
        page: Arc<Page>,
    ) -> Result<Server, DaemonError> {
        let failed = |source| DaemonError::System { what: "start the thread of the API", source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let shared = Shared { requests, knowledge, page };
        let (open, opened) = watch::channel(());
        let (ends, ended) = mpsc::channel();
        let serve = move || {
            if let Err(error) = runtime.block_on(self.run(shared, opened)) {
                error!(%error, "the API stopped");
            }
            drop(ends);
        };
        thread::Builder::new().name("api".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Server { open: Some(open), ended })
    }

    async fn run(self, shared: Shared, opened: watch::Receiver<()>) -> io::Result<()> {
        let router = router(shared.clone());
        let unix = axum::serve(UnixListener::from_std(self.unix)?, router.clone())
            .with_graceful_shutdown(closed(opened.clone()));
        let tcp = serve_tcp(self.tcp, router, opened.clone());
        let metrics = serve_tcp(self.metrics, metrics_router(shared), opened);
        tokio::try_join!(unix.into_future(), tcp, metrics).map(|_| ())
    }
}

async fn serve_tcp(
    listener: Option<StdTcpListener>,
    router: Router,
    opened: watch::Receiver<()>,
) -> io::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    axum::serve(TcpListener::from_std(listener)?, router).with_graceful_shutdown(closed(opened)).await
}

/// Nothing is ever sent: the other side goes.
async fn closed(mut opened: watch::Receiver<()>) {
    while opened.changed().await.is_ok() {}
}

/// The API's thread. Dropping it takes no more requests and lets the answers go out.
#[derive(Debug)]
pub(crate) struct Server {
    open: Option<watch::Sender<()>>,
    ended: Receiver<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.open = None;
        // Nobody needs to read the answer to his request: then the end does not wait for him.
        let _ = self.ended.recv_timeout(LAST_ANSWERS);
    }
}

fn open_tcp(
    address: Option<SocketAddr>,
    section: &'static str,
) -> Result<Option<StdTcpListener>, DaemonError> {
    let Some(address) = address else { return Ok(None) };
    StdTcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| Some(listener)))
        .map_err(|source| DaemonError::Listen { address, section, source })
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/flows", get(flows))
        .route("/v1/status", get(status))
        .route("/v1/history", get(history))
        .route("/v1/undo/{id}", post(undo))
        .route("/v1/reload", post(reload))
        .route("/v1/stop", post(stop))
        .route("/v1/explain", get(explanation))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

/// What is served on the address for metrics: nothing else.
fn metrics_router(shared: Shared) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(shared)
}

/// In OpenMetrics if that is asked for, in Prometheus' older form otherwise.
async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let open_metrics = accepted.contains("application/openmetrics-text");
    let content = if open_metrics {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    match shared.page.render(open_metrics) {
        Some(page) => ([(CONTENT_TYPE, content)], page).into_response(),
        None => (StatusCode::NOT_FOUND, "the configuration has no [metrics]\n").into_response(),
    }
}

async fn flows(State(shared): State<Shared>) -> Response {
    ask(&shared, Request::Flows).await
}

async fn status(State(shared): State<Shared>) -> Response {
    ask(&shared, Request::Status).await
}

async fn history(State(shared): State<Shared>) -> Response {
    ask(&shared, Request::History).await
}

async fn undo(State(shared): State<Shared>, UrlPath(id): UrlPath<u64>) -> Response {
    ask(&shared, |answer| Request::Undo(id, answer)).await
}

async fn reload(State(shared): State<Shared>) -> Response {
    ask(&shared, Request::Reload).await
}

#[derive(Debug, Deserialize)]
struct StopQuery {
    #[serde(default)]
    restore: bool,
}

async fn stop(State(shared): State<Shared>, Query(query): Query<StopQuery>) -> Response {
    ask(&shared, |answer| Request::Stop { restore: query.restore, answer }).await
}

async fn ask<T: Serialize>(shared: &Shared, request: impl FnOnce(Answer<T>) -> Request) -> Response {
    let (sender, answer) = oneshot::channel();
    // If the loop has ended or could not answer, the sender is dropped and the answer fails.
    let _ = shared.requests.send(request(sender));
    match answer.await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(why)) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
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
    let knowledge = Arc::clone(&shared.knowledge.read().unwrap_or_else(PoisonError::into_inner));
    let Knowledge { config, table, limits } = &*knowledge;
    let explanation = explain(config, table, limits, Ends { source, destination });
    match query.format {
        Format::Json => Json(explanation).into_response(),
        Format::Text => format!("{explanation}\n").into_response(),
    }
}
