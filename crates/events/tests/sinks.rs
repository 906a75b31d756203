//! Sinks as their consumers see them: each form at each kind of place, and consumers that are slow, away or full.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wad_events::{MISSED, Rotation, Sink, SinkOptions, SinkStatus};
use wad_model::{Bytes, Event, EventForm, EventValue, Timestamp};

/// How long whatever a test waits for may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(form: EventForm, target: &str) -> SinkOptions {
    SinkOptions {
        name: "test".to_owned(),
        form,
        target: target.parse().unwrap(),
        queue: Bytes::new(1 << 20),
        rotation: Rotation::default(),
    }
}

fn sink(form: EventForm, target: &str) -> Sink {
    Sink::start(options(form, target)).unwrap()
}

/// The event of a number; its text has blanks, quotes and two lines.
fn event(number: u64) -> Event {
    Event {
        host: Some("dtn1".to_owned()),
        program: Some("wad".to_owned()),
        level: Some("Info".to_owned()),
        source: Some("192.0.2.1:40000".to_owned()),
        destination: Some("[2001:db8::1]:2811".to_owned()),
        value: Some(0.25.into()),
        ..Event::new(
            Timestamp::from_nanos(1_700_000_000_000_000_000 + i64::try_from(number).unwrap()),
            "wad.test",
        )
    }
    .with("number", number)
    .with("text", "one \"line\"\nand another")
}

fn count(value: Option<&EventValue>) -> u64 {
    value.unwrap().to_string().parse().unwrap()
}

fn number(event: &Event) -> u64 {
    count(event.field("number"))
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never holds");
        thread::sleep(Duration::from_millis(2));
    }
}

fn stop(sink: Sink) -> SinkStatus {
    sink.stop(PATIENCE)
}

/// Reads lines of a stream, checks that each follows the one before, with gaps where the stream says so, and
/// returns how many events came and how many were said to be missing.
fn follow(form: EventForm, lines: impl Iterator<Item = String>, mut next: u64) -> (u64, u64, u64) {
    let (mut came, mut missing) = (0, 0);
    for line in lines {
        let read = form.read(&line).unwrap();
        if read.name.as_deref() == Some(MISSED) {
            let count = count(read.value.as_ref());
            assert_eq!(read.field("sink").unwrap().to_string(), "test");
            missing += count;
            next += count;
        } else {
            assert_eq!(read, event(next), "in its place");
            came += 1;
            next += 1;
        }
    }
    (came, missing, next)
}

mod forms {
    use super::*;

    #[test]
    fn a_stream_has_a_line_for_each_event() {
        for form in EventForm::ALL {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let sink = sink(form, &format!("tcp:{}", listener.local_addr().unwrap()));
            (0..100).for_each(|number| sink.push(&event(number)));
            let reader = BufReader::new(listener.accept().unwrap().0);
            let status = stop(sink);
            assert_eq!((status.delivered, status.missed, status.opened), (100, 0, 1));
            assert_eq!(follow(form, reader.lines().map(Result::unwrap), 0), (100, 0, 100));
        }
    }

    #[test]
    fn a_datagram_is_an_event() {
        let directory = tempfile::tempdir().unwrap();
        for form in EventForm::ALL {
            let path = directory.path().join(form.name());
            let unix = UnixDatagram::bind(&path).unwrap();
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            let targets =
                [format!("unix-datagram:{}", path.display()), format!("udp:{}", udp.local_addr().unwrap())];
            for (place, target) in targets.iter().enumerate() {
                let sink = sink(form, target);
                let mut bytes = [0; 4096];
                for sent in 0..3 {
                    sink.push(&event(sent));
                    let length =
                        if place == 0 { unix.recv(&mut bytes) } else { udp.recv(&mut bytes) }.unwrap();
                    let line = std::str::from_utf8(&bytes[..length]).unwrap();
                    assert_eq!(form.read(line).unwrap(), event(sent));
                }
                assert_eq!(stop(sink).delivered, 3);
            }
        }
    }

