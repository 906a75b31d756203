//! The sizes of a flow's buffers: what is wanted, a share of it, and what the host lets through.

use wad_model::Bytes;

use super::setting::Setting;
use super::value::Value;
use crate::circumstances::{Circumstances, KnownEstimate};
use crate::config::{BufferMode, Buffers, Given, PathPolicy, defaults};
use crate::division::Division;
use crate::limits::KERNEL_MAX_BUFFER;
use crate::tunables::Knob;

/// A size, and why it is what it is.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) size: Bytes,
    reason: String,
}

/// The sizes of a flow's buffers.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) send: Size,
    pub(super) receive: Size,
    /// Whether buffers have these sizes from the start; otherwise they are ceilings.
    pub(super) fixed: bool,
}

impl Sizes {
    pub(super) fn of(path: &PathPolicy, estimate: Option<KnownEstimate>, now: &Circumstances) -> Self {
        let buffers = &path.buffers;
        let size = |given: Given<Bytes>, limit, name| {
            wanted(buffers, given, estimate).divided(buffers, now.flows).limited(limit, name)
        };
        let measured = buffers.mode.value == BufferMode::Measured && estimate.is_some();
        Self {
            send: size(buffers.send, now.limits.wmem_max, "net.core.wmem_max"),
            receive: size(buffers.receive, now.limits.rmem_max, "net.core.rmem_max"),
            fixed: buffers.mode.value == BufferMode::Fixed || measured,
        }
    }

    pub(super) fn into_settings(self, path: &PathPolicy) -> Vec<Setting> {
        let size = |knob, of: Size| {
            let setting = Setting { knob, value: Value::Size(of.size), reason: of.reason };
            (of.size > Bytes::ZERO).then_some(setting)
        };
        let buffers = &path.buffers;
        [
            Some(Setting::given(Knob::BufferMode, &buffers.mode, Value::Mode)),
            size(Knob::SendBuffer, self.send),
            size(Knob::ReceiveBuffer, self.receive),
            Some(Setting::given(Knob::OverrideApplication, &buffers.override_application, Value::Switch)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The largest size that a path may want of its estimate, and needs the host's limits to be.
pub(crate) fn measured(buffers: &Buffers, known: KnownEstimate) -> Bytes {
    let product = known.estimate.bandwidth_delay_product();
    scaled(product, buffers.headroom.value).max(defaults::BUFFER_FLOOR)
}

fn wanted(buffers: &Buffers, given: Given<Bytes>, estimate: Option<KnownEstimate>) -> Size {
    if buffers.mode.value != BufferMode::Measured || given.value == Bytes::ZERO {
        return Size { size: given.value, reason: given.origin() };
    }
    let origin = buffers.mode.origin();
    let Some(known) = estimate else {
        let reason = format!("no estimate of the path yet, which {origin} wants; {}", given.origin());
        return Size { size: given.value, reason };
    };
    let KnownEstimate { estimate, source } = known;
    let reason = format!("{origin}: {estimate} ({source}) x {}", buffers.headroom.value);
    Size { size: measured(buffers, known), reason }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "neither is negative, a size above 2^53 is cut to the kernel's largest anyway, and the cast saturates"
)]
fn scaled(size: Bytes, factor: f64) -> Bytes {
    Bytes::new((size.get() as f64 * factor).round() as u64)
}

impl Size {
    fn divided(self, buffers: &Buffers, flows: u32) -> Self {
        if !buffers.divide.value {
            return self;
        }
        let Self { size: total, reason } = self;
        let division = Division { total, floor: buffers.floor.value };
        let among = match flows {
            0 | 1 => "all of it for one flow".to_owned(),
            n if division.is_at_floor(n) => {
                format!("the floor ({}), as {n} flows share {total}", buffers.floor.origin())
            }
            n => format!("one of {n} flows that share {total}"),
        };
        Self { size: division.share(flows), reason: format!("{reason}; {among}") }
    }

    /// The size that takes effect: the kernel cuts what is above its limit without a word.
    fn limited(self, limit: Option<Bytes>, name: &str) -> Self {
        let Self { size, reason } = self;
        let host = limit.filter(|limit| *limit < size.min(KERNEL_MAX_BUFFER));
        match host {
            Some(limit) => Self {
                size: limit,
                reason: format!("{reason} wants {size}, but the host's {name} is {limit}"),
            },
            None if size > KERNEL_MAX_BUFFER => Self {
                size: KERNEL_MAX_BUFFER,
                reason: format!("{reason}; the kernel takes {} bytes at most", KERNEL_MAX_BUFFER.get()),
            },
            None => Self { size, reason },
        }
    }
}
