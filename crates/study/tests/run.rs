//! One run from its parameters to its tables, recording and picture.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::time::Duration;

use wad_model::Time;
use wad_sim::{Outcome, Scenario, Simulation};
use wad_study::explain::{BoundKind, Explanation, Lives};
use wad_study::run::{self, Picture, Recorder, Watcher};
use wad_study::{Document, Setting, Survey, estimate};
use wad_trace::{Reader, Recording, figures};

fn scenario(settings: &[&str]) -> Scenario {
    let mut document = Document::new();
    for setting in settings {
        document.set(setting.parse::<Setting>().unwrap()).unwrap();
    }
    document.scenario().unwrap()
}

fn fault(settings: &[&str]) -> String {
    let mut document = Document::new();
    for setting in settings {
        if let Err(error) = document.set(setting.parse::<Setting>().unwrap()) {
            return error.to_string();
        }
    }
    document.scenario().unwrap_err().to_string()
}

/// The outcome and the recording of a run that is watched.
fn recorded(scenario: &Scenario, interval: Option<Duration>) -> (Outcome, Vec<u8>) {
    let survey = Survey::new(scenario).unwrap();
    let recorder = Recorder::new(Vec::new(), scenario, &survey, interval).unwrap();
    let picture = Picture::new(scenario, &survey);
    let mut watcher = Watcher { recorder: Some(recorder), picture: Some(picture) };
    let outcome = Simulation::new(scenario).unwrap().run(&mut watcher);
    let bytes = watcher.recorder.unwrap().finish(Time::ZERO + scenario.duration).unwrap();
    (outcome, bytes)
}

#[test]
fn parameters_make_the_path_that_they_say() {
    let scenario = scenario(&["queue=1bdp", "rate=622Mbit/s", "rtt=80ms", "streams=4", "window=2MiB"]);
    let survey = Survey::new(&scenario).unwrap();
    assert_eq!(survey.flows.len(), 4);
    assert_eq!(survey.flows[0].round_trip, Duration::from_millis(80));
    let text = toml::to_string(&scenario).unwrap();
    assert!(text.contains("bytes = \"6220000 B\""), "a queue of 622 Mbit/s times 80 ms: {text}");
}

#[test]
fn what_is_printed_is_what_was_run() {
    let scenario = scenario(&["rtt=33.3333ms", "loss=1e-4", "control=wad", "flow.0.ecn=true"]);
    let text = toml::to_string(&scenario).unwrap();
    assert_eq!(Document::parse(&text).unwrap().scenario().unwrap(), scenario);
}

#[test]
fn settings_go_over_a_file() {
    let mut document = Document::parse(
        "duration = \"5 s\"\n[topology.dumbbell]\naccess = { delay = \"2 ms\" }\n\
         bottleneck = { forward = { rate = \"10 Mbit/s\", delay = \"1 ms\" } }\n[[flow]]\ncount = 3\n",
    )
    .unwrap();
    document.set(Setting::new("rtt", "50ms")).unwrap();
    let scenario = document.scenario().unwrap();
    assert_eq!(scenario.duration, Duration::from_secs(5));
    let survey = Survey::new(&scenario).unwrap();
    assert_eq!(survey.flows[2].round_trip, Duration::from_millis(50), "access links included");
}

#[test]
fn faults_say_what_would_be_possible() {
    assert_eq!(
        fault(&["window=much"]),
        "window=much: \"much\" is not a size: expected a size such as \"4 MiB\""
    );
    assert!(fault(&["rate=0Mbit/s"]).contains("above 0"));
    assert!(
        fault(&["queue=1000B"]).contains("cannot hold a segment of flow 1, which has 1500 B on the wire")
    );
    assert!(fault(&["control=renno"]).contains("`reno`"));
    assert!(fault(&["flow.windw=1"]).contains("unknown field `windw`"));
    assert!(fault(&["streams=0"]).contains("at least 1"));
    let text = "duration = \"1 s\"\n[[flow]]\nwindw = 3\n";
    let error = Document::parse(text).unwrap_err().to_string();
    assert!(error.starts_with("line 3, column 1: unknown field `windw`"), "{error}");
    let error = Document::parse("seed = 1\nwarm_up = \"90 s\"\n").unwrap().scenario().unwrap_err();
    assert!(error.to_string().starts_with("line 2: warm_up"), "{error}");
    let endless = Document::parse("[topology.dumbbell]\nbottleneck = { forward = { delay = \"1 ms\" } }\n");
    let error = endless.unwrap().scenario().unwrap_err().to_string();
    assert!(error.starts_with("nothing limits flow 1"), "{error}");
}

