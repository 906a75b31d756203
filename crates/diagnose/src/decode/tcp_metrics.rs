//! What `ip tcp_metrics show ADDRESS` prints: what the kernel remembers of a destination.

use crate::evidence::CachedMetrics;

/// Reads the first entry; none if there is none, or if it remembers neither threshold nor window.
#[must_use]
pub fn parse(text: &str) -> Option<CachedMetrics> {
    let words: Vec<&str> = text.lines().next()?.split_whitespace().collect();
    let after = |name: &str| words.windows(2).find(|pair| pair[0] == name)?[1].parse().ok();
    let metrics = CachedMetrics { ssthresh_segments: after("ssthresh"), cwnd_segments: after("cwnd") };
    (metrics != CachedMetrics::default()).then_some(metrics)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_is_read() {
        let text = "10.77.0.2 age 1.220sec ssthresh 7 cwnd 10 rtt 40112us rttvar 31us source 10.77.0.1\n";
        let metrics = parse(text).unwrap();
        assert_eq!((metrics.ssthresh_segments, metrics.cwnd_segments), (Some(7), Some(10)));
        assert_eq!(parse("10.77.0.2 age 1.220sec rtt 40112us source 10.77.0.1\n"), None);
        assert_eq!(parse(""), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).*") {
            let _ = parse(&text);
        }
    }
}
