//! An entry of the old configuration as a path of today.

use std::fmt::Display;
use std::net::IpAddr;

use wad_model::{Bytes, Segments, canonical_ip};

use super::Note;
use super::error::ImportError;
use super::fields::{Entry, Field};
use crate::config::HighSpeedMode;
use crate::tunables::{Knob, Limits, Within};

/// A path as it will be written.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) name: String,
    pub(super) line: u32,
    /// Empty for any.
    pub(super) destination: Vec<IpAddr>,
    /// Empty for any.
    pub(super) source: Vec<IpAddr>,
    pub(super) destination_port: Option<u16>,
    pub(super) source_port: Option<u16>,
    pub(super) mode: Mode,
    pub(super) send: Option<Bytes>,
    pub(super) receive: Option<Bytes>,
    pub(super) divide: bool,
    pub(super) additive_increase: Option<f64>,
    pub(super) multiplicative_decrease: Option<f64>,
    pub(super) high_speed: Option<HighSpeedMode>,
    pub(super) max_ssthresh: Option<Segments>,
    pub(super) reordering: Option<(u32, u32)>,
    pub(super) no_delayed_ack: bool,
    /// What needs a grant.
    pub(super) grants: Vec<Knob>,
}

/// What `mode` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// 0: sizes are set.
    Set,
    /// 1: sizes are set, also where the application sets its own.
    Override,
    /// 2: sizes are measured.
    Measured,
}

/// Reads the keys of an entry, notes what is wrong with them, and which need a grant.
struct Reader<'e> {
    entry: &'e Entry<'e>,
    errors: &'e mut Vec<ImportError>,
    notes: &'e mut Vec<Note>,
    grants: Vec<Knob>,
}

impl Path {
    /// `None` if something about its ends is wrong, which is noted.
    pub(super) fn read(
        entry: &Entry<'_>,
        resolve: &impl Fn(&str) -> Vec<IpAddr>,
        notes: &mut Vec<Note>,
        errors: &mut Vec<ImportError>,
    ) -> Option<Self> {
        let mut reader = Reader { entry, errors, notes, grants: Vec::new() };
        let name = reader.name();
        let source = reader.addresses("src_addr", resolve);
        let destination = reader.destination(resolve);
        let (destination, source) = reader.of_one_family(destination?, source?)?;
        let floyd =
            reader.choice("floyd", &[None, Some(HighSpeedMode::Continuous), Some(HighSpeedMode::Periodic)]);
        let high_speed = floyd.flatten();
        reader.note_floyd(high_speed);
        let aimd = high_speed.is_none();
        let modes = [Mode::Set, Mode::Override, Mode::Measured];
        let path = Self {
            name,
            line: entry.line,
            destination,
            source,
            destination_port: reader.port("dst_port"),
            source_port: reader.port("src_port"),
            mode: reader.choice("mode", &modes).unwrap_or(Mode::Set),
            send: reader.number("sndbuf", Knob::SendBuffer, Bytes::new),
            receive: reader.number("rcvbuf", Knob::ReceiveBuffer, Bytes::new),
            divide: reader.choice("divide", &[false, true]).unwrap_or(false),
            additive_increase: reader.decimal("wadai", Knob::AdditiveIncrease, aimd),
            multiplicative_decrease: reader.decimal("wadmd", Knob::MultiplicativeDecrease, aimd),
            high_speed,
            max_ssthresh: reader.number("maxssth", Knob::MaxSsthresh, segments),
            reordering: reader.reordering(),
            no_delayed_ack: reader.choice("delack", &[true, false]).unwrap_or(false),
            grants: Vec::new(),
        };
        reader.about_buffers(&path);
        Some(path.granted(reader.grants))
    }

    fn granted(self, mut grants: Vec<Knob>) -> Self {
        if self.high_speed.is_some() {
            grants.push(Knob::HighSpeed);
        }
        if self.no_delayed_ack {
            grants.push(Knob::DelayedAck);
        }
        grants.sort();
        Self { grants, ..self }
    }

