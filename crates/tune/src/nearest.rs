//! The word that someone may have meant.

/// The known word most like this one, if any is like it.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    const ALIKE: f64 = 0.75;
    let likeness = |known: &'k str| (strsim::jaro_winkler(&word.to_lowercase(), known), known);
    known.map(likeness).filter(|(like, _)| *like >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}

/// "did you mean ...?", or all there are if none is near.
pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl Iterator<Item = &'k str> + Clone,
    quote: &str,
) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean {quote}{near}{quote}?"),
        None => {
            let all: Vec<_> = known.map(|k| format!("{quote}{k}{quote}")).collect();
            format!("there are {}", all.join(", "))
        }
    }
}