#[test]
fn looking_on_changes_nothing() {
    for control in ["cubic", "bbr1", "reno"] {
        let control = format!("control={control}");
        let scenario = scenario(&["rate=20Mbit/s", "loss=1e-3", "streams=3", "time=5s", &control]);
        let alone = Simulation::new(&scenario).unwrap().run(&mut ());
        let (sampled, _) = recorded(&scenario, Some(Duration::from_millis(100)));
        let (watched, bytes) = recorded(&scenario, None);
        // What it took to compute may differ; what came of it may not.
        let results =
            |outcome: &Outcome| format!("{:?}{:?}{:?}", outcome.flows, outcome.links, outcome.total);
        assert_eq!(results(&alone), results(&sampled));
        assert_eq!(results(&alone), results(&watched));
        assert_eq!(bytes, recorded(&scenario, None).1, "the same run makes the same recording");
    }
}

#[test]
fn a_recording_has_what_the_tools_ask_for() {
    let scenario = scenario(&["rate=20Mbit/s", "streams=2", "time=5s", "window=64KiB"]);
    let (outcome, bytes) = recorded(&scenario, Some(Duration::from_millis(100)));
    let mut reader = Reader::new(&bytes[..]).unwrap();
    let mut columns = figures::COLUMNS.to_vec();
    columns.extend(["PathQueue", "SndLimTimeRwin", "BusyTime"]);
    let (recording, faults) = Recording::read(&mut reader, "samples", &columns);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(recording.flows.len(), 2);
    for (track, flow) in recording.flows.iter().zip(&outcome.flows) {
        assert_eq!(track.times.len(), 50);
        assert!((track.times[0] - 0.1).abs() < 1e-9);
        let acked = track.last("ThruBytesAcked").unwrap();
        assert_eq!(acked, f64::from(u32::try_from(flow.acked_segments * 1448).unwrap()));
        assert!(track.has("PathQueue") && track.has("MinRTT"));
        let limited = track.last("SndLimTimeRwin").unwrap();
        let busy = track.last("BusyTime").unwrap();
        assert!(limited > 0.9 * busy && busy > 4.8, "the window limits it: {limited} of {busy} s");
        assert_eq!(track.flow.as_ref().unwrap().label("congestion_control"), Some("cubic"));
    }
    assert!(figures::figures(&recording).len() >= 4);
}

#[test]
fn every_change_is_recorded() {
    let scenario = scenario(&["rate=10Mbit/s", "time=2s"]);
    let (outcome, bytes) = recorded(&scenario, None);
    let mut reader = Reader::new(&bytes[..]).unwrap();
    let (recording, _) = Recording::read(&mut reader, "samples", &["CurCwnd", "DataPktsOut", "PathQueue"]);
    let track = &recording.flows[0];
    let queues = track.points("PathQueue");
    let most = queues.iter().map(|(_, bytes)| *bytes).fold(0.0, f64::max);
    let largest = f64::from(u32::try_from(outcome.links[0].queue_max_bytes).unwrap());
    assert!((0.9 * largest..=largest).contains(&most), "{most} of {largest}");
    assert!(track.times.len() as u64 > outcome.flows[0].acked_segments / 2, "a row an acknowledgement");
    assert!(track.times.is_sorted());
}

/// The bounds of a receiver are those that the run meets.
#[test]
fn a_receiver_is_named_as_the_limit() {
    let cases: [(&[&str], BoundKind); 4] = [
        (&["receive_buffer=64KiB"], BoundKind::ReceiveBuffer),
        (&["receive_buffer=64KiB", "window=32KiB"], BoundKind::Window),
        (&["receive_buffer=1MiB", "read_rate=5Mbit/s"], BoundKind::Reader),
        (&["read_rate=5Mbit/s"], BoundKind::Reader),
    ];
    for (settings, limit) in cases {
        let scenario = scenario(settings);
        let explained = Explanation::of(&scenario).unwrap().flows.swap_remove(0);
        assert_eq!(explained.limit, limit, "{settings:?}");
        let survey = Survey::new(&scenario).unwrap();
        let mut lives = Lives::new(&scenario, &survey);
        let outcome = Simulation::new(&scenario).unwrap().run(&mut lives);
        let reached = outcome.flows[0].goodput_bps / explained.expected_bps;
        assert!((0.97..1.01).contains(&reached), "{settings:?}: {reached}");
        let life = lives.lives()[0];
        assert!(life.window > 0.9 || survey.flows[0].is_windowless(), "{settings:?}: {life:?}");
    }
}

