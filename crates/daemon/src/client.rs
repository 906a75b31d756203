//! Asks a running daemon, over its Unix socket.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use wad_tune::{Endpoint, Ends};

use crate::api::{FlowsView, HistoryView, ReloadView, StatusView, StopView};
use crate::ledger::Change;
use crate::{DaemonError, RuntimeDir};

/// A client of the daemon whose runtime directory it knows.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon with this runtime directory.
    #[must_use]
    pub fn new(runtime_dir: &Path) -> Self {
        Self { socket: RuntimeDir::socket_of(runtime_dir) }
    }

    /// The designated flows that are open.
    ///
    /// # Errors
    /// If no daemon answers, or not as expected.
    pub fn flows(&self) -> Result<FlowsView, DaemonError> {
        parse(&self.call("/v1/flows")?)
    }

    /// The daemon itself.
    ///
    /// # Errors
    /// If no daemon answers, or not as expected.
    pub fn status(&self) -> Result<StatusView, DaemonError> {
        parse(&self.call("/v1/status")?)
    }

    /// What happened to the host's settings.
    ///
    /// # Errors
    /// If no daemon answers, or not as expected.
    pub fn history(&self) -> Result<HistoryView, DaemonError> {
        parse(&self.call("/v1/history")?)
    }

    /// Puts a change of the host's settings back.
    ///
    /// # Errors
    /// If no daemon answers, or it cannot.
    pub fn undo(&self, id: u64) -> Result<Change, DaemonError> {
        parse(&self.post(&format!("/v1/undo/{id}"))?)
    }

    /// Lets the daemon read its configuration anew.
    ///
    /// # Errors
    /// If no daemon answers, or it refuses the configuration.
    pub fn reload(&self) -> Result<ReloadView, DaemonError> {
        parse(&self.post("/v1/reload")?)
    }

    /// Ends the daemon; with `restore`, running flows are put back as they were.
    ///
    /// # Errors
    /// If no daemon answers, or it cannot.
    pub fn stop(&self, restore: bool) -> Result<StopView, DaemonError> {
        parse(&self.post(&format!("/v1/stop?restore={restore}"))?)
    }

    /// Which path a flow would take, as JSON or as text.
    ///
    /// # Errors
    /// If no daemon answers, or not as expected.
    pub fn explain(&self, ends: &Ends, json: bool) -> Result<String, DaemonError> {
        let quote = |end: &Endpoint| end.to_string().replace('[', "%5B").replace(']', "%5D");
        let format = if json { "json" } else { "text" };
        let body = self.call(&format!(
            "/v1/explain?source={}&destination={}&format={format}",
            quote(&ends.source),
            quote(&ends.destination)
        ))?;
        String::from_utf8(body.into()).map_err(|error| not_understood(&error))
    }

    fn call(&self, path: &str) -> Result<Bytes, DaemonError> {
        self.request(Method::GET, path)
    }

    fn post(&self, path: &str) -> Result<Bytes, DaemonError> {
        self.request(Method::POST, path)
    }

    fn request(&self, method: Method, path: &str) -> Result<Bytes, DaemonError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(|source| DaemonError::System { what: "start a client", source })?;
        runtime.block_on(self.exchange(method, path))
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<Bytes, DaemonError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| DaemonError::NoDaemon { path: self.socket.clone(), source })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| not_understood(&error))?;
        let exchange = async {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("host", "wad")
                .body(Empty::<Bytes>::new())
                .map_err(|error| not_understood(&error))?;
            let response = sender.send_request(request).await.map_err(|error| not_understood(&error))?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| not_understood(&error))?;
            let body = body.to_bytes();
            if status.is_success() {
                Ok(body)
            } else if status == StatusCode::CONFLICT {
                Err(DaemonError::Declined(String::from_utf8_lossy(&body).trim_end().to_owned()))
            } else {
                Err(DaemonError::Answer(format!("{status}: {}", String::from_utf8_lossy(&body).trim_end())))
            }
        };
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            ended = connection => match ended {
                Ok(()) => exchange.await,
                Err(error) => Err(not_understood(&error)),
            },
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, DaemonError> {
    serde_json::from_slice(body).map_err(|error| not_understood(&error))
}

fn not_understood(error: &dyn std::fmt::Display) -> DaemonError {
    DaemonError::Answer(error.to_string())
}
