//! Everything that can be set, in one table: its key, how the kernel takes it, how far it reaches,
//! how dangerous it is, and its limits.
//!
//! The reader of the configuration takes limits and danger marks from here, the explanation takes names
//! and scopes, and `docs/TUNABLES.md` is rendered from here, so that none of them can drift.
//!
//! The danger marks are those of the list that the authors of the first WAD made in November 2001: `d` is
//! dangerous to the network or to other applications, `D` is very dangerous. A value no more aggressive than
//! standard TCP carries no mark.

mod limits;
mod reference;
mod table;
mod wishes;

use std::fmt;

use serde::{Serialize, Serializer};

pub use limits::{Limits, Within};
pub use reference::reference;
pub use table::TUNABLES;
pub use wishes::{Answer, WISHES, Wish};

/// One thing that can be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tunable {
    /// What is set.
    pub knob: Knob,
    /// The key of `[[path]]`, with the table that it is in.
    pub key: &'static str,
    /// Its name, for people.
    pub name: &'static str,
    /// What it does, in one phrase.
    pub meaning: &'static str,
    /// How it is set.
    pub mechanism: Mechanism,
    /// How far a setting reaches.
    pub scope: Scope,
    /// How dangerous the authors' list says that it is.
    pub danger: Danger,
    /// Which values are no more aggressive than standard TCP, and carry no danger mark.
    pub standard: Standard,
    /// Which values it can have.
    pub limits: Limits,
    /// The values at which a flow of CUBIC beside kept at least a quarter of its fair share (the experiment `fairness`
    /// of `wad lab reproduce`); empty where nothing was measured, as for what cannot take from others.
    pub safe: &'static str,
}

impl Tunable {
    /// The last part of the key: its name within its table, and in a grant.
    #[must_use]
    pub fn short_key(&self) -> &'static str {
        self.key.rsplit('.').next().unwrap_or(self.key)
    }

    /// Whether a value may harm others, and so needs a grant. A switch that is on counts as 1.
    #[must_use]
    pub fn is_dangerous(&self, value: f64) -> bool {
        self.danger != Danger::None && !self.standard.holds(value)
    }
}

/// How a setting gets into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// A socket option, set by a BPF program on the flow's own socket.
    Option(&'static str),
    /// WAD's congestion control decides by it.
    Control,
    /// BPF programs of the cgroup, on the application's own calls.
    Calls(&'static str),
    /// A reply or a field of a `sock_ops` program.
    SockOps(&'static str),
    /// A sysctl of the network namespace, by its path below `/proc/sys`.
    Sysctl(&'static str),
    /// A metric of a route to the destination.
    Route(&'static str),
    /// Several of these, as the words say.
    Mixed(&'static str),
    /// Nothing of its own: it decides what other settings are.
    Policy,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => write!(f, "socket option `{name}`"),
            Self::Control => write!(f, "congestion control `wad`"),
            Self::Calls(what) => write!(f, "hooks on {what}"),
            Self::SockOps(what) => write!(f, "`sock_ops`: {what}"),
            Self::Sysctl(path) => write!(f, "sysctl `{path}`"),
            Self::Route(metric) => write!(f, "route metric `{metric}`"),
            Self::Mixed(what) => f.write_str(what),
            Self::Policy => write!(f, "decides what others are"),
        }
    }
}

/// How far a setting reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The flow alone.
    Flow,
    /// All flows to the destination.
    Destination,
    /// All flows of the network namespace.
    Namespace,
    /// All flows of the host.
    Host,
}

impl Scope {
    /// The scope in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Destination => "destination",
            Self::Namespace => "namespace",
            Self::Host => "host",
        }
    }

    /// Why a setting reaches further than the flow; `None` if it does not.
    #[must_use]
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Flow => None,
            Self::Destination => Some("for all flows to the destination: the kernel has no way for one flow"),
            Self::Namespace => Some("for the whole network namespace: the kernel has no way for one flow"),
            Self::Host => Some("for the whole host: the kernel has no way for one flow"),
        }
    }
}

/// How dangerous the authors' list of November 2001 says that a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Danger {
    /// No mark.
    None,
    /// `d`: dangerous to the network or to other applications.
    Dangerous,
    /// `D`: very dangerous to them.
    VeryDangerous,
}

impl Danger {
    /// The mark of the list.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Dangerous => "d",
            Self::VeryDangerous => "D",
        }
    }

    /// What the mark means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::None => "harmless",
            Self::Dangerous => "dangerous to the network or to other applications",
            Self::VeryDangerous => "very dangerous to the network or to other applications",
        }
    }
}

