//! How wide text will be, about: the viewer's font is not known.

/// The width of `text` at `size` pixels in a common sans-serif font, rather too wide than too
/// narrow (DejaVu Sans, the widest in common use, is the measure).
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// The share of the font's size that a character takes.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '.' | ',' | ':' | ';' | '|' | '!' | 'I' => 0.32,
        ' ' | '\u{202f}' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '—' => 0.96,
        'A'..='Z' | '+' | '=' | '<' | '>' | '\u{2212}' => 0.72,
        '\u{1100}'.. => {
            if c < '\u{2e80}' {
                0.8
            } else {
                1.05
            }
        }
        _ => 0.64,
    }
}

/// `text` in lines no wider than `room`, parted at spaces; the last of at most `most` lines ends in
/// an ellipsis if there is more.
pub(crate) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(word, size) + 0.4 * size <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let cut = lines.len() > most;
    lines.truncate(most);
    if cut && let Some(last) = lines.last_mut() {
        last.push('…');
    }
    lines.into_iter().map(|line| shorten(line, size, room)).collect()
}

/// `line` cut to `room` with an ellipsis, if it is wider.
fn shorten(mut line: String, size: f64, room: f64) -> String {
    if width(&line, size) <= room {
        return line;
    }
    while width(&line, size) + size > room && line.pop().is_some() {}
    line + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_parted_at_spaces_and_cut_at_the_end() {
        assert_eq!(wrap("path rate 622 Mbit/s", 12.0, 80.0, 3), ["path rate", "622 Mbit/s"]);
        assert_eq!(wrap("one two three four", 12.0, 55.0, 2), ["one two", "three…"]);
        assert_eq!(wrap("  ", 12.0, 55.0, 2), Vec::<String>::new());
    }

    #[test]
    fn a_word_without_spaces_is_cut_to_the_room() {
        let lines = wrap(&"x".repeat(1000), 12.0, 100.0, 2);
        assert_eq!(lines.len(), 1);
        assert!(width(&lines[0], 12.0) <= 110.0);
    }
}
