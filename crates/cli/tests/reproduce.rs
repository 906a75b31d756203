//! `wad lab reproduce`, as far as it runs nothing.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::process::Command;

use common::{Files, Outcome, text};

fn reproduce(arguments: &[&str]) -> Outcome {
    Outcome::of(Command::new(env!("CARGO_BIN_EXE_wad")).args(["lab", "reproduce"]).args(arguments))
}

#[test]
fn the_experiments_are_listed_with_how_long_they_take() {
    let listed = reproduce(&["--list", "--json"]).json();
    let tab1 = listed.as_array().unwrap().iter().find(|one| one["id"] == "tab1").unwrap();
    assert!(tab1["expected_s"].as_u64().unwrap() > 10, "{tab1}");
    assert!(reproduce(&["--list"]).printed().contains("repetitions of all take"));
}

#[test]
fn an_unknown_experiment_is_wrong_use() {
    let failure = reproduce(&["tab2"]).failure(2);
    assert!(failure.starts_with("there is no experiment \"tab2\"; there are fig1"), "{failure}");
}

#[test]
fn results_are_rendered_without_a_run() {
    let files = Files::new();
    let (data, document) = (files.write("results.json", "[]"), files.path("RESULTS.md"));
    let from = ["--from", text(&data), "--markdown", text(&document), "--json"];
    assert_eq!(reproduce(&from).json(), serde_json::json!([]));
    assert!(std::fs::read_to_string(document).unwrap().starts_with("# Results"));
    let broken = files.write("broken.json", "{}");
    let failure = reproduce(&["--from", text(&broken)]).failure(1);
    assert!(failure.contains("is not what `wad lab reproduce --json` prints"), "{failure}");
}