    #[test]
    fn syslog_and_journal_get_the_line_in_their_own_frame() {
        let directory = tempfile::tempdir().unwrap();
        for scheme in ["syslog", "syslog5424", "journal"] {
            for form in EventForm::ALL {
                let path = directory.path().join(format!("{scheme}-{form}"));
                let socket = UnixDatagram::bind(&path).unwrap();
                let sink = sink(form, &format!("{scheme}:{}", path.display()));
                sink.push(&event(7));
                let mut bytes = [0; 4096];
                let length = socket.recv(&mut bytes).unwrap();
                let message = std::str::from_utf8(&bytes[..length]).unwrap();
                let line = match scheme {
                    "syslog" => message.split_once("]: ").unwrap().1,
                    "syslog5424" => message.split_once(" - ").unwrap().1,
                    _ => message.lines().next().unwrap().strip_prefix("MESSAGE=").unwrap(),
                };
                assert_eq!(form.read(line).unwrap(), event(7), "{message}");
                assert_eq!(stop(sink).delivered, 1);
            }
        }
    }

    #[test]
    fn a_file_is_added_to() {
        let directory = tempfile::tempdir().unwrap();
        for form in EventForm::ALL {
            let path = directory.path().join(form.name());
            for begin in [0, 50] {
                let sink = sink(form, &format!("file:{}", path.display()));
                (begin..begin + 50).for_each(|number| sink.push(&event(number)));
                assert_eq!(stop(sink).delivered, 50);
            }
            assert_eq!(follow(form, lines(&path), 0), (100, 0, 100));
        }
    }

    #[test]
    fn an_event_that_is_too_large_for_a_datagram_is_missed_and_the_next_one_is_not() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sink = sink(EventForm::Json, &format!("udp:{}", udp.local_addr().unwrap()));
        sink.push(&event(0).with("large", "x".repeat(70_000)));
        sink.push(&event(1));
        let mut bytes = [0; 4096];
        let length = udp.recv(&mut bytes).unwrap();
        assert_eq!(EventForm::Json.read(std::str::from_utf8(&bytes[..length]).unwrap()).unwrap(), event(1));
        let status = stop(sink);
        assert_eq!((status.delivered, status.missed), (1, 1));
    }
}

fn lines(path: &Path) -> std::vec::IntoIter<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines");
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

mod consumers {
    use super::*;

    const MANY: u64 = 40_000;

    #[test]
    fn one_that_never_reads_costs_events_and_is_told_how_many() {
        for form in EventForm::ALL {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let target = format!("tcp:{}", listener.local_addr().unwrap());
            let sink =
                Sink::start(SinkOptions { queue: Bytes::new(64 << 10), ..options(form, &target) }).unwrap();
            sink.push(&event(0));
            let consumer = listener.accept().unwrap().0;
            // Nobody reads, and all of them are taken or missed at once.
            (1..MANY).for_each(|number| sink.push(&event(number)));
            let status = sink.status();
            assert!(status.missed > 0 && status.queued_bytes < (64 << 10) + 1000, "{status:?}");

            // Now it reads; what comes then comes, and the stream says what is missing before that.
            let reader =
                thread::spawn(move || follow(form, BufReader::new(consumer).lines().map(Result::unwrap), 0));
            wait_until(|| sink.status().queued == 0);
            sink.push(&event(MANY));
            let status = stop(sink);
            let (came, missing, next) = reader.join().unwrap();
            assert_eq!((came, missing, next), (status.delivered, status.missed, MANY + 1));
            assert_eq!(status.opened, 1);
        }
    }

    #[test]
    fn one_that_goes_away_and_comes_back_gets_what_waited() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let form = EventForm::Json;
        let listener = UnixListener::bind(&path).unwrap();
        let target = format!("unix:{}", path.display());
        let sink = Sink::start(SinkOptions { queue: Bytes::new(10_000), ..options(form, &target) }).unwrap();
        sink.push(&event(0));
        let mut first = BufReader::new(listener.accept().unwrap().0);
        let mut line = String::new();
        first.read_line(&mut line).unwrap();
        assert_eq!(form.read(line.trim_end()).unwrap(), event(0));

        drop((first, listener));
        fs::remove_file(&path).unwrap();
        (1..200).for_each(|number| sink.push(&event(number)));
        wait_until(|| sink.status().error.is_some());
        let missed = sink.status().missed;
        assert!(missed > 0, "{:?}", sink.status());

