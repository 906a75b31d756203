//! Both directions of a path.

use wad_model::Time;

use crate::config::PathConfig;
use crate::link::Link;
use crate::random::{Stream, derive_seed};

/// Two links, one each way; packets and acknowledgements do not meet.
#[derive(Clone, Debug)]
pub struct Path<P> {
    /// From the first end to the second.
    pub forward: Link<P>,
    /// From the second end to the first.
    pub backward: Link<P>,
}

impl<P: Clone> Path<P> {
    /// A path without packets. Each direction has a seed of its own, derived from `seed`.
    #[must_use]
    pub fn new(config: &PathConfig, seed: u64) -> Self {
        Self {
            forward: Link::new(&config.forward, derive_seed(seed, Stream::Forward)),
            backward: Link::new(&config.backward, derive_seed(seed, Stream::Backward)),
        }
    }

    /// The same path, whose schedules count from `origin` instead of zero.
    #[must_use]
    pub fn with_origin(self, origin: Time) -> Self {
        Self { forward: self.forward.with_origin(origin), backward: self.backward.with_origin(origin) }
    }

    /// When either direction will next deliver something.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        match (self.forward.poll_timeout(), self.backward.poll_timeout()) {
            (Some(forward), Some(backward)) => Some(forward.min(backward)),
            (forward, backward) => forward.or(backward),
        }
    }
}

#[cfg(test)]
mod tests {
    use wad_model::Bytes;

    use super::*;
    use crate::config::{LinkConfig, Loss};
    use crate::link::Fate;

    #[test]
    fn the_directions_do_not_share_their_luck() {
        let link = LinkConfig { loss: Loss::Random { probability: 0.5 }, ..LinkConfig::default() };
        let mut path = Path::new(&PathConfig { forward: link.clone(), backward: link }, 3);
        let fates = |link: &mut Link<()>| -> Vec<Fate> {
            (0..64).map(|_| link.handle_packet(Time::ZERO, Bytes::new(1), ())).collect()
        };
        assert_ne!(fates(&mut path.forward), fates(&mut path.backward));
    }

    #[test]
    fn the_sooner_direction_is_next() {
        let config: PathConfig =
            toml::from_str("forward = { delay = \"35 ms\" }\nbackward = { delay = \"5 ms\" }").unwrap();
        let mut path = Path::new(&config, 0);
        path.forward.handle_packet(Time::ZERO, Bytes::new(1500), ());
        assert_eq!(path.poll_timeout(), Some(Time::from_nanos(35_000_000)));
        path.backward.handle_packet(Time::ZERO, Bytes::new(40), ());
        assert_eq!(path.poll_timeout(), Some(Time::from_nanos(5_000_000)));
    }
}
