//! /proc/net/netstat and /proc/net/snmp: pairs of lines, names and then values, under a common prefix.

use std::collections::BTreeMap;

/// Reads such a table; the names come with their prefix: "TcpExt.TCPTimeouts". What is no number is left out.
#[must_use]
pub fn parse(text: &str) -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let Some((prefix, names)) = names.split_once(':') else { continue };
        let Some((_, values)) = values.split_once(':') else { continue };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            if let Ok(value) = value.parse() {
                counters.insert(format!("{prefix}.{name}"), value);
            }
        }
    }
    counters
}

/// By how much the counters grew; those that did not are left out.
#[must_use]
pub fn growth(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let grown = after
        .iter()
        .map(|(name, value)| (name.clone(), value.saturating_sub(before.get(name).copied().unwrap_or(0))));
    grown.filter(|(_, grown)| *grown > 0).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_are_read() {
        let text = "TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 0 3\nTcp: MaxConn\nTcp: -1\n";
        let counters = parse(text);
        assert_eq!(counters["TcpExt.TCPTimeouts"], 3);
        assert!(!counters.contains_key("Tcp.MaxConn"));
        let later = parse("TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 0 5\n");
        assert_eq!(growth(&counters, &later), BTreeMap::from([("TcpExt.TCPTimeouts".to_owned(), 2)]));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).*") {
            let _ = parse(&text);
        }
    }
}
