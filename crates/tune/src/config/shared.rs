//! What the network namespace has once, and no two paths may want to be different.

use super::path::ReadPath;
use super::table::{Findings, Span};
use super::value::Problem;
use crate::decision::{HostAction, HostSetting, host_settings};
use crate::error::Related;
use crate::tunables::Knob;

/// What a path wants of a sysctl.
struct Want<'p> {
    path: &'p ReadPath,
    span: &'p Span,
    knob: Knob,
    sysctl: &'static str,
    value: String,
}

/// Lets what a profile brings give way to what another path gives, and refuses two paths that give what
/// cannot both be.
pub(super) fn same_namespace(paths: &mut [ReadPath], findings: &mut Findings<'_>) {
    yield_profiles(paths);
    let mut first: Vec<Want<'_>> = Vec::new();
    for want in paths.iter().flat_map(wants) {
        match first.iter().find(|other| other.sysctl == want.sysctl) {
            None => first.push(want),
            Some(other) if other.value == want.value => {}
            Some(other) => refuse(&want, other, findings),
        }
    }
}

fn yield_profiles(paths: &mut [ReadPath]) {
    let is_given = |path: &ReadPath| path.uses.find(Knob::Reordering).is_some();
    if paths.iter().any(is_given) {
        for path in paths.iter_mut().filter(|path| !is_given(path)) {
            path.policy.transport.reordering = None;
        }
    }
}

fn wants(path: &ReadPath) -> Vec<Want<'_>> {
    let settings = host_settings(&path.policy).into_iter();
    settings.filter_map(|setting| want(path, setting)).collect()
}

fn want(path: &ReadPath, setting: HostSetting) -> Option<Want<'_>> {
    let HostAction::Sysctl { sysctl, value } = setting.action else { return None };
    let span = &path.uses.find(setting.knob).or_else(|| path.uses.find(Knob::Profile))?.span;
    Some(Want { path, span, knob: setting.knob, sysctl, value })
}

fn refuse(want: &Want<'_>, other: &Want<'_>, findings: &mut Findings<'_>) {
    let (name, other_name) = (&want.path.policy.name, &other.path.policy.name);
    let message = format!(
        "`{}`: path \"{name}\" wants {} = {}, and path \"{other_name}\" at line {} wants {}: the network namespace has \
         it once, for all flows",
        want.knob.tunable().key,
        want.sysctl,
        want.value,
        findings.line(other.span),
        other.value,
    );
    let related = Related { span: other.span.clone(), label: "wanted otherwise here".to_owned() };
    let problem = Problem::new(message, "give both the same value, or leave one out");
    findings.add_related(want.span.clone(), problem, Some(related));
}
