//! The experiments that come with the program are complete and valid.

use wad_lab::Scenario;
use wad_reproduce::{HostSets, catalogue, find, scenario_text};

#[test]
fn every_variant_is_a_valid_scenario_with_a_valid_configuration() {
    let sets = HostSets::load().unwrap();
    for experiment in catalogue().unwrap() {
        for variant in &experiment.variants {
            let what = format!("{}, {}", experiment.id, variant.name);
            let text = scenario_text(&experiment, variant, &sets, 1).unwrap();
            Scenario::parse(&text).unwrap_or_else(|error| panic!("{what}: {error}\n{text}"));
            if let Some(config) = &variant.wad {
                wad_tune::Config::parse(config).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            }
        }
    }
}

#[test]
fn every_row_that_concerns_tcp_tuning_is_there() {
    let ids: Vec<String> = catalogue().unwrap().into_iter().map(|experiment| experiment.id).collect();
    for id in [
        "fig1", "fig2", "web1", "fig3", "fig4", "fig5", "tab1", "lss", "fig6", "fig7", "delack", "divide",
        "hstcp", "sockbuf", "formulas", "fairness",
    ] {
        assert!(ids.iter().any(|known| known == id), "{id}");
    }
}

#[test]
fn an_unknown_experiment_is_named_with_those_that_there_are() {
    let error = find(&["tab2".to_owned()]).unwrap_err().to_string();
    assert!(error.starts_with("there is no experiment \"tab2\"; there are fig1, "), "{error}");
}

#[test]
fn the_seed_and_the_daemon_are_in_the_scenario() {
    let experiment = find(&["tab1".to_owned()]).unwrap().remove(0);
    let sets = HostSets::load().unwrap();
    let text = |name| scenario_text(&experiment, experiment.variant(name).unwrap(), &sets, 7).unwrap();
    assert!(text("tuned").contains("seed = 7"));
    assert!(text("tuned").contains("{wad}"));
    assert!(!text("untuned").contains("{wad}"));
}
