//! What a trace promises: what goes in comes out, also of files that are still written, torn, damaged or foreign.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

#[path = "support/made_up.rs"]
mod made_up;

use std::io::{self, Write};
use std::time::Duration;

use made_up::MadeUp;
use proptest::prelude::*;
use wad_model::{Bytes, FlowKey, Time, Timestamp};
use wad_trace::{
    Batch, BatchLimits, ClockReading, Column, Due, Flow, FlowId, Header, Kind, ReadError, Reader, Rotation,
    Schema, WriteError, Writer,
};

type Row = (u64, u64, Vec<Option<u64>>);

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn clock(monotonic: u64, wall: i64) -> ClockReading {
    ClockReading { monotonic: at(monotonic), wall: Timestamp::from_nanos(wall * 1_000_000) }
}

fn header(columns: usize) -> Header {
    let columns = (0..columns).map(|n| Column::new(format!("c{n}"), "B", Kind::Counter));
    Header {
        host: "a".to_owned(),
        program: "test".to_owned(),
        start: clock(1000, 1_700_000_000_000),
        interval: Some(Duration::from_millis(100)),
        sequence: 0,
        tables: vec![
            Schema::new("samples", columns),
            Schema::new("acks", [Column::new("RTT", "us", Kind::Gauge)]),
        ],
    }
}

fn flow(port: u16) -> Flow {
    Flow::new(FlowKey::new(
        (std::net::Ipv4Addr::LOCALHOST, port).into(),
        (std::net::Ipv6Addr::LOCALHOST, 80).into(),
    ))
}

/// All batches up to the end or the first error.
fn read(file: &[u8]) -> (Vec<Batch>, Option<ReadError>) {
    let mut batches = Vec::new();
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (batches, Some(error)),
    };
    loop {
        match reader.next_batch() {
            Ok(Some(batch)) => batches.push(batch),
            Ok(None) => return (batches, None),
            Err(error) => return (batches, Some(error)),
        }
    }
}

/// The rows of a table: flow, time, values; sorted by flow.
fn rows(batches: &[Batch], table: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for block in batches.iter().flat_map(|batch| &batch.blocks).filter(|block| block.table() == table) {
        for (flow, range) in block.flows() {
            rows.extend(
                range.map(|row| (flow.number(), block.time(row).as_nanos(), block.row(row).collect())),
            );
        }
    }
    rows.sort_by_key(|(flow, ..)| *flow);
    rows
}

/// Two tables, flows that come and go, many small batches.
fn sample_file() -> (Vec<u8>, Vec<Row>) {
    let mut writer = Writer::new(Vec::new(), header(3))
        .unwrap()
        .limits(BatchLimits { rows: 7, age: Duration::from_millis(450) });
    let mut expected = Vec::new();
    let ids: Vec<_> = (0..3).map(|port| writer.open(flow(port)).unwrap()).collect();
    for tick in 0..40 {
        let time = at(1000 + tick * 100);
        for id in &ids {
            let n = id.number();
            let row = vec![Some(tick * 1000 * (n + 1)), Some(1448), (tick % 3 == n).then_some(tick)];
            writer.sample(0, *id, time, &row).unwrap();
            expected.push((n, time.as_nanos(), row));
        }
        writer.sample(1, ids[0], time, &[Some(70_000 + tick)]).unwrap();
    }
    let row = [Some(1), None, None];
    writer.close(ids[1], at(5000), Some((0, &row))).unwrap();
    expected.push((1, at(5000).as_nanos(), row.to_vec()));
    writer.close(ids[2], at(5001), None).unwrap();
    writer.lost(1, 17);
    expected.sort_by_key(|(flow, ..)| *flow);
    (writer.finish().unwrap(), expected)
}

