//! `[[host.grant]]`: which settings that can harm others a path may have.
//!
//! The authors of the first WAD marked what is dangerous to the network or to other applications. Such a
//! setting acts only where the policy of the host grants it to the path, so that nobody asks for more than
//! standard TCP takes by mistake, or because an example was copied.

use toml::Spanned;
use toml::de::DeValue;

use super::path::ReadPath;
use super::table::{self, Findings, Found, Span, Table};
use super::uses::Use;
use super::value::{FromToml, Problem, text};
use crate::nearest::{did_you_mean, nearest};
use crate::tunables::{Danger, Knob, Standard, TUNABLES};

/// A grant: which paths may have which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The name of the path; `None` for all paths.
    pub path: Option<String>,
    /// What is granted; `None` for all that is marked.
    pub settings: Option<Vec<Knob>>,
    /// The line of the file where the entry starts, counted from one.
    pub line: u32,
}

impl Grant {
    /// Whether this grants a path a setting.
    #[must_use]
    pub fn covers(&self, path: &str, knob: Knob) -> bool {
        self.path.as_deref().is_none_or(|name| name == path)
            && self.settings.as_deref().is_none_or(|settings| settings.contains(&knob))
    }
}

/// A grant as read, with the place of the path's name.
pub(super) struct ReadGrant {
    pub(super) grant: Grant,
    path: Span,
}

impl ReadGrant {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Option<Self> {
        let line = table.line();
        let path = table.required::<PathName>("path");
        table.require("settings");
        let settings = settings(&mut table);
        table.finish();
        let Found { value: PathName(name), span, .. } = path?;
        Some(Self { grant: Grant { path: name, settings: settings?, line }, path: span })
    }
}

/// The outer `None` if they cannot be read, which is noted; the inner for `"all"`.
fn settings(table: &mut Table<'_, '_, '_>) -> Option<Option<Vec<Knob>>> {
    if table.has_text("settings", "all") {
        table.take("settings");
        return Some(None);
    }
    let list = table.list::<MarkedKnob>("settings")?;
    Some(Some(list.into_iter().map(|found| found.value.0).collect()))
}

struct PathName(Option<String>);

impl FromToml for PathName {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let name = text(value, "the name of a path, or \"*\" for all")?;
        Ok(Self((name != "*").then(|| name.to_owned())))
    }
}

struct MarkedKnob(Knob);

impl FromToml for MarkedKnob {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let key = text(value, "the name of a setting as text")?;
        let named = |tunable: &&crate::Tunable| tunable.short_key() == key;
        let marked = || TUNABLES.iter().filter(|tunable| tunable.danger != Danger::None);
        if let Some(tunable) = marked().find(named) {
            return Ok(Self(tunable.knob));
        }
        if TUNABLES.iter().any(|tunable| named(&tunable)) {
            return Err(Problem::new(format!("\"{key}\" needs no grant"), "leave it out"));
        }
        let help = did_you_mean(key, marked().map(crate::Tunable::short_key), "\"");
        Err(Problem::new(format!("unknown setting \"{key}\""), help))
    }
}

/// Refuses marked settings that no grant covers.
pub(super) fn refuse_ungranted(paths: &[ReadPath], grants: &[ReadGrant], findings: &mut Findings<'_>) {
    for path in paths {
        let name = &path.policy.name;
        let covered = |knob| grants.iter().any(|read| read.grant.covers(name, knob));
        let mut missing: Vec<&Use> = path.uses.dangerous().filter(|one| !covered(one.knob)).collect();
        missing.sort_by_key(|one| one.knob);
        for one in &missing {
            refuse(name, one, &missing, findings);
        }
    }
}

fn refuse(path: &str, one: &Use, missing: &[&Use], findings: &mut Findings<'_>) {
    let tunable = one.knob.tunable();
    let (key, danger) = (tunable.short_key(), tunable.danger);
    let message = format!(
        "`{key}`: this value is marked {}, {}, and is not granted to path \"{path}\"",
        danger.mark(),
        danger.meaning()
    );
    let list: Vec<_> = missing.iter().map(|one| format!("\"{}\"", one.knob.tunable().short_key())).collect();
    let otherwise = match tunable.standard {
        Standard::Nothing => format!("leave `{key}` out"),
        Standard::Most(0.0) => format!("write {key} = false"),
        Standard::Most(most) => format!("write {most} at most"),
        Standard::Least(least) => format!("write {least} at least"),
    };
    let help = format!(
        "{otherwise}; or, if all who share the path agree, write [[host.grant]] with path = \"{path}\" and settings = \
         [{}]",
        list.join(", ")
    );
    findings.add(one.span.clone(), Problem::new(message, help));
}

/// Refuses grants to paths that are not there.
pub(super) fn refuse_to_nobody(paths: &[ReadPath], grants: &[ReadGrant], findings: &mut Findings<'_>) {
    let names = || paths.iter().map(|path| path.policy.name.as_str());
    for ReadGrant { grant, path: span } in grants {
        let Some(name) = grant.path.as_deref().filter(|name| !names().any(|known| known == *name)) else {
            continue;
        };
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "name a path of this file, or \"*\" for all".to_owned(),
        };
        findings.add(span.clone(), Problem::new(format!("`path`: there is no path \"{name}\""), help));
    }
}

/// The grants of `[host]`.
pub(super) fn read_all(value: Spanned<DeValue<'_>>, findings: &mut Findings<'_>) -> Vec<ReadGrant> {
    table::tables("grant", "[[host.grant]]", value, findings, ReadGrant::read)
}
