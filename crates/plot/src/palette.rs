//! Colours that people of every colour vision tell apart: the set of Masataka Okabe and Kei Ito
//! ("Color Universal Design", 2008), without its yellow, which vanishes on white.

/// How the series of one name looks in every panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Of its line.
    pub(crate) colour: &'static str,
    /// Of its name: the same hue, dark enough to be read.
    pub(crate) ink: &'static str,
    /// The line's dashes where the colours are used up.
    pub(crate) dashes: &'static str,
}

const COLOURS: [(&str, &str); 7] = [
    ("#0072b2", "#005f95"),
    ("#d55e00", "#b34f00"),
    ("#009e73", "#00785a"),
    ("#cc79a7", "#a5507f"),
    ("#e69f00", "#8f6200"),
    ("#56b4e9", "#1f76aa"),
    ("#000000", "#000000"),
];
const DASHES: [&str; 4] = ["none", "8 3", "2 3", "8 3 2 3"];

/// The look of the series numbered `index`; 28 differ.
pub(crate) fn look(index: usize) -> Look {
    let (colour, ink) = COLOURS[index % COLOURS.len()];
    Look { colour, ink, dashes: DASHES[index / COLOURS.len() % DASHES.len()] }
}

/// Of titles.
pub(crate) const TITLE: &str = "#16191d";
/// Of other text.
pub(crate) const TEXT: &str = "#4b535d";
/// Of the zero line and of ticks.
pub(crate) const FRAME: &str = "#8a929c";
/// Of the grid.
pub(crate) const GRID: &str = "#e4e7eb";
/// Of reference lines.
pub(crate) const REFERENCE: &str = "#4b535d";
/// Of shaded spans.
pub(crate) const SHADE: &str = "#f1f2ec";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::look;

    #[test]
    fn looks_differ_and_never_run_out() {
        let looks: HashSet<_> = (0..28).map(look).map(|l| (l.colour, l.dashes)).collect();
        assert_eq!(looks.len(), 28);
        assert_eq!(look(28), look(0));
    }
}
