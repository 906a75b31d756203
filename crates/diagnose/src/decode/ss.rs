//! The text of `ss -tinem`, of one look at the sockets or of many in a row.
//!
//! A socket is a line with its state, its queues and its ends, and a line that begins with white space and has the
//! words. Older versions print the second line only for some sockets, and all of them print `name:value`, `name value`,
//! or a bare `name`. What is not known here is passed over. Lines that are a time since the epoch, as `date +%s.%N`
//! prints, tell when the looks after them were made (`while :; do date +%s.%N; ss -tinem; sleep 0.1; done`); without them
//! the looks are taken to be a second apart.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use wad_model::{Counter, Counters, FlowKey};

use crate::evidence::{Evidence, Source};

/// How far apart looks are whose times are not known.
const INTERVAL_US: u64 = 1_000_000;

/// A text that is not what `ss` prints.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SsError {
    /// No socket of TCP is in it.
    #[error("no TCP socket with its counters in {lines} lines: expected the output of `ss -tinem`")]
    Empty {
        /// How many lines it has.
        lines: usize,
    },
    /// A line that is neither a socket nor its words.
    #[error("line {line}: \"{text}\" is not a socket as `ss -tinem` prints it")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Its begin.
        text: String,
    },
}

/// Reads all flows of a text, in the order in which they first appear.
///
/// # Errors
/// Names the first line that is not of `ss`, or says that there is no flow.
pub fn parse(text: &str) -> Result<Vec<Evidence>, SsError> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.line(index + 1, line)?;
    }
    let flows: Vec<Evidence> = reader.flows.into_iter().filter(|flow| !flow.samples.is_empty()).collect();
    if flows.is_empty() {
        return Err(SsError::Empty { lines: text.lines().count() });
    }
    Ok(flows)
}

#[derive(Debug, Default)]
struct Reader {
    flows: Vec<Evidence>,
    /// The socket whose words come next.
    current: Option<(FlowKey, u64)>,
    /// The time of the look, if it was told, less that of the first.
    now_us: Option<u64>,
    first_us: Option<u64>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), SsError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first() else { return Ok(()) };
        if let Some(time) = epoch(&words) {
            let since = *self.first_us.get_or_insert(time);
            self.now_us = Some(time.saturating_sub(since));
            return Ok(());
        }
        // The header, whose words some versions write together.
        if line.contains("Local Address:Port") || line.starts_with("State") || *first == "Recv-Q" {
            return Ok(());
        }
        let socket = socket(&words);
        // With -O words follow on the same line.
        let is_socket = socket.is_some() && !line.starts_with('\t');
        if let Some((key, queue)) = socket.filter(|_| is_socket) {
            self.current = Some((key, queue));
        }
        if words.iter().any(|word| word.starts_with("cwnd:") || word.starts_with("rto:")) {
            self.words(&words);
            return Ok(());
        }
        if is_socket || line.starts_with(char::is_whitespace) {
            return Ok(());
        }
        Err(SsError::Line { line: number, text: line.chars().take(60).collect() })
    }

    fn words(&mut self, words: &[&str]) {
        let Some((key, queue)) = self.current.take() else { return };
        let flow = match self.flows.iter_mut().position(|flow| flow.flow == Some(key)) {
            Some(known) => &mut self.flows[known],
            None => {
                self.flows.push(Evidence { source: Source::Ss, flow: Some(key), ..Evidence::default() });
                self.flows.last_mut().expect("it was pushed just now")
            }
        };
        let mut counters = counters(words);
        counters.set(Counter::CurAppRQueue, queue);
        let guessed = flow
            .samples
            .last()
            .and_then(|last| last.get(Counter::CurrTime))
            .map_or(0, |last| last + INTERVAL_US);
        counters.set(Counter::CurrTime, self.now_us.unwrap_or(guessed));
        if let Some(control) = control(words) {
            flow.congestion_control = Some(control.to_owned());
        }
        flow.samples.push(counters);
    }
}

/// A line that is a number of seconds since the epoch, in microseconds.
fn epoch(words: &[&str]) -> Option<u64> {
    let [word] = words else { return None };
    let (seconds, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(seconds) || !all_digits(fraction) || seconds.len() < 9 {
        return None;
    }
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)
}

