//! An event as the bytes that its consumer gets.

use std::fmt::Write as _;

use wad_model::{Event, EventForm, EventTarget, SyslogForm, Timestamp};

/// Facility "daemon" (RFC 5424, section 6.2.1), times eight.
const DAEMON: u8 = 3 << 3;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Writes events for one consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoder {
    form: EventForm,
    frame: Frame,
    process: u32,
}

/// What is around the text of an event.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// A line end.
    Line,
    /// Nothing: a datagram ends by itself.
    Datagram,
    Syslog(SyslogForm),
    Journal,
}

impl Encoder {
    pub(crate) const fn new(form: EventForm, target: &EventTarget, process: u32) -> Self {
        let frame = match target {
            EventTarget::File(_) | EventTarget::Tcp(_) | EventTarget::Unix(_) => Frame::Line,
            EventTarget::Udp(_) | EventTarget::UnixDatagram(_) => Frame::Datagram,
            EventTarget::Syslog(form, _) => Frame::Syslog(*form),
            EventTarget::Journal(_) => Frame::Journal,
        };
        Self { form, frame, process }
    }

    pub(crate) fn encode(&self, event: &Event) -> Vec<u8> {
        let mut text = self.form.write(event);
        match self.frame {
            Frame::Datagram => text.into_bytes(),
            Frame::Line => {
                text.push('\n');
                text.into_bytes()
            }
            Frame::Syslog(form) => self.syslog(form, event, &text).into_bytes(),
            Frame::Journal => journal(event, &text),
        }
    }

    fn syslog(&self, form: SyslogForm, event: &Event, text: &str) -> String {
        let priority = DAEMON | severity(event);
        let program = word(event.program.as_deref().unwrap_or("wad"));
        let process = self.process;
        match form {
            // As the C library writes it for the local socket: without a host (RFC 3164, section 4.1).
            SyslogForm::Bsd => {
                format!("<{priority}>{} {program}[{process}]: {text}", bsd_time(event.time))
            }
            // RFC 5424, section 6: version, time, host, program, process, kind of message, no structured data.
            SyslogForm::Ietf => {
                let host = word(event.host.as_deref().unwrap_or("-"));
                let kind = word(event.name.as_deref().unwrap_or("-"));
                // Section 6.2.3 has no more than six digits of a second.
                let time = Timestamp::from_nanos(event.time.as_nanos().div_euclid(1000) * 1000);
                format!("<{priority}>1 {time} {host} {program} {process} {kind} - {text}")
            }
        }
    }
}

/// How bad it is (RFC 5424, section 6.2.1, table 2), by the words of NetLogger.
fn severity(event: &Event) -> u8 {
    match event.level.as_deref() {
        Some("Emergency" | "Fatal") => 0,
        Some("Alert") => 1,
        Some("Critical") => 2,
        Some("Error") => 3,
        Some("Warning") => 4,
        Some("Notice") => 5,
        Some("Debug" | "Trace") => 7,
        _ => 6,
    }
}

/// A text as a word of a header: printable ASCII without blanks.
fn word(text: &str) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(48).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// "Mar  9 21:03:55", in UTC: who listens at the local socket takes the time of arrival.
fn bsd_time(time: Timestamp) -> String {
    let iso = time.to_string();
    let part = |from: usize, to: usize| iso.get(from..to).and_then(|digits| digits.parse::<usize>().ok());
    let month = part(5, 7).and_then(|month| MONTHS.get(month.wrapping_sub(1))).unwrap_or(&MONTHS[0]);
    let day = part(8, 10).unwrap_or(1);
    format!("{month} {day:>2} {}", iso.get(11..19).unwrap_or("00:00:00"))
}

/// The journal's native protocol: fields, one a line, or with their length where they have several lines.
fn journal(event: &Event, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 3);
    let mut put = |name: &str, value: &str| {
        out.extend(name.as_bytes());
        if value.contains('\n') {
            out.push(b'\n');
            out.extend((value.len() as u64).to_le_bytes());
        } else {
            out.push(b'=');
        }
        out.extend(value.as_bytes());
        out.push(b'\n');
    };
    put("MESSAGE", text);
    put("PRIORITY", &severity(event).to_string());
    put("SYSLOG_IDENTIFIER", event.program.as_deref().unwrap_or("wad"));
    let parts = [("EVENT", &event.name), ("SOURCE", &event.source), ("DESTINATION", &event.destination)];
    for (name, part) in parts {
        if let Some(part) = part {
            put(&format!("WAD_{name}"), part);
        }
    }
    if let Some(value) = &event.value {
        put("WAD_VALUE", &value.to_string());
    }
    for (name, value) in &event.fields {
        put(&journal_name(name), &value.to_string());
    }
    out
}

/// Names of fields have capitals, digits and underscores, and 64 of them at most.
fn journal_name(name: &str) -> String {
    let mut field = "WAD_".to_owned();
    for c in name.chars().take(60) {
        let _ = field.write_char(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            host: Some("dtn1".to_owned()),
            program: Some("wad".to_owned()),
            level: Some("Warning".to_owned()),
            ..Event::new(Timestamp::from_nanos(1_015_707_835_443_568_001), "wad.alert")
        }
        .with("path", "cern")
    }

    fn encoded(target: &str, event: &Event) -> String {
        let encoder = Encoder::new(EventForm::Bp, &target.parse().unwrap(), 7);
        String::from_utf8(encoder.encode(event)).unwrap()
    }

    #[test]
    fn a_syslog_gets_the_header_that_it_expects() {
        let text = EventForm::Bp.write(&event());
        assert_eq!(encoded("syslog", &event()), format!("<28>Mar  9 21:03:55 wad[7]: {text}"));
        let header = "<28>1 2002-03-09T21:03:55.443568Z dtn1 wad 7 wad.alert - ";
        assert_eq!(encoded("syslog5424", &event()), format!("{header}{text}"));
    }

    #[test]
    fn a_header_keeps_its_form_whatever_an_event_says() {
        let event = Event { host: Some("a b\n".to_owned()), program: Some(String::new()), ..event() };
        assert!(
            encoded("syslog5424", &event)
                .starts_with("<28>1 2002-03-09T21:03:55.443568Z ab - 7 wad.alert - ")
        );
    }

    #[test]
    fn the_journal_gets_fields() {
        let event = event().with("two lines", "a\nb");
        let text = EventForm::Bp.write(&event);
        let expected = format!(
            "MESSAGE={text}\nPRIORITY=4\nSYSLOG_IDENTIFIER=wad\nWAD_EVENT=wad.alert\nWAD_PATH=cern\n\
             WAD_TWO_LINES\n\x03\0\0\0\0\0\0\0a\nb\n"
        );
        assert_eq!(encoded("journal", &event), expected);
    }
}
