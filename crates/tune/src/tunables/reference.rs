//! The table as a document for people: `docs/TUNABLES.md`.

use std::fmt::Write as _;

use super::wishes::{Answer, WISHES};
use super::{Danger, Knob, Limits, Standard, TUNABLES, Tunable};

const HEAD: &str = "\
# Tunables

Everything that WAD can set for the flows of a path. This file is rendered from the table that the reader of the
configuration uses (`cargo run -p wad-tune --example tunables`); a test compares them. How each key is written is in
[CONFIGURATION.md](CONFIGURATION.md).

**Scope** is how far a setting reaches: the flow alone, all flows to the destination, or all flows of the network
namespace.

**Mark** is the one that the authors of the first WAD gave in their list of November 2001: `d` is dangerous to the
network or to other applications, `D` is very dangerous. A value with a mark acts only where the host grants it to the
path (`[[host.grant]]`). Beside the mark stand the values that need no grant, as they are no more aggressive than
standard TCP.

**Safe** are the values at which a flow of CUBIC, which shared 100 Mbit/s, 40 ms and a queue of one bandwidth-delay
product with a tuned flow, kept at least a quarter of its fair share: measured, see `fairness` in
[RESULTS.md](RESULTS.md). Values beyond are not forbidden, but starve others on such a path. `congestion.restart_window`
was not measured for itself: after an idle time it is what `slow_start.initial_window` is at the start.

";

const WISHES_HEAD: &str = "
## The list of November 2001

What the authors of the first WAD wanted to tune (M. Mathis, 27 November 2001), and what does it here. Marks beyond
`d` and `D`: `K` needs kernel support that is not trivial, `a` needs an interface between the daemon and the
application, `n` belongs in TCP rather than in a workaround.

| wanted | marks | here |
|---|---|---|
";

/// The document.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| key | sets | values | scope | mark | safe | how |\n|---|---|---|---|---|---|---|\n");
    for tunable in &TUNABLES {
        line(&mut text, &row(tunable));
    }
    text.push_str(WISHES_HEAD);
    for wish in WISHES {
        let marks = code(wish.marks);
        line(&mut text, &format!("| {} | {marks} | {} |", wish.name, answer(&wish.answer)));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{line}");
}

fn row(tunable: &Tunable) -> String {
    let Tunable { key, meaning, limits, scope, mechanism, safe, .. } = tunable;
    let values = match limits {
        Limits::Words(words) => words.split('"').enumerate().map(quoted).collect(),
        Limits::Switch => "`true`, `false`".to_owned(),
        delays @ Limits::Time(..) if tunable.knob == Knob::DelayedAck => format!("`true`, `false`, {delays}"),
        other => other.to_string(),
    };
    format!(
        "| `{key}` | {meaning} | {values} | {} | {} | {safe} | {mechanism} |",
        scope.name(),
        mark(tunable)
    )
}

/// Every second piece of a text that is cut at its quotes was quoted.
fn quoted((at, piece): (usize, &str)) -> String {
    if at % 2 == 1 { format!("`\"{piece}\"`") } else { piece.to_owned() }
}

fn mark(tunable: &Tunable) -> String {
    let mark = code(tunable.danger.mark());
    match (tunable.danger, tunable.standard, tunable.knob) {
        (Danger::None, ..) => String::new(),
        (_, _, Knob::DelayedAck) => format!("{mark}; not `true`"),
        (_, Standard::Nothing, _) => mark,
        (_, Standard::Most(0.0), _) => format!("{mark}; not `false`"),
        (_, Standard::Most(most), _) => format!("{mark}; not up to {most}"),
        (_, Standard::Least(least), _) => format!("{mark}; not from {least}"),
    }
}

fn answer(answer: &Answer) -> String {
    let keys = |knobs: &[Knob]| {
        let keys: Vec<_> = knobs.iter().map(|knob| code(knob.tunable().key)).collect();
        keys.join(", ")
    };
    match answer {
        Answer::Knobs(knobs) => keys(knobs),
        Answer::Partly(knobs, how) => format!("{}: {how}", keys(knobs)),
        Answer::Not(why) => format!("no: {why}"),
    }
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}