    /// What cannot stand beside an entry that comes before.
    pub(super) fn conflict_with(&self, first: &Self) -> Vec<ImportError> {
        let mut errors = Vec::new();
        let ends = |path: &Self| (path.source.clone(), path.source_port, path.destination_port);
        let meets = self.destination.iter().any(|address| first.destination.contains(address))
            || (self.destination.is_empty() && first.destination.is_empty());
        if meets && ends(self) == ends(first) {
            let message = format!(
                "[{}] is for the same flows as [{}] at line {}, which comes first",
                self.name, first.name, first.line
            );
            errors.push(ImportError::new(self.line, message, "leave one out, or set them apart by ports"));
        }
        if let (Some((one, line)), Some((other, there))) = (self.reordering, first.reordering)
            && one != other
        {
            let message = format!(
                "`reorder` {one} contradicts {other} at line {there}: the kernel has one threshold for all flows of a \
                 network namespace"
            );
            errors.push(ImportError::new(line, message, "give both the same value, or make one 0"));
        }
        errors
    }
}

/// Limits as the old file writes its numbers: without units.
fn plain(limits: &Limits) -> String {
    match *limits {
        Limits::Size(low, high) => format!("{} to {}", low.get(), high.get()),
        Limits::Segments(low, high) => format!("{low} to {high}"),
        other => other.to_string(),
    }
}

fn segments(number: u64) -> Segments {
    Segments::new(u32::try_from(number).unwrap_or(u32::MAX))
}

