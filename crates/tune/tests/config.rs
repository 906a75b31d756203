//! A configuration as it is read.

use proptest::prelude::*;
use wad_model::{Bytes, EventForm, Segments};
use wad_tune::{
    BufferMode, Buffers, Config, Congestion, Control, ControlName, EventKind, Law, SlowStart, defaults,
};

const FULL: &str = r#"
[host]
cgroup = "/sys/fs/cgroup/transfers"

[api]
listen = "127.0.0.1:9823"

[observe]
interval = "100 ms"
derived = ["AveBW = DataBytesOut * 8 / (CurrTime - StartTime)"]

[[events]]
name = "archive"
form = "ulm"
target = "file:/var/log/wad/events.log"
kinds = ["derived", "alerts"]
queue = "1 MiB"
rotate_size = "100 MB"
rotate_age = "24 h"
keep = 5

[[events]]
name = "usual"
target = "tcp:collector.example:14380"

[metrics]
listen = "127.0.0.1:9464"
max_flows = 50
other_flows = true

[[path]]
name = "cern"
destination = ["192.0.2.0/24", "2001:db8::/32", "::ffff:198.51.100.0/120", "203.0.113.7"]
source = ["10.0.0.0/8", "2001:db8:1::/48"]
destination_port = [2811, "50000-51000"]
source_port = ["1024-65535"]
congestion = { control = "wad", additive_increase = 6, multiplicative_decrease = 0.3 }
metrics = { per_flow = true }

[path.buffers]
mode = "fixed"
send = "16 MiB"
receive = "8 MiB"
override_application = true

[path.slow_start]
initial_window = "10 segments"

[[path]]
name = "rest"
destination = ["0.0.0.0/0", "::/0"]
buffers = { size = "4 MiB" }
congestion = { control = "cubic" }

[[path]]
name = "bare"
destination = ["198.51.100.0/25"]

[[host.grant]]
path = "cern"
settings = ["additive_increase", "multiplicative_decrease"]
"#;

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

#[test]
fn every_key_is_read() {
    let config = Config::parse(FULL).unwrap();
    assert_eq!(config.host.cgroup.unwrap().to_str(), Some("/sys/fs/cgroup/transfers"));
    assert_eq!(config.api.listen, Some("127.0.0.1:9823".parse().unwrap()));
    let cern = &config.paths[0];
    assert_eq!((cern.name.as_str(), cern.line), ("cern", 31));
    assert_eq!(
        texts(&cern.selector.destination),
        ["192.0.2.0/24", "2001:db8::/32", "198.51.100.0/24", "203.0.113.7/32"]
    );
    assert_eq!(texts(&cern.selector.source), ["10.0.0.0/8", "2001:db8:1::/48"]);
    assert_eq!(texts(&cern.selector.destination_port), ["2811", "50000-51000"]);
    assert_eq!(texts(&cern.selector.source_port), ["1024-65535"]);
    assert_eq!((cern.buffers.mode.value, cern.buffers.mode.line), (BufferMode::Fixed, Some(41)));
    assert_eq!(
        (cern.buffers.send.value, cern.buffers.receive.value),
        (Bytes::new(16 << 20), Bytes::new(8 << 20))
    );
    assert!(cern.buffers.override_application.value);
    assert_eq!(cern.slow_start.initial_window.unwrap().value, Segments::new(10));
    let Control::Wad(wad) = &cern.congestion.control.value else { panic!("not wad") };
    let Law::Constants { additive_increase, multiplicative_decrease } = &wad.law else {
        panic!("no constants")
    };
    assert_eq!((additive_increase.value.get(), multiplicative_decrease.value.get()), (6.0, 0.3));
    assert_eq!(additive_increase.line, Some(37));
}

#[test]
fn what_is_told_and_to_whom_is_read() {
    let config = Config::parse(FULL).unwrap();
    assert_eq!((config.observe.interval.as_millis(), config.observe.derived.len()), (100, 1));
    let [archive, usual] = config.events.as_slice() else { panic!("two sinks") };
    assert_eq!(
        (archive.form, archive.target.to_string().as_str()),
        (EventForm::Ulm, "file:/var/log/wad/events.log")
    );
    assert_eq!(archive.kinds, [EventKind::Derived, EventKind::Alerts]);
    assert_eq!((archive.queue, archive.rotate_size), (Bytes::new(1 << 20), Some(Bytes::new(100_000_000))));
    assert_eq!((archive.rotate_age.unwrap().as_secs(), archive.keep), (86_400, 5));
    assert_eq!(usual.form, EventForm::Json);
    assert_eq!(usual.kinds, [EventKind::Opens, EventKind::Closes, EventKind::Alerts]);
    let metrics = config.metrics.unwrap();
    assert_eq!(
        (metrics.listen, metrics.max_flows, metrics.other_flows),
        ("127.0.0.1:9464".parse().ok(), 50, true)
    );
    assert_eq!(
        config.paths.iter().map(|path| path.per_flow_metrics).collect::<Vec<_>>(),
        [true, false, false]
    );
}

#[test]
fn size_is_short_for_both_buffers() {
    let config = Config::parse(FULL).unwrap();
    let buffers = &config.paths[1].buffers;
    assert_eq!((buffers.send.value, buffers.receive.value), (Bytes::new(4 << 20), Bytes::new(4 << 20)));
    assert_eq!(config.paths[1].congestion.control.value.name(), ControlName::new("cubic"));
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = Config::parse(FULL).unwrap();
    let bare = &config.paths[2];
    assert_eq!(bare.buffers, Buffers::default());
    assert_eq!(bare.congestion, Congestion::default());
    assert_eq!(bare.slow_start, SlowStart::default());
    assert_eq!(bare.buffers.send.value, defaults::BUFFER);
    assert_eq!(bare.buffers.send.origin(), "default");
}

#[test]
fn an_empty_file_has_no_paths() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

proptest! {
    /// Whatever the text, there is an answer, and each error lies within the text and can be drawn.
    #[test]
    fn no_text_is_too_odd(at in 0..FULL.len(), length in 0usize..20, junk in ".{0,8}") {
        prop_assume!(FULL.is_ascii());
        let end = (at + length).min(FULL.len());
        let text = format!("{}{junk}{}", &FULL[..at], &FULL[end..]);
        if let Err(errors) = Config::parse(&text) {
            prop_assert!(errors.iter().count() > 0);
            prop_assert!(errors.iter().all(|e| e.span.end <= text.len() && e.line > 0 && e.column > 0));
            prop_assert!(!errors.render("wad.toml", &text, false).is_empty());
            prop_assert!(errors.iter().all(|e| !e.to_string().contains('\n')));
        }
    }
}
