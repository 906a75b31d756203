//! What a person sees who got the configuration wrong: each error in its one line and drawn.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use wad_tune::Config;

/// Both forms of everything that is wrong with a text.
fn wrong(text: &str) -> String {
    let errors = Config::parse(text).unwrap_err();
    format!("{}\n\n{}", errors.in_file("wad.toml"), errors.render("wad.toml", text, false))
}

/// A path with one more line in it.
fn with(line: &str) -> String {
    wrong(&format!("[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.0/24\"]\n{line}\n"))
}

/// Before what follows it, so that only the rest is wrong.
const ALL_GRANTED: &str = "[[host.grant]]\npath = \"*\"\nsettings = \"all\"\n";

macro_rules! wrong {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $text);
        }
    )*};
}

wrong! {
    no_toml: wrong("[[path]]\nname = \"cern\nbuffers = 7\n");
    unknown_key_with_a_neighbour: with("destination_prot = [2811]");
    unknown_key_without_a_neighbour: with("zzz = 1");
    unknown_key_in_an_inner_table: with("congestion = { control = \"wad\", aditive_increase = 6 }");
    unknown_section: wrong("[hots]\ncgroup = \"/sys/fs/cgroup\"\n");
    misspelt_required_key: wrong("[[path]]\nname = \"cern\"\ndestinations = [\"192.0.2.0/24\"]\n");
    missing_keys: wrong("[[path]]\nsource_port = [7]\n");
    unknown_mode: with("buffers = { mode = \"celing\" }");
    unknown_mode_without_a_neighbour: with("buffers = { mode = \"x\" }");
    host_bits: wrong("[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.1/24\", \"2001:db8::1/32\"]\n");
    bad_prefixes: wrong("[[path]]\nname = \"a\"\ndestination = [\"cern.ch\", \"10.0.0.0/33\", 7]\n");
    no_list: wrong("[[path]]\nname = \"a\"\ndestination = \"10.0.0.0/8\"\n");
    empty_lists: wrong("[[path]]\nname = \"a\"\ndestination = []\nsource_port = []\n");
    bad_ports: with("destination_port = [0, 65536, \"51000-50000\", \"http\", -1]");
    bad_names: wrong("[[path]]\nname = \"über\"\ndestination = [\"10.0.0.0/8\"]\n[[path]]\nname = \"\"\n");
    size_without_unit: with("buffers = { send = 16, receive = \"16\" }");
    size_out_of_range: with("buffers = { send = \"2 GiB\", receive = \"1 B\" }");
    size_beside_send: with("buffers = { size = \"16 MiB\", send = \"4 MiB\" }");
    parameters_of_another_control: with("congestion = { control = \"cubic\", additive_increase = 6 }");
    bad_control_name: with("congestion = { control = \"a-name-of-16-char\" }");
    aimd_out_of_range: with("congestion = { additive_increase = 0, multiplicative_decrease = 1.0 }");
    aimd_not_a_number: with("congestion = { additive_increase = nan, multiplicative_decrease = \"0.5\" }");
    bad_initial_window: with("slow_start = { initial_window = \"0 segments\" }");
    window_without_unit: with("slow_start = { initial_window = \"10\" }");
    bad_host_and_api: wrong("[host]\ncgroup = \"wad\"\n[api]\nlisten = \"localhost\"\n");
    single_brackets: wrong("[path]\nname = \"cern\"\n");
    table_that_is_a_value: with("buffers = \"16 MiB\"");
    several_hosts: wrong("[[host]]\n[[host]]\n");
    same_name_twice: wrong(&two("cern", "cern", "10.0.0.0/8", "11.0.0.0/8"));
    same_match_twice: wrong(&two("a", "b", "10.0.0.0/8", "10.0.0.0/8"));
    same_destination_in_one_list: wrong("[[path]]\nname = \"a\"\ndestination = [\"10.0.0.0/8\", \"10.0.0.0/8\"]\n");
    same_port_twice: with("source_port = [7, \"7\"]");
    destination_without_source_of_its_family:
        wrong("[[path]]\nname = \"a\"\ndestination = [\"10.0.0.0/8\", \"2001:db8::/32\"]\nsource = [\"10.0.0.0/8\"]\n");
    source_without_destination_of_its_family: with("source = [\"10.0.0.0/8\", \"2001:db8::/32\"]");
    high_speed_beside_constants: with("congestion = { additive_increase = 1, multiplicative_decrease = 0.5, high_speed = \"continuous\" }");
    high_speed_beside_streams: with("congestion = { high_speed = \"periodic\", equivalent_streams = 4, virtual_mss = \"1 segment\" }");
    streams_beside_constants: with("congestion = { equivalent_streams = 1, additive_increase = 1, multiplicative_decrease = 0.5, virtual_mss = \"1 segment\" }");
    virtual_mss_beside_increase: with("congestion = { virtual_mss = \"1 segment\", additive_increase = 1 }");
    unknown_high_speed: with("congestion = { high_speed = \"sometimes\" }");
    windows_above_the_ceiling: with(&(ALL_GRANTED.to_owned() + "[path.congestion]\nmax_window = \"10 segments\"\nmin_ssthresh = \"20 segments\"\nrestart_window = \"11 segments\"\n[path.slow_start]\ninitial_window = \"12 segments\"\ninitial_ssthresh = \"15 segments\""));
    virtual_mss_above_the_ceiling: with(&(ALL_GRANTED.to_owned() + "[path.congestion]\nvirtual_mss = \"20 segments\"\nmax_window = \"10 segments\""));
    slow_start_of_another_control: with("slow_start = { max_ssthresh = \"100 segments\", delay_brake = true }");
    windows_out_of_range: with("congestion = { min_ssthresh = \"1 segment\", max_window = \"2000000 segments\" }");
    increment_out_of_range: with("congestion = { control = \"wad\" }\nslow_start = { increment = 33 }");
    streams_out_of_range: with("congestion = { equivalent_streams = 65 }");
    streams_not_whole: with("congestion = { equivalent_streams = 1.5 }");
    floor_without_divide: with("buffers = { floor = \"1 MiB\" }");
    floor_above_the_size: with("buffers = { size = \"1 MiB\", divide = true, floor = \"2 MiB\" }");
    headroom_without_measure: with("buffers = { headroom = 2 }");
    pacing_of_neither: with("pacing = {}");
    pacing_of_both: with("pacing = { rate = \"1 Gbit/s\", share = 0.9 }");
    pacing_of_another_word: with("pacing = \"on\"");
    pacing_out_of_range: with("pacing = { rate = \"100 Gbit/s\" }");
    pacing_share_out_of_range: with("pacing = { share = 3 }");
    estimate_lacks_a_half: with("estimate = { rate = \"1 Gbit/s\" }");
    estimate_out_of_range: with("estimate = { rate = \"0 bit/s\", rtt = \"2 min\" }");
    delay_of_another_type: with("delayed_ack = 20");
    delay_out_of_range: with("delayed_ack = \"500 ms\"");
    acknowledgements_that_contradict: with("delayed_ack = false\nquick_ack = false");
    sockets_out_of_range: with("reordering = 2\nmin_rto = \"1 ms\"\nmax_rto = \"1 min 1 s\"\nsegment_size = 40000\ntraffic_class = 256\nuser_timeout = \"2\"\nmetrics_cache = true\nprofile = \"speed\"");
    namespace_twice: wrong(&(two("a", "b", "10.0.0.0/8", "11.0.0.0/8").replace("]\n\n", "]\nreordering = 9\nmetrics_cache = \"on\"\n\n") + "reordering = 10\nmetrics_cache = \"off\"\n"));
    ungranted: with("delayed_ack = false\nquick_ack = true\ncongestion = { additive_increase = 6, multiplicative_decrease = 0.3, loss_guess = true, max_window = \"100 segments\" }");
    ungranted_to_this_path: wrong("[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.0/24\"]\ncongestion = { high_speed = \"continuous\" }\n[[path]]\nname = \"fnal\"\ndestination = [\"198.51.100.0/24\"]\n[[host.grant]]\npath = \"fnal\"\nsettings = \"all\"\n");
    grants_that_are_none: wrong("[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.0/24\"]\n[[host.grant]]\npath = \"cern\"\nsettings = [\"max_windw\", \"max_ssthresh\", 7]\n[[host.grant]]\nsettings = \"everything\"\n");
    grant_to_nobody: wrong("[[path]]\nname = \"cern\"\ndestination = [\"192.0.2.0/24\"]\n[[host.grant]]\npath = \"crn\"\nsettings = \"all\"\n");
    bad_observe: wrong("[observe]\ninterval = \"1 ms\"\nderived = []\n");
    bad_events: wrong("[[events]]\nname = \"a b\"\nform = \"xml\"\n[[events]]\nname = \"a\"\ntarget = \"tcp:collector\"\nkinds = [\"openings\"]\nqueue = \"1 B\"\n");
    events_that_do_nothing: wrong("[[events]]\nname = \"a\"\ntarget = \"syslog\"\nkinds = [\"opens\", \"alerts\"]\nrotate_size = \"1 MB\"\n[[events]]\nname = \"a\"\ntarget = \"file:events.log\"\n[[events]]\nname = \"b\"\ntarget = \"file:/events.log\"\nkeep = 3\n");
    events_of_one_name: wrong("[[events]]\nname = \"a\"\ntarget = \"syslog\"\n[[events]]\nname = \"a\"\ntarget = \"journal\"\n");
    bad_metrics: wrong("[metrics]\nlisten = 9464\nmax_flows = 0\nother_flow = true\n");
    metrics_of_flows_that_nobody_serves: with("metrics = { per_flow = true }");
    too_many_combinations: with("destination_port = [1,2,3,4,5,6,7,8,9]\nsource_port = [1,2,3,4,5,6,7,8]");
}

