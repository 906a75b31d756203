//! The tables of docs/DIAGNOSIS.md, rendered from the code and from recorded experiments.

use std::fmt::Write as _;

use wad_diagnose::Problem;

use crate::error::FaultsError;
use crate::judge::{Judgement, NOTHING, share};
use crate::table::Table;

/// Puts the tables into a document, each between its marks: `<!-- begin NAME -->` and `<!-- end NAME -->`.
///
/// # Errors
/// A mark is not there.
pub fn render(document: &str, judgements: &[Judgement]) -> Result<String, FaultsError> {
    let with_catalogue = replace(document, "catalogue", &catalogue())?;
    replace(&with_catalogue, "matrix", &matrices(judgements)?)
}

fn replace(document: &str, name: &str, table: &str) -> Result<String, FaultsError> {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let missing = || FaultsError::Table { reason: format!("the document has no \"{begin}\" and \"{end}\"") };
    let (before, rest) = document.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

fn catalogue() -> String {
    let mut text =
        "| problem | no. | where | what it is | how it is known |\n|---|---|---|---|---|\n".to_owned();
    for problem in Problem::ALL {
        let number = problem.number().map_or_else(String::new, |number| number.to_string());
        let (place, title, signature) = (problem.place().name(), problem.title(), problem.signature());
        // Writing to a text does not fail.
        let _ = writeln!(text, "| `{problem}` | {number} | {place} | {title} | {signature} |");
    }
    text
}

fn matrices(judgements: &[Judgement]) -> Result<String, FaultsError> {
    let table = Table::load()?;
    let title = |id: &str| {
        let fault = table.faults.iter().find(|fault| fault.id == id);
        fault.map_or(("nothing is wrong", NOTHING), |fault| (fault.title.as_str(), fault.expected.as_str()))
    };
    let mut text = String::new();
    for judgement in judgements {
        let Judgement { set, faults, named_first, healthy, blamed, .. } = judgement;
        let _ = writeln!(
            text,
            "\nSet `{}`: {named_first} of {faults} faults named first ({:.1} %); {blamed} of {healthy} healthy runs blamed \
             ({:.1} %).\n\n| experiment | the fault | to be named | named first |\n|---|---|---|---|",
            set.name(),
            share(*named_first, *faults) * 100.0,
            share(*blamed, *healthy) * 100.0,
        );
        for (id, named) in judgement.matrix() {
            let (what, expected) = title(id);
            let named: Vec<String> =
                named.iter().map(|(problem, times)| format!("`{problem}` {times}")).collect();
            let _ = writeln!(text, "| {id} | {what} | `{expected}` | {} |", named.join(", "));
        }
        for run in judgement.runs.iter().filter(|run| run.named != run.expected) {
            let _ = writeln!(text, "\nWrong: {} on `{}` was taken for `{}`.", run.id, run.path, run.named);
        }
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Set, load};

    #[test]
    fn the_document_is_what_the_recordings_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let outcomes = load(&root.join("../diagnose/tests/recordings")).unwrap();
        let judgements = [Set::Tune, Set::Judge].map(|set| Judgement::of(set, &outcomes).unwrap());
        let document = std::fs::read_to_string(root.join("../../docs/DIAGNOSIS.md")).unwrap();
        let rendered = render(&document, &judgements).unwrap();
        let command = "wad lab diagnose --from crates/diagnose/tests/recordings --markdown docs/DIAGNOSIS.md";
        assert!(document == rendered, "docs/DIAGNOSIS.md is not up to date: run `{command}`");
    }

    #[test]
    fn a_document_without_marks_is_refused() {
        assert!(render("text", &[]).is_err());
    }
}
