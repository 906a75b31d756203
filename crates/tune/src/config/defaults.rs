//! What holds for a path whose entry does not say otherwise.
//!
//! | key | default | why |
//! |---|---|---|
//! | `buffers.mode` | `"ceiling"` | the kernel's autotuning goes on, so that short flows stay small |
//! | `buffers.send`, `.receive` | 16 MiB | fills 1 Gbit/s at 130 ms |
//! | `buffers.headroom` | 2 | one bandwidth-delay product in flight, one to be sent again while a loss is repaired |
//! | `buffers.floor` | 64 KiB | what an untuned application had in 2002; below, flows stall on one segment burst |
//! | `buffers.override_application` | `false` | an application that asks for a size has a reason, until shown otherwise |
//! | `congestion` | the control stays as it is | a larger window helps under any control |
//! | `congestion.control` | `"wad"`, where the table gives more than `max_window` | the only control whose parameters can be set per flow |
//! | `congestion.additive_increase` | 1 | as Reno |
//! | `congestion.multiplicative_decrease` | 0.5 | as Reno |
//! | `slow_start.initial_window` | left to the kernel | |
//!
//! A list of sources or ports that is absent matches all of them.

use wad_model::Bytes;

use super::{AdditiveIncrease, BufferMode, MultiplicativeDecrease};

/// `buffers.mode`.
pub const BUFFER_MODE: BufferMode = BufferMode::Ceiling;
/// `buffers.send` and `buffers.receive`.
pub const BUFFER: Bytes = Bytes::new(16 << 20);
/// `buffers.headroom`.
pub const HEADROOM: f64 = 2.0;
/// `buffers.floor`, and the least that a measured buffer is.
pub const BUFFER_FLOOR: Bytes = Bytes::new(64 << 10);
/// `buffers.override_application`.
pub const OVERRIDE_APPLICATION: bool = false;
/// `congestion.additive_increase`.
pub const ADDITIVE_INCREASE: AdditiveIncrease = AdditiveIncrease::RENO;
/// `congestion.multiplicative_decrease`.
pub const MULTIPLICATIVE_DECREASE: MultiplicativeDecrease = MultiplicativeDecrease::RENO;
