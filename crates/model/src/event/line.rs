//! Events as one line of `KEY=value` words: ULM and BP.
//!
//! A value with a blank, a quote, a control character or nothing in it stands in double quotes; in these, `\"` is a
//! quote, `\\` a backslash, `\n`, `\r` and `\t` what they are elsewhere. Without quotes a backslash is itself.
//!
//! A field whose name is one of the form's own words (or not a word at all) is written with `x.` before it, and one
//! whose name begins so with another `x.`: what is written comes back.

use std::fmt::Write as _;

use super::{Event, EventValue, Part, ReadEventError, Timestamp};

/// What tells the forms apart.
pub(super) struct Words {
    names: [(&'static str, Part); 8],
    /// ULM's words are in capitals, and some write them otherwise.
    any_case: bool,
    write_time: fn(Timestamp) -> String,
    read_time: fn(&str) -> Option<Timestamp>,
}

pub(super) const ULM: Words = Words {
    names: [
        ("DATE", Part::Time),
        ("HOST", Part::Host),
        ("PROG", Part::Program),
        ("LVL", Part::Level),
        ("NL.EVNT", Part::Name),
        ("SRC", Part::Source),
        ("DST", Part::Destination),
        ("VAL", Part::Value),
    ],
    any_case: true,
    write_time: |time| time.ulm().to_string(),
    read_time: |text| Timestamp::from_ulm(text).ok(),
};

pub(super) const BP: Words = Words {
    names: [
        ("ts", Part::Time),
        ("event", Part::Name),
        ("level", Part::Level),
        ("host", Part::Host),
        ("prog", Part::Program),
        ("src", Part::Source),
        ("dst", Part::Destination),
        ("val", Part::Value),
    ],
    any_case: false,
    write_time: |time| time.to_string(),
    read_time: |text| text.parse().ok(),
};

/// What marks the name of a field that the form would take for something else.
const MARK: &str = "x.";

pub(super) fn write(words: &Words, event: &Event) -> String {
    let mut line = format!("{}={}", words.word(Part::Time), (words.write_time)(event.time));
    // Each form has its parts in the order of its list.
    for (word, part) in &words.names {
        let value = match part {
            Part::Time => None,
            Part::Value => event.value.as_ref().map(ToString::to_string),
            part => event
                .texts()
                .into_iter()
                .find(|(p, _)| p == part)
                .and_then(|(_, text)| text.map(str::to_owned)),
        };
        if let Some(value) = value {
            put(&mut line, word, &value);
        }
    }
    for (name, value) in &event.fields {
        put(&mut line, &words.mark(name), &value.to_string());
    }
    line
}

fn put(line: &mut String, word: &str, value: &str) {
    let _ = write!(line, " {word}=");
    let plain =
        !value.is_empty() && !value.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control());
    if plain {
        line.push_str(value);
        return;
    }
    line.push('"');
    for c in value.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c => line.push(c),
        }
    }
    line.push('"');
}

pub(super) fn read(words: &Words, line: &str) -> Result<Event, ReadEventError> {
    let mut event = Event::default();
    let mut time = None;
    let mut reader = Reader { line, at: 0 };
    while let Some((word, value, value_at)) = reader.pair()? {
        let twice = || reader.error(value_at, format!("{word} is there twice"));
        match words.part(word) {
            Some(Part::Time) if time.is_some() => return Err(twice()),
            Some(Part::Time) => time = Some(reader.time(words, &value, value_at)?),
            Some(Part::Value) if event.value.is_some() => return Err(twice()),
            Some(Part::Value) => event.value = Some(EventValue::from(value)),
            Some(part) => {
                let text = event.text_mut(part);
                match text {
                    Some(text) if text.is_none() => *text = Some(value),
                    _ => return Err(twice()),
                }
            }
            None => {
                let name = word.strip_prefix(MARK).unwrap_or(word);
                event.fields.push((unescape_name(name), EventValue::from(value)));
            }
        }
    }
    let missing =
        || reader.error(line.len(), format!("the event has no time: {} is missing", words.word(Part::Time)));
    event.time = time.ok_or_else(missing)?;
    Ok(event)
}

impl Words {
    fn word(&self, part: Part) -> &'static str {
        self.names.iter().find(|(_, known)| *known == part).map_or("", |(word, _)| word)
    }

    fn part(&self, word: &str) -> Option<Part> {
        let same = |known: &str| {
            if self.any_case { known.eq_ignore_ascii_case(word) } else { known == word }
        };
        self.names.iter().find(|(known, _)| same(known)).map(|(_, part)| *part)
    }

    /// The name of a field as a word that is read as that field.
    fn mark(&self, name: &str) -> String {
        let is_word = !name.is_empty() && name.chars().all(is_word_char);
        if is_word && self.part(name).is_none() && !name.starts_with(MARK) {
            return name.to_owned();
        }
        format!("{MARK}{}", escape_name(name))
    }
}

/// Characters that a word may have: all but those that end one.
fn is_word_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '=' | '"' | '%')
}

/// A name with what a word cannot have as `%` and its code in hexadecimal, between braces.
fn escape_name(name: &str) -> String {
    name.chars()
        .map(|c| if is_word_char(c) { c.to_string() } else { format!("%{{{:x}}}", u32::from(c)) })
        .collect()
}

