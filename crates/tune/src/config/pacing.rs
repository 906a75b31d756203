//! `pacing`: the highest rate at which a path's flows send.

use toml::Spanned;
use toml::de::DeValue;
use wad_model::Rate;

use super::given::Given;
use super::table::{Found, Table, as_table};
use super::value::Problem;
use crate::tunables::{Knob, Limits};

/// The largest share of the estimated rate that a path can be paced at.
pub const MAX_PACING_SHARE: f64 = 2.0;

/// The highest rate at which a flow sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pacing {
    /// None, whatever the application asked for.
    Off,
    /// This rate.
    Rate(Rate),
    /// This share of the path's estimated rate.
    Share(f64),
}

impl Pacing {
    /// Reads `"off"` or a table.
    pub(super) fn read(path: &mut Table<'_, '_, '_>) -> Option<Given<Self>> {
        let value = path.take("pacing")?;
        let (span, line) = (value.span(), path.findings.line(&value.span()));
        let pacing = match value.get_ref().as_str() {
            Some("off") => Self::Off,
            Some(other) => {
                let help = "write \"off\", { rate = \"100 Mbit/s\" } or { share = 0.9 }";
                path.refuse("pacing", span, Problem::new(format!("\"{other}\" is no pacing"), help));
                return None;
            }
            None => Self::from_table(value, path)?,
        };
        path.note_use(Knob::Pacing, &Found { value: (), span, line }, 1.0);
        Some(Given::at(pacing, line))
    }

    fn from_table<'i>(value: Spanned<DeValue<'i>>, path: &mut Table<'i, '_, '_>) -> Option<Self> {
        let mut table = Table::new("pacing", as_table("pacing", value, path.findings)?, path.findings);
        let (span, before) = (table.span.clone(), table.findings.errors.len());
        let rate = table.bounded::<Rate>("rate", &Knob::Pacing.tunable().limits);
        let share = table.bounded::<f64>("share", &Limits::Above(0.0, MAX_PACING_SHARE));
        table.finish();
        match (rate, share) {
            (Some(rate), None) => Some(Self::Rate(rate.value)),
            (None, Some(share)) => Some(Self::Share(share.value)),
            (Some(_), Some(_)) => {
                let problem =
                    Problem::new("both a rate and a share are given", "leave out `rate` or `share`");
                path.refuse("pacing", span, problem);
                None
            }
            (None, None) if path.findings.errors.len() == before => {
                let problem = Problem::new("neither a rate nor a share is given", "add `rate` or `share`");
                path.refuse("pacing", span, problem);
                None
            }
            (None, None) => None,
        }
    }
}
