//! The policy of the configuration in the form that the kernel takes.

use wad_linux::{Parameters, Policy, PortRange, Prefix, Rule};
use wad_model::{Bytes, Segments};
use wad_tune::{Config, Flags, HostLimits, PathIndex, RuleTable, decide};

/// What the BPF programs decide by, from a configuration and its rules.
///
/// `limits` are the host's as they are after the daemon raised them; the limits of before are in
/// the policy's own members.
#[must_use]
pub fn kernel_policy(
    config: &Config,
    table: &RuleTable,
    limits: &HostLimits,
    wmem_max_before: Bytes,
    rmem_max_before: Bytes,
) -> Policy {
    Policy {
        prefixes: table.prefixes.iter().map(|entry| (prefix(entry.prefix), entry.first.0)).collect(),
        rules: table.rules.iter().map(rule).collect(),
        paths: (0..)
            .zip(&config.paths)
            .map(|(index, path)| parameters(&decide(PathIndex(index), path, limits).parameters))
            .collect(),
        wmem_max_before,
        rmem_max_before,
    }
}

fn prefix(prefix: wad_tune::Prefix) -> Prefix {
    Prefix { address: prefix.address(), length: prefix.length() }
}

fn ports(range: wad_tune::PortRange) -> PortRange {
    PortRange { low: range.low(), high: range.high() }
}

fn rule(rule: &wad_tune::Rule) -> Rule {
    Rule {
        source: prefix(rule.source),
        source_port: ports(rule.source_port),
        destination_port: ports(rule.destination_port),
        path: rule.path.0,
        next: rule.next.map(|next| next.0),
    }
}

fn parameters(decided: &wad_tune::Parameters) -> Parameters {
    let size = |bytes: u32| (bytes != 0).then(|| Bytes::new(bytes.into()));
    Parameters {
        override_application: decided.flags.contains(Flags::OVERRIDE_APPLICATION),
        fixed_buffers: decided.flags.contains(Flags::FIXED_SEND),
        send_buffer: size(decided.send_bytes),
        receive_buffer: size(decided.receive_bytes),
        initial_window: (decided.initial_window != 0).then(|| Segments::new(decided.initial_window)),
        control: decided.control.map(|name| name.as_str().to_owned()),
        additive_increase_1024: decided.ai_1024,
        multiplicative_decrease_1024: decided.md_1024,
    }
}
