//! The committed reference is the one that the table renders.

#[test]
fn the_reference_is_up_to_date() {
    let committed = include_str!("../../../docs/TUNABLES.md");
    assert!(
        committed == wad_tune::tunables::reference(),
        "run `cargo run -p wad-tune --example tunables > docs/TUNABLES.md`"
    );
}
