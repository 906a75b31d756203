//! `buffers`: the socket buffers of a path's flows.

use serde::Serialize;
use toml::de::DeValue;
use wad_model::Bytes;

use super::defaults;
use super::given::Given;
use super::table::{Found, Table, or_default};
use super::value::{FromToml, Problem};

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
}

impl BufferMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Fixed => "fixed",
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// How the sizes are meant.
    pub mode: Given<BufferMode>,
    /// The send buffer.
    pub send: Given<Bytes>,
    /// The receive buffer.
    pub receive: Given<Bytes>,
    /// Whether sizes that the application sets give way to these.
    pub override_application: Given<bool>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            mode: Given::default_value(defaults::BUFFER_MODE),
            send: Given::default_value(defaults::BUFFER),
            receive: Given::default_value(defaults::BUFFER),
            override_application: Given::default_value(defaults::OVERRIDE_APPLICATION),
        }
    }
}

impl Buffers {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let modes = [BufferMode::Ceiling, BufferMode::Fixed].map(|mode| (mode.name(), mode));
        let mode = or_default(table.choice("mode", &modes), defaults::BUFFER_MODE);
        let (send, receive) = Self::sizes(&mut table);
        let override_application =
            or_default(table.value("override_application"), defaults::OVERRIDE_APPLICATION);
        table.finish();
        Self { mode, send, receive, override_application }
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

fn size(value: &DeValue<'_>) -> Result<Bytes, Problem> {
    let size = Bytes::from_toml(value)?;
    if (MIN_BUFFER..=MAX_BUFFER).contains(&size) {
        return Ok(size);
    }
    let help = format!("write a size from {MIN_BUFFER} to {MAX_BUFFER}");
    Err(Problem::new(format!("a buffer of {size} is out of range"), help))
}
