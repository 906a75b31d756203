//! The commands that need no daemon and no privileges, as users run them.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Files, Outcome, WAD, text, wad};
use serde_json::json;

const GOOD: &str = r#"
[[path]]
name = "cern"
destination = ["192.0.2.0/24", "2001:db8::/32"]
buffers = { size = "1 MiB", override_application = true }
slow_start = { initial_window = "20 segments" }

[[host.grant]]
path = "cern"
settings = ["initial_window"]
"#;

const BAD_PREFIX: &str = "[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.1/24\"]\n";
const UNKNOWN_KEY: &str =
    "[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.0/24\"]\ndestination_prot = [2811]\n";

fn run(arguments: &[&str]) -> Outcome {
    Outcome::of(&mut wad(arguments))
}

mod config_check {
    use super::*;

    #[test]
    fn a_good_file_is_valid() {
        let files = Files::new();
        let file = files.write("good.toml", GOOD);
        let printed = run(&["config", "check", text(&file)]).printed();
        assert_eq!(printed, format!("{}: valid (paths: 1, prefixes: 2)\n", file.display()));
        let document = run(&["config", "check", "--json", text(&file)]).json();
        let expected = json!({
            "file": text(&file), "valid": true, "paths": 1, "prefixes": 2, "derived": [], "events": [], "errors": [],
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn what_is_computed_and_told_is_shown() {
        let files = Files::new();
        let observe = "[observe]\nderived = [\"AveBW = DataBytesOut * 8 / (CurrTime - StartTime)\", \"Slow = AveBW < 1 Mbit/s\"]\n";
        let events = "[[events]]\nname = \"archive\"\ntarget = \"syslog\"\n";
        let file = files.write("good.toml", &format!("{observe}{events}{GOOD}"));
        let printed = run(&["config", "check", text(&file)]).printed();
        let lines: Vec<_> = printed.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "  derived event AveBW: in bit/s",
                "  derived event Slow: an alert",
                "  events to archive: json, syslog (opens, closes, alerts)"
            ]
        );
        let document = run(&["config", "check", "--json", text(&file)]).json();
        assert_eq!(document["derived"][0], json!({"name": "AveBW", "unit": "bit/s", "alert": false}));
        assert_eq!(document["events"][0]["target"], "syslog");
    }

    #[test]
    fn a_wrong_definition_is_shown_in_its_place() {
        let files = Files::new();
        let observe = "[observe]\nderived = [\n    \"Good = rate(DataBytesOut)\",\n    \"Bad = Good + CurrTime\",\n    \"Worse = DataByteOut\",\n]\n";
        let file = files.write("bad.toml", observe);
        let outcome = run(&["config", "check", text(&file)]);
        assert_eq!(outcome.status, Some(2));
        let name = file.display();
        for part in [
            &format!("--> {name}:4:17\n"),
            "a number of B/s cannot be added to a number of s",
            &format!("--> {name}:5:14\n"),
            "nothing is called \"DataByteOut\"; the nearest is \"DataBytesOut\"",
            &format!("wad: {name} has 2 errors\n"),
        ] {
            assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
        }
    }

    #[test]
    fn an_error_is_drawn_where_it_is() {
        let files = Files::new();
        let file = files.write("bad.toml", BAD_PREFIX);
        let outcome = run(&["config", "check", text(&file)]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(2), ""));
        let name = file.display();
        for part in [
            "error: `destination`: \"192.0.2.1/24\" has bits set beyond its length\n",
            &format!("--> {name}:3:16\n"),
            "destination = [\"192.0.2.1/24\"]\n",
            "help: write \"192.0.2.0/24\"\n",
            &format!("wad: {name} has 1 error\n"),
        ] {
            assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
        }
        assert!(!outcome.stderr.contains('\u{1b}'), "no colour where no terminal reads");
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_one() {
        let files = Files::new();
        let file = files.write("bad.toml", UNKNOWN_KEY);
        let outcome = run(&["config", "check", text(&file)]);
        assert_eq!(outcome.status, Some(2));
        assert!(outcome.stderr.contains("help: did you mean `destination_port`?\n"), "{}", outcome.stderr);
    }

    #[test]
    fn errors_are_data_too() {
        let files = Files::new();
        let file = files.write("bad.toml", UNKNOWN_KEY);
        let outcome = run(&["config", "check", "--json", text(&file)]);
        assert_eq!(outcome.status, Some(2));
        let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let error = json!({
            "line": 4, "column": 1, "message": "unknown key `destination_prot` in [[path]]",
            "help": "did you mean `destination_port`?",
        });
        assert_eq!((&document["valid"], &document["errors"]), (&json!(false), &json!([error])));
        assert_eq!(outcome.stderr, format!("wad: {} has 1 error\n", file.display()));
    }

    #[test]
    fn every_error_of_a_file_is_told() {
        let files = Files::new();
        let file = files.write("bad.toml", &format!("{UNKNOWN_KEY}source = [7]\n"));
        let outcome = run(&["config", "check", text(&file)]);
        assert!(outcome.stderr.ends_with(&format!("wad: {} has 2 errors\n", file.display())), "{outcome:?}");
    }

    #[test]
    fn rules_that_do_not_fit_the_kernel_are_an_error_of_the_file() {
        let files = Files::new();
        let ports = (1..=40).map(|port| port.to_string()).collect::<Vec<_>>().join(",");
        let entry = |name: &str, destination: &str| {
            format!(
                "[[path]]\nname = \"{name}\"\ndestination = [\"{destination}\"]\ndestination_port = [{ports}]\n"
            )
        };
        let bad = entry("wide", "10.0.0.0/8") + &entry("narrow", "10.1.0.0/16");
        let file = files.write("bad.toml", &bad);
        let line = run(&["config", "check", text(&file)]).failure(2);
        assert!(line.contains("wide") && line.contains("narrow"), "{line}");
        let outcome = run(&["config", "check", "--json", text(&file)]);
        let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!((outcome.status, &document["valid"]), (Some(2), &json!(false)));
        assert_eq!(document["errors"][0]["message"], line);
    }

    #[test]
    fn a_file_that_is_not_there_is_one_line() {
        let line = run(&["config", "check", "/nonexistent/wad.toml"]).failure(2);
        assert_eq!(
            line,
            "cannot read the configuration /nonexistent/wad.toml: No such file or directory (os error 2)"
        );
    }
}

mod explain {
    use super::*;

