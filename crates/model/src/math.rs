//! Functions that give the same bits on every machine: from basic operations alone, which IEEE 754 defines exactly.
//!
//! What `std` offers (`ln`, `exp`, `cbrt`, `powf`) is the platform's, and may differ in the last digit.

/// The cube root, to the last digits.
#[must_use]
pub fn cbrt(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let magnitude = x.abs();
    // A third of the exponent is a first guess within a fifth of the root.
    let mut root = f64::from_bits(magnitude.to_bits() / 3 + 0x2A9F_7893_7829_D9AF);
    for _ in 0..6 {
        root = (2.0 * root + magnitude / (root * root)) / 3.0;
    }
    root.copysign(x)
}

/// The natural logarithm of a positive number.
#[must_use]
pub fn ln(x: f64) -> f64 {
    let (fraction, exponent) = split(x);
    // ln f = 2 artanh((f - 1) / (f + 1)), and f is between 0.7 and 1.5.
    let z = (fraction - 1.0) / (fraction + 1.0);
    let square = z * z;
    let (mut term, mut sum) = (z, 0.0);
    for odd in 0..14 {
        sum += term / f64::from(2 * odd + 1);
        term *= square;
    }
    2.0 * sum + f64::from(exponent) * std::f64::consts::LN_2
}

/// e to a power.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the exponent of a double")]
pub fn exp(x: f64) -> f64 {
    let twos = (x / std::f64::consts::LN_2).round().clamp(-1000.0, 1000.0);
    let rest = x - twos * std::f64::consts::LN_2;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..18 {
        term *= rest / f64::from(n);
        sum += term;
    }
    sum * two_to(twos as i32)
}

/// A positive number to a power.
#[must_use]
pub fn pow(base: f64, exponent: f64) -> f64 {
    exp(exponent * ln(base))
}

/// A normal number as a fraction between 0.7 and 1.5, and a power of two.
fn split(x: f64) -> (f64, i32) {
    const BIAS: i32 = 1023;
    let bits = x.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7FF).unwrap_or(BIAS) - BIAS;
    let fraction = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if fraction > std::f64::consts::SQRT_2 { (fraction / 2.0, exponent + 1) } else { (fraction, exponent) }
}

fn two_to(exponent: i32) -> f64 {
    f64::from_bits(u64::try_from(exponent + 1023).unwrap_or(0) << 52)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_near(ours: f64, exact: f64) {
        assert!((ours - exact).abs() <= exact.abs() * 1e-13, "{ours} is not {exact}");
    }

    proptest! {
        #[test]
        fn they_are_what_the_platform_has(x in 1e-9f64..1e12, y in -20.0f64..20.0) {
            assert_near(cbrt(x), x.cbrt());
            assert_near(cbrt(-x), (-x).cbrt());
            prop_assert!((ln(x) - x.ln()).abs() <= 1e-13 * x.ln().abs().max(1.0));
            assert_near(exp(y), y.exp());
            assert!((pow(x, 0.835) / x.powf(0.835) - 1.0).abs() < 1e-11);
        }
    }

    #[test]
    fn cubes_have_whole_roots() {
        assert_eq!([0.0, 1.0, -8.0].map(cbrt), [0.0, 1.0, -2.0]);
    }
}