impl Reader<'_> {
    fn wrong(&mut self, line: u32, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(ImportError::new(line, message, help));
    }

    fn note(&mut self, line: u32, text: impl Into<String>) {
        self.notes.push(Note { line, text: text.into() });
    }

    fn name(&mut self) -> String {
        let name = self.entry.name;
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !(1..=63).contains(&name.len()) || !name.bytes().all(valid) {
            let help = "write 1 to 63 letters, digits, dots, hyphens and underscores in the brackets";
            self.wrong(self.entry.line, format!("[{name}] is no name of a path"), help);
        }
        name.to_owned()
    }

    /// A field with a value.
    fn given(&self, key: &str) -> Option<Field<'static>> {
        let Field { value, line, .. } = self.entry.field(key)?;
        (!value.is_empty()).then(|| Field { key: "", value: value.clone(), line: *line })
    }

    /// Addresses that are given or found by a name; empty for any, `None` if there are none.
    fn addresses(&mut self, key: &str, resolve: &impl Fn(&str) -> Vec<IpAddr>) -> Option<Vec<IpAddr>> {
        let Some(Field { value, line, .. }) = self.given(key) else { return Some(Vec::new()) };
        if ["0", "0.0.0.0", "::"].contains(&value.as_str()) {
            return Some(Vec::new());
        }
        self.found(key, &value, line, resolve)
    }

    /// An empty address of the other host is that of the name in brackets.
    fn destination(&mut self, resolve: &impl Fn(&str) -> Vec<IpAddr>) -> Option<Vec<IpAddr>> {
        if self.given("dst_addr").is_some() {
            return self.addresses("dst_addr", resolve);
        }
        let Entry { name, line, .. } = *self.entry;
        let found = self.found("dst_addr", name, line, resolve)?;
        let list: Vec<_> = found.iter().map(ToString::to_string).collect();
        self.note(line, format!("{name} is {} now; name other addresses it may get", list.join(", ")));
        Some(found)
    }

    fn found(
        &mut self,
        key: &str,
        text: &str,
        line: u32,
        resolve: &impl Fn(&str) -> Vec<IpAddr>,
    ) -> Option<Vec<IpAddr>> {
        if let Ok(address) = text.parse() {
            return Some(vec![canonical_ip(address)]);
        }
        let mut found: Vec<_> = resolve(text).into_iter().map(canonical_ip).collect();
        found.sort();
        found.dedup();
        if found.is_empty() {
            let message =
                format!("`{key}`: \"{text}\" is no address, and as the name of a host it is not known here");
            self.wrong(line, message, format!("write the address of the host as `{key}`"));
            return None;
        }
        Some(found)
    }

    /// Destinations and sources without those that have no partner of their family.
    fn of_one_family(
        &mut self,
        destination: Vec<IpAddr>,
        source: Vec<IpAddr>,
    ) -> Option<(Vec<IpAddr>, Vec<IpAddr>)> {
        if destination.is_empty() || source.is_empty() {
            return Some((destination, source));
        }
        let partnered = |list: &[IpAddr], others: &[IpAddr]| -> Vec<IpAddr> {
            let has = |one: &&IpAddr| others.iter().any(|other| other.is_ipv4() == one.is_ipv4());
            list.iter().filter(has).copied().collect()
        };
        let both = (partnered(&destination, &source), partnered(&source, &destination));
        if both.0.is_empty() {
            let message = "`src_addr` and `dst_addr` have no family in common";
            self.wrong(self.entry.line, message, "write both as IPv4 or both as IPv6 addresses");
            return None;
        }
        Some(both)
    }

    fn port(&mut self, key: &str) -> Option<u16> {
        let Field { value, line, .. } = self.given(key)?;
        match value.parse() {
            Ok(0) => None,
            Ok(port) => Some(port),
            Err(_) => {
                self.out_of_range(line, key, &value, "a port from 1 to 65535, or 0 for any");
                None
            }
        }
    }

    /// One of some values, by its number.
    fn choice<T: Copy>(&mut self, key: &str, choices: &[T]) -> Option<T> {
        let Field { value, line, .. } = self.given(key)?;
        let chosen = value.parse().ok().and_then(|at: usize| choices.get(at));
        if chosen.is_none() {
            self.out_of_range(line, key, &value, format_args!("a number from 0 to {}", choices.len() - 1));
        }
        chosen.copied()
    }

    /// A whole number within the limits of a knob; zero leaves it alone.
    fn number<T: Within>(&mut self, key: &str, knob: Knob, of: impl Fn(u64) -> T) -> Option<T> {
        let Field { value, line, .. } = self.given(key)?;
        let number = value.parse::<u64>();
        if number == Ok(0) {
            return None;
        }
        let limits = &knob.tunable().limits;
        let number = number.ok().map(of).filter(|number| number.is_within(limits));
        if number.is_none() {
            self.out_of_range(line, key, &value, format_args!("{}, or 0 to leave it alone", plain(limits)));
        }
        number
    }

    /// A number within the limits of a knob; zero leaves it alone. It is read also where it does not count.
    fn decimal(&mut self, key: &str, knob: Knob, counts: bool) -> Option<f64> {
        let Field { value, line, .. } = self.given(key)?;
        let number = value.parse::<f64>();
        if number == Ok(0.0) {
            return None;
        }
        let limits = &knob.tunable().limits;
        let Some(number) = number.ok().filter(|number| number.is_within(limits)) else {
            self.out_of_range(line, key, &value, format_args!("a number {limits}, or 0 to leave it alone"));
            return None;
        };
        if counts && knob.tunable().is_dangerous(number) {
            self.grants.push(knob);
        }
        counts.then_some(number)
    }

    fn out_of_range(&mut self, line: u32, key: &str, value: &str, expected: impl Display) {
        self.wrong(line, format!("`{key}`: \"{value}\" is out of range"), format!("write {expected}"));
    }

    /// The threshold and its line.
    fn reordering(&mut self) -> Option<(u32, u32)> {
        let of = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let threshold = self.number("reorder", Knob::Reordering, of)?;
        let line = self.entry.field("reorder").map_or(self.entry.line, |field| field.line);
        self.note(line, "`reorder` is for the whole network namespace: the kernel has no way for one flow");
        Some((threshold, line))
    }

    fn note_floyd(&mut self, high_speed: Option<HighSpeedMode>) {
        let Some(Field { line, .. }) = self.given("floyd").filter(|_| high_speed.is_some()) else { return };
        let unused: Vec<_> = ["wadai", "wadmd"]
            .into_iter()
            .filter_map(|key| Some(format!("`{key}` (line {})", self.given(key)?.line)))
            .collect();
        if !unused.is_empty() {
            let list = unused.join(" and ");
            self.note(line, format!("`floyd` chooses increase and decrease itself; left out: {list}"));
        }
    }

    fn about_buffers(&mut self, path: &Path) {
        let line = |reader: &Self, key| reader.entry.field(key).map_or(reader.entry.line, |field| field.line);
        let no_size = path.send.is_none() && path.receive.is_none();
        if path.divide && no_size && path.mode != Mode::Measured {
            let message = "`divide` has nothing to divide, as `sndbuf` and `rcvbuf` are 0";
            self.wrong(line(self, "divide"), message, "give a size, or make it 0");
        }
        if path.mode == Mode::Measured {
            let text = "mode 2 takes sizes from what is measured: give the path an `estimate`; until there is one, sizes are \
                        those of `sndbuf` and `rcvbuf`, as ceilings";
            self.note(line(self, "mode"), text);
        }
    }
}
