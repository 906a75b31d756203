//! The list of November 2001: what the authors of the first WAD wanted to tune, and what became of each.

use super::Knob;

/// An entry of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What was wanted. Where the list names several things in one line, each has an entry.
    pub name: &'static str,
    /// The marks of the list: `d` dangerous, `D` very dangerous, `K` needs kernel support that is not trivial,
    /// `a` needs an interface between the daemon and the application, `n` belongs in TCP rather than in a workaround.
    pub marks: &'static str,
    /// What became of it.
    pub answer: Answer,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These settings do it.
    Knobs(&'static [Knob]),
    /// These settings do it as far as the words say.
    Partly(&'static [Knob], &'static str),
    /// Nothing here does it, for this reason.
    Not(&'static str),
}

use Answer::{Knobs, Not, Partly};

const fn wish(name: &'static str, marks: &'static str, answer: Answer) -> Wish {
    Wish { name, marks, answer }
}

/// The entries in the order of the list.
pub const WISHES: [Wish; 27] = [
    wish("duplicate-ACK threshold", "", Knobs(&[Knob::Reordering])),
    wish("initial receive window", "", Knobs(&[Knob::InitialReceiveWindow])),
    wish(
        "window scale factor",
        "",
        Partly(
            &[Knob::ReceiveBuffer],
            "the kernel chooses the factor when the SYN leaves, by `net.core.rmem_max`, which the daemon raises to the \
             largest receive buffer of a path",
        ),
    ),
    wish("high limit of the congestion window", "D", Knobs(&[Knob::MaxWindow])),
    wish("low limit of the slow-start threshold", "d", Knobs(&[Knob::MinSsthresh])),
    wish("initial congestion window", "d", Knobs(&[Knob::InitialWindow])),
    wish("restart window", "d", Knobs(&[Knob::RestartWindow])),
    wish("initial slow-start threshold", "D", Knobs(&[Knob::InitialSsthresh])),
    wish(
        "AIMD constants",
        "d",
        Knobs(&[
            Knob::AdditiveIncrease,
            Knob::MultiplicativeDecrease,
            Knob::HighSpeed,
            Knob::EquivalentStreams,
        ]),
    ),
    wish("virtual MSS", "d", Knobs(&[Knob::VirtualMss])),
    wish(
        "MTU down, as pseudo pacing",
        "K",
        Partly(
            &[Knob::SegmentSize, Knob::Pacing],
            "smaller segments leave more often; who wants pacing has true pacing",
        ),
    ),
    wish(
        "spin pacing",
        "KKn",
        Not("timers of high resolution pace as finely, and leave the processor to others: see `pacing`"),
    ),
    wish("true pacing", "", Knobs(&[Knob::Pacing])),
    wish("burst size limits", "KD", Knobs(&[Knob::BurstLimit])),
    wish(
        "MTU up, with IP fragmentation",
        "",
        Not(
            "a fragment that is lost costs the whole segment, IPv6 routers do not fragment, and many firewalls drop \
             fragments (RFC 8900); `mtu_probing` finds what the path carries",
        ),
    ),
    wish(
        "\"from\" address of the client",
        "",
        Not(
            "the route names the address of applications that name none: `ip route change PREFIX src ADDRESS`",
        ),
    ),
    wish(
        "per-connection routing",
        "",
        Not(
            "rules of routing by ports, marks or user do it: `ip rule`; a flow cannot change its route once it has \
             opened without changing its address",
        ),
    ),
    wish(
        "per-connection source route",
        "",
        Not("routers drop packets with source routes (RFC 7126), and Linux does not accept them by default"),
    ),
    wish(
        "several connections",
        "a",
        Partly(
            &[Knob::EquivalentStreams],
            "one flow that acts as several; real ones are the application's to open",
        ),
    ),
    wish(
        "size of the application's copy buffer",
        "a",
        Not("a size of the application's own calls, which no hook of the kernel may change"),
    ),
    wish(
        "thresholds of \"ready\" sockets",
        "K",
        Partly(&[Knob::NotsentLowat], "for writing; the threshold for reading is the application's protocol"),
    ),
    wish(
        "interrupt coalescing",
        "K",
        Not("a property of the network card, for all flows of the host: `ethtool --coalesce`"),
    ),
    wish(
        "ACK frequency",
        "d",
        Partly(
            &[Knob::QuickAck, Knob::DelayedAck],
            "more often; the kernel has no way to acknowledge less often",
        ),
    ),
    wish("long delayed ACK", "d", Partly(&[Knob::DelayedAck], "the kernel only lets the delay be shortened")),
    wish(
        "delayed window",
        "d",
        Partly(
            &[Knob::WindowClamp],
            "the window can be bounded; when an update is sent is the kernel's to say",
        ),
    ),
    wish("Nagle's algorithm", "K", Knobs(&[Knob::Nagle])),
    wish(
        "in-situ path diagnosis under any application",
        "",
        Not("a measurement, not a setting: the daemon reports the counters of each flow when it closes"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunables::Danger;

    /// What the list marks as dangerous is marked in the table.
    #[test]
    fn the_marks_of_the_list_are_those_of_the_table() {
        for wish in WISHES {
            let danger = match (wish.marks.contains('D'), wish.marks.contains('d')) {
                (true, _) => Danger::VeryDangerous,
                (false, true) => Danger::Dangerous,
                (false, false) => continue,
            };
            if let Knobs(knobs) = wish.answer {
                assert!(knobs.iter().all(|knob| knob.tunable().danger == danger), "{}", wish.name);
            }
        }
    }
}