/// The window of a slow reader closes, and the time until it opens is the receiver's.
#[test]
fn a_recording_has_the_window_as_it_is_told() {
    let scenario = scenario(&["rate=20Mbit/s", "time=5s", "receive_buffer=64KiB", "read_rate=1Mbit/s"]);
    let (_, bytes) = recorded(&scenario, Some(Duration::from_millis(100)));
    let mut reader = Reader::new(&bytes[..]).unwrap();
    let (recording, _) =
        Recording::read(&mut reader, "samples", &["CurRwinRcvd", "SndLimTimeRwin", "BusyTime"]);
    let track = &recording.flows[0];
    assert!(track.last("CurRwinRcvd").unwrap() < 20_000.0, "most of the buffer waits to be read");
    assert!(track.last("SndLimTimeRwin").unwrap() > 0.9 * track.last("BusyTime").unwrap());
}

#[test]
fn a_picture_has_a_panel_for_each_quantity() {
    let scenario = scenario(&["rate=10Mbit/s", "time=5s", "streams=2"]);
    let survey = Survey::new(&scenario).unwrap();
    let mut watcher = Watcher::<Vec<u8>> { recorder: None, picture: Some(Picture::new(&scenario, &survey)) };
    Simulation::new(&scenario).unwrap().run(&mut watcher);
    let svg = watcher.picture.unwrap().figure().to_svg();
    for name in ["Goodput", "Congestion window", "Round-trip time", "Queue", "all 2", "queue r1-r2"] {
        assert!(svg.contains(name), "{name}");
    }
    assert!(!svg.contains("no data"));
}

#[test]
fn tables_have_all_flows_and_their_sum() {
    let scenario = scenario(&["rate=10Mbit/s", "time=5s", "streams=3"]);
    let outcome = Simulation::new(&scenario).unwrap().run(&mut ());
    let flows = run::flows(&outcome);
    assert_eq!(flows.rows.len(), 4);
    assert_eq!(flows.rows[3][0], "all");
    assert!(flows.rows.iter().all(|row| row.len() == flows.header.len()));
    let links = run::links(&outcome);
    assert_eq!(links.rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["r1-r2", "r2-r1"]);
    assert!(run::round_trips(&outcome).rows.iter().all(|row| row.len() == 9));
    let many = self::scenario(&["rate=10Mbit/s", "time=100ms", "streams=50"]);
    let outcome = Simulation::new(&many).unwrap().run(&mut ());
    assert_eq!(run::round_trips(&outcome).left_out, 10);
}

/// What a run is expected to compute is within a factor of two of what it computes.
#[test]
fn an_estimate_knows_how_much_there_is_to_do() {
    let cases: [&[&str]; 8] = [
        &["rate=50Mbit/s", "time=20s"],
        &["window=64KiB", "streams=4", "time=20s"],
        &["loss=1e-3", "control=reno", "time=60s"],
        &["loss=1e-3", "control=cubic", "streams=5", "time=20s"],
        &["control=bbr1", "rate=20Mbit/s", "time=20s"],
        &["receive_buffer=1MiB", "read_rate=5Mbit/s", "time=20s"],
        &["read_rate=5Mbit/s", "time=20s"],
        &["flow.application={ file = { size = \"1 MB\" } }", "time=20s"],
    ];
    for case in cases {
        let scenario = scenario(case);
        let load = estimate::load(&scenario).unwrap();
        let outcome = Simulation::new(&scenario).unwrap().run(&mut ());
        let ratio = load.segments / f64::from(u32::try_from(outcome.work.segments).unwrap());
        assert!((0.5..2.0).contains(&ratio), "{case:?}: {ratio}");
    }
}
