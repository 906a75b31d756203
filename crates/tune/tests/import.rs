//! Configurations of 2002 become configurations of today.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::net::IpAddr;

use proptest::prelude::*;
use wad_model::FlowKey;
use wad_tune::import::{Imported, convert};
use wad_tune::{Config, Flags, HighSpeedMode, HostLimits, Parameters, PathIndex, RuleTable, decide};

/// The entry of the paper of 2002, section 3.3.
const PAPER: &str = include_str!("data/paper.conf");
/// The entry of the project's page of 2004.
const PAGE: &str = include_str!("data/page.conf");

fn resolve(name: &str) -> Vec<IpAddr> {
    match name {
        "net100.lbl.gov" => vec!["192.0.2.7".parse().unwrap()],
        "both.example" => vec!["2001:db8::7".parse().unwrap(), "192.0.2.8".parse().unwrap()],
        _ => Vec::new(),
    }
}

fn imported(text: &str) -> Imported {
    convert(text, resolve).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The converted text and what is said of it.
fn shown(text: &str) -> String {
    let Imported { toml, notes } = imported(text);
    let notes: Vec<_> = notes.iter().map(|note| format!("{}: {}\n", note.line, note.text)).collect();
    format!("{toml}\n{}", notes.concat())
}

/// What a flow to an address gets.
fn parameters(text: &str, destination: &str) -> Parameters {
    let config = Config::parse(&imported(text).toml).unwrap();
    let table = RuleTable::compile(&config).unwrap();
    let flow = FlowKey::new("198.51.100.1:40000".parse().unwrap(), destination.parse().unwrap());
    let path = table.matching(&flow).unwrap().path;
    decide(path, config.path(path).unwrap(), &HostLimits::default()).parameters
}

#[test]
fn the_entry_of_the_paper() {
    insta::assert_snapshot!("paper", shown(PAPER));
    let bob = parameters(PAPER, "10.5.128.74:5001");
    assert_eq!((bob.send_bytes, bob.receive_bytes), (3_751_239, 6_571_899));
    assert_eq!((bob.ai_1024, bob.md_1024, bob.max_ssthresh), (6 * 1024, 307, 100));
    for flag in [Flags::OVERRIDE_APPLICATION, Flags::FIXED_SEND, Flags::DIVIDE] {
        assert!(bob.flags.contains(flag), "{flag:?}");
    }
}

#[test]
fn the_entry_of_the_page() {
    insta::assert_snapshot!("page", shown(PAGE));
    let lbl = parameters(PAGE, "192.0.2.7:5001");
    assert_eq!((lbl.send_bytes, lbl.receive_bytes), (4_000_000, 4_052_159));
    assert_eq!((lbl.high_speed, lbl.max_ssthresh), (Some(HighSpeedMode::Continuous), 100));
    assert!(!lbl.flags.contains(Flags::DIVIDE));
}

/// The page itself shows its entry without line breaks.
#[test]
fn an_entry_on_one_line_is_the_same() {
    let lines: Vec<_> = PAGE.lines().collect();
    let one_line = lines.join(" ");
    let without_notes = |text: &str| imported(text).toml;
    assert_eq!(without_notes(&one_line), without_notes(PAGE));
}

#[test]
fn nothing_given_is_nothing_set() {
    let decided = parameters(
        "# none\n; at all\n[a]\ndst_addr: 192.0.2.1\nsndbuf: 0\nwadai: 0\nmaxssth: 0\n",
        "192.0.2.1:7",
    );
    let buffers = Flags::FIXED_SEND.bits() | Flags::FIXED_RECEIVE.bits();
    assert_eq!((decided.send_bytes, decided.control, decided.flags.bits()), (0, None, buffers));
}

#[test]
fn other_values_of_the_keys() {
    let text = "[any]\ndst_addr: 0.0.0.0\nsrc_addr: 192.0.2.9\ndst_port: 5001\nsrc_port: 20\nmode: 2\nfloyd: 2\ndelack: 1\n\
                divide: 1\n[both.example]\nmode: 0\nsndbuf: 1000000\nwadai: 1\nwadmd: 0.5\n[six]\nsrc_addr: 2001:db8::1\n\
                dst_addr: both.example\n";
    insta::assert_snapshot!("other_values", shown(text));
}

fn wrong(text: &str) -> String {
    convert(text, resolve).unwrap_err().in_file("wad.conf")
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    insta::assert_snapshot!(
        "keys",
        wrong(
            "mode: 1\n[a\n[b]\ndst_addr: 192.0.2.1\nmod: 1\nxyzzy: 2\nmode: 1\nmode: 2\nhello\nsndbuf: 1 2\n"
        )
    );
    insta::assert_snapshot!(
        "values",
        wrong(
            "[a]\ndst_addr: 192.0.2.1\nmode: 3\nsndbuf: 100\nrcvbuf: many\nwadai: -1\nwadmd: 2\nmaxssth: 1\ndivide: 2\n\
             floyd: yes\nreorder: 2\ndelack: 200\ndst_port: 70000\n"
        )
    );
    insta::assert_snapshot!(
        "names",
        wrong(
            "[unknown.example]\nmode: 1\n[ü]\ndst_addr: 192.0.2.1\n[c]\nsrc_addr: 192.0.2.1\ndst_addr: 2001:db8::1\n[d]\nsrc_addr: elsewhere\ndst_addr: 192.0.2.1\n"
        )
    );
    insta::assert_snapshot!(
        "twins",
        wrong(
            "[a]\ndst_addr: 192.0.2.1\nreorder: 9\n[a]\ndst_addr: 192.0.2.2\nreorder: 5\n[c]\ndst_addr: 192.0.2.1\n"
        )
    );
    insta::assert_snapshot!("nothing_to_divide", wrong("[a]\ndst_addr: 192.0.2.1\ndivide: 1\n"));
}

#[test]
fn an_empty_file_is_an_empty_configuration() {
    let config = Config::parse(&imported("").toml).unwrap();
    assert!(config.path(PathIndex(0)).is_none());
}

proptest! {
    /// Whatever the text, there is an answer, and what is converted passes every check.
    #[test]
    fn no_text_is_too_odd(at in 0..PAPER.len(), length in 0usize..20, junk in ".{0,8}") {
        let end = (at + length).min(PAPER.len());
        let text = format!("{}{junk}{}{PAGE}", &PAPER[..at], &PAPER[end..]);
        match convert(&text, resolve) {
            Ok(imported) => prop_assert!(Config::parse(&imported.toml).is_ok()),
            Err(errors) => {
                prop_assert!(errors.iter().count() > 0);
                prop_assert!(errors.iter().all(|error| !error.message.contains("the converted configuration")));
            }
        }
    }
}
