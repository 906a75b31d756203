//! What the daemon says of a flow: one line when it opens, one when it closes.

use wad_linux::{Counters, Knob as KernelKnob, Record, SocketState};
use wad_model::{Bytes, Rate, format_duration};
use wad_tune::{Decision, Knob, Setting};

/// What was set when a flow opened: each knob from what to what, and why.
///
/// Sizes are on the scale on which applications ask for them, half of what the kernel accounts for.
#[must_use]
pub fn open_line(record: &Record, decision: &Decision) -> String {
    let parts: Vec<String> = decision.settings.iter().filter_map(|setting| change(record, setting)).collect();
    parts.join("; ")
}

/// One knob's change; `None` for settings that only say how others are meant.
fn change(record: &Record, setting: &Setting) -> Option<String> {
    let before = record.before.as_ref();
    let was = |text: fn(&SocketState) -> String| before.map_or_else(|| "?".to_owned(), text);
    match setting.knob {
        Knob::InitialWindow => {
            let from = was(|socket| socket.congestion_window.to_string());
            Some(plain(record, setting, KernelKnob::InitialWindow, &from))
        }
        Knob::SendBuffer => {
            let from = was(|socket| as_asked(socket.send_buffer).to_string());
            let (ceiling, asked) = (record.send_ceiling, record.asked_send);
            Some(buffer(record, setting, KernelKnob::SendBuffer, &from, ceiling, asked))
        }
        Knob::ReceiveBuffer => {
            let from = was(|socket| as_asked(socket.receive_buffer).to_string());
            let (ceiling, asked) = (record.receive_ceiling, record.asked_receive);
            Some(buffer(record, setting, KernelKnob::ReceiveBuffer, &from, ceiling, asked))
        }
        Knob::BufferMode | Knob::OverrideApplication => None,
        knob => Some(match socket_option(knob) {
            Some((kernel, text)) => read_back(record, setting, kernel, text, &was(text)),
            None => setting.to_string(),
        }),
    }
}

/// How a setting reads on a socket.
type Shown = fn(&SocketState) -> String;

/// Settings that a socket shows: what the kernel calls them, and how they read.
fn socket_option(knob: Knob) -> Option<(KernelKnob, Shown)> {
    Some(match knob {
        Knob::CongestionControl => (KernelKnob::Control, |socket| socket.control.clone()),
        Knob::MaxWindow => (KernelKnob::MaxWindow, |socket| or_none(socket.max_window)),
        Knob::Pacing => (KernelKnob::Pacing, pacing),
        Knob::NotsentLowat => (KernelKnob::NotsentLowat, |socket| or_none(socket.notsent_lowat)),
        Knob::UserTimeout => {
            (KernelKnob::UserTimeout, |socket| or_none(socket.user_timeout.map(format_duration)))
        }
        Knob::Nagle => (KernelKnob::Nagle, |socket| if socket.nagle { "on" } else { "off" }.to_owned()),
        Knob::TrafficClass => (KernelKnob::TrafficClass, |socket| socket.traffic_class.to_string()),
        Knob::WindowClamp => (KernelKnob::WindowClamp, |socket| socket.window_clamp.to_string()),
        _ => return None,
    })
}

