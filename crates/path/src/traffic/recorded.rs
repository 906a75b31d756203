//! A recording of packets: times and sizes from the text of a file.
//!
//! Two columns, the time in seconds and the bytes on the wire, apart by blanks or commas; `#` begins a comment:
//!
//! ```text
//! # time  bytes
//! 0.000   1500
//! 0.0012  1500
//! ```
//!
//! Where the first line names columns, the two are found by name: so the packet list that Wireshark exports as CSV is read
//! as it is, with its columns `Time` and `Length`, and so is the output of
//! `tshark -T fields -e frame.time_epoch -e frame.len -E header=y`. Times count from the first packet.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use wad_model::Bytes;

/// Packets that were recorded, in order of time. A copy shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketTrace(Arc<[Packet]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packet {
    /// Nanoseconds after the first.
    after: u64,
    size: u32,
}

/// Why a text is no recording.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PacketTraceError {
    /// A line that has no time and size.
    #[error("line {line}: \"{text}\" is no time in seconds and size in bytes, such as \"0.25 1500\"")]
    Line {
        /// Which, from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// A first line of names, without those that are needed.
    #[error(
        "line {line}: no column has the {what}: among \"{text}\" there is none of the names {}",
        names.join(", ")
    )]
    Column {
        /// Which, from 1.
        line: usize,
        /// What is missing.
        what: &'static str,
        /// The line.
        text: String,
        /// The names that are known for it.
        names: &'static [&'static str],
    },
    /// No packet.
    #[error("there is no packet in it: each line has a time in seconds and a size in bytes")]
    Empty,
}

const TIMES: &[&str] =
    &["time", "time_s", "t", "seconds", "timestamp", "frame.time_relative", "frame.time_epoch"];
const SIZES: &[&str] = &["bytes", "size", "length", "len", "size_bytes", "frame.len", "ip.len"];

impl PacketTrace {
    /// Reads the text of a recording.
    ///
    /// # Errors
    /// Names the first line that has no time and size.
    pub fn parse(text: &str) -> Result<Self, PacketTraceError> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let mut lines = lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')).peekable();
        let mut columns = Columns { time: 0, size: 1 };
        if let Some(&(line, text)) = lines.peek()
            && columns.packet(text).is_none()
            && text.starts_with(|first: char| !first.is_ascii_digit())
        {
            columns = Columns::named(line, text)?;
            lines.next();
        }
        let mut packets = lines
            .map(|(line, text)| {
                let fault = || PacketTraceError::Line { line, text: text.to_owned() };
                columns.packet(text).ok_or_else(fault)
            })
            .collect::<Result<Vec<Packet>, _>>()?;
        // Of several capturing threads, one may be a little behind.
        packets.sort_by_key(|packet| packet.after);
        let first = packets.first().ok_or(PacketTraceError::Empty)?.after;
        Ok(Self(packets.iter().map(|packet| Packet { after: packet.after - first, ..*packet }).collect()))
    }

    /// How many packets there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one packet")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// From the first packet to the last.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |last| Duration::from_nanos(last.after))
    }

    /// The largest packet.
    #[must_use]
    pub fn largest(&self) -> Bytes {
        Bytes::new(self.0.iter().map(|packet| packet.size).max().unwrap_or(0).into())
    }

    /// A packet: its time after the first, and its size.
    pub(super) fn get(&self, index: usize) -> Option<(Duration, Bytes)> {
        let packet = self.0.get(index)?;
        Some((Duration::from_nanos(packet.after), Bytes::new(packet.size.into())))
    }
}

/// Where in a line to look.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: usize,
    size: usize,
}