fn two(name: &str, other_name: &str, destination: &str, other: &str) -> String {
    format!(
        "[[path]]\nname = \"{name}\"\ndestination = [\"{destination}\"]\n\n\
         [[path]]\nname = \"{other_name}\"\ndestination = [\"{other}\"]\n"
    )
}

#[test]
fn paths_that_share_only_a_part_of_their_match_are_told_apart() {
    let text = two("a", "b", "10.0.0.0/8", "10.0.0.0/8") + "source_port = [7]\n";
    Config::parse(&text).unwrap();
}

#[test]
fn an_error_drawn_into_another_text_is_drawn_all_the_same() {
    let errors = Config::parse("[[path]]\nname = 7\n").unwrap_err();
    assert!(errors.render("wad.toml", "ä", false).contains("wad.toml"));
    assert!(errors.render("wad.toml", "", true).contains('\u{1b}'));
}

#[test]
fn what_is_wrong_with_a_definition_is_shown_in_its_place() {
    let complain = |texts: &[&str]| {
        let of = |(index, text): (usize, &&str)| {
            let column = text.chars().position(|c| c == '?')? + 1;
            Some(wad_tune::DerivedProblem { index, column, message: "what is that?".to_owned() })
        };
        texts.iter().enumerate().filter_map(of).collect()
    };
    let text =
        "[observe]\nderived = [\n  \"Good = 1\",\n  \"Bäd = 2 + ?\",\n  'Other = ?',\n  \"Tab\\t = ?\",\n]\n";
    let errors = Config::parse_with(text, &complain).unwrap_err();
    let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(4, 14), (5, 12), (6, 3)], "{errors}");
}