    fn explain(text_of_file: &str, arguments: &[&str]) -> Outcome {
        let files = Files::new();
        let file = files.write("wad.toml", text_of_file);
        run(&[&["explain", "--config", text(&file)], arguments].concat())
    }

    #[test]
    fn a_flow_of_a_path() {
        let printed = explain(GOOD, &["198.51.100.1", "192.0.2.7:443"]).printed();
        for line in [
            "198.51.100.1 -> 192.0.2.7:443 takes path \"cern\"",
            "  path \"cern\" (line 2) to 192.0.2.0/24 applies",
            "  send buffer: 1 MiB (line 5)",
            "  override of the application: on (line 5)",
            "  initial window: 20 segments (line 6)",
        ] {
            assert!(printed.lines().any(|printed| printed == line), "{line} in\n{printed}");
        }
    }

    #[test]
    fn a_flow_of_no_path_is_no_failure() {
        let printed = explain(GOOD, &["198.51.100.1", "203.0.113.7"]).printed();
        assert_eq!(printed, "198.51.100.1 -> 203.0.113.7 takes no path and is left alone\n");
    }

    #[test]
    fn as_data() {
        let document = explain(GOOD, &["--json", "[2001:db8:1::1]:7000", "2001:db8::7"]).json();
        assert_eq!(document["path"], "cern");
        assert_eq!(document["source"], "[2001:db8:1::1]:7000");
        assert_eq!(document["candidates"][0]["outcome"], "applies");
        assert_eq!(document["decision"]["parameters"]["send_bytes"], 1 << 20);
        assert_eq!(document["decision"]["parameters"]["initial_window_segments"], 20);
        let document = explain(GOOD, &["--json", "198.51.100.1", "203.0.113.7"]).json();
        assert_eq!((&document["path"], &document["decision"]), (&json!(null), &json!(null)));
    }

