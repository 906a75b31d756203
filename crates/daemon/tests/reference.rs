//! The document of metrics is that of the table.

#[test]
fn the_document_is_rendered_from_the_table() {
    let committed = include_str!("../../../docs/METRICS.md");
    assert!(
        committed == wad_daemon::metrics_reference(),
        "run `cargo run -p wad-daemon --example metrics > docs/METRICS.md`"
    );
}