/// Which values are no more aggressive than standard TCP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standard {
    /// None: whoever sets it departs from standard TCP.
    Nothing,
    /// This value and smaller ones. A switch that is off is 0.
    Most(f64),
    /// This value and larger ones.
    Least(f64),
}

impl Standard {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Most(most) => value <= most,
            Self::Least(least) => value >= least,
        }
    }
}

macro_rules! knobs {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What can be set; [`Knob::tunable`] knows all about it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Knob {
            $($(#[$doc])* $name,)*
        }

        impl Knob {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

knobs! {
    /// How the sizes of buffers are meant.
    BufferMode,
    /// The send buffer.
    SendBuffer,
    /// The receive buffer.
    ReceiveBuffer,
    /// By how much a measured buffer is larger than the path holds.
    BufferHeadroom,
    /// Whether the sizes are the path's, divided among its flows.
    BufferDivide,
    /// The least share of a divided buffer.
    BufferFloor,
    /// Whether the application's own sizes give way.
    OverrideApplication,
    /// The congestion control.
    CongestionControl,
    /// How fast its window grows.
    AdditiveIncrease,
    /// How much of the window a loss takes.
    MultiplicativeDecrease,
    /// As if segments were so many times larger.
    VirtualMss,
    /// Constants that follow the window, as in HighSpeed TCP.
    HighSpeed,
    /// Constants of one flow that stands for several.
    EquivalentStreams,
    /// Whether losses that look random are answered more mildly.
    LossGuess,
    /// The lowest slow-start threshold.
    MinSsthresh,
    /// The largest congestion window.
    MaxWindow,
    /// The congestion window after the flow was idle.
    RestartWindow,
    /// The longest burst.
    BurstLimit,
    /// The congestion window before the first data segment.
    InitialWindow,
    /// The first slow-start threshold.
    InitialSsthresh,
    /// From which window on slow start is limited.
    MaxSsthresh,
    /// By how much slow start grows the window for each acknowledged segment.
    SlowStartIncrement,
    /// Whether slow start ends before the queue overflows.
    DelayBrake,
    /// The pace at which segments leave.
    Pacing,
    /// What is known of the path.
    Estimate,
    /// The first receive window.
    InitialReceiveWindow,
    /// The largest receive window.
    WindowClamp,
    /// How long acknowledgements may wait.
    DelayedAck,
    /// Whether each segment is acknowledged at once.
    QuickAck,
    /// How far segments may be out of order before that counts as a loss.
    Reordering,
    /// How much unsent data an application may queue.
    NotsentLowat,
    /// Whether small segments wait for acknowledgements.
    Nagle,
    /// How long data may stay unacknowledged before the flow is given up.
    UserTimeout,
    /// The shortest retransmission time-out.
    MinRto,
    /// The longest retransmission time-out.
    MaxRto,
    /// Explicit congestion notification.
    Ecn,
    /// Whether the path's MTU is probed for when ICMP is lost.
    MtuProbing,
    /// The largest segment.
    SegmentSize,
    /// The traffic class of the packets.
    TrafficClass,
    /// What the kernel remembers of destinations.
    MetricsCache,
    /// A ready set of settings.
    Profile,
}

impl Knob {
    /// All that is known about it.
    #[must_use]
    pub fn tunable(self) -> &'static Tunable {
        &TUNABLES[self as usize]
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tunable().name)
    }
}

impl Serialize for Danger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.mark())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_knob_in_its_place() {
        assert_eq!(TUNABLES.map(|tunable| tunable.knob), Knob::ALL);
    }

    #[test]
    fn a_dangerous_setting_is_named_by_one_short_key() {
        let dangerous = TUNABLES.iter().filter(|tunable| tunable.danger != Danger::None);
        for tunable in dangerous {
            let named = TUNABLES
                .iter()
                .filter(|other| other.short_key() == tunable.short_key() && other.danger != Danger::None);
            assert_eq!(named.count(), 1, "{}", tunable.key);
        }
    }

    #[test]
    fn values_as_in_standard_tcp_are_harmless() {
        let dangerous = |knob: Knob, value| knob.tunable().is_dangerous(value);
        assert!(!dangerous(Knob::AdditiveIncrease, 1.0) && dangerous(Knob::AdditiveIncrease, 1.1));
        assert!(
            !dangerous(Knob::MultiplicativeDecrease, 0.5) && dangerous(Knob::MultiplicativeDecrease, 0.4)
        );
        assert!(!dangerous(Knob::InitialWindow, 10.0) && dangerous(Knob::InitialWindow, 11.0));
        assert!(!dangerous(Knob::LossGuess, 0.0) && dangerous(Knob::LossGuess, 1.0));
        assert!(dangerous(Knob::MaxWindow, 1.0));
        assert!(!dangerous(Knob::DelayBrake, 1.0));
    }
}
