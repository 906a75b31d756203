//! `wad sim` as users run it: runs, explanations, sweeps that are killed and done in parts.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Files, Outcome, text, wad};

fn run(arguments: &[&str]) -> Outcome {
    Outcome::of(&mut wad(arguments))
}

/// A sweep of 12 short runs.
fn sweep(out: &Path, more: &[&str]) -> Outcome {
    let sweep = ["sim", "sweep", "--over", "streams=1,2,4", "--over", "loss=0,1e-3", "--seeds", "2"];
    let path = ["--time", "500ms", "--rate", "20Mbit/s", "--no-plots", "--json", "--out", text(out)];
    run(&[&sweep[..], &path, more].concat())
}

/// All files of a directory with their contents.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    fs::read_dir(directory).unwrap().map(entry).collect()
}

mod single {
    use super::*;

    #[test]
    fn a_run_is_one_document() {
        let document =
            run(&["sim", "run", "--rate", "20Mbit/s", "--time", "2s", "--streams", "2", "--json"]).json();
        assert_eq!(document["flows"].as_array().unwrap().len(), 2);
        let goodput = document["total"]["goodput_bps"].as_f64().unwrap();
        assert!((10e6..20e6).contains(&goodput), "{goodput}");
        assert_eq!(
            document["scenario"]["topology"]["dumbbell"]["bottleneck"]["forward"]["rate"],
            "20 Mbit/s"
        );
        let again =
            run(&["sim", "run", "--rate", "20Mbit/s", "--time", "2s", "--streams", "2", "--json"]).json();
        assert_eq!(again, document);
    }

    #[test]
    fn what_is_printed_can_be_run_again() {
        let files = Files::new();
        let flags = ["--rtt", "33.3ms", "--loss", "1e-3", "--time", "1s", "--set", "flow.ecn=true"];
        let printed = run(&[&["sim", "run", "--print-scenario"], &flags[..]].concat()).printed();
        let file = files.write("scenario.toml", &printed);
        let from_file = run(&["sim", "run", text(&file), "--json"]).json();
        assert_eq!(from_file, run(&[&["sim", "run", "--json"], &flags[..]].concat()).json());
    }

    #[test]
    fn tools_of_recordings_read_a_simulated_one() {
        let files = Files::new();
        let (trace, picture) = (files.path("run.wadt"), files.path("run.svg"));
        let printed = run(&[
            "sim",
            "run",
            "--time",
            "3s",
            "--window",
            "64KiB",
            "--trace",
            text(&trace),
            "--interval",
            "100ms",
            "--plot",
            text(&picture),
        ])
        .printed();
        assert!(printed.contains("goodput 12."), "{printed}");
        assert!(fs::read_to_string(&picture).unwrap().contains("Congestion window"));
        let csv = run(&["trace", "export", text(&trace)]).printed();
        assert_eq!(csv.lines().count(), 31);
        assert!(csv.lines().next().unwrap().contains("SmoothedRTT_us"));
        let diagnosis = run(&["diagnose", "--trace", text(&trace), "--json"]).json();
        let limits = &diagnosis["flows"][0]["limits"];
        assert!(limits["receive_window"].as_f64().unwrap() > 0.9, "{diagnosis}");
    }

    #[test]
    fn errors_say_where_and_what_would_be_possible() {
        let files = Files::new();
        let line = run(&["sim", "run", "--queue", "1000B"]).failure(2);
        assert!(line.contains("cannot hold a segment of flow 1, which has 1500 B"), "{line}");
        let file = files.write("bad.toml", "duration = \"1 s\"\n\n[[flow]]\nwindw = \"1 MiB\"\n");
        let line = run(&["sim", "run", text(&file)]).failure(2);
        assert!(
            line.starts_with(&format!("{}: line 4, column 1: unknown field `windw`", file.display())),
            "{line}"
        );
        let file = files.write("bad.toml", "duration = \"0 s\"\n");
        let line = run(&["sim", "run", text(&file)]).failure(2);
        assert!(line.starts_with(&format!("{}: line 1: duration", file.display())), "{line}");
    }

    #[test]
    fn what_would_take_days_asks_first() {
        let line = run(&["sim", "run", "--rate", "400Gbit/s", "--queue", "100", "--time", "48h"]).failure(2);
        assert!(line.contains("this would take") && line.contains("--yes"), "{line}");
    }

    #[test]
    fn a_full_disk_is_told_with_the_file() {
        let outcome = run(&["sim", "run", "--time", "1s", "--json", "--trace", "/dev/full"]);
        assert_eq!(outcome.status, Some(1));
        assert!(
            outcome.stderr.contains("/dev/full") && outcome.stderr.contains("No space left"),
            "{outcome:?}"
        );
    }
}

mod explain {
    use super::*;

