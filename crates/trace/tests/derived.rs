//! Derived events: what they give, and what is refused with its column.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use proptest::prelude::*;
use wad_model::Time;
use wad_model::counter::COUNTERS;
use wad_trace::{Column, Definition, Derived, Kind, Schema, Value};

fn schema() -> Schema {
    let column = |name, unit, kind| Column::new(name, unit, kind);
    Schema::new(
        "samples",
        [
            column("DataBytesOut", "B", Kind::Counter),
            column("SmoothedRTT", "us", Kind::Gauge),
            column("PktsRetrans", "segments", Kind::Counter),
            column("CurCwnd", "segments", Kind::Gauge),
            column("CurMSS", "B", Kind::Gauge),
            column("Timeouts", "events", Kind::Counter),
        ],
    )
}

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

/// What one definition gives for samples of the first column, or of the second, a second apart.
fn run(text: &str, samples: &[[Option<u64>; 2]]) -> Vec<Option<Value>> {
    let derived = Derived::compile([text], &schema()).unwrap_or_else(|error| panic!("{error}"));
    let mut flow = derived.follow(Some(at(500)));
    let times = (1..).map(|second| at(second * 1000));
    samples
        .iter()
        .zip(times)
        .map(|(row, time)| flow.sample(time, |column| row.get(column).copied().flatten())[0])
        .collect()
}

fn numbers(text: &str, samples: &[[Option<u64>; 2]]) -> Vec<Option<f64>> {
    run(text, samples).into_iter().map(|value| value.and_then(Value::number)).collect()
}

fn truths(text: &str, samples: &[[Option<u64>; 2]]) -> Vec<Option<bool>> {
    run(text, samples).into_iter().map(|value| value.and_then(Value::truth)).collect()
}

fn first(values: &[u64]) -> Vec<[Option<u64>; 2]> {
    values.iter().map(|value| [Some(*value), None]).collect()
}

fn unit(text: &str) -> String {
    Derived::compile([text], &schema()).unwrap().definitions()[0].unit()
}

fn error(text: &str) -> String {
    let errors = Derived::compile([text], &schema()).unwrap_err();
    format!("column {}: {}", errors.0[0].column, errors.0[0].message)
}

#[test]
fn the_average_bandwidth_of_the_paper() {
    let text = "AveBW = DataBytesOut * 8 / (CurrTime - StartTime)";
    assert_eq!(unit(text), "bit/s");
    assert_eq!(numbers(text, &first(&[1000, 3000])), [Some(16_000.0), Some(16_000.0)]);
    let text = "AveBW = (DataBytesOut * 8) / (CurrTime - StartTime)";
    assert_eq!(unit(text), "bit/s");
}

#[test]
fn growth_is_from_the_last_sample_that_had_a_value() {
    let samples = [[Some(100), None], [None, None], [Some(700), None], [Some(600), None], [Some(650), None]];
    // Absent at first, while absent, and where the counter fell.
    assert_eq!(numbers("d = delta(DataBytesOut)", &samples), [None, None, Some(600.0), None, Some(50.0)]);
    assert_eq!(numbers("r = rate(DataBytesOut)", &samples), [None, None, Some(300.0), None, Some(50.0)]);
    assert_eq!(unit("r = rate(DataBytesOut) * 8"), "bit/s");
    let gauge = [[None, Some(5)], [None, Some(3)]];
    let fell = numbers("d = delta(SmoothedRTT)", &gauge)[1].unwrap();
    assert!((fell + 2e-6).abs() < 1e-15, "a gauge may fall: {fell}");
}

#[test]
fn windows_hold_the_samples_of_their_time() {
    let samples = first(&[5, 1, 4, 2, 3]);
    let window = |function: &str| numbers(&format!("w = {function}(DataBytesOut, 3 s)"), &samples);
    assert_eq!(window("max"), [5.0, 5.0, 5.0, 4.0, 4.0].map(Some));
    assert_eq!(window("min"), [5.0, 1.0, 1.0, 1.0, 2.0].map(Some));
    assert_eq!(window("avg"), [5.0, 3.0, 10.0 / 3.0, 7.0 / 3.0, 3.0].map(Some));
    assert_eq!(numbers("w = min(DataBytesOut)", &samples), [5.0, 1.0, 1.0, 1.0, 1.0].map(Some));
    assert_eq!(numbers("w = avg(DataBytesOut)", &samples)[4], Some(3.0));
}