impl Columns {
    fn named(line: usize, text: &str) -> Result<Self, PacketTraceError> {
        let fields: Vec<String> = fields(text).iter().map(|field| field.to_lowercase()).collect();
        let find = |what, names: &'static [&'static str]| {
            let found = names.iter().find_map(|name| fields.iter().position(|field| field == name));
            found.ok_or_else(|| PacketTraceError::Column { line, what, text: text.to_owned(), names })
        };
        Ok(Self { time: find("time", TIMES)?, size: find("size", SIZES)? })
    }

    fn packet(self, text: &str) -> Option<Packet> {
        let fields = fields(text);
        let size = fields.get(self.size)?.parse().ok().filter(|&size| size > 0)?;
        Some(Packet { after: nanos(fields.get(self.time)?)?, size })
    }
}

/// The fields of a line: apart by commas, else by tabs, else by blanks. Quotes protect, and go.
fn fields(text: &str) -> Vec<String> {
    let separator = [',', '\t'].into_iter().find(|&separator| text.contains(separator));
    let Some(separator) = separator else {
        return text.split_whitespace().map(|field| field.trim_matches('"').to_owned()).collect();
    };
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        if character == '"' {
            quoted = !quoted;
        } else if character == separator && !quoted {
            fields.push(String::new());
        } else if let Some(last) = fields.last_mut() {
            last.push(character);
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

/// Seconds, of which nine digits after the point count. A double would round a time since 1970 to a quarter of a
/// microsecond.
fn nanos(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return from_double(text);
    }
    let Ok(seconds) = whole.parse::<u64>() else { return from_double(text) };
    let digits = format!("{fraction:0<9.9}");
    seconds.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?)
}

/// Times with an exponent, such as "1e-3".
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within 0 and 10^10"
)]
fn from_double(text: &str) -> Option<u64> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..1e10).contains(&seconds).then_some((seconds * 1e9).round() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packets(text: &str) -> Vec<(u64, u32)> {
        let trace = PacketTrace::parse(text).unwrap();
        trace.0.iter().map(|packet| (packet.after, packet.size)).collect()
    }

    #[test]
    fn two_columns_are_read_however_they_are_apart() {
        let expected = [(0, 1500), (1_200_000, 40)];
        assert_eq!(packets("# time bytes\n0 1500\n\n1.2e-3\t40\n"), expected);
        assert_eq!(packets("2.5,1500\n2.5012, 40\n"), expected);
        assert_eq!(packets("time_s,bytes\n0.0012,40\n0.0,1500\n"), expected);
    }

    #[test]
    fn the_packet_list_of_wireshark_is_read() {
        let text = r#""No.","Time","Source","Destination","Protocol","Length","Info"
"1","0.000000","192.0.2.1","192.0.2.2","TCP","74","45678 > 80 [SYN] Seq=0, Win=64240"
"2","0.040112","192.0.2.2","192.0.2.1","TCP","1514","GET ""/"", and more"
"#;
        assert_eq!(packets(text), [(0, 74), (40_112_000, 1514)]);
        let fields = "frame.time_epoch\tframe.len\n1700000000.123456789\t60\n1700000000.123456790\t61\n";
        assert_eq!(packets(fields), [(0, 60), (1, 61)]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let fault = |text| PacketTrace::parse(text).unwrap_err().to_string();
        assert_eq!(
            fault("0 1500\n0.1 -3\n"),
            "line 2: \"0.1 -3\" is no time in seconds and size in bytes, such as \"0.25 1500\""
        );
        assert!(
            fault("when,bytes\n0,1\n").contains("no column has the time"),
            "{}",
            fault("when,bytes\n0,1\n")
        );
        assert!(fault("# nothing\n").contains("no packet"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = PacketTrace::parse(&text);
        }

        #[test]
        fn what_is_written_is_read(gaps in prop::collection::vec((0u64..10_000_000_000, 1u32..70_000), 1..50)) {
            let (mut at, mut text, mut expected) = (0, String::new(), Vec::new());
            for (index, (gap, size)) in gaps.into_iter().enumerate() {
                at += if index == 0 { 0 } else { gap };
                text += &format!("{}.{:09} {size}\n", at / 1_000_000_000, at % 1_000_000_000);
                expected.push((at, size));
            }
            prop_assert_eq!(packets(&text), expected);
        }
    }
}