    fn limit(more: &[&str]) -> (String, f64) {
        let document = run(&[&["sim", "explain", "--json"], more].concat()).json();
        let flow = &document["flows"][0];
        assert!(!flow["remedies"].as_array().unwrap().is_empty());
        assert!(document["estimate"]["wall_s"].as_f64().unwrap() > 0.0);
        let ratio = document["simulated"][0]["ratio"].as_f64().unwrap_or(f64::NAN);
        (flow["limit"].as_str().unwrap().to_owned(), ratio)
    }

    /// The bound that is built into a scenario is the one that is named, and the simulator reaches about what theory says.
    #[test]
    fn each_limit_is_found() {
        let close = |(limit, ratio): (String, f64), expected: &str| {
            assert_eq!(limit, expected);
            assert!((0.8..1.15).contains(&ratio), "{expected}: {ratio}");
        };
        close(limit(&["--rate", "20Mbit/s", "--time", "20s"]), "path");
        close(limit(&["--window", "64KiB", "--time", "10s"]), "window");
        close(limit(&["--send-buffer", "64KiB", "--time", "10s"]), "send_buffer");
        close(limit(&["--receive-buffer", "64KiB", "--time", "10s"]), "receive_buffer");
        let reader = ["--receive-buffer", "1MiB", "--read-rate", "5Mbit/s", "--time", "20s"];
        close(limit(&reader), "reader");
        close(
            limit(&["--rate", "200Mbit/s", "--loss", "1e-3", "--control", "reno", "--time", "60s"]),
            "loss",
        );
        let short =
            ["--rate", "20Mbit/s", "--rtt", "100ms", "--queue", "10", "--control", "reno", "--time", "120s"];
        close(limit(&short), "queue");
        assert_eq!(limit(&["--rtt", "200ms", "--time", "2s"]).0, "slow_start");
        let bursts = "flow.application={ bursts = { every = \"1 s\", size = \"100 kB\" } }";
        close(limit(&["--time", "20s", "--set", bursts]), "application");
    }
}

mod sweeps {
    use super::*;

    #[test]
    fn any_number_of_threads_and_any_shards_give_the_same_bytes() {
        let files = Files::new();
        let whole = files.path("whole");
        let document = sweep(&whole, &["--jobs", "1"]).json();
        assert_eq!((&document["done"], &document["runs"]), (&12.into(), &12.into()));
        assert_eq!(document["points"].as_array().unwrap().len(), 6);
        let expected = contents(&whole);
        for name in ["plan.toml", "journal", "results.csv", "results.jsonl", "results.parquet"] {
            assert!(expected.contains_key(name), "{name}");
        }
        let threads = files.path("threads");
        sweep(&threads, &["--jobs", "4"]).printed();
        assert_eq!(contents(&threads), expected);

        let parts = ["1/3", "2/3", "3/3"].map(|shard| {
            let part = files.path(&shard.replace('/', "-"));
            sweep(&part, &["--shard", shard]).printed();
            part
        });
        let merged = files.path("merged");
        let line =
            run(&["sim", "merge", text(&parts[0]), text(&parts[2]), "--out", text(&merged)]).failure(1);
        assert!(line.starts_with("4 of 12 runs are in none of the parts"), "{line}");
        let [one, two, three] = parts.each_ref().map(|part| text(part));
        run(&["sim", "merge", three, one, two, "--no-plots", "--out", text(&merged)]).printed();
        assert_eq!(contents(&merged), expected);
    }

