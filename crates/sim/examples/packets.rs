//! Prints what happens to every packet of a scenario, and every change of a flow: an [`Observer`] at work.
//!
//! `cargo run --release -p wad-sim --example packets < scenario.toml`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::io::Read;

use wad_model::Time;
use wad_sim::{FlowId, FlowState, Observer, PacketEvent, Scenario, Simulation};

struct Printer;

impl Observer for Printer {
    const CHANGES: bool = true;
    const PACKETS: bool = true;

    fn on_change(&mut self, now: Time, FlowId(flow): FlowId, state: &FlowState) {
        let FlowState { cwnd, ssthresh, phase, srtt, rto, .. } = state;
        let phase = phase.name();
        println!("{now} flow {flow} cwnd {cwnd:.3} ssthresh {ssthresh:.1} {phase} srtt {srtt} rto {rto}");
    }

    fn on_packet(&mut self, now: Time, packet: &PacketEvent) {
        let PacketEvent { kind, flow: FlowId(flow), content, size } = packet;
        println!("{now} flow {flow} {kind:?} {content:?} {size} B");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Simulation::new(&Scenario::parse(&text)?)?.run(&mut Printer);
    Ok(())
}
