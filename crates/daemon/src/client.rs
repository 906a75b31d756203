//! Asks a running daemon, over its Unix socket.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use wad_tune::{Endpoint, Ends};

use crate::api::{FlowsView, StatusView};
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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(|source| DaemonError::System { what: "start a client", source })?;
        runtime.block_on(self.get(path))
    }

    async fn get(&self, path: &str) -> Result<Bytes, DaemonError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| DaemonError::NoDaemon { path: self.socket.clone(), source })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| not_understood(&error))?;
        let exchange = async {
            let request = Request::get(path)
                .header("host", "wad")
                .body(Empty::<Bytes>::new())
                .map_err(|error| not_understood(&error))?;
            let response = sender.send_request(request).await.map_err(|error| not_understood(&error))?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| not_understood(&error))?;
            let body = body.to_bytes();
            if status.is_success() {
                Ok(body)
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