    #[test]
    fn a_sweep_that_was_killed_goes_on() {
        let files = Files::new();
        let whole = files.path("whole");
        sweep(&whole, &[]).printed();
        let expected = contents(&whole);
        // What a kill leaves: some lines, the last of them torn, and none of the results.
        let killed = files.path("killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join("plan.toml"), &expected["plan.toml"]).unwrap();
        let journal = &expected["journal"];
        fs::write(killed.join("journal"), &journal[..journal.len() / 2]).unwrap();
        let outcome = sweep(&killed, &[]);
        assert_eq!(outcome.status, Some(0));
        assert!(outcome.stderr.contains("torn or damaged"), "{}", outcome.stderr);
        let document: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let ran = document["ran"].as_u64().unwrap();
        assert!((1..12).contains(&ran), "{ran}");
        assert_eq!(contents(&killed), expected);
        assert_eq!(sweep(&killed, &[]).json()["ran"], 0, "nothing is done twice");
    }

    #[test]
    fn a_real_kill_loses_no_result() {
        let files = Files::new();
        let (whole, killed) = (files.path("whole"), files.path("killed"));
        let arguments = |out: &Path| {
            let sweep = ["sim", "sweep", "--over", "loss=1e-5..1e-2:log40", "--time", "5s", "--jobs", "1"];
            [&sweep[..], &["--no-plots", "--out", text(out)]]
                .concat()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let command = |out: &Path| {
            let arguments = arguments(out);
            wad(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mut child = command(&killed).stdout(std::process::Stdio::null()).spawn().unwrap();
        let journal = killed.join("journal");
        let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        while lines() < 4 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let kept = lines();
        assert_eq!(Outcome::of(&mut command(&killed)).status, Some(0));
        assert!(kept >= 4);
        assert_eq!(Outcome::of(&mut command(&whole)).status, Some(0));
        assert_eq!(contents(&killed), contents(&whole));
    }

    #[test]
    fn another_sweep_does_not_get_into_the_directory() {
        let files = Files::new();
        let out = files.path("out");
        sweep(&out, &[]).printed();
        let line = sweep(&out, &["--rtt", "7ms"]).failure(2);
        assert!(line.contains("another sweep"), "{line}");
    }

    #[test]
    fn a_sweep_can_be_in_the_scenario() {
        let files = Files::new();
        let scenario = "duration = \"200 ms\"\n[sweep]\nover = [\"streams=1..3\"]\nseeds = 2\n";
        let file = files.write("sweep.toml", scenario);
        let out = files.path("out");
        let document =
            run(&["sim", "sweep", text(&file), "--out", text(&out), "--no-plots", "--json"]).json();
        assert_eq!(document["runs"], 6);
        let plan = out.join("plan.toml");
        let again = run(&["sim", "sweep", text(&plan), "--out", text(&out), "--no-plots", "--json"]).json();
        assert_eq!((&again["ran"], &again["done"]), (&0.into(), &6.into()));
    }

    #[test]
    fn an_estimate_runs_nothing() {
        let files = Files::new();
        let out = files.path("out");
        let sweep = [
            "sim",
            "sweep",
            "--over",
            "streams=1,2",
            "--time",
            "1s",
            "--estimate",
            "--json",
            "--out",
            text(&out),
        ];
        let document = run(&sweep).json();
        assert_eq!(document["runs"], 2);
        assert!(document["wall_s"].as_f64().unwrap() > 0.0 && !out.exists());
        let long = [
            "sim",
            "sweep",
            "--over",
            "streams=1..20",
            "--rate",
            "100Gbit/s",
            "--time",
            "1h",
            "--out",
            text(&out),
        ];
        let line = run(&long).failure(2);
        assert!(line.contains("--yes"), "{line}");
        assert!(!out.exists(), "what is refused leaves nothing behind");
    }

    /// A recording is named from where the scenario is, and the plan is somewhere else.
    #[test]
    fn a_plan_finds_the_recordings_of_its_scenario() {
        let files = Files::new();
        files.write("packets.csv", "0 1000\n0.01 1000\n");
        let scenario = "duration = \"200 ms\"\n[[flow]]\n[[cross_traffic]]\n\
                        pattern = { trace = { file = \"packets.csv\" } }\n[sweep]\nover = [\"streams=1,2\"]\n";
        let file = files.write("sweep.toml", scenario);
        let sweep = |file: &Path, out: &Path, more: &[&str]| {
            let sweep = ["sim", "sweep", text(file), "--no-plots", "--json", "--out", text(out)];
            run(&[&sweep[..], more].concat())
        };
        let (whole, again) = (files.path("deep/whole"), files.path("again"));
        assert_eq!(sweep(&file, &whole, &[]).json()["done"], 2);
        let plan = whole.join("plan.toml");
        assert!(fs::read_to_string(&plan).unwrap().contains("../../packets.csv"));
        assert_eq!(sweep(&plan, &whole, &[]).json()["ran"], 0, "it goes on from its plan");
        assert_eq!(sweep(&plan, &again, &[]).json()["ran"], 2, "or somewhere else");
        assert!(fs::read_to_string(again.join("plan.toml")).unwrap().contains("\"../packets.csv\""));
        let parts = ["1/2", "2/2"].map(|part| {
            let out = files.path(&format!("part{}", &part[..1]));
            sweep(&file, &out, &["--shard", part]).json();
            out
        });
        let merged = files.path("deep/merged");
        let merge = ["sim", "merge", text(&parts[0]), text(&parts[1]), "--no-plots", "--json", "--out"];
        run(&[&merge[..], &[text(&merged)]].concat()).json();
        assert_eq!(contents(&merged), contents(&whole));
    }

    /// A limit of the size of files stands in for a disk that is full: the second block does not fit.
    #[test]
    fn a_full_disk_is_told_and_what_is_done_is_kept() {
        let files = Files::new();
        let (full, whole) = (files.path("full"), files.path("whole"));
        let sweep = |out: &Path, limit: &str| {
            let sweep = "sim sweep --over streams=1..8 --time 200ms --jobs 1 --no-plots --out";
            let script = format!("trap '' XFSZ; {limit} exec {} {sweep} {}", common::WAD, text(out));
            Outcome::of(std::process::Command::new("sh").args(["-c", &script]))
        };
        let outcome = sweep(&full, "ulimit -f 1;");
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        assert!(
            outcome.stderr.contains("cannot write") && outcome.stderr.contains("are kept"),
            "{outcome:?}"
        );
        assert!(fs::read_to_string(full.join("journal")).unwrap().lines().count() >= 2);
        assert_eq!(sweep(&full, "").status, Some(0), "it goes on where there is room again");
        assert_eq!(sweep(&whole, "").status, Some(0));
        assert_eq!(contents(&full), contents(&whole));
    }
}