#[test]
fn absent_values_and_divisions_by_zero_are_absent() {
    assert_eq!(
        numbers("q = 1 B / DataBytesOut", &[[Some(0), None], [None, None], [Some(4), None]]),
        [None, None, Some(0.25)]
    );
    let sides = [[Some(1), None], [None, Some(1)], [Some(0), None]];
    assert_eq!(truths("a = DataBytesOut > 0 and SmoothedRTT > 0", &sides), [None, None, Some(false)]);
    assert_eq!(truths("a = DataBytesOut > 0 or SmoothedRTT > 0", &sides), [Some(true), Some(true), None]);
    assert_eq!(truths("a = not DataBytesOut > 0", &sides), [Some(false), None, Some(true)]);
}

#[test]
fn an_alert_holds_for_a_time() {
    let samples = first(&[9, 9, 9, 1, 9, 9, 9]);
    let held = [false, false, true, false, false, false, true].map(Some);
    assert_eq!(truths("slow = DataBytesOut > 5 B for 2 s", &samples), held);
}

#[test]
fn numbers_have_units() {
    let rtt = [[None, Some(90_000)]];
    assert_eq!(truths("slow = SmoothedRTT > 80 ms", &rtt), [Some(true)]);
    assert_eq!(truths("slow = SmoothedRTT > 0.1 s", &rtt), [Some(false)]);
    assert_eq!(truths("slow = DataBytesOut * 8 / 1 s < 1 Mbit/s", &first(&[100_000])), [Some(true)]);
    assert_eq!(unit("w = CurCwnd * CurMSS / 1 segment"), "B");
    assert_eq!(unit("x = rate(Timeouts)"), "1/s");
    assert_eq!(unit("x = DataBytesOut * 8 / 8"), "B");
    assert_eq!(unit("x = -DataBytesOut / -(2 * SmoothedRTT)"), "B/s");
    assert_eq!(numbers("x = 50% * 2e1", &first(&[0])), [Some(10.0)]);
    assert_eq!(numbers("x = 8 - 2 - 1 * 3 / 2", &first(&[0])), [Some(4.5)]);
}

#[test]
fn later_definitions_use_earlier_ones() {
    let texts = ["rate = rate(DataBytesOut) * 8", "slow = rate < 1 kbit/s"];
    let derived = Derived::compile(texts, &schema()).unwrap();
    assert!(derived.definitions()[1].is_alert());
    let mut flow = derived.follow(None);
    flow.sample(at(0), |_| Some(0));
    assert_eq!(flow.sample(at(1000), |_| Some(100)), [Some(Value::Number(800.0)), Some(Value::Truth(true))]);
}

#[test]
fn names_and_units_are_checked_with_their_columns() {
    assert_eq!(
        error("x = DataByteOut * 8"),
        "column 5: nothing is called \"DataByteOut\"; the nearest is \"DataBytesOut\""
    );
    assert_eq!(
        error("x = DataBytesOut + CurrTime"),
        "column 18: a number of B cannot be added to a number of s"
    );
    assert_eq!(
        error("x = CurrTime - DataBytesOut"),
        "column 14: a number of B cannot be subtracted from a number of s"
    );
    assert_eq!(
        error("x = SmoothedRTT > 80"),
        "column 17: a number of s cannot be compared with a plain number; write the number with its unit, s"
    );
    assert_eq!(
        error("x = rate(DataBytesOut) > 8 Mbit/s"),
        "column 24: a number of B/s cannot be compared with a number of bit/s; bytes times 8 are bits"
    );
    assert_eq!(error("é = rat(CurCwnd)"), "column 5: there is no function \"rat\"; the nearest is \"rate\"");
    assert_eq!(error("x = 80 Mbps"), "column 5: \"Mbps\" is no unit");
    assert_eq!(error("x = 80 mbit/s"), "column 5: \"mbit\" is no unit; the nearest is \"Mbit\"");
    assert_eq!(
        error("x = CurCwnd and 1 > 0"),
        "column 5: expected something true or false, such as a comparison"
    );
    assert_eq!(error("x = (CurCwnd > 0) + 1"), "column 14: expected a number, not something true or false");
    assert_eq!(error("x = CurCwnd for 5 s"), "column 17: only what is true or false can hold for a time");
    assert_eq!(error("x = CurCwnd = 5 segments"), "column 13: \"=\" gives a name; \"==\" compares");
    assert_eq!(error("x = max(CurCwnd, 5)"), "column 18: expected the length of a window, such as 10 s");
    assert_eq!(error("CurCwnd = 1"), "column 1: the name \"CurCwnd\" is taken");
    assert_eq!(error("x = (1 + 2"), "column 11: expected \")\", not the end");
    assert_eq!(error("x = 1 2"), "column 7: expected an operator or the end, not a number");
    assert_eq!(error("x = $"), "column 5: \"$\" means nothing here");
    assert!(error(&format!("x = {}1", "(".repeat(100))).contains("nested too deeply"));
    assert!(error(&format!("x = 1{}", "+1".repeat(5000))).contains("too long"));
}