        let listener = UnixListener::bind(&path).unwrap();
        let reader = BufReader::new(listener.accept().unwrap().0);
        wait_until(|| sink.status().queued == 0);
        sink.push(&event(200));
        let status = stop(sink);
        assert_eq!((status.opened, status.missed), (2, missed));
        let (came, missing, next) = follow(form, reader.lines().map(Result::unwrap), 1);
        assert_eq!((came, missing, next), (200 - missed, missed, 201));
    }

    #[test]
    fn a_line_that_was_cut_is_whole_on_the_next_connection() {
        // A Unix socket holds little, so that the consumer leaves in the middle.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let sink = sink(EventForm::Json, &format!("unix:{}", path.display()));
        let large = |number| event(number).with("large", "x".repeat(200_000));
        (0..20).for_each(|number| sink.push(&large(number)));
        let mut first = listener.accept().unwrap().0;
        wait_until(|| sink.status().missed > 0 || sink.status().queued > 0);
        first.read_exact(&mut vec![0; 100_000]).unwrap();
        drop(first);
        let second = BufReader::new(listener.accept().unwrap().0);
        wait_until(|| sink.status().opened == 2);
        let reader = thread::spawn(move || {
            second.lines().map(|line| EventForm::Json.read(&line.unwrap()).unwrap()).collect::<Vec<_>>()
        });
        let status = stop(sink);
        let read = reader.join().unwrap();
        assert!(!read.is_empty() && status.delivered <= 20);
        assert!(
            read.iter().all(|event| event.name.as_deref() == Some(MISSED) || *event == large(number(event)))
        );
    }

    #[test]
    fn a_full_disk_is_tried_again_and_an_end_does_not_wait_for_it() {
        let sink = sink(EventForm::Ulm, "file:/dev/full");
        (0..10).for_each(|number| sink.push(&event(number)));
        wait_until(|| sink.status().error.is_some_and(|error| error.contains("No space left")));
        let status = stop(sink);
        assert_eq!((status.delivered, status.missed), (0, 10));
    }

    #[test]
    fn an_end_does_not_wait_for_one_that_does_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = sink(EventForm::Ulm, &format!("tcp:{}", listener.local_addr().unwrap()));
        let large = event(0).with("large", "x".repeat(16 << 20));
        sink.push(&large);
        let _consumer = listener.accept().unwrap();
        let status = sink.stop(Duration::from_millis(50));
        assert_eq!((status.delivered, status.missed), (0, 1));
    }
}

mod files {
    use super::*;

    #[test]
    fn a_file_is_put_aside_when_it_is_large_and_every_event_is_in_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.log");
        let rotation = Rotation { size: Some(Bytes::new(5_000)), age: None, keep: 100 };
        let target = format!("file:{}", path.display());
        let sink = Sink::start(SinkOptions { rotation, ..options(EventForm::Bp, &target) }).unwrap();
        (0..200).for_each(|number| sink.push(&event(number)));
        assert_eq!(stop(sink).delivered, 200);

        let files = fs::read_dir(directory.path()).unwrap().count();
        assert!(files > 2);
        let names = (1..files).rev().map(|number| format!("{}.{number}", path.display()));
        let mut next = 0;
        for name in names.chain([path.display().to_string()]) {
            assert!(fs::metadata(&name).unwrap().len() <= 5_000);
            (_, _, next) = follow(EventForm::Bp, lines(Path::new(&name)), next);
        }
        assert_eq!(next, 200);
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("events.log"), directory.path().join("moved.log"));
        let sink = sink(EventForm::Bp, &format!("file:{}", path.display()));
        sink.push(&event(0));
        wait_until(|| sink.status().delivered == 1);
        fs::rename(&path, &moved).unwrap();
        let mut next = 1;
        wait_until(|| {
            sink.push(&event(next));
            next += 1;
            path.exists()
        });
        assert_eq!(stop(sink).delivered, next);
        let (_, _, middle) = follow(EventForm::Bp, lines(&moved), 0);
        assert_eq!(follow(EventForm::Bp, lines(&path), middle).2, next);
    }

    #[test]
    fn a_directory_that_is_missing_is_said_and_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("wad");
        let path = inner.join("events.log");
        let sink = sink(EventForm::Json, &format!("file:{}", path.display()));
        sink.push(&event(0));
        wait_until(|| sink.status().error.is_some());
        fs::create_dir(&inner).unwrap();
        wait_until(|| sink.status().delivered == 1);
        assert_eq!(follow(EventForm::Json, lines(&path), 0), (1, 0, 1));
    }
}
