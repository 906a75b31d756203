//! Every setting: read, decided, explained, and as a number for the kernel.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::collections::BTreeSet;

use wad_tune::{
    Circumstances, Config, Decision, Ends, Flags, HighSpeedMode, HostAction, HostLimits, Knob, PACING_OFF,
    Parameters, PathIndex, RuleTable, Scope, decide, decide_in, explain,
};

/// A configuration that grants everything.
fn config(entry: &str) -> Config {
    let text = format!(
        "[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.0/24\"]\n{entry}\n\n\
         [[host.grant]]\npath = \"*\"\nsettings = \"all\"\n"
    );
    Config::parse(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn decision(entry: &str) -> Decision {
    decide(PathIndex(0), &config(entry).paths[0], &HostLimits::default())
}

fn parameters(entry: &str) -> Parameters {
    decision(entry).parameters
}

/// All settings that go together, each with a value that no default has.
const EVERYTHING: &str = r#"
buffers = { mode = "measured", divide = true, floor = "128 KiB", headroom = 3, override_application = true }
pacing = { share = 0.5 }
estimate = { rate = "622 Mbit/s", rtt = "80 ms" }
receive = { initial_window = "30 segments", window_clamp = "8 MiB" }
delayed_ack = "20 ms"
quick_ack = true
reordering = 9
notsent_lowat = "32 KiB"
nagle = false
user_timeout = "30 s"
min_rto = "20 ms"
max_rto = "10 s"
ecn = false
mtu_probing = true
segment_size = 1200
traffic_class = 40
metrics_cache = "off"

[path.congestion]
additive_increase = 4
multiplicative_decrease = 0.125
loss_guess = true
min_ssthresh = "20 segments"
max_window = "5000 segments"
restart_window = "40 segments"
burst_limit = "64 segments"

[path.slow_start]
initial_window = "20 segments"
initial_ssthresh = "2000 segments"
max_ssthresh = "100 segments"
increment = 1.5
delay_brake = true
"#;

fn explanation(config: &Config) -> wad_tune::Explanation {
    let table = RuleTable::compile(config).unwrap();
    let ends =
        Ends { source: "198.51.100.7".parse().unwrap(), destination: "192.0.2.1:2811".parse().unwrap() };
    explain(config, &table, &HostLimits::default(), ends)
}

#[test]
fn every_setting_is_explained() {
    insta::assert_snapshot!("everything", explanation(&config(EVERYTHING)));
}

#[test]
fn every_setting_is_a_number_for_the_kernel() {
    insta::assert_snapshot!(
        "everything_as_numbers",
        serde_json::to_string_pretty(&decision(EVERYTHING)).unwrap()
    );
}

/// What only says how others are meant, or is told apart by another name in the decision.
const NOT_SAID: [Knob; 7] = [
    Knob::BufferHeadroom,
    Knob::BufferDivide,
    Knob::BufferFloor,
    Knob::VirtualMss,
    Knob::EquivalentStreams,
    Knob::Estimate,
    Knob::Profile,
];

#[test]
fn no_setting_is_silent() {
    let both = [decision(EVERYTHING), decision("congestion = { high_speed = \"continuous\" }")];
    let said = both.iter().flat_map(|decision| {
        let flow = decision.settings.iter().map(|setting| setting.knob);
        flow.chain(decision.host_settings.iter().map(|setting| setting.knob))
    });
    let said: BTreeSet<Knob> = said.chain(NOT_SAID).collect();
    assert_eq!(said.into_iter().collect::<Vec<_>>(), Knob::ALL);
}

#[test]
fn what_is_not_given_is_left_alone() {
    let plain = parameters("");
    let buffers = Parameters { send_bytes: 0, receive_bytes: 0, ..plain };
    let text = serde_json::to_value(buffers).unwrap();
    for (key, value) in text.as_object().unwrap() {
        assert!(value.is_null() || value.as_u64() == Some(0), "{key} is {value}");
    }
}

#[test]
fn a_virtual_mss_is_increase_and_initial_window() {
    let six = parameters("congestion = { virtual_mss = \"6 segments\" }");
    assert_eq!((six.ai_1024, six.md_1024, six.initial_window), (6 * 1024, 512, 6));
    let given = parameters(
        "congestion = { virtual_mss = \"6 segments\", multiplicative_decrease = 0.3 }\n\
         slow_start = { initial_window = \"20 segments\" }",
    );
    assert_eq!((given.ai_1024, given.md_1024, given.initial_window), (6 * 1024, 307, 20));
}

/// Section 4.3 of the paper: one stream like four has AIMD (1/8, 4).
#[test]
fn equivalent_streams_are_increase_and_decrease() {
    let four = parameters("congestion = { equivalent_streams = 4 }");
    assert_eq!((four.ai_1024, four.md_1024), (4 * 1024, 128));
    let one = parameters("congestion = { equivalent_streams = 1 }");
    assert_eq!((one.ai_1024, one.md_1024), (1024, 512));
}

#[test]
fn high_speed_at_start_goes_by_the_buffer() {
    let fixed = parameters(
        "buffers = { mode = \"fixed\", size = \"2 MB\" }\ncongestion = { high_speed = \"at_start\" }",
    );
    assert_eq!((fixed.ai_1024, fixed.md_1024), (10 * 1024, 317));
    assert_eq!(fixed.high_speed, Some(HighSpeedMode::AtStart));
}

#[test]
fn high_speed_periodically_goes_by_the_window() {
    let config = config("congestion = { high_speed = \"periodic\" }");
    let at = |window| {
        let now = Circumstances { window, ..Circumstances::default() };
        let decided = decide_in(PathIndex(0), &config.paths[0], &now).parameters;
        (decided.ai_1024 / 1024, decided.md_1024)
    };
    assert_eq!(at(None), (1, 512));
    assert_eq!(at(Some(wad_model::Segments::new(83_000))), (71, 102));
}

#[test]
fn pacing_is_a_rate_a_share_or_off() {
    let pace = |entry: &str| parameters(entry).pacing_rate_bytes_per_s;
    assert_eq!(pace("pacing = { rate = \"100 Mbit/s\" }"), 12_500_000);
    assert_eq!(pace("pacing = \"off\""), PACING_OFF);
    let share = "pacing = { share = 0.9 }";
    assert_eq!(pace(share), 0);
    let estimate = |rate: &str| format!("{share}\nestimate = {{ rate = \"{rate}\", rtt = \"1 ms\" }}");
    assert_eq!(pace(&estimate("1 Gbit/s")), 112_500_000);
    assert_eq!(pace(&estimate("400 Gbit/s")), u64::from(u32::MAX) - 1);
    insta::assert_snapshot!("share_without_estimate", explanation(&config(share)));
}

#[test]
fn measured_buffers_fall_back_to_a_ceiling() {
    let without = decision("buffers = { mode = \"measured\", send = \"1 MiB\" }");
    assert_eq!((without.parameters.send_bytes, without.parameters.receive_bytes), (1 << 20, 16 << 20));
    assert!(!without.parameters.flags.contains(Flags::FIXED_SEND));
    insta::assert_snapshot!("measured_without_estimate", without.settings[1]);
    let with =
        decision("buffers = { mode = \"measured\" }\nestimate = { rate = \"622 Mbit/s\", rtt = \"70 ms\" }");
    assert_eq!(with.parameters.send_bytes, 2 * 5_442_500);
    assert!(with.parameters.flags.contains(Flags::FIXED_SEND));
}

#[test]
fn a_path_that_holds_little_keeps_the_least_measured_buffer() {
    let entry = "buffers = { mode = \"measured\" }\nestimate = { rate = \"10 Mbit/s\", rtt = \"1 ms\" }";
    assert_eq!(parameters(entry).send_bytes, 64 << 10);
}

#[test]
fn the_host_needs_room_for_measured_buffers() {
    let entry = "buffers = { mode = \"measured\" }\nestimate = { rate = \"10 Gbit/s\", rtt = \"100 ms\" }";
    assert_eq!(wad_tune::required_limits(&config(entry)).wmem_max.get(), 250_000_000);
}

#[test]
fn a_buffer_can_be_left_alone() {
    let one =
        decision("buffers = { mode = \"fixed\", send = \"1 MiB\", receive = \"unchanged\", divide = true }");
    assert_eq!((one.parameters.send_bytes, one.parameters.receive_bytes), (1 << 20, 0));
    assert!(one.settings.iter().all(|setting| setting.knob != Knob::ReceiveBuffer));
}

#[test]
fn acknowledgements_wait_as_long_as_they_are_told() {
    let of = |entry: &str| {
        let decided = decision(entry);
        let routes = decided.host_settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        (decided.parameters.delayed_ack_max_us, routes)
    };
    let nothing = String::new();
    let route = |knob: Knob| {
        format!(
            "{knob}: route 192.0.2.0/24 quickack (line 4; for all flows to the destination: the kernel has no \
             way for one flow)"
        )
    };
    assert_eq!(of("delayed_ack = true"), (0, nothing.clone()));
    assert_eq!(of("quick_ack = false"), (0, nothing.clone()));
    assert_eq!(of("delayed_ack = \"20 ms\""), (20_000, nothing));
    assert_eq!(of("delayed_ack = false"), (8_000, route(Knob::DelayedAck)));
    assert_eq!(of("quick_ack = true"), (0, route(Knob::QuickAck)));
    assert_eq!(of("quick_ack = true\ndelayed_ack = false"), (8_000, route(Knob::QuickAck)));
}

#[test]
fn each_destination_has_a_route_of_its_own_with_quick_acknowledgements() {
    let text = "[[host.grant]]\npath = \"*\"\nsettings = \"all\"\n[[path]]\nname = \"a\"\n\
                destination = [\"10.0.0.0/8\", \"2001:db8::/32\"]\nquick_ack = true\n";
    let config = Config::parse(text).unwrap();
    let settings = decide(PathIndex(0), &config.paths[0], &HostLimits::default()).host_settings;
    let actions: Vec<_> = settings.iter().map(|setting| setting.action.to_string()).collect();
    assert_eq!(actions, ["route 10.0.0.0/8 quickack", "route 2001:db8::/32 quickack"]);
    assert!(settings.iter().all(|setting| setting.scope == Scope::Destination));
}

#[test]
fn a_ceiling_alone_leaves_the_control_alone() {
    let capped = parameters("congestion = { max_window = \"100 segments\" }");
    assert_eq!((capped.max_window, capped.control), (100, None));
    let cubic = parameters("congestion = { control = \"cubic\", max_window = \"100 segments\" }");
    assert_eq!((cubic.max_window, cubic.control.unwrap().as_str()), (100, "cubic"));
}

#[test]
fn a_profile_fills_what_is_not_given() {
    let profile = decision("profile = \"latency\"\nnotsent_lowat = \"32 KiB\"");
    let flags = profile.parameters.flags;
    assert_eq!(profile.parameters.notsent_lowat_bytes, 32 << 10);
    assert!(flags.contains(Flags::NO_NAGLE));
    assert_eq!(profile.parameters.min_rto_us, 5_000);
    insta::assert_snapshot!("profile", explanation(&config("profile = \"latency\"")));
}

fn two(first: &str, second: &str) -> Config {
    let text = format!(
        "[[path]]\nname = \"a\"\ndestination = [\"10.0.0.0/8\"]\n{first}\n\
         [[path]]\nname = \"b\"\ndestination = [\"11.0.0.0/8\"]\n{second}\n"
    );
    Config::parse(&text).unwrap()
}

#[test]
fn a_profile_gives_way_to_what_another_path_gives_for_the_namespace() {
    for config in
        [two("profile = \"latency\"", "reordering = 9"), two("reordering = 9", "profile = \"latency\"")]
    {
        let decisions =
            (0..).zip(&config.paths).map(|(i, p)| decide(PathIndex(i), p, &HostLimits::default()));
        let settings: Vec<_> = decisions.flat_map(|decision| decision.host_settings).collect();
        assert_eq!(settings.len(), 1);
        let action = HostAction::Sysctl { sysctl: "net/ipv4/tcp_reordering", value: "9".to_owned() };
        assert_eq!(settings[0].action, action);
    }
}

#[test]
fn two_paths_may_want_the_same_of_the_namespace() {
    two("reordering = 9\nmtu_probing = true", "reordering = 9");
}

#[test]
fn metrics_of_destinations_can_be_flushed() {
    let flush = decision("metrics_cache = \"flush\"");
    let action = HostAction::FlushMetrics { flush_metrics_of: vec!["192.0.2.0/24".parse().unwrap()] };
    assert_eq!(flush.host_settings[0].action, action);
}

/// Values no more aggressive than standard TCP need no grant.
#[test]
fn what_is_as_in_standard_tcp_needs_no_grant() {
    let text = "[[path]]\nname = \"a\"\ndestination = [\"10.0.0.0/8\"]\ndelayed_ack = true\nquick_ack = false\n\
                congestion = { additive_increase = 1, multiplicative_decrease = 0.5, restart_window = \"10 segments\", \
                loss_guess = false }\nslow_start = { initial_window = \"10 segments\", increment = 1, max_ssthresh = \
                \"100 segments\", delay_brake = true }\n";
    Config::parse(text).unwrap();
}