fn unescape_name(name: &str) -> String {
    let mut parts = name.split("%{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let decoded = part.split_once('}').and_then(|(code, rest)| {
            let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
            Some((c, rest))
        });
        match decoded {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push_str("%{");
                out.push_str(part);
            }
        }
    }
    out
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next word, its value, and where the value begins.
    fn pair(&mut self) -> Result<Option<(&'a str, String, usize)>, ReadEventError> {
        let rest = self.line[self.at..].trim_start();
        if rest.is_empty() {
            return Ok(None);
        }
        let begin = self.line.len() - rest.len();
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return Err(self.error(begin, "a value has no name before its \"=\"".to_owned()));
        }
        if !rest[end..].starts_with('=') {
            return Err(self.error(begin, format!("\"{word}\" is no pair: expected {word}=VALUE")));
        }
        let value_at = begin + end + 1;
        let (value, length) = self.value(value_at)?;
        self.at = value_at + length;
        Ok(Some((word, value, value_at)))
    }

    /// A value, and how many bytes of the line it takes.
    fn value(&self, at: usize) -> Result<(String, usize), ReadEventError> {
        let rest = &self.line[at..];
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            return Ok((rest[..end].to_owned(), end));
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                '"' => return self.after_quote(at, place + 2).map(|length| (value, length)),
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => value.push('\n'),
                    Some('r') => value.push('\r'),
                    Some('t') => value.push('\t'),
                    Some(c @ ('"' | '\\')) => value.push(c),
                    // What others write may have a backslash that means itself.
                    Some(c) => value.extend(['\\', c]),
                    None => value.push('\\'),
                },
                c => value.push(c),
            }
        }
        Err(self.error(at, "a quote is not closed".to_owned()))
    }

    fn after_quote(&self, at: usize, length: usize) -> Result<usize, ReadEventError> {
        let rest = &self.line[at + length..];
        if rest.is_empty() || rest.starts_with(char::is_whitespace) {
            return Ok(length);
        }
        Err(self.error(at + length, "a closing quote is followed by something else than a blank".to_owned()))
    }

    fn time(&self, words: &Words, text: &str, at: usize) -> Result<Timestamp, ReadEventError> {
        (words.read_time)(text).ok_or_else(|| {
            let example = (words.write_time)(Timestamp::from_nanos(1_017_435_835_443_568_000));
            self.error(at, format!("\"{text}\" is not a time: expected one such as {example}"))
        })
    }

    fn error(&self, at: usize, message: String) -> ReadEventError {
        ReadEventError { column: self.line[..at].chars().count() + 1, message }
    }
}

#[cfg(test)]
mod tests {
    use crate::{EventForm, EventValue, Timestamp};

    fn ulm_error(line: &str) -> String {
        EventForm::Ulm.read(line).unwrap_err().to_string()
    }

    #[test]
    fn a_line_of_gridftp_is_read() {
        let event = EventForm::Ulm
            .read(
                "DATE=20040317153012.4435 HOST=dtn1 PROG=globus-gridftp-server NL.EVNT=FTP_INFO \
                 START=20040317153010.1234 USER=ann FILE=\"/data/a b\" BUFFER=0 BLOCK=262144 NBYTES=104857600 \
                 STREAMS=4 STRIPES=1 DEST=[192.0.2.7] TYPE=RETR CODE=226",
            )
            .unwrap();
        assert_eq!(event.time.to_string(), "2004-03-17T15:30:12.004435Z", "the fraction had lost its zeros");
        assert_eq!(event.field("NBYTES"), Some(&EventValue::Integer(104_857_600)));
        assert_eq!(event.field("FILE"), Some(&EventValue::Text("/data/a b".to_owned())));
        assert_eq!(event.field("DEST"), Some(&EventValue::Text("[192.0.2.7]".to_owned())));
    }

    #[test]
    fn a_line_of_pathload_has_no_name_and_a_unit() {
        let event = EventForm::Ulm
            .read("DATE=20040317153012 HOST=a PROG=pathload LVL=Usage PATHLOAD.ABWL=94.5Mbps PATHLOAD.ABWH=96.1Mbps")
            .unwrap();
        assert_eq!(event.name, None);
        assert_eq!(event.field("PATHLOAD.ABWL").unwrap().bits_per_second(), Some(94.5e6));
    }

    #[test]
    fn an_epoch_time_is_read_in_bp() {
        let event =
            EventForm::Bp.read("ts=1198101086.030823 event=org.x.y.start level=Info guid=ab-cd").unwrap();
        assert_eq!(event.time, "2007-12-19T21:51:26.030823Z".parse::<Timestamp>().unwrap());
    }

    #[test]
    fn errors_name_the_column() {
        assert_eq!(ulm_error("HOST=a"), "column 7: the event has no time: DATE is missing");
        assert_eq!(
            ulm_error("DATE=20020329210355 oops HOST=a"),
            "column 21: \"oops\" is no pair: expected oops=VALUE"
        );
        assert_eq!(
            ulm_error("DATE=2002 HOST=a"),
            "column 6: \"2002\" is not a time: expected one such as 20020329210355.443568"
        );
        assert_eq!(ulm_error("É=é DATE=20020329210355 FILE=\"a"), "column 30: a quote is not closed");
        assert_eq!(ulm_error("DATE=20020329210355 HOST=a HOST=b"), "column 33: HOST is there twice");
        assert_eq!(ulm_error("DATE=20020329210355 =a"), "column 21: a value has no name before its \"=\"");
    }
}
