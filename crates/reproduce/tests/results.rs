//! The document of results is a pure function of their data.

use wad_reproduce::{Row, markdown};

const DATA: &str = include_str!("../../../docs/results/results.json");
const DOCUMENT: &str = include_str!("../../../docs/RESULTS.md");

#[test]
fn the_document_is_what_the_data_render_to() {
    let rows: Vec<Row> = serde_json::from_str(DATA).unwrap();
    let rendered = markdown::render(&rows, "results");
    assert_eq!(rendered, markdown::render(&rows, "results"));
    assert!(
        rendered == DOCUMENT,
        "docs/RESULTS.md is not that of docs/results/results.json: run \
         `wad lab reproduce --from docs/results/results.json --markdown docs/RESULTS.md`"
    );
}

#[test]
fn data_survive_reading_and_writing() {
    let rows: Vec<Row> = serde_json::from_str(DATA).unwrap();
    let again: Vec<Row> = serde_json::from_str(&serde_json::to_string(&rows).unwrap()).unwrap();
    assert_eq!(rows, again);
}