/// The ends of a socket, and what waits to be read. The state may be left out (`ss state established`).
fn socket(words: &[&str]) -> Option<(FlowKey, u64)> {
    let skip = usize::from(words.first()?.parse::<u64>().is_err());
    let queue = words.get(skip)?.parse().ok()?;
    words.get(skip + 1)?.parse::<u64>().ok()?;
    let key = FlowKey::new(end(words.get(skip + 2)?)?, end(words.get(skip + 3)?)?);
    Some((key, queue))
}

/// `10.0.0.1%eth0:443`, `[2001:db8::1]:443`, or as very old versions have it, `2001:db8::1:443`.
fn end(word: &str) -> Option<SocketAddr> {
    let (address, port) = word.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = address.split('%').next()?.trim_end_matches(']');
    let ip = match address.parse::<IpAddr>().ok()? {
        IpAddr::V6(v6) => canonical(v6),
        v4 => v4,
    };
    Some(SocketAddr::new(ip, port.parse().ok()?))
}

fn canonical(address: Ipv6Addr) -> IpAddr {
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}

/// The congestion control stands bare among the flags.
fn control<'a>(words: &[&'a str]) -> Option<&'a str> {
    const CONTROLS: [&str; 16] = [
        "cubic",
        "reno",
        "bbr",
        "bbr2",
        "bbr3",
        "dctcp",
        "vegas",
        "westwood",
        "htcp",
        "highspeed",
        "hybla",
        "illinois",
        "scalable",
        "bic",
        "cdg",
        "wad",
    ];
    words.iter().copied().find(|word| CONTROLS.contains(word))
}

fn counters(words: &[&str]) -> Counters {
    let mut counters = Counters::EMPTY;
    // The line is there, so what it shows only when it is not zero is zero. What only newer versions know stays
    // absent, as nobody can tell which version it was.
    for counter in [Counter::UnackedPkts, Counter::PktsRetrans, Counter::AppLimited] {
        counters.set(counter, 0);
    }
    let has = |flag| words.contains(&flag);
    counters.set(Counter::TimestampsEnabled, u64::from(has("ts")));
    counters.set(Counter::SACKEnabled, u64::from(has("sack")));
    counters.set(Counter::ECNEnabled, u64::from(has("ecn")));
    for (index, word) in words.iter().enumerate() {
        match word.split_once(':') {
            Some((name, value)) => named(&mut counters, name, value),
            None => bare(&mut counters, word, words.get(index + 1).copied()),
        }
    }
    if counters.has(Counter::BusyTime) {
        // Printed only where they are above zero, by every version that prints the busy time.
        for limited in [Counter::SndLimTimeRwin, Counter::SndLimTimeSnd] {
            let value = counters.get(limited).unwrap_or(0);
            counters.set(limited, value);
        }
    }
    if counters.has(Counter::DataPktsOut) {
        let value = counters.get(Counter::CurAppWQueue).unwrap_or(0);
        counters.set(Counter::CurAppWQueue, value);
    }
    counters
}

/// "name:value".
fn named(counters: &mut Counters, name: &str, value: &str) {
    let whole = || value.parse::<u64>().ok();
    let plain = match name {
        "cwnd" => Counter::CurCwnd,
        "ssthresh" => Counter::CurSsthresh,
        "mss" => Counter::CurMSS,
        "pmtu" => Counter::PathMTU,
        "backoff" => Counter::CurBackoff,
        "unacked" => Counter::UnackedPkts,
        "sacked" => Counter::SackedPkts,
        "lost" => Counter::LostPkts,
        "bytes_sent" => Counter::DataBytesOut,
        "bytes_retrans" => Counter::BytesRetrans,
        "bytes_acked" => Counter::ThruBytesAcked,
        "bytes_received" => Counter::ThruBytesReceived,
        "data_segs_out" => Counter::DataPktsOut,
        "data_segs_in" => Counter::DataPktsIn,
        "segs_out" => Counter::PktsOut,
        "segs_in" => Counter::PktsIn,
        "delivered" => Counter::Delivered,
        "delivered_ce" => Counter::ECERcvd,
        "notsent" => Counter::CurAppWQueue,
        "reordering" => Counter::RetranThresh,
        "reord_seen" => Counter::ReordSeen,
        "dsack_dups" => Counter::DSACKDups,
        "rcv_ooopack" => Counter::OutOfOrderIn,
        "snd_wnd" => Counter::CurRwinRcvd,
        "rcv_wnd" => Counter::CurRwinSent,
        "rcv_space" => Counter::RcvSpace,
        "rcv_ssthresh" => Counter::RcvSsthresh,
        _ => return special(counters, name, value),
    };
    if let Some(number) = whole() {
        counters.set(plain, number);
    }
}

