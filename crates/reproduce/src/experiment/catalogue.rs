//! The experiments that come with the program.

use super::Experiment;
use crate::error::ReproduceError;

macro_rules! experiments {
    ($($id:literal),* $(,)?) => {
        &[$(($id, include_str!(concat!("../../experiments/", $id, ".toml")))),*]
    };
}

/// In the order in which they are run and shown.
const TEXTS: &[(&str, &str)] = experiments![
    "fig1", "fig2", "web1", "fig3", "fig4", "fig5", "tab1", "lss", "fig6", "fig7", "delack", "divide",
    "hstcp", "sockbuf", "formulas", "fairness",
];

/// All experiments.
///
/// # Errors
/// The text of one is wrong.
pub fn catalogue() -> Result<Vec<Experiment>, ReproduceError> {
    TEXTS.iter().map(|(id, text)| Experiment::parse(id, text)).collect()
}

/// The experiments with these names, in the catalogue's order; all if none is named.
///
/// # Errors
/// There is no such experiment, or its text is wrong.
pub fn find(ids: &[String]) -> Result<Vec<Experiment>, ReproduceError> {
    if let Some(id) = ids.iter().find(|id| TEXTS.iter().all(|(known, _)| known != id)) {
        let known = TEXTS.iter().map(|(id, _)| *id).collect::<Vec<_>>().join(", ");
        return Err(ReproduceError::Unknown { id: id.clone(), known });
    }
    let all = catalogue()?;
    Ok(all.into_iter().filter(|one| ids.is_empty() || ids.contains(&one.id)).collect())
}
