//! `wad demo`, as whoever tries WAD first runs it. Needs root.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::fs;

use common::{Files, Outcome, text, wad};

/// Half the time that the demo takes by itself: less than that and slow start is most of the tuned transfer.
const SECONDS: &str = "10";

#[test]
fn the_untuned_transfer_is_as_its_window_says_and_the_tuned_one_ten_times_as_fast() {
    let files = Files::new();
    let out = files.path("out");
    let arguments = ["demo", "--json", "--seconds", SECONDS, "--out", text(&out)];
    // Its progress is on standard error.
    let Outcome { status, stdout, stderr } = Outcome::of(&mut wad(&arguments));
    assert_eq!(status, Some(0), "{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let figure = |pointer: &str| document.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap();

    let untuned = figure("/untuned/goodput_bps") / figure("/untuned/offered_window_bps");
    assert!((0.85..1.15).contains(&untuned), "a window each round trip: {document:#}");
    let in_flight = figure("/path/rate_bps") * figure("/path/rtt_s") / 8.0;
    assert!(figure("/tuned/offered_window_bytes") > in_flight, "{document:#}");
    assert!(figure("/ratio") >= 10.0, "{document:#}");

    let pictures = document["pictures"].as_array().unwrap();
    assert_eq!(pictures.len(), 4, "two figures, each in two forms: {document:#}");
    for picture in pictures {
        let bytes = fs::read(picture.as_str().unwrap()).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"<svg"), "{picture}");
    }
}
