//! An event survives each of its text forms, and any text is read or refused.

use proptest::prelude::*;
use wad_model::{Event, EventForm, EventValue, Timestamp};

fn value() -> impl Strategy<Value = EventValue> {
    prop_oneof![
        any::<i64>().prop_map(EventValue::from),
        any::<f64>().prop_map(EventValue::from),
        any::<String>().prop_map(EventValue::from),
        "[0-9]{1,3}(\\.[0-9]{1,2})?Mbps".prop_map(EventValue::from),
    ]
}

/// Names that collide with the words of each form are among them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z][A-Za-z0-9._]{0,8}",
        prop::sample::select(vec![
            "DATE", "date", "ts", "VAL", "val", "x.", "x.ts", "time", "fields", "NL.EVNT", "a b", "", "%{3d}"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

prop_compose! {
    fn event()(
        time in -9_000_000_000_000_000_000i64..9_000_000_000_000_000_000,
        texts in prop::collection::vec(prop::option::of(any::<String>()), 6),
        value in prop::option::of(value()),
        fields in prop::collection::vec((name(), value()), 0..5),
    ) -> Event {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().flatten();
        Event {
            time: Timestamp::from_nanos(time),
            host: text(),
            program: text(),
            level: text(),
            name: text(),
            source: text(),
            destination: text(),
            value,
            fields,
        }
    }
}

proptest! {
    #[test]
    fn an_event_survives_each_form(event in event()) {
        for form in EventForm::ALL {
            let line = form.write(&event);
            prop_assert!(!line.contains('\n'), "one line: {line:?}");
            let read = form.read(&line).map_err(|error| TestCaseError::fail(format!("{line}: {error}")))?;
            prop_assert_eq!(&read, &event, "{}", line);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text: String, key in "[A-Z]{1,4}", quoted: String) {
        for form in EventForm::ALL {
            let _ = form.read(&text);
            let _ = form.read(&format!("DATE=20020329210355.1 {key}=\"{quoted}\" {text}"));
        }
    }
}
