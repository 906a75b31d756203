//! The entries of an old configuration and their keys, before anything is made of them.
//!
//! Usually a line has one key. Pages that show an entry run lines together, so more keys may stand on a line.

use super::error::ImportError;
use crate::nearest::did_you_mean;

/// The keys of an entry.
pub(super) const KEYS: [&str; 14] = [
    "src_addr", "src_port", "dst_addr", "dst_port", "mode", "sndbuf", "rcvbuf", "wadai", "wadmd", "maxssth",
    "divide", "floyd", "reorder", "delack",
];

/// An entry: a name in brackets and what stands below it.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) name: &'t str,
    pub(super) line: u32,
    fields: Vec<Field<'t>>,
}

/// A key and its value; the value may be empty.
#[derive(Clone, Debug)]
pub(super) struct Field<'t> {
    pub(super) key: &'t str,
    pub(super) value: String,
    pub(super) line: u32,
}

impl Entry<'_> {
    /// The field of a key.
    pub(super) fn field(&self, key: &str) -> Option<&Field<'_>> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// The entries of a text. Lines that begin with `#` or `;` are comments.
pub(super) fn read<'t>(text: &'t str, errors: &mut Vec<ImportError>) -> Vec<Entry<'t>> {
    let mut entries = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.starts_with(['#', ';']) {
            continue;
        }
        let content = header(line, content, &mut entries, errors);
        for field in fields(line, content, errors) {
            add(field, &mut entries, errors);
        }
    }
    entries
}

/// Begins an entry if the line does; what stands behind the name is left.
fn header<'t>(
    line: u32,
    content: &'t str,
    entries: &mut Vec<Entry<'t>>,
    errors: &mut Vec<ImportError>,
) -> &'t str {
    let Some(behind) = content.strip_prefix('[') else { return content };
    let Some((name, rest)) = behind.split_once(']') else {
        errors.push(ImportError::new(line, "the name of the entry has no end", "close it with \"]\""));
        return "";
    };
    entries.push(Entry { name: name.trim(), line, fields: Vec::new() });
    rest
}

/// The fields of a line.
fn fields<'t>(line: u32, content: &'t str, errors: &mut Vec<ImportError>) -> Vec<Field<'t>> {
    let mut fields: Vec<Field<'t>> = Vec::new();
    for word in content.split_whitespace() {
        let (key, value) = match word.split_once(':') {
            Some((key, value)) if is_key(key) && (value.is_empty() || fields.is_empty()) => (key, value),
            _ => match fields.last_mut() {
                Some(Field { value, .. }) if value.is_empty() => {
                    word.clone_into(value);
                    continue;
                }
                _ => {
                    let message = format!("\"{word}\" is neither a key nor its only value");
                    errors.push(ImportError::new(line, message, "write one key a line, as \"mode: 1\""));
                    break;
                }
            },
        };
        fields.push(Field { key, value: value.to_owned(), line });
    }
    fields
}

/// Letters and underscores: what has digits or colons is an address.
fn is_key(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}

fn add<'t>(field: Field<'t>, entries: &mut [Entry<'t>], errors: &mut Vec<ImportError>) {
    let Field { key, line, .. } = field;
    if !KEYS.contains(&key) {
        let help = did_you_mean(key, KEYS.into_iter(), "`");
        return errors.push(ImportError::new(line, format!("unknown key `{key}`"), help));
    }
    let Some(entry) = entries.last_mut() else {
        let message = format!("`{key}` stands before any entry");
        return errors.push(ImportError::new(line, message, "begin an entry with its name in brackets"));
    };
    if let Some(first) = entry.field(key) {
        let message = format!("`{key}` stands at line {} already", first.line);
        return errors.push(ImportError::new(line, message, "leave one out"));
    }
    entry.fields.push(field);
}
