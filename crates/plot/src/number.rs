//! Numbers as people write them on an axis.

/// `value` to the decimals that tell ticks `step` apart.
///
/// Thousands are grouped by a narrow space from 10 000 on; what would need more than six digits on
/// either side of the point becomes a power of ten.
pub(crate) fn format(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let largest = value.abs().max(step);
    if largest >= 1e7 || step < 1e-6 {
        return scientific(value, step);
    }
    sign(value) + &grouped(&fixed(value.abs(), decimals(step)))
}

/// How many decimals a multiple of `step` has, at most nine.
fn decimals(step: f64) -> usize {
    let whole = |places: &u8| {
        let scaled = step * 10f64.powi(i32::from(*places));
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    usize::from((0..9).find(whole).unwrap_or(9))
}

fn fixed(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

fn sign(value: f64) -> String {
    if value < 0.0 { "\u{2212}".to_owned() } else { String::new() }
}

fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    if whole.len() < 5 {
        return digits.to_owned();
    }
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out + fraction
}

/// "2.5×10⁹", or "10⁹", with as many digits as tell multiples of `step` apart.
pub(crate) fn scientific(value: f64, step: f64) -> String {
    let digits = (value.abs().log10().floor() - step.log10().floor()).clamp(0.0, 3.0);
    let places = usize::from((0u8..3).find(|p| f64::from(*p) >= digits).unwrap_or(3)) + 1;
    let text = format!("{:.places$e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let factor = if mantissa == "1" { String::new() } else { format!("{mantissa}×") };
    format!("{}{factor}10{}", sign(value), superscript(exponent))
}

fn superscript(digits: &str) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raise = |c: char| match c.to_digit(10) {
        Some(digit) => RAISED.get(digit as usize).copied().unwrap_or(c),
        None => '⁻',
    };
    digits.chars().map(raise).collect()
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn decimals_follow_the_step() {
        assert_eq!(format(0.5, 0.25), "0.50");
        assert_eq!(format(2.5, 2.5), "2.5");
        assert_eq!(format(600.0, 200.0), "600");
        assert_eq!(format(-40.0, 20.0), "−40");
        assert_eq!(format(0.0, 0.1), "0");
    }

    #[test]
    fn large_numbers_are_grouped_then_powers_of_ten() {
        assert_eq!(format(5000.0, 1000.0), "5000");
        assert_eq!(format(12_000.0, 1000.0), "12\u{202f}000");
        assert_eq!(format(2.5e9, 5e8), "2.5×10⁹");
        assert_eq!(format(-1e300, 1e300), "−10³⁰⁰");
        assert_eq!(format(3e-9, 1e-9), "3×10⁻⁹");
    }
}
