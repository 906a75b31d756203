//! An experiment from its text to its row and its pictures. Needs root and iperf3.

use wad_lab::Cancel;
use wad_reproduce::{Experiment, Options, Quantity, run};

const SMALL: &str = r#"
id = "small"
title = "A small experiment"
source = "none"
reported_path = "none"
seconds = 2
picture = "window"

[path]
rate = "50 Mbit/s"
rtt = "20 ms"
queue = { bdp = 1.0 }

[[variant]]
name = "untuned"
hosts = "2002"
iperf3 = ["--window", "16K"]

[[variant]]
name = "by hand"
hosts = "2002"
iperf3 = ["--window", "1M"]
reported = { goodput_bps = 40e6 }

[[check]]
says = "a larger buffer is faster"
quantity = "goodput_bps"
variant = "by hand"
over = "untuned"
reported = 2.0
at_least = 1.0
"#;

#[test]
fn an_experiment_gives_a_row_and_a_picture() {
    let experiment = Experiment::parse("small", SMALL).unwrap();
    let directory = std::env::temp_dir().join(format!("wad-reproduce-{}", std::process::id()));
    let mut begun = 0;
    let mut tell = |event: wad_reproduce::Event<'_>| {
        begun += u32::from(matches!(event, wad_reproduce::Event::Begins { .. }));
    };
    let finished = run(
        &experiment,
        &mut Options { repetitions: 1, directory: directory.clone(), cancel: Cancel::new(), tell: &mut tell },
    );
    std::fs::remove_dir_all(directory).unwrap();
    let finished = finished.unwrap();
    assert!(begun >= 2, "two variants");
    let row = finished.row;
    assert!(row.holds, "{row:#?}");
    assert!(row.measured["by hand"][&Quantity::GoodputBps].median > 1e6, "{row:#?}");
    assert!((row.reported["by hand"][&Quantity::GoodputBps] - 40e6).abs() < 1.0);
    assert!(row.measured_ratio > row.reported_ratio, "{row:#?}");
    assert!(finished.pictures[0].svg.contains("by hand"));
}