#[test]
fn the_counters_of_the_project_can_be_used() {
    let schema = Schema::of("samples", &COUNTERS);
    let texts = [
        "AveBW = (DataBytesOut * 8) / (CurrTime - StartTime)",
        "Loss = rate(PktsRetrans) / rate(DataPktsOut)",
        "Window = CurCwnd * CurMSS / 1 segment / SmoothedRTT * 8",
        "ReceiverLimited = rate(SndLimTimeRwin) / rate(BusyTime) > 50 % for 5 s",
        "Slow = Window < 100 Mbit/s and AppLimited == 0",
        "ByItsOtherName = rate(HCDataOctetsOut)",
    ];
    let derived = Derived::compile(texts, &schema).unwrap_or_else(|error| panic!("{error}"));
    let units: Vec<_> = derived.definitions().iter().map(Definition::unit).collect();
    assert_eq!(units, ["bit/s", "", "bit/s", "", "", "B/s"]);
    for counter in &COUNTERS {
        let text = format!("x = {}", counter.name);
        assert!(Derived::compile([text.as_str()], &schema).is_ok(), "{text}");
    }
    let mut flow = derived.follow(None);
    let place = |name: &str| schema.position(name).unwrap();
    let values = flow.sample(at(1000), |column| match column {
        c if c == place("DataBytesOut") => Some(1_000_000),
        c if c == place("CurrTime") => Some(3_000_000),
        c if c == place("StartTime") => Some(1_000_000),
        _ => None,
    });
    assert_eq!(values[0], Some(Value::Number(4e6)), "by the clock of the columns");
}

#[test]
fn all_definitions_that_are_wrong_are_told() {
    let errors = Derived::compile(["a = b", "c = 1", "d = e"], &schema()).unwrap_err();
    assert_eq!(errors.0.iter().map(|error| error.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(
        errors.to_string(),
        "\"a = b\", column 5: nothing is called \"b\"; \"d = e\", column 5: nothing is called \"e\""
    );
}

/// The window as its definition says, without a memory.
fn window(samples: &[(u64, u32)], now: usize, length: u64) -> Vec<f64> {
    let (end, _) = samples[now];
    samples[..=now]
        .iter()
        .filter(|(time, _)| end - time < length)
        .map(|(_, value)| f64::from(*value))
        .collect()
}

proptest! {
    #[test]
    fn a_window_is_what_its_samples_say(steps in prop::collection::vec((0u64..1500, 0u32..100), 1..60)) {
        let mut time = 0;
        let samples: Vec<_> = steps.into_iter().map(|(step, value)| { time += step; (time, value) }).collect();
        let texts = ["a = min(DataBytesOut, 2 s)", "b = max(DataBytesOut, 2 s)", "c = avg(DataBytesOut, 2 s)"];
        let derived = Derived::compile(texts, &schema()).unwrap();
        let mut flow = derived.follow(None);
        for (now, (time, value)) in samples.iter().enumerate() {
            let found: Vec<_> =
                flow.sample(at(*time), |_| Some(u64::from(*value))).iter().map(|v| v.unwrap().number().unwrap()).collect();
            let inside = window(&samples, now, 2000);
            prop_assert_eq!(found[0], inside.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(found[1], inside.iter().copied().fold(0.0, f64::max));
            let mean = inside.iter().sum::<f64>() / inside.iter().map(|_| 1.0).sum::<f64>();
            prop_assert!((found[2] - mean).abs() < 1e-9);
        }
    }

    #[test]
    fn any_text_is_a_definition_or_refused(text: String, words in prop::collection::vec(prop::sample::select(vec![
        "x", "=", "CurCwnd", "(", ")", "-", "*", "/", "rate", "max", ",", "5", "5 s", "and", "not", "for", "<", "8", "%", "é",
    ]), 0..20)) {
        let _ = Derived::compile([text.as_str()], &schema());
        let _ = Derived::compile([format!("x = {}", words.join(" ")).as_str()], &schema());
    }
}
