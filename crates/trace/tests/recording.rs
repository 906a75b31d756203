//! The series that figures are made of.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::time::Duration;

use wad_model::{FlowKey, Time, Timestamp};
use wad_trace::{
    ClockReading, Column, Flow, Header, Kind, Points, Reader, Recording, Schema, Writer, figures,
};

const STEP: Duration = Duration::from_secs(1);
const COLUMNS: [&str; 4] = ["ThruBytesAcked", "CurCwnd", "SmoothedRTT", "NoSuchColumn"];

fn at(millis: u64) -> Time {
    Time::from_nanos(5_000_000_000 + millis * 1_000_000)
}

/// A flow of 1000 bytes a second from 0 s to 10 s, and one of 3000 from 4.5 s to 8.5 s.
fn recording() -> Recording {
    let columns = [
        Column::new("ThruBytesAcked", "B", Kind::Counter),
        Column::new("CurCwnd", "segments", Kind::Gauge),
        Column::new("SmoothedRTT", "us", Kind::Gauge),
    ];
    let header = Header {
        host: "dtn1".to_owned(),
        program: "test".to_owned(),
        start: ClockReading { monotonic: at(0), wall: Timestamp::default() },
        interval: Some(STEP),
        sequence: 0,
        tables: vec![Schema::new("samples", columns)],
    };
    let mut writer = Writer::new(Vec::new(), header).unwrap();
    let flow = |port: u16| {
        let ip = std::net::Ipv4Addr::LOCALHOST;
        Flow::new(FlowKey::new((ip, port).into(), (ip, 80).into()))
    };
    let (long, short) = (writer.open(flow(1)).unwrap(), writer.open(flow(2)).unwrap());
    for second in 0..=10 {
        // One round trip is missing.
        let rtt = (second != 3).then_some(70_000);
        writer.sample(0, long, at(second * 1000), &[Some(500 + second * 1000), Some(10), rtt]).unwrap();
        if (4..=8).contains(&second) {
            let row = [Some((second - 4) * 3000), Some(20), None];
            writer.sample(0, short, at(second * 1000 + 500), &row).unwrap();
        }
    }
    writer.close(short, at(8500), None).unwrap();
    let file = writer.finish().unwrap();
    let mut reader = Reader::new(&file[..]).unwrap();
    let (recording, faults) = Recording::read(&mut reader, "samples", &COLUMNS);
    assert!(faults.is_empty());
    recording
}

fn values(points: &Points) -> Vec<f64> {
    points.iter().map(|point| point.1).collect()
}

#[test]
fn columns_are_in_base_units_and_what_is_absent_is_a_gap() {
    let recording = recording();
    let long = &recording.flows[0];
    let rtt = long.points("SmoothedRTT");
    assert_eq!(rtt[0], (0.0, 0.07));
    assert!(rtt[3].1.is_nan());
    assert!(!recording.flows[1].has("SmoothedRTT"));
    assert_eq!(long.points("NoSuchColumn"), []);
    assert_eq!(recording.flows[1].closed, Some(8.5));
    assert_eq!(long.name(), "1 → 127.0.0.1:80");
}

#[test]
fn rates_are_of_steps_and_of_all_since_the_start() {
    let recording = recording();
    let [long, short] = &recording.flows[..] else { panic!() };
    assert_eq!(
        long.rate("ThruBytesAcked", STEP),
        (1..=10).map(|s| (f64::from(s), 1000.0)).collect::<Vec<_>>()
    );
    assert_eq!(values(&long.rate("ThruBytesAcked", 4 * STEP)), [1000.0, 1000.0]);
    assert_eq!(values(&short.average_rate("ThruBytesAcked")), [3000.0; 4]);
    assert_eq!(short.growth("ThruBytesAcked").last(), Some(&(8.5, 12_000.0)));
}

#[test]
fn the_total_is_that_of_the_flows_that_are_open() {
    let recording = recording();
    let total = values(&recording.total_rate("ThruBytesAcked", STEP));
    // The second flow grows from 4.5 to 8.5 s.
    assert_eq!(total, [1000.0, 1000.0, 1000.0, 1000.0, 2500.0, 4000.0, 4000.0, 4000.0, 2500.0, 1000.0]);
    let windows = values(&recording.total("CurCwnd", STEP));
    assert_eq!(windows, [10.0, 10.0, 10.0, 10.0, 30.0, 30.0, 30.0, 30.0, 10.0, 10.0]);
}

#[test]
fn figures_are_made_of_what_there_is() {
    let recording = recording();
    let names: Vec<_> = figures::figures(&recording).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["throughput", "windows", "rtt", "overview"], "nothing is known of retransmissions");
    let svg = figures::throughput(&recording).unwrap().to_svg();
    assert!(svg.contains("Throughput of 2 flows"), "{svg}");
    assert!(svg.contains("all 2 together"));
    let empty = recording.clone().only(|_| false);
    assert!(figures::figures(&empty).is_empty());
    let runs = [("a".to_owned(), recording.clone()), ("b".to_owned(), recording)];
    assert!(figures::comparison(&runs).unwrap().to_svg().contains("Two runs compared"));
}