    #[test]
    fn a_bad_file_is_told_in_one_line() {
        for (bad, expected) in [
            (
                BAD_PREFIX,
                ":3:16: `destination`: \"192.0.2.1/24\" has bits set beyond its length; write \"192.0.2.0/24\"",
            ),
            (
                UNKNOWN_KEY,
                ":4:1: unknown key `destination_prot` in [[path]]; did you mean `destination_port`?",
            ),
            ("[[path\n", ":1:"),
        ] {
            let line = explain(bad, &["198.51.100.1", "192.0.2.7"]).failure(2);
            assert!(line.contains(&format!("wad.toml{expected}")), "{line}");
        }
    }

    #[test]
    fn a_bad_address_is_wrong_use() {
        let outcome = explain(GOOD, &["198.51.100.1:0", "192.0.2.7"]);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(2), ""));
        assert!(outcome.stderr.contains("write it as 192.0.2.1"), "{}", outcome.stderr);
    }

    #[test]
    fn without_a_file_and_a_daemon() {
        let files = Files::new();
        let directory = files.path("run");
        let line = run(&["explain", "--runtime-dir", text(&directory), "::1", "::2"]).failure(1);
        assert!(line.starts_with("no daemon answers at "), "{line}");
    }
}

mod import {
    use super::*;

    const OLD: &str = "[bob]\ndst_addr: 10.5.128.74\nmode: 1\nsndbuf: 3751239\nrcvbuf: 6571899\nreorder: 9\n";

    #[test]
    fn what_is_printed_is_a_configuration() {
        let files = Files::new();
        let outcome = run(&["import", text(&files.write("wad.conf", OLD))]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        assert!(outcome.stderr.contains("wad.conf:6: note: `reorder` is for the whole network namespace"));
        let converted = files.write("wad.toml", &outcome.stdout);
        run(&["config", "check", text(&converted)]).printed();
    }

    #[test]
    fn as_data() {
        let files = Files::new();
        let document = run(&["import", "--json", text(&files.write("wad.conf", OLD))]).json();
        assert!(document["toml"].as_str().unwrap().contains("send = \"3751239 B\""), "{document}");
        assert_eq!(document["notes"][0]["line"], 6);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let files = Files::new();
        let file = files.write("wad.conf", "[bob]\ndst_addr: 10.5.128.74\nsndbf: 7\n");
        let line = run(&["import", text(&file)]).failure(2);
        assert_eq!(line, format!("{}:3: unknown key `sndbf`; did you mean `sndbuf`?", file.display()));
    }
}

mod without_a_daemon {
    use super::*;

    #[test]
    fn flows_says_so_in_one_line() {
        let files = Files::new();
        let directory = files.path("run");
        for arguments in [&["flows"][..], &["flows", "--json"]] {
            let line = run(&[arguments, &["--runtime-dir", text(&directory)]].concat()).failure(1);
            let socket = directory.join("api.sock");
            let start = format!("no daemon answers at {}: ", socket.display());
            assert!(line.starts_with(&start), "{line}");
            assert!(line.ends_with("; start one with `wad run --config FILE`"), "{line}");
        }
        assert!(!directory.exists(), "asking makes no directory");
    }

    #[test]
    fn run_with_a_bad_file_or_log_filter_does_not_start() {
        let files = Files::new();
        let bad = files.write("bad.toml", UNKNOWN_KEY);
        let line = run(&["run", "--config", text(&bad)]).failure(2);
        assert!(line.contains(":4:1: unknown key"), "{line}");
        let good = files.write("good.toml", GOOD);
        let mut command = wad(&["run", "--config", text(&good)]);
        let line = Outcome::of(command.env("WAD_LOG", "wad=loud=er")).failure(2);
        assert!(line.starts_with("WAD_LOG: "), "{line}");
    }

    #[test]
    fn a_scenario_that_is_not_there_is_wrong_use() {
        let line = run(&["lab", "run", "/nonexistent.toml"]).failure(2);
        assert!(line.contains("/nonexistent.toml"), "{line}");
    }
}

mod output {
    use super::*;

