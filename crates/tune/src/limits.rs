//! The host's limits on socket buffers.

use serde::{Serialize, Serializer};
use wad_model::Bytes;

use crate::config::{BufferMode, Config, Estimates, PathPolicy};
use crate::decision::measured;

/// The largest size that `SO_SNDBUF` and `SO_RCVBUF` take: the kernel keeps twice as much in an `int`.
pub const KERNEL_MAX_BUFFER: Bytes = Bytes::new((1 << 30) - 1);

/// The sizes up to which the host lets `SO_SNDBUF` and `SO_RCVBUF` go, as they are now; `None` if not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostLimits {
    /// `net.core.wmem_max`.
    pub wmem_max: Option<Bytes>,
    /// `net.core.rmem_max`.
    pub rmem_max: Option<Bytes>,
}

/// What a configuration needs the host's limits to be at least; zero if it has no paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequiredLimits {
    /// `net.core.wmem_max`: the largest send buffer of a path.
    #[serde(rename = "wmem_max_bytes", serialize_with = "as_number")]
    pub wmem_max: Bytes,
    /// `net.core.rmem_max`: the largest receive buffer of a path.
    #[serde(rename = "rmem_max_bytes", serialize_with = "as_number")]
    pub rmem_max: Bytes,
}

/// What the paths of a configuration need of the host.
#[must_use]
pub fn required_limits(config: &Config) -> RequiredLimits {
    required_limits_with(config, &Estimates::default())
}

/// What the paths of a configuration need of the host, with what is known of them from elsewhere.
#[must_use]
pub fn required_limits_with(config: &Config, estimates: &Estimates) -> RequiredLimits {
    let largest = |given: fn(&PathPolicy) -> Bytes| {
        let sizes = config.paths.iter().map(|path| needed(path, given(path), estimates));
        sizes.max().unwrap_or_default().min(KERNEL_MAX_BUFFER)
    };
    RequiredLimits {
        wmem_max: largest(|path| path.buffers.send.value),
        rmem_max: largest(|path| path.buffers.receive.value),
    }
}

/// The larger of the size that is given and the one that what is known gives.
fn needed(path: &PathPolicy, given: Bytes, estimates: &Estimates) -> Bytes {
    if path.buffers.mode.value != BufferMode::Measured || given == Bytes::ZERO {
        return given;
    }
    let estimate = estimates.get(&path.name).or_else(|| path.own_estimate());
    estimate.map_or(given, |known| measured(&path.buffers, known).max(given))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
pub(crate) fn as_number<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(bytes.get())
}
