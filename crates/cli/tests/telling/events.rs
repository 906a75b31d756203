//! Events, and those who take them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;

use wad_model::{Event, EventForm};

use crate::FAR;
use crate::host::{Host, wait_until};
use crate::process::Daemon;
use crate::traffic::Server;

const OBSERVE: &str = "[observe]\ninterval = \"50 ms\"\nderived = [\"AveBW = DataBytesOut * 8 / (CurrTime - StartTime)\", \"Large = DataBytesOut > 1 MB\"]\n";

fn sink(name: &str, form: EventForm, target: &str, kinds: &str) -> String {
    format!("[[events]]\nname = \"{name}\"\nform = \"{form}\"\ntarget = \"{target}\"\nkinds = {kinds}\n")
}

fn read(form: EventForm, path: &Path) -> Vec<Event> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| form.read(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn named<'e>(events: &'e [Event], name: &str) -> Vec<&'e Event> {
    events.iter().filter(|event| event.name.as_deref() == Some(name)).collect()
}

fn number(event: &Event, field: &str) -> f64 {
    event.field(field).and_then(|value| value.number()).unwrap_or_else(|| panic!("{field} in {event:?}"))
}

#[test]
fn the_life_of_a_flow_is_told_in_each_form() {
    let host = Host::new();
    let path = |form: EventForm| host.files.path(&format!("events.{form}"));
    let sinks: String = EventForm::ALL
        .iter()
        .map(|form| sink(form.name(), *form, &format!("file:{}", path(*form).display()), "\"all\""))
        .collect();
    let daemon = Daemon::start(&host, &format!("{OBSERVE}{sinks}{FAR}"));
    let mut flow = Server::new().connect();
    flow.transfer(3_000_000);
    let ends = (flow.source(), flow.client.peer_addr().unwrap().to_string());
    let raised = || named(&read(EventForm::Bp, &path(EventForm::Bp)), "wad.alert.Large").len();
    assert!(wait_until(|| raised() == 1));
    drop(flow);
    assert!(wait_until(|| raised() == 2));
    daemon.line(&["flow closed"]);
    assert!(wait_until(|| EventForm::ALL.iter().all(|form| !named(
        &read(*form, &path(*form)),
        "wad.flow.close"
    )
    .is_empty())));

    for form in EventForm::ALL {
        let events = read(form, &path(form));
        assert!(events.iter().all(|event| {
            (event.source.as_deref(), event.destination.as_deref()) == (Some(&ends.0), Some(&ends.1))
                && event.field("path").is_some_and(|path| path.to_string() == "far")
                && event.host.is_some()
                && event.program.as_deref() == Some("wad")
        }));
        let [open] = named(&events, "wad.flow.open")[..] else { panic!("one flow opened") };
        assert_eq!(open.field("how").unwrap().to_string(), "opened");
        assert!(open.field("set").unwrap().to_string().contains("send buffer"), "{open:?}");

        let samples = named(&events, "wad.flow.sample");
        let last = samples.last().unwrap();
        assert!(
            (3_000_000.0..=3_000_002.0).contains(&number(last, "ThruBytesAcked_bytes")),
            "its last counters"
        );
        assert!(number(last, "SmoothedRTT_us") > 0.0);
        let bandwidth = named(&events, "wad.derived.AveBW");
        assert!(bandwidth.iter().all(|event| event.field("unit").unwrap().to_string() == "bit/s"));
        let expected = number(last, "DataBytesOut_bytes") * 8e6
            / (number(last, "CurrTime_us") - number(last, "StartTime_us"));
        let told = bandwidth.last().unwrap().value.as_ref().unwrap().number().unwrap();
        assert!((told / expected - 1.0).abs() < 1e-3, "{told} {expected}");

        let states: Vec<_> = named(&events, "wad.alert.Large")
            .iter()
            .map(|event| {
                (
                    event.level.clone().unwrap(),
                    event.value.clone().unwrap().to_string(),
                    event.field("state").unwrap().to_string(),
                )
            })
            .collect();
        let state =
            |level: &str, value: &str, state: &str| (level.to_owned(), value.to_owned(), state.to_owned());
        assert_eq!(states, [state("Warning", "1", "raised"), state("Info", "0", "flow closed")]);
        let [close] = named(&events, "wad.flow.close")[..] else { panic!("one flow closed") };
        assert_eq!(number(close, "sent_bytes"), 3_000_000.0);
        assert!(open.time < close.time);
    }
    let sinks = daemon.status().sinks;
    assert!(sinks.len() == 3 && sinks.iter().all(|sink| sink.connected && sink.missed == 0), "{sinks:?}");
}

