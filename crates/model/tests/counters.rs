//! The committed reference is the one that the table renders.

#[test]
fn the_reference_is_up_to_date() {
    let committed = include_str!("../../../docs/COUNTERS.md");
    assert!(
        committed == wad_model::counter::reference(),
        "run `cargo run -p wad-model --example counters > docs/COUNTERS.md`"
    );
}
