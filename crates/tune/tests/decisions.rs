//! What is set for a flow, and what a person is told of it.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use wad_model::Bytes;
use wad_tune::{
    Config, ControlName, Ends, Flags, HostLimits, PathIndex, RequiredLimits, RuleTable, decide, explain,
    required_limits,
};

const CONFIG: &str = r#"[[path]]
name = "cern"
destination = ["192.0.2.0/24"]
destination_port = [2811, "50000-51000"]
buffers = { mode = "fixed", send = "32 MiB", receive = "1 GiB", override_application = true }
congestion = { additive_increase = 6, multiplicative_decrease = 0.3 }
slow_start = { initial_window = "20 segments" }

[[path]]
name = "cern-mirror"
destination = ["192.0.2.0/24"]
source = ["198.51.100.0/24"]
source_port = ["1024-2047"]
congestion = { control = "bbr" }

[[path]]
name = "rest"
destination = ["0.0.0.0/0"]

[[host.grant]]
path = "cern"
settings = ["additive_increase", "multiplicative_decrease", "initial_window"]
"#;

fn explained(source: &str, destination: &str, limits: &HostLimits) -> wad_tune::Explanation {
    let config = Config::parse(CONFIG).unwrap();
    let table = RuleTable::compile(&config).unwrap();
    let ends = Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() };
    explain(&config, &table, limits, ends)
}

#[test]
fn parameters_are_plain_numbers() {
    let config = Config::parse(CONFIG).unwrap();
    let parameters =
        |at: u32| decide(PathIndex(at), &config.paths[at as usize], &HostLimits::default()).parameters;
    let cern = parameters(0);
    assert_eq!((cern.send_bytes, cern.receive_bytes), (32 << 20, (1 << 30) - 1));
    assert_eq!((cern.ai_1024, cern.md_1024, cern.initial_window), (6144, 307, 20));
    assert_eq!(cern.flags.bits(), 0b1111);
    assert_eq!(cern.control.unwrap().to_bytes(), *b"wad\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let mirror = parameters(1);
    assert_eq!((mirror.ai_1024, mirror.md_1024, mirror.initial_window), (0, 0, 0));
    assert_eq!((mirror.flags, mirror.control), (Flags::default(), ControlName::new("bbr")));
    let rest = parameters(2);
    assert_eq!((rest.control, rest.ai_1024, rest.md_1024, rest.flags), (None, 0, 0, Flags::default()));
}

#[test]
fn the_smallest_parameters_still_act() {
    let text = "[[path]]\nname = \"a\"\ndestination = [\"0.0.0.0/0\"]\n\
                congestion = { additive_increase = 1e-9, multiplicative_decrease = 0.9999999 }\n";
    let config = Config::parse(text).unwrap();
    let parameters = decide(PathIndex(0), &config.paths[0], &HostLimits::default()).parameters;
    assert_eq!((parameters.ai_1024, parameters.md_1024), (1, 1023));
}

#[test]
fn the_limits_needed_are_the_largest_buffers() {
    let config = Config::parse(CONFIG).unwrap();
    let needed = RequiredLimits { wmem_max: Bytes::new(32 << 20), rmem_max: Bytes::new((1 << 30) - 1) };
    assert_eq!(required_limits(&config), needed);
    assert_eq!(required_limits(&Config::default()), RequiredLimits::default());
}

#[test]
fn what_the_host_limits_is_said() {
    let limits = HostLimits { wmem_max: Some(Bytes::new(4 << 20)), rmem_max: Some(Bytes::new(1 << 31)) };
    insta::assert_snapshot!("limited", explained("198.51.100.7", "192.0.2.1:2811", &limits));
}

#[test]
fn a_flow_of_ports_that_are_not_known_is_explained() {
    insta::assert_snapshot!("unknown_ports", explained("198.51.100.7", "192.0.2.1", &HostLimits::default()));
}

#[test]
fn a_flow_of_no_path_is_explained() {
    insta::assert_snapshot!("no_path", explained("2001:db8::1", "2001:db8::2", &HostLimits::default()));
}

#[test]
fn an_explanation_is_a_document() {
    let explanation = explained("198.51.100.7:1024", "192.0.2.1:2811", &HostLimits::default());
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&explanation).unwrap());
    let explanation = explained("198.51.101.7:1024", "192.0.2.1:2811", &HostLimits::default());
    insta::assert_snapshot!("json_wad", serde_json::to_string_pretty(&explanation).unwrap());
}
