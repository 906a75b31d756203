//! Which packets need no event: where links hand over to one another, and which of them are taken as one.

use wad_path::Fifo;

use super::{Carrier, Net};
use crate::engine::agenda::Agenda;
use crate::engine::leg::Leg;

impl Net {
    /// Lets packets go on from link to link without an event, where nothing can come between.
    ///
    /// A link is direct if it is plain, and whatever goes through it goes on to links that take packets from no other: no
    /// other link, and no sender. Such a packet may enter the next link as soon as it has entered this one,
    /// with the time of its delivery: that link's packets still come in order of time. The way of a flow whose receiver
    /// `is_prompt` goes on with its ACKs. So on a dumbbell there remain two events a segment, the segment's
    /// arrival and that of its ACK, and only the latter if receivers are prompt.
    pub(crate) fn join(&mut self, is_prompt: impl Fn(usize) -> bool) {
        const NONE: Option<u32> = None;
        let mut before: Vec<Option<Option<u32>>> = vec![None; self.edges.len()];
        let mut after: Vec<Vec<Option<u32>>> = vec![Vec::new(); self.edges.len()];
        for (index, way) in self.ways.iter().enumerate() {
            let [first, middle, end] = way.bounds.map(|bound| bound as usize);
            let break_at = if is_prompt(index) { end } else { middle };
            for route in [&self.hops[first..break_at], &self.hops[break_at..end]] {
                let mut previous = NONE;
                for (place, &link) in route.iter().enumerate() {
                    let known = before[link as usize].get_or_insert(previous);
                    if *known != previous {
                        *known = NONE;
                    }
                    let next = route.get(place + 1).copied();
                    let following = &mut after[link as usize];
                    if !following.contains(&next) {
                        following.push(next);
                    }
                    previous = Some(link);
                }
            }
        }
        let fed_by_one =
            |next: &Option<u32>| next.is_some_and(|next| matches!(before[next as usize], Some(Some(_))));
        for (edge, after) in self.edges.iter_mut().zip(&after) {
            let Some(conduit) = edge.to_conduit() else { continue };
            edge.carrier = if !after.is_empty() && after.iter().all(fed_by_one) {
                Carrier::Direct(conduit)
            } else {
                Carrier::Ahead(conduit, Fifo::default())
            };
        }
        self.seats.clear();
        for (link, edge) in (0..).zip(&mut self.edges) {
            if !matches!(edge.carrier, Carrier::Direct(_)) {
                edge.seat = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
                self.seats.push(link);
            }
        }
        self.agenda = Agenda::new(self.seats.len());
        self.find_legs();
    }

    /// A leg goes from where packets enter, or come out with an event, to the next link with an event, or to the end. It counts
    /// only if all its links are its own.
    fn find_legs(&mut self) {
        const SHARED: usize = usize::MAX;
        let mut owner: Vec<Option<usize>> = vec![None; self.edges.len()];
        let mut legs = Vec::new();
        let routes = self.ways.iter().flat_map(|way| {
            let [first, middle, end] = way.bounds.map(|bound| bound as usize);
            [first..middle, middle..end]
        });
        for route in routes {
            let mut first = route.start;
            for hop in route.clone() {
                let link = self.hops[hop] as usize;
                let of = owner[link].get_or_insert(first);
                if *of != first {
                    *of = SHARED;
                }
                if hop + 1 == route.end || !matches!(self.edges[link].carrier, Carrier::Direct(_)) {
                    legs.push(first..hop + 1);
                    first = hop + 1;
                }
            }
        }
        for leg in legs {
            let mut links = self.hops[leg.clone()].iter().map(|&link| link as usize);
            let is_own =
                links.all(|link| owner[link] == Some(leg.start) && self.edges[link].conduit().is_some());
            if is_own && leg.len() > 1 {
                self.legs[leg.start] = Leg::of(leg.len());
            }
        }
    }
}
