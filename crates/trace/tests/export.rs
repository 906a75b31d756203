//! A trace in the forms of other programs.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "support/made_up.rs"]
mod made_up;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use wad_model::{Event, EventForm, EventValue, FlowKey, Time};
use wad_trace::{
    Column, ExportError, ExportFormat, Exported, Flow, Header, Kind, ReadError, Reader, Schema, Writer,
    export,
};

/// Two flows, three samples, one of them the last of its flow.
fn file() -> Vec<u8> {
    let header = made_up::header();
    let columns = [
        Column::new("DataBytesOut", "B", Kind::Counter),
        Column::new("SmoothedRTT", "us", Kind::Gauge),
        Column::new("PacingRate", "B/s", Kind::Gauge),
        Column::new("Timeouts", "events", Kind::Counter),
    ];
    let start = header.start.monotonic;
    let after = |millis: u64| Time::from_nanos(start.as_nanos() + millis * 1_000_000);
    let mut writer =
        Writer::new(Vec::new(), Header { tables: vec![Schema::new("samples", columns)], ..header }).unwrap();
    let key = |text: &str| FlowKey::new(text.parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
    let first = writer
        .open(
            Flow::new(key("192.0.2.1:5000"))
                .opened(start)
                .labels(vec![("path".to_owned(), "cern".to_owned())]),
        )
        .unwrap();
    let second = writer.open(Flow::new(key("192.0.2.1:5001"))).unwrap();
    writer.sample(0, first, after(100), &[Some(1000), Some(70_000), Some(u64::MAX), Some(0)]).unwrap();
    writer.sample(0, second, after(100), &[Some(5), None, None, None]).unwrap();
    writer.close(first, after(200), Some((0, &[Some(1500), Some(69_000), None, Some(0)]))).unwrap();
    writer.finish().unwrap()
}

fn exported(file: &[u8], format: ExportFormat) -> (Vec<u8>, Exported) {
    let mut out = Vec::new();
    let mut reader = Reader::new(file).unwrap();
    let exported = export(&mut reader, "samples", format, &mut out).unwrap();
    (out, exported)
}

fn text(format: ExportFormat) -> String {
    String::from_utf8(exported(&file(), format).0).unwrap()
}

#[test]
fn csv() {
    assert_eq!(
        text(ExportFormat::Csv),
        "time,elapsed_s,flow,source,destination,DataBytesOut_bytes,SmoothedRTT_us,PacingRate_bytes_per_s,Timeouts\n\
         2026-03-01T12:00:00.100000Z,0.100000000,0,192.0.2.1:5000,[2001:db8::1]:443,1000,70000,18446744073709551615,0\n\
         2026-03-01T12:00:00.100000Z,0.100000000,1,192.0.2.1:5001,[2001:db8::1]:443,5,,,\n\
         2026-03-01T12:00:00.200000Z,0.200000000,0,192.0.2.1:5000,[2001:db8::1]:443,1500,69000,,0\n"
    );
}

#[test]
fn json_lines() {
    let text = text(ExportFormat::JsonLines);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["PacingRate_bytes_per_s"], u64::MAX);
    assert_eq!(lines[0]["elapsed_s"], 0.1);
    assert_eq!(lines[1].get("SmoothedRTT_us"), None, "absent is left out");
    assert_eq!(lines[2]["destination"], "[2001:db8::1]:443");
}

#[test]
fn netlogger() {
    let lines = text(ExportFormat::NetLogger(EventForm::Ulm));
    assert_eq!(
        lines.lines().next().unwrap(),
        "DATE=20260301120000.000000 HOST=dtn1.example.org PROG=\"made up\" LVL=Usage NL.EVNT=FlowOpen SRC=192.0.2.1 \
         DST=2001:db8::1 ID=0 SPORT=5000 DPORT=443 path=cern"
    );
    for form in EventForm::ALL {
        let text = text(ExportFormat::NetLogger(form));
        let events: Vec<Event> = text.lines().map(|line| form.read(line).unwrap()).collect();
        let found: Vec<_> = events
            .iter()
            .map(|event| {
                let delta = event.field("DELTA").and_then(EventValue::number);
                (event.name.as_deref().unwrap(), event.value.as_ref().and_then(EventValue::number), delta)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("FlowOpen", None, None),
                ("DataBytesOut", Some(1000.0), None),
                ("SmoothedRTT", Some(70_000.0), None),
                ("PacingRate", Some(18_446_744_073_709_551_615.0), None),
                ("Timeouts", Some(0.0), None),
                ("DataBytesOut", Some(5.0), None),
                ("DataBytesOut", Some(500.0), None),
                ("SmoothedRTT", Some(69_000.0), Some(-1000.0)),
                ("FlowClose", None, None),
            ]
        );
    }
}

#[test]
fn parquet() {
    let (bytes, _) = exported(&file(), ExportFormat::Parquet);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].get_long(1).unwrap(), 100_000_000);
    assert_eq!(rows[1].get_string(3).unwrap(), "192.0.2.1:5001");
    assert_eq!(rows[0].get_ulong(7).unwrap(), u64::MAX);
    assert!(rows[1].get_ulong(7).is_err(), "absent is null");
    assert_eq!(rows[2].get_ulong(5).unwrap(), 1500);
    let names: Vec<_> = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|c| c.name().to_owned())
        .collect();
    assert_eq!(names[5..7], ["DataBytesOut_bytes", "SmoothedRTT_us"]);
}

#[test]
fn a_torn_trace_is_exported_as_far_as_it_is_whole() {
    let header = made_up::header();
    let mut now = header.start.monotonic;
    let mut writer = Writer::new(Vec::new(), header).unwrap();
    let id = writer.open(made_up::flow(0, now)).unwrap();
    let mut flow = made_up::MadeUp::new(7, true);
    for _ in 0..200 {
        now = now + made_up::INTERVAL;
        writer.sample(0, id, now, &flow.sample()).unwrap();
    }
    let file = writer.finish().unwrap();
    for format in ExportFormat::ALL {
        let (_, whole) = exported(&file, format);
        assert_eq!((whole.samples, whole.faults.len()), (200, 0));
        let (out, torn) = exported(&file[..file.len() - 100], format);
        assert!(torn.samples < 200 && torn.samples > 0 && !out.is_empty());
        assert!(matches!(torn.faults[..], [ReadError::Torn { .. }]));
    }
    let mut reader = Reader::new(&file[..]).unwrap();
    let error = export(&mut reader, "acks", ExportFormat::Csv, Vec::new()).unwrap_err();
    assert!(matches!(error, ExportError::NoTable(_)));
}