#[test]
fn each_sink_gets_the_kinds_that_it_wants_and_a_reload_changes_them() {
    let host = Host::new();
    let (first, second) = (host.files.path("first"), host.files.path("second"));
    let to = |path: &Path| format!("file:{}", path.display());
    let opens = sink("first", EventForm::Json, &to(&first), "[\"opens\"]");
    // Without [observe], nothing looks at flows; what opens is told all the same.
    let daemon = Daemon::start(&host, &format!("{opens}{FAR}"));
    let server = Server::new();
    server.connect().reset();
    assert!(wait_until(|| read(EventForm::Json, &first).len() == 1));

    let closes = sink("second", EventForm::Ulm, &to(&second), "[\"closes\"]");
    host.files.write("wad.toml", &format!("{opens}{closes}{FAR}"));
    assert_eq!(daemon.ask(&["reload"]).status, Some(0));
    daemon.line(&["configuration", "`[[events]]` are other"]);
    server.connect().reset();
    assert!(wait_until(
        || read(EventForm::Json, &first).len() == 2 && read(EventForm::Ulm, &second).len() == 1
    ));
    assert_eq!(read(EventForm::Ulm, &second)[0].name.as_deref(), Some("wad.flow.close"));

    host.files.write("wad.toml", FAR);
    assert_eq!(daemon.ask(&["reload"]).status, Some(0));
    assert!(wait_until(|| daemon.status().sinks.is_empty()));
    server.connect().reset();
    daemon.line(&["flow closed"]);
    assert_eq!(read(EventForm::Json, &first).len(), 2);
}

#[test]
fn a_consumer_that_never_reads_never_slows_the_daemon() {
    const FLOWS: usize = 3000;
    let host = Host::new();
    let consumer = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp:{}", consumer.local_addr().unwrap());
    let stuck = sink("stuck", EventForm::Json, &target, "\"all\"") + "queue = \"16 KiB\"\n";
    let file = host.files.path("events");
    let works = sink("works", EventForm::Bp, &format!("file:{}", file.display()), "[\"opens\", \"closes\"]");
    let daemon = Daemon::start(&host, &format!("{OBSERVE}{stuck}{works}{FAR}"));
    let server = Server::new();
    server.flood(1);
    let stream = consumer.accept().unwrap().0;
    server.flood(FLOWS);
    // All of them are known and closed, and the other consumer has all of their events.
    let status = || daemon.status();
    assert!(wait_until(|| status().closed_flows == FLOWS as u64 + 1), "{:?}", status());
    assert!(wait_until(|| read(EventForm::Bp, &file).len() == 2 * (FLOWS + 1)));
    let missed = |name: &str| status().sinks.iter().find(|sink| sink.name == name).unwrap().missed;
    assert!(wait_until(|| missed("stuck") > 0), "{:?}", status().sinks);
    assert_eq!(missed("works"), 0);
    assert_eq!(status().lost_records, 0);
    daemon.line(&["WARN", "events missed", "sink=\"stuck\""]);

    // It reads at last: where events are missing, the stream says how many.
    let mut lines = BufReader::new(stream).lines();
    let mut said = 0.0;
    while said == 0.0 {
        let event = EventForm::Json.read(&lines.next().unwrap().unwrap()).unwrap();
        if event.name.as_deref() == Some("wad.missed") {
            said = event.value.unwrap().number().unwrap();
        }
    }
    assert!(said > 0.0);
}

#[test]
fn a_full_disk_costs_events_and_nothing_else() {
    let host = Host::new();
    let disk = host.files.path("disk");
    fs::create_dir(&disk).unwrap();
    let file = disk.join("events");
    let events = sink("disk", EventForm::Json, &format!("file:{}", file.display()), "\"all\"")
        + "queue = \"16 KiB\"\n";
    let mount = format!("mount -t tmpfs -o size=64k none {}", disk.display());
    let mut command = host.after(&mount, &host.daemon(&format!("{OBSERVE}{events}{FAR}")));
    let daemon = Daemon::spawn(&mut command, host.runtime_dir());
    // Only the daemon sees the disk.
    let seen =
        Path::new("/proc").join(daemon.pid().to_string()).join("root").join(file.strip_prefix("/").unwrap());
    let server = Server::new();
    let sink = || daemon.status().sinks[0].clone();
    let full = || {
        server.connect().reset();
        sink().missed > 0 && sink().error.is_some_and(|error| error.contains("No space left"))
    };
    assert!(wait_until(full), "{:?}", sink());
    daemon.line(&["WARN", "events are not taken", "No space left"]);
    let text = fs::read_to_string(&seen).unwrap();
    assert!(text.ends_with('\n') && read(EventForm::Json, &seen).len() > 10, "whole lines");

    // The file is emptied: it goes on, and says what is missing.
    fs::write(&seen, "").unwrap();
    assert!(wait_until(|| sink().error.is_none()), "{:?}", sink());
    let gap = || named(&read(EventForm::Json, &seen), "wad.missed").len();
    assert!(
        wait_until(|| {
            server.connect().reset();
            gap() > 0
        }),
        "{:?}",
        sink()
    );
    daemon.line(&["INFO", "events are taken again"]);
}
