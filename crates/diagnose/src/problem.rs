//! The catalogue of known problems.

use std::fmt;

/// Makes the problems and their table of one list.
macro_rules! problems {
    ($($name:ident $id:literal $number:expr, $place:ident, $title:literal, $signature:literal;)*) => {
        /// A known problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Problem {
            $(#[doc = $title] $name,)*
        }

        impl Problem {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in reports and tables.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// Its number in the catalogue of performance problems, if it has one there.
            #[must_use]
            pub const fn number(self) -> Option<u8> {
                match self { $(Self::$name => $number,)* }
            }

            /// Where it is.
            #[must_use]
            pub const fn place(self) -> Place {
                match self { $(Self::$name => Place::$place,)* }
            }

            /// What it is.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// How it is known.
            #[must_use]
            pub const fn signature(self) -> &'static str {
                match self { $(Self::$name => $signature,)* }
            }
        }
    };
}

problems! {
    ReceiveWindow "receive_window" Some(1), Receiver, "the receiver's window is small",
        "the receiver's window limits, does not shrink, and round trips stay short";
    SendBuffer "send_buffer" Some(2), Sender, "the send buffer is small: the host allows no more",
        "the send buffer is full while the window has room, at the third number of tcp_wmem";
    FixedSendBuffer "fixed_send_buffer" Some(3), Sender, "the application fixes a small send buffer",
        "the send buffer is full while the window has room; its size never changes, and the host would allow more";
    NoWindowScaling "no_window_scaling" Some(5), Receiver, "no window scaling: windows end at 64 KiB",
        "the receiver's window limits, is 65535 bytes at most, and the option was not agreed on";
    NoSack "no_sack" Some(6), Network, "no SACK: losses take long to repair",
        "segments are lost, and the option was not agreed on";
    CachedSsthresh "cached_ssthresh" Some(8), Sender, "the slow start threshold of an earlier connection is remembered",
        "a threshold from the begin on, without a loss, and slow growth after it";
    HystartExit "hystart_exit" Some(10), Sender, "slow start ended early, without a loss",
        "a threshold appears without a loss, at less than half of what the path carried later";
    SlowStartAfterIdle "slow_start_after_idle" Some(11), Sender, "after each pause the window begins small",
        "after pauses longer than the time-out the window is smaller than before, without a loss";
    MemoryPressure "memory_pressure" Some(12), Sender, "the host has too little memory for TCP",
        "the send buffer is full while the window has room; its size moves, far below what tcp_wmem allows; or the host's counters tell";
    ApplicationLimited "application_limited" Some(13), Application, "the application has nothing to send",
        "most of the time nothing waits to be sent though the window has room";
    ApplicationWindow "application_window" Some(13), Application, "the application has a small window of its own",
        "as application limited, and the far application answers about every round trip";
    NagleDelayedAck "nagle_delayed_ack" Some(14), Application, "small writes wait for delayed acknowledgements",
        "small segments; unsent data waits while hardly anything is under way";
    SlowReceiver "slow_receiver" Some(46), Receiver, "the receiving application reads slowly: processor or storage",
        "the receiver's window limits, and shrinks or acknowledgements are late";
    PacingCeiling "pacing_ceiling" None, Sender, "a ceiling on the sending rate",
        "the flow is paced at a ceiling that was set, or at a rate that does not move";
    WindowClamp "window_clamp" None, Sender, "the congestion window is held fast",
        "the window limits and does not move, without loss and without a queue";
    PmtuBlackHole "pmtu_black_hole" Some(31), Network, "full-sized packets vanish without a word",
        "small segments get through, full ones never: time-outs in a row from the begin";
    RandomLoss "random_loss" Some(33), Network, "packets are lost at random",
        "losses without a queue, of single segments, at windows that are not alike";
    Congestion "congestion" Some(34), Network, "other traffic fills the bottleneck",
        "losses with a queue, while the flow's own rate moves: behind a queue of its own it would be steady";
    DeepQueue "deep_queue" Some(35), Network, "the bottleneck's queue is far too deep",
        "a tenth of round trips take more than five times the least";
    ShallowQueue "shallow_queue" Some(36), Network, "the bottleneck's queue is too short for bursts",
        "losses without a queue, the first of a good part of the window, or all at like windows";
    Policer "policer" Some(37), Network, "a policer drops what exceeds a contract",
        "losses without a queue, the first of more than a window's worth, and a lower rate after it";
    Shaper "shaper" Some(38), Network, "a shaper delays what exceeds a contract",
        "the rate falls after a burst and is steady then, a queue builds up, and nothing is lost";
    Reordering "reordering" Some(39), Network, "packets overtake each other",
        "the sender saw segments arrive out of order, more than one in a thousand";
    Outage "outage" None, Network, "the path was interrupted",
        "nothing arrived for most of a second or longer though data was under way, with time-outs";
    EcnMarks "ecn_marks" Some(34), Network, "the network marks packets for congestion",
        "more than one in a hundred segments was marked (ECN)";
}

/// Where a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The application that sends.
    Application,
    /// The sender's host.
    Sender,
    /// The receiver's host or application.
    Receiver,
    /// The network between them.
    Network,
}

impl Place {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Network => "network",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
