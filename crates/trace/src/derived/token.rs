//! From characters to words, numbers and signs.

use super::Fault;
use crate::unit::Unit;

/// A word, number or sign, and the byte at which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) what: What<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What<'a> {
    Name(&'a str),
    /// A number, in the bases of its unit, if it has one.
    Number(f64, Option<Unit>),
    Sign(&'static str),
    End,
}

const SIGNS: [&str; 14] = ["<=", ">=", "==", "!=", "<", ">", "=", "+", "-", "*", "/", "(", ")", ","];

/// All tokens of a text; the last one is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { at, what: What::End });
            return Ok(tokens);
        };
        let (what, length) = if first.is_ascii_digit() || first == '.' {
            number(rest).map_err(|message| Fault::new(at, message))?
        } else if is_word(first) {
            let length = word_length(rest);
            (What::Name(&rest[..length]), length)
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (What::Sign(sign), sign.len())
        } else {
            return Err(Fault::new(at, format!("\"{first}\" means nothing here")));
        };
        tokens.push(Token { at, what });
        at += length;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_length(text: &str) -> usize {
    text.find(|c| !is_word(c)).unwrap_or(text.len())
}

/// A number with the unit behind it; the parts of a unit, as in "Mbit/s", have no blanks between them.
fn number(text: &str) -> Result<(What<'static>, usize), String> {
    let digits = number_length(text);
    let number: f64 =
        text[..digits].parse().map_err(|_| format!("\"{}\" is not a number", &text[..digits]))?;
    let after = text[digits..].trim_start();
    let unit_at = text.len() - after.len();
    let length = unit_length(after);
    if length == 0 {
        // "10 Mbps": a word right behind a number can only be meant as a unit.
        let word = &after[..word_length(after)];
        let is_unit = word.starts_with(char::is_alphabetic) && !matches!(word, "and" | "or" | "for");
        if is_unit {
            let nearest = crate::nearest(word, Unit::known());
            return Err(format!("\"{word}\" is no unit{nearest}"));
        }
        return Ok((What::Number(number, None), digits));
    }
    let unit: Unit = after[..length].parse().map_err(|error| format!("{error}"))?;
    Ok((What::Number(unit.to_base(number), Some(unit)), unit_at + length))
}

fn number_length(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mantissa = digits(text);
    let Some(exponent) = text[mantissa..].strip_prefix(['e', 'E']) else { return mantissa };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let sign = exponent.len() - unsigned.len();
    if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        mantissa + 1 + sign + digits(unsigned)
    } else {
        mantissa
    }
}

/// The bytes of known units joined by "/".
fn unit_length(text: &str) -> usize {
    if text.starts_with('%') {
        return 1;
    }
    let mut length = word_length(text);
    if length == 0 || !Unit::is_known(&text[..length]) {
        return 0;
    }
    while let Some(below) = text[length..].strip_prefix('/') {
        let word = word_length(below);
        if word == 0 || !Unit::is_known(&below[..word]) || below.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        length += 1 + word;
    }
    length
}