#[test]
fn what_goes_in_comes_out() {
    let (file, expected) = sample_file();
    let (batches, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert!(batches.len() > 10);
    assert_eq!(rows(&batches, 0), expected);
    assert_eq!(rows(&batches, 1).len(), 40);

    let closed: Vec<_> = batches.iter().flat_map(|batch| &batch.closed).collect();
    assert_eq!(closed.len(), 2);
    assert!(closed[0].has_last_counters && !closed[1].has_last_counters);
    let lost: u64 = batches.iter().flat_map(|batch| &batch.lost).map(|lost| lost.rows).sum();
    assert_eq!(lost, 17);
}

#[test]
fn the_header_describes_the_file() {
    let (file, _) = sample_file();
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(reader.header(), &header(3));
    while reader.next_batch().unwrap().is_some() {}
    assert!(reader.is_finished());
    assert_eq!(reader.flows().len(), 3);
    assert_eq!(reader.offset(), file.len() as u64);
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains(r#"{"name":"RTT","unit":"us","kind":"gauge"}"#), "a person can read it");
}

#[test]
fn columns_that_nobody_asked_for_are_skipped() {
    let (file, expected) = sample_file();
    let mut reader = Reader::new(&file[..]).unwrap();
    reader.only(0, &[2]);
    let batch = reader.next_batch().unwrap().unwrap();
    let block = &batch.blocks[0];
    assert_eq!(block.value(0, 0), None);
    assert_eq!(block.value(0, 2), expected[0].2[2]);
}

#[test]
fn a_file_cut_anywhere_gives_all_whole_batches_and_the_place_of_the_cut() {
    let (file, _) = sample_file();
    let whole = read(&file).0;
    let mut ends = Vec::new();
    let mut reader = Reader::new(&file[..]).unwrap();
    let header_end = reader.offset();
    ends.push(header_end);
    while reader.next_batch().unwrap().is_some() {
        ends.push(reader.offset());
    }
    for cut in 0..file.len() {
        let (batches, error) = read(&file[..cut]);
        let cut = cut as u64;
        if cut < header_end {
            assert!(
                matches!(error, Some(ReadError::Truncated { offset }) if offset == cut),
                "{cut}: {error:?}"
            );
            continue;
        }
        let complete = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(batches[..], whole[..complete], "cut at {cut}");
        let last = ends[complete];
        match error {
            None => assert_eq!(cut, last, "no error only between two batches"),
            Some(ReadError::Torn { offset, found }) => assert_eq!((offset, offset + found), (last, cut)),
            Some(error) => panic!("cut at {cut}: {error}"),
        }
    }
}

#[test]
fn a_file_that_is_still_written_can_be_read() {
    let mut writer = Writer::new(Vec::new(), header(1)).unwrap();
    let id = writer.open(flow(1)).unwrap();
    writer.sample(0, id, at(1000), &[Some(1)]).unwrap();
    writer.flush().unwrap();
    let size = writer.size().get();
    writer.sample(0, id, at(1100), &[Some(2)]).unwrap();
    let file = writer.finish().unwrap();
    let so_far = &file[..usize::try_from(size).unwrap()];
    let mut reader = Reader::new(so_far).unwrap();
    assert!(reader.next_batch().unwrap().is_some());
    assert!(reader.next_batch().unwrap().is_none());
    assert!(!reader.is_finished());
    let (batches, _) = read(&file);
    assert_eq!(rows(&batches, 0).len(), 2);
}

#[test]
fn a_foreign_file_is_refused_with_the_byte_that_differs() {
    let refused = |file: &[u8]| read(file).1.unwrap().to_string();
    assert_eq!(
        refused(b"\x89PNG\r\n\x1a\nxxxx"),
        "not a trace of WAD: byte 1 is not what such a file begins with"
    );
    assert!(refused(b"hello").contains("byte 0"));
    assert_eq!(refused(b""), "the trace is cut off within its header, at byte 0");
    let (mut file, _) = sample_file();
    // As a transfer in text mode does it.
    file.remove(5);
    assert!(refused(&file).contains("byte 5"));
}

#[test]
fn another_version_is_refused_by_its_number() {
    let (file, _) = sample_file();
    let text = String::from_utf8_lossy(&file[20..40]).into_owned();
    assert!(text.starts_with(r#"{"version":1,"#), "{text}");
    let mut file = file;
    file[31] = b'7';
    // The checksum of the header no longer fits, which a newer writer would have computed anew.
    assert!(matches!(read(&file).1, Some(ReadError::Damaged { offset: 8, .. })));
}

#[test]
fn after_a_damaged_batch_the_next_one_is_read() {
    let (mut file, _) = sample_file();
    let whole = read(&file).0;
    let mut reader = Reader::new(&file[..]).unwrap();
    reader.next_batch().unwrap();
    let second = reader.offset();
    let place = usize::try_from(second).unwrap() + 20;
    file[place] ^= 0x10;

    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(reader.next_batch().unwrap().as_ref(), Some(&whole[0]));
    let error = reader.next_batch().unwrap_err();
    assert!(matches!(error, ReadError::Damaged { offset, .. } if offset == second), "{error}");
    assert_eq!(reader.next_batch().unwrap().as_ref(), Some(&whole[2]));
}

/// Takes so many bytes and then no more, as a disk does.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for &mut Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room - self.bytes.len());
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_trace_with_one_error_and_leaves_what_was_written() {
    let empty = Writer::new(Vec::new(), header(3)).unwrap().size().get();
    for room in [0, 1, 100, 377, 600].map(|room| usize::try_from(empty).unwrap() + room) {
        let mut disk = Disk { bytes: Vec::new(), room };
        let mut writer = Writer::new(&mut disk, header(3))
            .unwrap()
            .limits(BatchLimits { rows: 10, age: Duration::from_secs(9) });
        let id = writer.open(flow(1)).unwrap();
        let mut errors = Vec::new();
        for tick in 0..1000 {
            if let Err(error) = writer.sample(0, id, at(tick), &[Some(tick * tick), Some(tick), None]) {
                errors.push(error);
            }
        }
        let WriteError::Io { offset, .. } = errors[0] else { panic!("{}", errors[0]) };
        assert!(errors[0].to_string().contains("storage"), "{}", errors[0]);
        assert!(errors[1..].iter().all(|error| matches!(error, WriteError::Ended { .. })));
        let (batches, error) = read(&disk.bytes);
        let rows = rows(&batches, 0);
        assert_eq!(rows.len() % 10, 0);
        assert!(rows.iter().enumerate().all(|(n, row)| row.2[1] == Some(n as u64)));
        match error {
            None => assert_eq!(disk.bytes.len() as u64, offset),
            Some(error) => assert_eq!(error.offset(), offset),
        }
    }
}

#[test]
fn a_step_of_the_wall_clock_moves_the_dates_and_not_the_times() {
    let mut writer = Writer::new(Vec::new(), header(1)).unwrap();
    let id = writer.open(flow(1)).unwrap();
    writer.sample(0, id, at(1100), &[Some(1)]).unwrap();
    // An hour back.
    writer.clock(clock(1150, 1_700_000_000_150 - 3_600_000)).unwrap();
    writer.sample(0, id, at(1200), &[Some(2)]).unwrap();
    let (batches, _) = read(&writer.finish().unwrap());
    assert_eq!(batches.len(), 2);
    let dates: Vec<_> =
        batches.iter().map(|b| b.clock.wall_at(b.blocks[0].time(0)).as_nanos() / 1_000_000).collect();
    assert_eq!(dates, [1_700_000_000_100, 1_700_000_000_200 - 3_600_000]);
    assert_eq!(batches[1].blocks[0].time(0) - batches[0].blocks[0].time(0), Duration::from_millis(100));
}

#[test]
fn a_recording_goes_on_in_another_file() {
    let rotation = Rotation { size: Some(Bytes::new(800)), age: None };
    let mut writer = Writer::new(Vec::new(), header(1))
        .unwrap()
        .limits(BatchLimits { rows: 50, age: Duration::from_secs(60) });
    let gone = writer.open(flow(1)).unwrap();
    let stays = writer.open(flow(2)).unwrap();
    writer.close(gone, at(1000), None).unwrap();
    let mut files = Vec::new();
    let mut tick = 0;
    while files.len() < 2 {
        tick += 1;
        writer.sample(0, stays, at(1000 + tick), &[Some(tick * 7919 % 1009)]).unwrap();
        if rotation.due(writer.size(), Duration::ZERO) == Some(Due::Size) {
            files.push(writer.rotate(Vec::new(), clock(1000 + tick, 1_700_000_000_000)).unwrap());
        }
    }
    files.push(writer.finish().unwrap());
    let mut ticks = 0;
    for (sequence, file) in files.iter().enumerate() {
        let mut reader = Reader::new(&file[..]).unwrap();
        assert_eq!(reader.header().sequence, sequence as u64);
        while let Some(batch) = reader.next_batch().unwrap() {
            ticks += batch.blocks.iter().map(wad_trace::Block::rows).sum::<usize>() as u64;
        }
        assert!(reader.is_finished());
        let flows: Vec<_> = reader.flows().keys().copied().map(FlowId::number).collect();
        match sequence {
            0 => assert_eq!(flows, [0, 1]),
            // Without a sample after the last change of files there is nothing to say of the flow.
            _ if file.len() > 700 => assert_eq!(flows, [1]),
            _ => {}
        }
    }
    assert_eq!(ticks, tick);
}

#[test]
fn wrong_use_is_told_and_does_not_end_the_trace() {
    let mut writer = Writer::new(Vec::new(), header(2)).unwrap();
    let id = writer.open(flow(1)).unwrap();
    assert!(matches!(
        writer.sample(0, id, at(1), &[None]),
        Err(WriteError::Row { expected: 2, found: 1, .. })
    ));
    assert!(matches!(writer.sample(2, id, at(1), &[None]), Err(WriteError::NoTable(2))));
    writer.close(id, at(2), None).unwrap();
    assert!(matches!(writer.sample(0, id, at(3), &[None, None]), Err(WriteError::NoFlow(_))));
    assert!(writer.finish().is_ok());
    let tables = vec![Schema::new("t", (0..129).map(|n| Column::new(n.to_string(), "", Kind::Gauge)))];
    assert!(matches!(Writer::new(Vec::new(), Header { tables, ..header(1) }), Err(WriteError::Schema(_))));
}

#[test]
fn a_sample_of_forty_counters_takes_less_than_forty_bytes() {
    let start = made_up::header();
    let mut now = start.start.monotonic;
    let mut writer = Writer::new(Vec::new(), start).unwrap();
    let mut flows: Vec<_> = (0..20).map(|seed| MadeUp::new(seed, false)).collect();
    let ids: Vec<_> = (0..20).map(|number| writer.open(made_up::flow(number, now)).unwrap()).collect();
    for _ in 0..500 {
        now = now + made_up::INTERVAL;
        for (id, flow) in ids.iter().zip(&mut flows) {
            writer.sample(0, *id, now, &flow.sample()).unwrap();
        }
    }
    let bytes = writer.finish().unwrap().len();
    assert!(bytes < 40 * 20 * 500, "{} bytes a sample", bytes / (20 * 500));
}

prop_compose! {
    fn value()(value: u64, shift in 0u32..64, present in prop::bool::weighted(0.8)) -> Option<u64> {
        present.then_some(value >> shift)
    }
}

proptest! {
    #[test]
    fn any_rows_come_back(
        rows_in in prop::collection::vec((0usize..4, any::<u64>(), prop::collection::vec(value(), 5)), 0..200),
        limit in 1usize..100,
    ) {
        let mut writer = Writer::new(Vec::new(), header(5)).unwrap()
            .limits(BatchLimits { rows: limit, age: Duration::MAX });
        let ids: Vec<_> = (0..4).map(|port| writer.open(flow(port)).unwrap()).collect();
        let mut expected = Vec::new();
        for (flow, time, row) in rows_in {
            writer.sample(0, ids[flow], Time::from_nanos(time), &row).unwrap();
            expected.push((flow as u64, time, row));
        }
        expected.sort_by_key(|(flow, ..)| *flow);
        let (batches, error) = read(&writer.finish().unwrap());
        prop_assert!(error.is_none());
        prop_assert_eq!(rows(&batches, 0), expected);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes: Vec<u8>, with_magic: bool) {
        let file = if with_magic { [&b"\x89WADT\r\n\x1a"[..], &bytes].concat() } else { bytes };
        let _ = read(&file);
    }

    #[test]
    fn mutated_files_are_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (mut file, _) = sample_file();
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let mut reader = match Reader::new(&file[..]) { Ok(reader) => reader, Err(_) => return Ok(()) };
        // It ends, however many errors there are.
        for _ in 0..1000 {
            if let Ok(None) = reader.next_batch() { return Ok(()); }
        }
        prop_assert!(false, "the reader does not end");
    }
}
