//! `buffers`: the socket buffers of a path's flows.

use serde::Serialize;
use toml::de::DeValue;
use wad_model::Bytes;

use super::defaults;
use super::given::Given;
use super::table::{Found, Table, idle, or_default};
use super::value::{FromToml, Problem};
use crate::tunables::{Knob, Within as _};

/// The largest buffer that a path can ask for.
pub const MAX_BUFFER: Bytes = Bytes::new(1 << 30);
/// The smallest buffer that a path can ask for: below, the kernel takes its own minimum.
pub const MIN_BUFFER: Bytes = Bytes::new(4 << 10);

/// How a buffer's size is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BufferMode {
    /// The buffer grows with the flow's window up to the size.
    Ceiling,
    /// The buffer has the size from the start and keeps it.
    Fixed,
    /// The buffer has what the path's estimate says from the start; as [`Ceiling`](Self::Ceiling) while there
    /// is no estimate.
    Measured,
}

impl BufferMode {
    const ALL: [Self; 3] = [Self::Ceiling, Self::Fixed, Self::Measured];

    const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Fixed => "fixed",
            Self::Measured => "measured",
        }
    }
}

impl std::fmt::Display for BufferMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The socket buffers of a path's flows.
///
/// A size is what an application would hand to `SO_SNDBUF` or `SO_RCVBUF`: room for payload. The
/// kernel accounts for twice as much, and shows twice as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buffers {
    /// How the sizes are meant.
    pub mode: Given<BufferMode>,
    /// The send buffer; zero leaves it alone.
    pub send: Given<Bytes>,
    /// The receive buffer; zero leaves it alone.
    pub receive: Given<Bytes>,
    /// A measured buffer in bandwidth-delay products.
    pub headroom: Given<f64>,
    /// Whether the sizes are the path's, divided among its concurrent flows.
    pub divide: Given<bool>,
    /// The least share of a divided buffer.
    pub floor: Given<Bytes>,
    /// Whether sizes that the application sets give way to these.
    pub override_application: Given<bool>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            mode: Given::default_value(defaults::BUFFER_MODE),
            send: Given::default_value(defaults::BUFFER),
            receive: Given::default_value(defaults::BUFFER),
            headroom: Given::default_value(defaults::HEADROOM),
            divide: Given::default_value(false),
            floor: Given::default_value(defaults::BUFFER_FLOOR),
            override_application: Given::default_value(defaults::OVERRIDE_APPLICATION),
        }
    }
}

impl Buffers {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let modes = BufferMode::ALL.map(|mode| (mode.name(), mode));
        let mode = or_default(table.choice("mode", &modes), defaults::BUFFER_MODE);
        let (send, receive) = Self::sizes(&mut table);
        let headroom = table.setting(Knob::BufferHeadroom);
        let divide = or_default(table.setting(Knob::BufferDivide), false);
        let floor = table.setting(Knob::BufferFloor);
        if mode.value != BufferMode::Measured {
            idle(&mut table, "headroom", headroom.as_ref(), "mode = \"measured\"");
        }
        if !divide.value {
            idle(&mut table, "floor", floor.as_ref(), "divide = true");
        }
        let sizes = [send.value, receive.value].into_iter().filter(|size| *size > Bytes::ZERO);
        low_floor(&mut table, floor.as_ref(), sizes.min().unwrap_or(MAX_BUFFER));
        let override_application =
            or_default(table.setting(Knob::OverrideApplication), defaults::OVERRIDE_APPLICATION);
        table.finish();
        let headroom = or_default(headroom, defaults::HEADROOM);
        let floor = or_default(floor, defaults::BUFFER_FLOOR);
        Self { mode, send, receive, headroom, divide, floor, override_application }
    }

    /// `size` is short for both; beside it there is nothing left to say.
    fn sizes(table: &mut Table<'_, '_, '_>) -> (Given<Bytes>, Given<Bytes>) {
        let both = table.value_with("size", size);
        let mut one = |key| {
            let found = table.value_with(key, size);
            if let (Some(_), Some(Found { span, .. })) = (&both, &found) {
                let problem =
                    Problem::new("`size` gives both buffers", format!("leave out `size` or `{key}`"));
                table.refuse(key, span.clone(), problem);
            }
            or_default(found.or_else(|| both.clone()), defaults::BUFFER)
        };
        (one("send"), one("receive"))
    }
}

/// Refuses a floor above what there is to divide.
fn low_floor(table: &mut Table<'_, '_, '_>, floor: Option<&Found<Bytes>>, total: Bytes) {
    let Some(Found { value, span, .. }) = floor.filter(|floor| floor.value > total) else { return };
    let message = format!("a floor of {value} is more than the {total} that is divided");
    table.refuse("floor", span.clone(), Problem::new(message, format!("write at most {total}")));
}

fn size(value: &DeValue<'_>) -> Result<Bytes, Problem> {
    if value.as_str() == Some("unchanged") {
        return Ok(Bytes::ZERO);
    }
    let (size, limits) = (Bytes::from_toml(value)?, Knob::SendBuffer.tunable().limits);
    if size.is_within(&limits) {
        return Ok(size);
    }
    Err(Problem::new(format!("a buffer of {size} is out of range"), format!("write a size from {limits}")))
}