fn pacing(socket: &SocketState) -> String {
    socket.pacing_rate.map_or_else(|| "off".to_owned(), |bytes| Rate::from_bps(bytes * 8).to_string())
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// With what took effect, where that is something else.
fn read_back(record: &Record, setting: &Setting, knob: KernelKnob, text: Shown, from: &str) -> String {
    let line = plain(record, setting, knob, from);
    let now = text(&record.now);
    if record.refused.contains(&knob) || now == setting.value.to_string() {
        return line;
    }
    format!("{line}, but the socket has {now}")
}

fn plain(record: &Record, setting: &Setting, knob: KernelKnob, from: &str) -> String {
    let Setting { knob: name, value, reason } = setting;
    if record.refused.contains(&knob) {
        return format!("{name}: {from} stays, the kernel refused {value}");
    }
    format!("{name}: {from} -> {value} ({reason})")
}

/// The kernel accounts for twice what an application asks for.
fn as_asked(bytes: Bytes) -> Bytes {
    Bytes::new(bytes.get() / 2)
}

fn buffer(
    record: &Record,
    setting: &Setting,
    knob: KernelKnob,
    from: &str,
    ceiling: Option<Bytes>,
    asked: Option<Bytes>,
) -> String {
    let Setting { knob: name, value, reason } = setting;
    if ceiling.is_none() {
        return format!("{name}: {from} stays, the application fixed it");
    }
    if record.refused.contains(&knob) {
        return format!("{name}: {from} stays, the kernel refused {value}");
    }
    let how = if record.fixed_buffers { "" } else { "autotuned up to " };
    let over = asked.map(|asked| format!(", overriding the application's {asked}")).unwrap_or_default();
    format!("{name}: {from} -> {how}{value} ({reason}{over})")
}

/// What became of a flow, when it closes.
#[must_use]
pub fn close_line(record: &Record) -> String {
    let counters = &record.counters;
    let mut parts = vec![
        format!("duration {}", format_duration(record.time - record.opened)),
        format!("sent {}", counters.bytes_acked),
        format!("received {}", counters.bytes_received),
        format!("mean rate {}", mean_rate(record)),
        format!("retransmits {}", counters.retransmits),
    ];
    parts.extend(counters.congestion_events.map(|events| format!("congestion events {events}")));
    parts.extend(guess(counters));
    parts.extend(counters.brake_window.map(|window| format!("slow start braked at {window}")));
    parts.extend(counters.rtt_min.map(|rtt| format!("smallest RTT {}", format_duration(rtt))));
    parts.extend(counters.rtt_mean.map(|rtt| format!("mean RTT {}", format_duration(rtt))));
    parts.push(format!("largest window {}", counters.largest_window));
    parts.push(format!("tuned {}", tuned(record)));
    parts.extend(record.refused.iter().map(|knob| format!("{} refused by the kernel", knob.name())));
    parts.join(", ")
}

/// Losses that were taken for random, and the evidence: how much longer than the shortest the last round trip was.
fn guess(counters: &Counters) -> Option<String> {
    let (rtt, shortest) = (counters.loss_rtt?, counters.rtt_min?);
    let losses = (counters.random_losses > 0).then_some(counters.random_losses)?;
    let queue = format_duration(rtt.saturating_sub(shortest));
    Some(format!("of them taken for random {losses} (queueing delay at the last {queue})"))
}

/// Payload that got through in the direction that carried more, over the flow's life.
pub(crate) fn mean_rate(record: &Record) -> Rate {
    let bytes = record.counters.bytes_acked.max(record.counters.bytes_received);
    let nanos = (record.time - record.opened).as_nanos().max(1);
    let bps = u128::from(bytes.get()) * 8_000_000_000 / nanos;
    Rate::from_bps(u64::try_from(bps).unwrap_or(u64::MAX))
}

/// What the tuning came to: settings as they were at the end.
fn tuned(record: &Record) -> String {
    let now = &record.now;
    let mut parts = Vec::new();
    if record.before.as_ref().is_none_or(|before| before.control != now.control) {
        parts.push(format!("control {}", now.control));
    }
    if record.send_grown || (record.fixed_buffers && record.send_ceiling.is_some()) {
        parts.push(format!("send buffer {}", as_asked(now.send_buffer)));
    }
    if record.receive_grown || (record.fixed_buffers && record.receive_ceiling.is_some()) {
        parts.push(format!("receive buffer {}", as_asked(now.receive_buffer)));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(" and ") }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use wad_linux::{Counters, RecordKind, SocketState};
    use wad_model::{Direction, FlowKey, Segments, Time};
    use wad_tune::{Config, HostLimits, PathIndex, decide};

    use super::*;

    const CONFIG: &str = r#"
[[path]]
name = "cern"
destination = ["192.0.2.0/24"]
buffers = { size = "16 MiB", override_application = true }
congestion = { control = "wad", additive_increase = 6 }
slow_start = { initial_window = "20 segments" }

[[host.grant]]
path = "cern"
settings = ["additive_increase", "initial_window"]
"#;

    fn socket(control: &str, send: u64) -> SocketState {
        SocketState {
            send_buffer: Bytes::new(send),
            receive_buffer: Bytes::new(131_072),
            window_clamp: Bytes::new(65_536),
            congestion_window: Segments::new(10),
            control: control.to_owned(),
            ..SocketState::default()
        }
    }

    /// A flow of the path in `CONFIG`, ten seconds old.
    pub(crate) fn record() -> Record {
        Record {
            kind: RecordKind::Close,
            time: Time::ZERO + Duration::from_secs(12),
            opened: Time::ZERO + Duration::from_secs(2),
            cookie: 7,
            namespace: 1,
            key: FlowKey::new("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:5201".parse().unwrap()),
            direction: Direction::Active,
            path: 0,
            send_ceiling: Some(Bytes::new(16 << 20)),
            receive_ceiling: Some(Bytes::new(16 << 20)),
            fixed_buffers: false,
            asked_send: Some(Bytes::new(65_536)),
            asked_receive: None,
            send_grown: true,
            receive_grown: false,
            adopted: false,
            additive_increase_1024: 6144,
            multiplicative_decrease_1024: 307,
            before: Some(socket("cubic", 16_384)),
            now: socket("wad", 8 << 20),
            counters: Counters {
                bytes_acked: Bytes::new(500_000_000),
                rtt_min: Some(Duration::from_millis(70)),
                rtt_mean: Some(Duration::from_millis(80)),
                retransmits: 12,
                congestion_events: Some(2),
                largest_window: Segments::new(4000),
                ..Counters::default()
            },
            refused: Vec::new(),
        }
    }

    fn decision() -> Decision {
        decide(PathIndex(0), &Config::parse(CONFIG).unwrap().paths[0], &HostLimits::default())
    }

    #[test]
    fn the_opening_line_says_what_was_set_from_what_and_why() {
        let line = open_line(&record(), &decision());
        assert!(line.contains("congestion control: cubic -> wad (line 6)"), "{line}");
        assert!(
            line.contains(
                "send buffer: 8 KiB -> autotuned up to 16 MiB (line 5, overriding the application's 64 KiB)"
            ),
            "{line}"
        );
        assert!(line.contains("initial window: 10 segments -> 20 segments"), "{line}");
    }

    #[test]
    fn what_took_effect_is_said_where_it_differs() {
        let mut record = record();
        record.now.control = "cubic".to_owned();
        let line = open_line(&record, &decision());
        assert!(line.contains("cubic -> wad (line 6), but the socket has cubic"), "{line}");
    }

    #[test]
    fn a_refused_or_respected_setting_is_no_change() {
        let mut record = record();
        record.refused.push(KernelKnob::InitialWindow);
        record.receive_ceiling = None;
        let line = open_line(&record, &decision());
        assert!(line.contains("initial window: 10 segments stays, the kernel refused 20 segments"), "{line}");
        assert!(line.contains("receive buffer: 64 KiB stays, the application fixed it"), "{line}");
    }

    #[test]
    fn the_closing_line_is_a_summary() {
        assert_eq!(
            close_line(&record()),
            "duration 10 s, sent 476.837 MiB, received 0 B, mean rate 400 Mbit/s, retransmits 12, \
             congestion events 2, smallest RTT 70 ms, mean RTT 80 ms, largest window 4000 segments, \
             tuned control wad and send buffer 4 MiB"
        );
    }
}