    /// Commands that print, whatever the host.
    fn printing(file: &Path) -> Vec<Vec<&str>> {
        let file = text(file);
        vec![
            vec!["--help"],
            vec!["--version"],
            vec!["config", "check", file],
            vec!["config", "check", "--json", file],
            vec!["explain", "--config", file, "192.0.2.1", "192.0.2.7"],
            vec!["explain", "--json", "--config", file, "192.0.2.1", "192.0.2.7"],
        ]
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let files = Files::new();
        let file = files.write("good.toml", GOOD);
        for arguments in printing(&file) {
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            let outcome = Outcome::of(wad(&arguments).stdout(writer));
            assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        }
    }

    #[test]
    fn a_reader_that_takes_one_byte_is_no_error() {
        let files = Files::new();
        let file = files.write("good.toml", GOOD);
        let script = "\"$0\" explain --json --config \"$1\" 192.0.2.1 192.0.2.7 | head -c 1";
        let mut pipeline = Command::new("sh");
        pipeline.args(["-c", script, WAD, text(&file)]);
        assert_eq!(Outcome::of(&mut pipeline).printed(), "{");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let files = Files::new();
        let file = files.write("good.toml", GOOD);
        let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let mut command = wad(&["explain", "--config", text(&file), "192.0.2.1", "192.0.2.7"]);
        let line = Outcome::of(command.stdout(full())).failure(1);
        assert!(line.contains("No space left on device"), "{line}");
    }

    #[test]
    fn wrong_use_is_status_2() {
        for arguments in [&["fly"][..], &[], &["flows", "--jsn"], &["explain", "192.0.2.1"], &["config"]] {
            let outcome = run(arguments);
            assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(2), ""), "{arguments:?}");
            assert!(outcome.stderr.contains("Usage: wad"), "{}", outcome.stderr);
        }
    }
}

mod help {
    use super::*;

    #[test]
    fn every_verb_shows_examples_that_are_right() {
        let verbs = verbs(&[]);
        let names: Vec<_> = verbs.iter().map(|verb| verb.join(" ")).collect();
        let all = [
            "run",
            "reload",
            "stop",
            "history",
            "undo",
            "flows",
            "top",
            "trace export",
            "explain",
            "plot",
            "config check",
            "import",
            "diagnose",
            "sim run",
            "sim explain",
            "sim sweep",
            "sim merge",
            "lab run",
            "lab reproduce",
            "lab compare",
            "lab diagnose",
            "demo",
        ];
        assert_eq!(names, all);
        for verb in verbs {
            let examples = examples(&verb);
            assert!(!examples.is_empty(), "wad {} --help has examples", verb.join(" "));
            for example in examples {
                assert!(example.contains(&format!("wad {}", verb.join(" "))), "{example}");
                assert_parses(&example);
            }
        }
    }

    #[test]
    fn an_example_that_were_wrong_would_be_found() {
        let parses = |example: &str| parse(example).status.success();
        assert!(parses("wad flows --json"));
        assert!(!parses("wad flows --jsn"));
        assert!(!parses("wad explain nowhere 192.0.2.1"));
    }

    /// The verbs that do something, by way of the lists of commands.
    fn verbs(above: &[String]) -> Vec<Vec<String>> {
        let help = help(above);
        let Some((_, list)) = help.split_once("\nCommands:\n") else { return vec![above.to_vec()] };
        let names = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
            // A description that is too long goes on in a deeper line.
            let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next()?;
            (name != "help").then(|| name.to_owned())
        });
        names.flat_map(|name| verbs(&[above, &[name]].concat())).collect()
    }

    fn help(verb: &[String]) -> String {
        let mut arguments: Vec<_> = verb.iter().map(String::as_str).collect();
        arguments.push("--help");
        run(&arguments).printed()
    }

    fn examples(verb: &[String]) -> Vec<String> {
        let help = help(verb);
        // The heading may say more in its line.
        let lines = help.lines().skip_while(|line| !line.starts_with("Examples")).skip(1);
        lines.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
    }

    fn assert_parses(example: &str) {
        let output = parse(example);
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Has the shell take the command apart, and the binary read its arguments and then only help.
    fn parse(example: &str) -> std::process::Output {
        let command = example.split('|').next().unwrap();
        let directory = Path::new(WAD).parent().unwrap();
        let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
        let script = format!("{command} --help");
        Command::new("sh").args(["-ec", &script]).env("PATH", path).output().unwrap()
    }
}
