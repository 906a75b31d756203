//! Placeholders in commands.

use std::path::Path;

use crate::host::HostConfig;

/// What placeholders stand for in a run.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    pub(crate) hosts: &'a [HostConfig; 2],
    pub(crate) cgroup: &'a Path,
    pub(crate) directory: &'a Path,
    pub(crate) executable: &'a Path,
}

impl Places<'_> {
    /// `argument` with its placeholders filled in; braces with anything else in them stay.
    pub(crate) fn fill(&self, argument: &str) -> String {
        let mut filled = argument
            .replace("{cgroup}", &self.cgroup.to_string_lossy())
            .replace("{dir}", &self.directory.to_string_lossy())
            .replace("{wad}", &self.executable.to_string_lossy());
        for host in self.hosts {
            filled = filled
                .replace(&format!("{{address:{}}}", host.name), &host.address.to_string())
                .replace(&format!("{{address6:{}}}", host.name), &host.address6.to_string());
        }
        filled
    }
}

/// The host that `argument` wants the address of, if it is none of `hosts`.
pub(super) fn unknown_host<'a>(argument: &'a str, hosts: &[HostConfig; 2]) -> Option<&'a str> {
    let mut wanted = argument.split("{address").skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('6').unwrap_or(rest);
        Some(rest.strip_prefix(':')?.split_once('}')?.0)
    });
    wanted.find(|name| hosts.iter().all(|host| host.name != *name))
}
