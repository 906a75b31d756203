//! The queue that is told with each change of a flow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;

use wad_model::{Bytes, Rate, Time};
use wad_sim::{FlowId, LinkId, Observer, Outcome, PacketEvent, PacketKind, Scenario, Simulation};

/// Links join where nobody looks: the access links of a dumbbell do.
const SCENARIO: &str = r#"
    duration = "5 s"
    [topology.dumbbell]
    bottleneck = { forward = { rate = "20 Mbit/s", delay = "10 ms", queue = { packets = 60 } } }
    access = { rate = "100 Mbit/s", delay = "2 ms" }
    [[flow]]
    count = 3
    stagger = "300 ms"
"#;
const RATE: Rate = Rate::from_bps(20_000_000);

/// Looks at the queue at each change.
struct Looker {
    link: LinkId,
    queues: Vec<(Time, u64)>,
}

impl Observer for Looker {
    const CHANGES: bool = true;

    fn queue_wanted(&self, _: FlowId) -> Option<LinkId> {
        Some(self.link)
    }

    fn on_queue(&mut self, now: Time, link: LinkId, bytes: u64) {
        assert_eq!(link, self.link);
        self.queues.push((now, bytes));
    }
}

/// The same, and a queue of its own, from what enters the link and how long it takes to be sent.
struct Counter {
    looker: Looker,
    /// When each packet that has entered will have been sent, and its bytes.
    waiting: VecDeque<(Time, u64)>,
}

impl Observer for Counter {
    const CHANGES: bool = true;
    const PACKETS: bool = true;

    fn queue_wanted(&self, flow: FlowId) -> Option<LinkId> {
        self.looker.queue_wanted(flow)
    }

    fn on_queue(&mut self, now: Time, link: LinkId, bytes: u64) {
        self.looker.on_queue(now, link, bytes);
        while self.waiting.front().is_some_and(|(sent, _)| *sent <= now) {
            self.waiting.pop_front();
        }
        assert_eq!(bytes, self.waiting.iter().map(|(_, size)| size).sum::<u64>(), "{now}");
    }

    fn on_packet(&mut self, now: Time, packet: &PacketEvent) {
        if packet.kind == PacketKind::Entered(self.looker.link) {
            let begins = self.waiting.back().map_or(now, |(sent, _)| now.max(*sent));
            let size = u64::from(packet.size);
            self.waiting.push_back((begins + RATE.time_to_send(Bytes::new(size)), size));
        }
    }
}

#[test]
fn each_change_has_the_queue_of_its_moment_and_looking_changes_nothing() {
    let scenario = Scenario::parse(SCENARIO).unwrap();
    let network = scenario.topology.build().unwrap();
    let link = network.links.iter().position(|link| link.name == "r1-r2").unwrap();
    let looker = || Looker { link: LinkId(u32::try_from(link).unwrap()), queues: Vec::new() };
    let (mut alone, mut counter) = (looker(), Counter { looker: looker(), waiting: VecDeque::new() });
    let unwatched = Simulation::new(&scenario).unwrap().run(&mut ());
    let watched = Simulation::new(&scenario).unwrap().run(&mut alone);
    Simulation::new(&scenario).unwrap().run(&mut counter);
    assert_eq!(unwatched, Outcome { work: unwatched.work, ..watched });
    assert_eq!(alone.queues, counter.looker.queues);
    let most = alone.queues.iter().map(|(_, bytes)| *bytes).max().unwrap();
    assert!(alone.queues.len() > 4000 && (80_000..=90_000).contains(&most), "{most}");
}
