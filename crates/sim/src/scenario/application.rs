//! What a flow has to send, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, serde_duration};

/// What a flow's application does from the flow's start to its stop.
///
/// ```toml
/// application = "bulk"
/// application = { file = { size = "100 MB" } }
/// application = { bursts = { every = "1 s", size = "1 MB" } }
/// application = { on_off = { on = "2 s", off = "3 s" } }
/// application = { request = { response = "1 MB", think = "100 ms" } }
/// application = { window = { bytes = "64 KiB" } }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Application {
    /// Data without end.
    #[default]
    Bulk,
    /// A file; the flow ends when all of it is acknowledged.
    File {
        /// Its size.
        size: Bytes,
    },
    /// A burst at the start and after each interval, as CESNET's `TCPFTP` wrote them to see the reaction
    /// to a change of the available bandwidth.
    Bursts {
        /// From the begin of one burst to the begin of the next.
        #[serde(with = "serde_duration")]
        every: Duration,
        /// What is written at once.
        size: Bytes,
    },
    /// Bulk data for a while, nothing for a while.
    OnOff {
        /// How long it sends.
        #[serde(with = "serde_duration")]
        on: Duration,
        /// How long it does not.
        #[serde(with = "serde_duration")]
        off: Duration,
    },
    /// A response is sent, the other side has it, thinks, and asks again: the next response begins one
    /// think time after the last byte of this one was acknowledged.
    Request {
        /// What is sent each time.
        response: Bytes,
        /// From the acknowledgement of one response to the begin of the next.
        #[serde(with = "serde_duration", default)]
        think: Duration,
    },
    /// Bulk data through a window of the application's own (as in ssh), whatever TCP's windows are.
    Window {
        /// What the application leaves unacknowledged at most.
        bytes: Bytes,
    },
}
