//! Events as JSON objects, one a line.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Event, EventValue, Part, ReadEventError, Timestamp};

const TIME: &str = "time";
const VALUE: &str = "value";
const FIELDS: &str = "fields";

const fn key(part: Part) -> &'static str {
    match part {
        Part::Time => TIME,
        Part::Host => "host",
        Part::Program => "program",
        Part::Level => "level",
        Part::Name => "event",
        Part::Source => "source",
        Part::Destination => "destination",
        Part::Value => VALUE,
    }
}

pub(super) fn write(event: &Event) -> String {
    // Nothing in an event can fail to be written: its numbers are finite and its keys are texts.
    serde_json::to_string(&Document(event)).unwrap_or_default()
}

struct Document<'a>(&'a Event);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(TIME, &event.time.to_string())?;
        for (part, text) in event.texts() {
            if let Some(text) = text {
                map.serialize_entry(key(part), text)?;
            }
        }
        if let Some(value) = &event.value {
            map.serialize_entry(VALUE, value)?;
        }
        if !event.fields.is_empty() {
            map.serialize_entry(FIELDS, &Fields(&event.fields))?;
        }
        map.end()
    }
}

/// Names may be there twice, as in the other forms, so this is no map.
struct Fields<'a>(&'a [(String, EventValue)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let twice = |name: &str| self.0.iter().filter(|(known, _)| known == name).count() > 1;
        if self.0.iter().any(|(name, _)| twice(name)) {
            return self.0.serialize(serializer);
        }
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for EventValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

pub(super) fn read(line: &str) -> Result<Event, ReadEventError> {
    let object: Object = serde_json::from_str(line).map_err(|error| ReadEventError {
        column: line
            .as_bytes()
            .get(..error.column().saturating_sub(1))
            .map_or(1, |before| String::from_utf8_lossy(before).chars().count() + 1),
        message: error.to_string(),
    })?;
    let Object { mut parts, mut fields } = object;
    let mut part = |part| {
        let place = parts.iter().position(|(name, _)| name == key(part));
        place.map(|place| parts.remove(place).1).filter(|value| !value.is_null())
    };
    let time = match part(Part::Time) {
        Some(Value::String(text)) => text.parse().map_err(|error| at(line, TIME, &error))?,
        Some(Value::Number(number)) => {
            Timestamp::from_epoch(&number.to_string()).map_err(|error| at(line, TIME, &error))?
        }
        Some(_) => return Err(at(line, TIME, &"the time is neither a text nor a number")),
        None => return Err(ReadEventError { column: 1, message: "the event has no \"time\"".to_owned() }),
    };
    let mut event = Event { time, ..Event::default() };
    for which in [Part::Name, Part::Level, Part::Host, Part::Program, Part::Source, Part::Destination] {
        let text = match part(which) {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => return Err(at(line, key(which), &format!("\"{}\" is not a text", key(which)))),
        };
        if let Some(place) = event.text_mut(which) {
            *place = text;
        }
    }
    event.value = part(Part::Value).map(|value| value_of(&value));
    // Others put their fields beside the parts.
    fields.append(&mut parts);
    event.fields = fields.into_iter().map(|(name, value)| (name, value_of(&value))).collect();
    Ok(event)
}

/// An object whose keys keep their order.
#[derive(Default)]
struct Object {
    parts: Vec<(String, Value)>,
    fields: Vec<(String, Value)>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event as an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == FIELDS {
                object.fields = map.next_value::<Pairs>()?.0;
            } else {
                object.parts.push((name, map.next_value()?));
            }
        }
        Ok(object)
    }
}

/// Fields: an object, or a list of pairs.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields as an object or a list of pairs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = list.next_element()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

fn value_of(value: &Value) -> EventValue {
    match value {
        Value::String(text) => EventValue::from(text.as_str()),
        Value::Number(number) => number
            .as_i64()
            .map(EventValue::Integer)
            .or_else(|| number.as_u64().map(EventValue::from))
            .or_else(|| number.as_f64().map(EventValue::from))
            .unwrap_or_else(|| EventValue::Text(number.to_string())),
        other => EventValue::Text(other.to_string()),
    }
}

/// An error at a key of the object.
fn at(line: &str, key: &str, message: &impl ToString) -> ReadEventError {
    let before = line.find(&format!("\"{key}\"")).unwrap_or(0);
    ReadEventError { column: line[..before].chars().count() + 1, message: message.to_string() }
}

#[cfg(test)]
mod tests {
    use crate::{Event, EventForm, EventValue, Timestamp};

    #[test]
    fn an_event_is_one_object() {
        let event = Event {
            host: Some("dtn1".to_owned()),
            value: Some(EventValue::Real(0.07)),
            ..Event::new(Timestamp::from_nanos(0), "wad.rtt")
        }
        .with("path", "cern")
        .with("retransmits", 3u64);
        let line = EventForm::Json.write(&event);
        assert_eq!(
            line,
            r#"{"time":"1970-01-01T00:00:00.000000Z","event":"wad.rtt","host":"dtn1","value":0.07,"fields":{"path":"cern","retransmits":3}}"#
        );
        assert_eq!(EventForm::Json.read(&line), Ok(event));
    }

    #[test]
    fn errors_name_the_column() {
        let error = |line: &str| EventForm::Json.read(line).unwrap_err().to_string();
        assert!(error(r#"{"time":"now"}"#).starts_with("column 2: \"now\" is not a time"));
        assert!(error(r#"{"time":0,"host":5}"#).starts_with("column 11: \"host\" is not a text"));
        assert!(error(r#"{"time":0,}"#).starts_with("column 11: "));
        assert!(error("{}").starts_with("column 1: the event has no \"time\""));
    }
}
