//! What is known of paths from elsewhere.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use wad_tune::{
    Circumstances, Config, EstimateSource, Estimates, NamedEstimate, PathIndex, decide_in,
    required_limits_with,
};

const CONFIG: &str = r#"
[[path]]
name = "cern"
destination = ["192.0.2.0/24"]
buffers = { mode = "measured" }
estimate = { rate = "155 Mbit/s", rtt = "180 ms" }
"#;

const FILE: &str = r#"
[[estimate]]
path = "cern"
rate = "622 Mbit/s"
rtt = "80 ms"

[[estimate]]
path = "fnal"
rate = "1 Gbit/s"
rtt = "20 ms"
"#;

#[test]
fn later_sources_go_before_earlier_ones() {
    let config = Config::parse(CONFIG).unwrap();
    let mut estimates = Estimates::of(&config);
    assert_eq!(estimates.get("cern").unwrap().source, EstimateSource::Configuration(6));
    estimates.extend(Estimates::parse(FILE).unwrap());
    assert_eq!(estimates.get("cern").unwrap().source, EstimateSource::File(2));
    let named: NamedEstimate = "cern=1Gbit/s,10ms".parse().unwrap();
    estimates.insert(named.path.clone(), named.known());
    assert_eq!(estimates.get("cern").unwrap().estimate.rate.as_bps(), 1_000_000_000);
    assert_eq!(estimates.strangers(&config).collect::<Vec<_>>(), ["fnal"]);
}

#[test]
fn the_decision_names_the_source() {
    let config = Config::parse(CONFIG).unwrap();
    let estimates = Estimates::parse(FILE).unwrap();
    let now = Circumstances { estimate: estimates.get("cern"), ..Circumstances::default() };
    let decision = decide_in(PathIndex(0), &config.paths[0], &now);
    assert_eq!(
        decision.settings[1].to_string(),
        "send buffer: 11.864 MiB (line 5: 622 Mbit/s x 80 ms (line 2 of the estimates) x 2)"
    );
    assert_eq!(required_limits_with(&config, &Estimates::parse(FILE).unwrap()).wmem_max.get(), 16 << 20);
}

fn wrong(text: &str) -> String {
    Estimates::parse(text).unwrap_err().render("estimates.toml", text, false)
}

#[test]
fn what_is_wrong_with_a_file_is_shown_in_it() {
    let text = "[[estimate]]\npath = \"cern\"\nrat = \"1 Gbit/s\"\nrtt = \"0 s\"\n[[estimate]]\nrate = 7\n";
    insta::assert_snapshot!("wrong_file", wrong(text));
    insta::assert_snapshot!("twins", wrong(&(FILE.to_owned() + &FILE.replace("fnal", "slac"))));
    insta::assert_snapshot!("no_toml", wrong("[[estimate"));
}

#[test]
fn what_is_wrong_on_the_command_line_is_said() {
    for (text, says) in [
        ("cern", "no \"=\""),
        ("cern=1Gbit/s", "comma"),
        ("=1Gbit/s,1ms", "names no path"),
        ("cern=1Gbps,1ms", "is not a rate"),
        ("cern=1Gbit/s,1", "is not a duration"),
        ("cern=0bit/s,1ms", "1 kbit/s to 10000 Gbit/s"),
        ("cern=1Gbit/s,2min", "1 us to 60 s"),
    ] {
        let error = text.parse::<NamedEstimate>().unwrap_err().to_string();
        assert!(error.contains(says) && error.ends_with("write it as cern=622Mbit/s,80ms"), "{error}");
    }
}
