//! `wad sim merge`

use anyhow::anyhow;
use wad_study::Document;
use wad_study::sweep::Plan;

use super::sim;
use super::sim_sweep::{Report, measures};
use super::sweep_store::{self, Store};
use crate::arguments::SimMerge;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(arguments: &SimMerge) -> Result<(), Failure> {
    let SimMerge { parts, out, .. } = arguments;
    let Some(first) = parts.first() else {
        return Err(Failure::Misuse(anyhow!("there is nothing to merge")));
    };
    let text = sweep_store::read_plan(first)?;
    let fault =
        |error: &dyn std::fmt::Display| Failure::Misuse(anyhow!("{}/plan.toml: {error}", first.display()));
    let document = Document::parse(&text).map_err(|error| fault(&error))?;
    let plan = Plan::new(document, Vec::new(), None).map_err(|error| fault(&error))?;
    let mut rows = Vec::new();
    for part in parts {
        if sweep_store::read_plan(part)? != text {
            let (part, first) = (part.display(), first.display());
            return Err(Failure::Misuse(anyhow!("{part} is a part of another sweep than {first}")));
        }
        rows.extend(sweep_store::read_rows(part, &plan)?);
    }
    let mut found = vec![false; plan.runs()];
    rows.iter().for_each(|row| found[row.run] = true);
    let missing = found.iter().filter(|found| !**found).count();
    if let Some(run) = found.iter().position(|found| !found) {
        return Err(anyhow!(
            "{missing} of {} runs are in none of the parts, the first is number {run} ({}): finish them first",
            plan.runs(),
            plan.describe(plan.point_of(run))
        )
        .into());
    }
    let plan = plan.with_files(|name| sim::file_from(out, Some(&first.join("plan.toml")), name));
    let mut store = Store::open(out, &plan)?;
    for row in rows {
        if !store.has(row.run) {
            store.add(row)?;
        }
    }
    let report =
        Report::new(out, &plan, store.finish(&plan, &measures(&arguments.measure, arguments.no_plots))?);
    if arguments.json { output::print_json(&report) } else { report.print(&plan) }
}
