//! Where a setting is that the daemon changes, by the name that the ledger has for it.

use std::fmt;

use wad_linux::RouteState;
use wad_tune::Prefix;

/// What a route with the metric `quickack` was before the daemon added it.
pub(crate) const ABSENT: &str = "absent";
/// What it is since.
pub(crate) const IN_PLACE: &str = "1";

/// Where a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// A sysctl: `net.core.rmem_max`.
    Sysctl(&'a str),
    /// The metric `quickack` of a route to a destination: `route 192.0.2.0/24 quickack`.
    QuickAck(Prefix),
}

impl<'a> Place<'a> {
    /// The place of this name. What is no route is a sysctl.
    pub(crate) fn named(name: &'a str) -> Self {
        let route = name.strip_prefix("route ").and_then(|rest| rest.strip_suffix(" quickack"));
        route.and_then(|prefix| prefix.parse().ok()).map_or(Self::Sysctl(name), Self::QuickAck)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sysctl(name) => f.write_str(name),
            Self::QuickAck(prefix) => write!(f, "route {prefix} quickack"),
        }
    }
}

/// The value of a route, for the ledger.
pub(crate) const fn value(state: RouteState) -> &'static str {
    match state {
        RouteState::Absent | RouteState::Barred(_) => ABSENT,
        RouteState::Current | RouteState::Outdated => IN_PLACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_name() {
        for prefix in ["192.0.2.0/24", "2001:db8::/32"] {
            let place = Place::QuickAck(prefix.parse().unwrap());
            assert_eq!(place.to_string(), format!("route {prefix} quickack"));
            assert_eq!(Place::named(&place.to_string()), place);
        }
        assert_eq!(Place::named("net.core.rmem_max"), Place::Sysctl("net.core.rmem_max"));
        assert_eq!(Place::named("route x quickack"), Place::Sysctl("route x quickack"));
    }
}