fn special(counters: &mut Counters, name: &str, value: &str) {
    match name {
        "rtt" => {
            let (mean, deviation) = value.split_once('/').unwrap_or((value, ""));
            counters.put(Counter::SmoothedRTT, micros(mean, "ms"));
            counters.put(Counter::RTTVar, micros(deviation, "ms"));
        }
        "minrtt" => counters.put(Counter::MinRTT, micros(value, "ms")),
        "rto" => counters.put(Counter::CurRTO, micros(value, "ms")),
        "rcv_rtt" => counters.put(Counter::RcvRTT, micros(value, "ms")),
        "lastsnd" => counters.put(Counter::LastDataSent, micros(value, "ms")),
        // "retrans:1/7": now, and in all.
        "retrans" => {
            let total = value.split_once('/').and_then(|(_, total)| total.parse().ok());
            counters.put(Counter::PktsRetrans, total);
        }
        "wscale" => {
            let (theirs, ours) = value.split_once(',').unwrap_or((value, ""));
            counters.put(Counter::SndWinScale, theirs.parse().ok());
            counters.put(Counter::RcvWinScale, ours.parse().ok());
        }
        "busy" => counters.put(Counter::BusyTime, micros(value, "ms")),
        "rwnd_limited" => counters.put(Counter::SndLimTimeRwin, micros(value, "ms")),
        "sndbuf_limited" => counters.put(Counter::SndLimTimeSnd, micros(value, "ms")),
        "app_limited" => counters.set(Counter::AppLimited, 1),
        _ => memory(counters, name, value),
    }
}

/// "skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0)".
fn memory(counters: &mut Counters, name: &str, value: &str) {
    if name != "skmem" {
        return;
    }
    for part in value.trim_matches(['(', ')']).split(',') {
        if let Some(bytes) = part.strip_prefix("rb") {
            counters.put(Counter::X_Rcvbuf, bytes.parse().ok());
        } else if let Some(bytes) = part.strip_prefix("tb") {
            counters.put(Counter::X_Sndbuf, bytes.parse().ok());
        } else if let Some(bytes) = part.strip_prefix('w') {
            counters.put(Counter::X_WmemQueued, bytes.parse().ok());
        }
    }
}

/// "pacing_rate 3.2Mbps", "app_limited".
fn bare(counters: &mut Counters, name: &str, next: Option<&str>) {
    let bytes_per_second = || next.and_then(rate);
    match name {
        "app_limited" => counters.set(Counter::AppLimited, 1),
        "delivery_rate" => counters.put(Counter::DeliveryRate, bytes_per_second()),
        "pacing_rate" => {
            // "pacing_rate 3.2Mbps/4Mbps": the rate, and its ceiling.
            let (now, ceiling) = next.map_or(("", ""), |text| text.split_once('/').unwrap_or((text, "")));
            counters.put(Counter::PacingRate, rate(now));
            counters.put(Counter::MaxPacingRate, rate(ceiling));
        }
        _ => {}
    }
}

/// "3.2Mbps" in bytes a second.
fn rate(text: &str) -> Option<u64> {
    let number = text.strip_suffix("bps")?;
    let (number, factor) = match number.chars().last()? {
        'K' => (&number[..number.len() - 1], 1e3),
        'M' => (&number[..number.len() - 1], 1e6),
        'G' => (&number[..number.len() - 1], 1e9),
        'T' => (&number[..number.len() - 1], 1e12),
        _ => (number, 1.0),
    };
    whole(number.parse::<f64>().ok()? * factor / 8.0)
}

/// "40.4" or "40.4ms" or "40ms(12.5%)" in microseconds.
fn micros(text: &str, unit: &str) -> Option<u64> {
    let text = text.split('(').next().unwrap_or(text);
    whole(text.trim_end_matches(unit).parse::<f64>().ok()? * 1000.0)
}

fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..9e18).contains(&number).then_some(number.round() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// iproute2 6.1.
    const NEW: &str = "State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n\
        ESTAB  0      448880 10.77.0.1:40966     10.77.0.2:5201  ino:1723 sk:8 cgroup:/x <->\n\
        \t skmem:(r0,rb131072,t0,tb2626560,f2304,w513792,o0,bl0,d0) ts sack cubic wscale:7,9 rto:244 rtt:41.2/0.9 \
        ato:40 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:83 ssthresh:71 bytes_sent:4012440 bytes_retrans:4344 \
        bytes_acked:3887881 segs_out:2772 segs_in:1398 data_segs_out:2771 send 23.3Mbps lastsnd:4 lastrcv:1712 \
        lastack:4 pacing_rate 27.9Mbps delivery_rate 19.1Mbps delivered:2688 app_limited busy:1700ms \
        rwnd_limited:200ms(11.8%) unacked:84 retrans:0/3 dsack_dups:1 rcv_space:14480 rcv_ssthresh:64088 \
        notsent:327248 minrtt:40.4 snd_wnd:196096\n";

    /// iproute2 4.4: no busy time, the rate in another place, IPv6 without brackets.
    const OLD: &str = "State      Recv-Q Send-Q Local Address:Port                 Peer Address:Port\n\
        ESTAB      0      0      2001:db8::1:22                 2001:db8::2:50210                 timer:(keepalive,119min,0) ino:1 sk:1 <->\n\
        \t skmem:(r0,rb369280,t0,tb87040,f0,w0,o0,bl0) ts sack cubic wscale:7,7 rto:204 rtt:1.5/0.75 ato:40 mss:1448 \
        cwnd:10 bytes_acked:3000 bytes_received:2000 send 77.2Mbps lastsnd:8 pacing_rate 154.2Mbps retrans:0/2 \
        rcv_rtt:24 rcv_space:28960\n";

    #[test]
    fn a_new_version_is_read() {
        let flows = parse(NEW).unwrap();
        let flow = &flows[0];
        assert_eq!(flow.flow.unwrap().destination, "10.77.0.2:5201".parse().unwrap());
        assert_eq!(flow.congestion_control.as_deref(), Some("cubic"));
        for (counter, value) in [
            (Counter::CurCwnd, 83),
            (Counter::CurSsthresh, 71),
            (Counter::SmoothedRTT, 41_200),
            (Counter::MinRTT, 40_400),
            (Counter::PktsRetrans, 3),
            (Counter::BusyTime, 1_700_000),
            (Counter::SndLimTimeRwin, 200_000),
            (Counter::SndLimTimeSnd, 0),
            (Counter::AppLimited, 1),
            (Counter::SndWinScale, 7),
            (Counter::X_Sndbuf, 2_626_560),
            (Counter::PacingRate, 3_487_500),
            (Counter::DeliveryRate, 2_387_500),
            (Counter::CurRwinRcvd, 196_096),
            (Counter::CurAppWQueue, 327_248),
        ] {
            assert_eq!(flow.samples[0].get(counter), Some(value), "{counter}");
        }
    }

    #[test]
    fn an_old_version_has_less() {
        let flow = &parse(OLD).unwrap()[0];
        assert_eq!(flow.flow.unwrap().source, "[2001:db8::1]:22".parse().unwrap());
        let sample = &flow.samples[0];
        assert_eq!(sample.get(Counter::PktsRetrans), Some(2));
        assert_eq!(sample.get(Counter::BusyTime), None, "absent, not zero");
        assert_eq!(sample.get(Counter::DeliveryRate), None);
    }

    #[test]
    fn looks_in_a_row_are_one_flow() {
        let text = format!("1700000000.25\n{NEW}1700000000.350\n{NEW}{OLD}");
        let flows = parse(&text).unwrap();
        let times: Vec<_> = flows[0].values(Counter::CurrTime).collect();
        assert_eq!((flows.len(), times), (2, vec![0, 100_000]));
        let without = parse(&format!("{NEW}{NEW}")).unwrap();
        assert_eq!(without[0].values(Counter::CurrTime).collect::<Vec<_>>(), [0, 1_000_000]);
    }

    #[test]
    fn one_line_for_a_socket_is_read() {
        let text = NEW.replace("<->\n\t", "<->");
        assert_eq!(parse(&text).unwrap()[0].samples[0].get(Counter::CurCwnd), Some(83));
    }

    #[test]
    fn another_text_is_refused_with_its_line() {
        let error = parse("State Recv-Q\nhello world\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: \"hello world\" is not a socket as `ss -tinem` prints it");
        assert_eq!(parse(""), Err(SsError::Empty { lines: 0 }));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).*") {
            let _ = parse(&text);
        }

        #[test]
        fn broken_words_never_panic(at in 0usize..1200, junk in "\\PC{0,5}") {
            let mut text = NEW.to_owned();
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.insert_str(at, &junk);
            let _ = parse(&text);
        }
    }
}
