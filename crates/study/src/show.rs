//! Numbers as people read them in tables.

/// "93.21 Mbit/s", "1.2 kbit/s".
#[must_use]
pub fn rate(bps: f64) -> String {
    scaled(bps, &[(1e12, "Tbit/s"), (1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")], "bit/s")
}

/// "40.12 ms", "3.5 s".
#[must_use]
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => scaled(s, &[], "s"),
        s if s >= 1e-3 => scaled(s * 1e3, &[], "ms"),
        s if s > 0.0 => scaled(s * 1e6, &[], "us"),
        _ => "0 s".to_owned(),
    }
}

/// "1.21 MB".
#[must_use]
pub fn size(bytes: f64) -> String {
    scaled(bytes, &[(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")], "B")
}

/// "12.5 %", "0.0031 %".
#[must_use]
pub fn share(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// How long something will take, as people speak of it: "about 20 s", "about 3 hours", "less than 0.1 s".
#[must_use]
pub fn roughly(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 0.095 => return "less than 0.1 s".to_owned(),
        s if s < 120.0 => (s, "s"),
        s if s < 7200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3600.0, "hours"),
        s if s < 6.3e7 => (s / 86_400.0, "days"),
        s if s.is_finite() => (s / 31_557_600.0, "years"),
        _ => return "for ever".to_owned(),
    };
    if value < 9.95 { format!("about {value:.1} {unit}") } else { format!("about {value:.0} {unit}") }
}

/// Four digits that count, without trailing zeros; very large and very small ones with a power of ten.
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { "-".to_owned() };
    }
    if !(1e-4..1e7).contains(&value.abs()) {
        return format!("{value:.2e}");
    }
    let digits = value.abs().log10().floor();
    let decimals = [3.0, 2.0, 1.0, 0.0].iter().zip([0usize, 1, 2, 3]).find(|(d, _)| digits >= **d);
    let decimals = decimals.map_or(if digits < -2.0 { 6 } else { 4 }, |(_, decimals)| decimals);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scaled(value: f64, units: &[(f64, &str)], base: &str) -> String {
    let found = units.iter().find(|(factor, _)| value.abs() >= *factor);
    let (factor, unit) = found.copied().unwrap_or((1.0, base));
    format!("{} {unit}", number(value / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_count() {
        let texts = [93_214_567.0, 1e9, 0.0].map(rate);
        assert_eq!(texts, ["93.21 Mbit/s", "1 Gbit/s", "0 bit/s"]);
        assert_eq!([0.040_12, 2.5, 0.000_3, 0.0].map(time), ["40.12 ms", "2.5 s", "300 us", "0 s"]);
        assert_eq!([0.125, 3.1e-5, 1.0].map(share), ["12.5 %", "0.0031 %", "100 %"]);
        assert_eq!([1_234.5, 12.345, 0.012_345].map(number), ["1234", "12.35", "0.0123"]);
        assert_eq!(number(1e-9), "1.00e-9");
    }

    #[test]
    fn waits_are_rough() {
        assert_eq!(
            [0.01, 4.0, 600.0, 1e6].map(roughly),
            ["less than 0.1 s", "about 4.0 s", "about 10 min", "about 12 days"]
        );
    }
}
