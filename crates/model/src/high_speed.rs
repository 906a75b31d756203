//! HighSpeed TCP (RFC 3649): increase and decrease that follow the congestion window.
//!
//! Standard TCP needs a loss rate of about 1.5/w² to keep a window of w segments, which no real path has for
//! large windows. HighSpeed TCP is standard up to 38 segments; above, the loss rate that keeps a window follows the
//! line (on logarithmic scales) through p(38) = 10⁻³ and p(83000) = 10⁻⁷ (section 5), which is p(w) = 0.078/w^1.2:
//!
//! ```text
//! b(w) = (0.1 - 0.5) (log w - log 38) / (log 83000 - log 38) + 0.5     the share that a loss takes away
//! a(w) = w² p(w) 2 b(w) / (2 - b(w))                                   segments added in a round trip
//! ```
//!
//! The kernel has no logarithms, so all users share the table of Appendix B, which has a row for each step of a.
//! Between rows, the row above holds, as in the kernel's own `highspeed`: a row is the upper end of its windows.
//! Increase and decrease thus never fall short of the formulas, and are ahead of them by less than one step.

use crate::{Bytes, Segments};

/// The window up to which HighSpeed TCP is standard TCP, in segments (`Low_Window`, section 5).
pub const LOW_WINDOW: u32 = 38;
/// The window at which [`HIGH_LOSS`] is the loss rate, in segments (`High_Window`, section 5).
pub const HIGH_WINDOW: u32 = 83_000;
/// The loss rate at [`HIGH_WINDOW`] (`High_P`, section 5).
pub const HIGH_LOSS: f64 = 1e-7;
/// The decrease at [`HIGH_WINDOW`] (`High_Decrease`, section 5).
pub const HIGH_DECREASE: f64 = 0.1;
/// The decrease of standard TCP, up to [`LOW_WINDOW`].
pub const LOW_DECREASE: f64 = 0.5;

/// The payload of a segment on Ethernet with timestamps, in bytes: what a buffer is divided by.
pub const USUAL_SEGMENT: Bytes = Bytes::new(1448);

/// A step of the table: what holds for windows above those of the row before, up to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The largest window of the row, in segments.
    pub window: u32,
    /// Segments added in a round trip: a(w).
    pub increase: u32,
    /// The share that a loss takes away, in 1/1024 of the window: b(w), rounded to two digits as Appendix B has it.
    pub decrease_1024: u32,
}

/// The share that a loss takes away at a window of `window` segments: b(w), section 5.
#[must_use]
pub fn decrease(window: f64) -> f64 {
    let low = f64::from(LOW_WINDOW);
    if window <= low {
        return LOW_DECREASE;
    }
    let along = (window / low).ln() / (f64::from(HIGH_WINDOW) / low).ln();
    (HIGH_DECREASE - LOW_DECREASE).mul_add(along, LOW_DECREASE)
}

/// The loss rate that keeps a window of `window` segments: p(w), section 5. Appendix B computes with 1/12.8, which
/// is 0.078 to the digits that the text gives.
#[must_use]
pub fn loss_rate(window: f64) -> f64 {
    1.0 / (12.8 * window.powf(1.2))
}

/// Segments added in a round trip at a window of `window` segments: a(w), section 5.
#[must_use]
pub fn increase(window: f64) -> f64 {
    if window <= f64::from(LOW_WINDOW) {
        return 1.0;
    }
    let share = decrease(window);
    window * window * loss_rate(window) * 2.0 * share / (2.0 - share)
}

/// The row for a window.
#[must_use]
pub fn row(window: Segments) -> Row {
    let at = HIGH_SPEED_TABLE.partition_point(|row| row.window < window.get());
    HIGH_SPEED_TABLE[at.min(HIGH_SPEED_TABLE.len() - 1)]
}

/// The row for a flow whose window will fill a buffer of this size with segments of this payload.
#[must_use]
pub fn at_start(buffer: Bytes, segment: Bytes) -> Row {
    let window = buffer.get() / segment.get().max(1);
    row(Segments::new(u32::try_from(window).unwrap_or(u32::MAX)))
}

/// The table of RFC 3649, Appendix B.
pub const HIGH_SPEED_TABLE: [Row; 73] = [
    Row { window: 38, increase: 1, decrease_1024: 512 },
    Row { window: 118, increase: 2, decrease_1024: 451 },
    Row { window: 221, increase: 3, decrease_1024: 420 },
    Row { window: 347, increase: 4, decrease_1024: 389 },
    Row { window: 495, increase: 5, decrease_1024: 379 },
    Row { window: 663, increase: 6, decrease_1024: 358 },
    Row { window: 851, increase: 7, decrease_1024: 348 },
    Row { window: 1_058, increase: 8, decrease_1024: 338 },
    Row { window: 1_284, increase: 9, decrease_1024: 328 },
    Row { window: 1_529, increase: 10, decrease_1024: 317 },
    Row { window: 1_793, increase: 11, decrease_1024: 307 },
    Row { window: 2_076, increase: 12, decrease_1024: 297 },
    Row { window: 2_378, increase: 13, decrease_1024: 287 },
    Row { window: 2_699, increase: 14, decrease_1024: 287 },
    Row { window: 3_039, increase: 15, decrease_1024: 276 },
    Row { window: 3_399, increase: 16, decrease_1024: 276 },
    Row { window: 3_778, increase: 17, decrease_1024: 266 },
    Row { window: 4_177, increase: 18, decrease_1024: 266 },
    Row { window: 4_596, increase: 19, decrease_1024: 256 },
    Row { window: 5_036, increase: 20, decrease_1024: 256 },
    Row { window: 5_497, increase: 21, decrease_1024: 246 },
    Row { window: 5_979, increase: 22, decrease_1024: 246 },
    Row { window: 6_483, increase: 23, decrease_1024: 236 },
    Row { window: 7_009, increase: 24, decrease_1024: 236 },
    Row { window: 7_558, increase: 25, decrease_1024: 225 },
    Row { window: 8_130, increase: 26, decrease_1024: 225 },
    Row { window: 8_726, increase: 27, decrease_1024: 225 },
    Row { window: 9_346, increase: 28, decrease_1024: 215 },
    Row { window: 9_991, increase: 29, decrease_1024: 215 },
    Row { window: 10_661, increase: 30, decrease_1024: 215 },
    Row { window: 11_358, increase: 31, decrease_1024: 205 },
    Row { window: 12_082, increase: 32, decrease_1024: 205 },
    Row { window: 12_834, increase: 33, decrease_1024: 205 },
    Row { window: 13_614, increase: 34, decrease_1024: 195 },
    Row { window: 14_424, increase: 35, decrease_1024: 195 },
    Row { window: 15_265, increase: 36, decrease_1024: 195 },
    Row { window: 16_137, increase: 37, decrease_1024: 195 },
    Row { window: 17_042, increase: 38, decrease_1024: 184 },
    Row { window: 17_981, increase: 39, decrease_1024: 184 },
    Row { window: 18_955, increase: 40, decrease_1024: 184 },
    Row { window: 19_965, increase: 41, decrease_1024: 174 },
    Row { window: 21_013, increase: 42, decrease_1024: 174 },
    Row { window: 22_101, increase: 43, decrease_1024: 174 },
    Row { window: 23_230, increase: 44, decrease_1024: 174 },
    Row { window: 24_402, increase: 45, decrease_1024: 164 },
    Row { window: 25_618, increase: 46, decrease_1024: 164 },
    Row { window: 26_881, increase: 47, decrease_1024: 164 },
    Row { window: 28_193, increase: 48, decrease_1024: 164 },
    Row { window: 29_557, increase: 49, decrease_1024: 154 },
    Row { window: 30_975, increase: 50, decrease_1024: 154 },
    Row { window: 32_450, increase: 51, decrease_1024: 154 },
    Row { window: 33_986, increase: 52, decrease_1024: 154 },
    Row { window: 35_586, increase: 53, decrease_1024: 143 },
    Row { window: 37_253, increase: 54, decrease_1024: 143 },
    Row { window: 38_992, increase: 55, decrease_1024: 143 },
    Row { window: 40_808, increase: 56, decrease_1024: 143 },
    Row { window: 42_707, increase: 57, decrease_1024: 133 },
    Row { window: 44_694, increase: 58, decrease_1024: 133 },
    Row { window: 46_776, increase: 59, decrease_1024: 133 },
    Row { window: 48_961, increase: 60, decrease_1024: 133 },
    Row { window: 51_258, increase: 61, decrease_1024: 133 },
    Row { window: 53_677, increase: 62, decrease_1024: 123 },
    Row { window: 56_230, increase: 63, decrease_1024: 123 },
    Row { window: 58_932, increase: 64, decrease_1024: 123 },
    Row { window: 61_799, increase: 65, decrease_1024: 123 },
    Row { window: 64_851, increase: 66, decrease_1024: 113 },
    Row { window: 68_113, increase: 67, decrease_1024: 113 },
    Row { window: 71_617, increase: 68, decrease_1024: 113 },
    Row { window: 75_401, increase: 69, decrease_1024: 102 },
    Row { window: 79_517, increase: 70, decrease_1024: 102 },
    Row { window: 84_035, increase: 71, decrease_1024: 102 },
    Row { window: 89_053, increase: 72, decrease_1024: 102 },
    Row { window: 94_717, increase: 73, decrease_1024: 92 },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The program of Appendix B: a row for each window at which a(w) has grown by one since the last row.
    fn generated() -> Vec<Row> {
        let mut rows = vec![Row { window: LOW_WINDOW, increase: 1, decrease_1024: 512 }];
        let mut last = 1.0;
        for window in LOW_WINDOW..100_000 {
            let a = increase(window.into());
            if a > last + 1.0 {
                rows.push(rounded(window, a));
                last = a;
            }
        }
        rows
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a(w) is below 75 here")]
    fn rounded(window: u32, a: f64) -> Row {
        let printed = (decrease(window.into()) * 100.0).round() / 100.0;
        let decrease_1024 = (printed * 1024.0).round() as u32;
        Row { window, increase: a as u32, decrease_1024 }
    }

    #[test]
    fn the_table_is_what_appendix_b_generates() {
        assert_eq!(generated(), HIGH_SPEED_TABLE);
    }

    /// Each line of the file: window, a, b to two digits, a as it was computed.
    #[test]
    fn the_table_is_the_published_one() {
        let lines = include_str!("../tests/data/rfc3649-table.csv").lines().skip(1);
        assert_eq!(lines.clone().count(), HIGH_SPEED_TABLE.len());
        for (line, row) in lines.zip(HIGH_SPEED_TABLE) {
            let b = decrease(row.window.into());
            let a = if row.window == LOW_WINDOW { 1.0 } else { increase(row.window.into()) };
            let ours = format!("{},{},{b:.2},{a:.4},", row.window, row.increase);
            assert!(line.starts_with(&ours), "{line} is not {ours}");
        }
    }

    /// Section 5 names 10⁻³ at 38 segments, 10⁻⁷ at 83000, and a decrease of 0.1 there.
    #[test]
    fn the_ends_of_the_line_are_those_of_section_5() {
        assert!((loss_rate(38.0) / 1e-3 - 1.0).abs() < 0.02);
        assert!((loss_rate(83_000.0) / HIGH_LOSS - 1.0).abs() < 0.03);
        assert!((decrease(83_000.0) - HIGH_DECREASE).abs() < 1e-12);
        assert!((decrease(38.0) - LOW_DECREASE).abs() < 1e-12);
    }

    #[test]
    fn a_row_holds_up_to_its_window() {
        let increase = |window| row(Segments::new(window)).increase;
        assert_eq!([0, 38, 39, 118, 119, 94_717, u32::MAX].map(increase), [1, 1, 2, 2, 3, 73, 73]);
    }

    /// The kernel's side looks up in a table of its own.
    #[test]
    fn the_kernel_has_the_same_table() {
        let header = include_str!("../../linux/src/bpf/high_speed.h");
        let rows =
            header.split_once("high_speed[HIGH_SPEED_ROWS] = {").unwrap().1.split_once("};").unwrap().0;
        let numbers = rows.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
        let ours = HIGH_SPEED_TABLE.iter().flat_map(|row| [row.window, row.decrease_1024]);
        assert_eq!(numbers.collect::<Vec<u32>>(), ours.collect::<Vec<u32>>());
    }

    /// The paper of 2002 (section 3.3) has AIMD (.31, 11) for a buffer of 2 MB. RFC 3649, which came after it, gives
    /// a decrease of .31 and an increase one lower.
    #[test]
    fn a_buffer_of_2_mb_gives_what_the_paper_had() {
        for buffer in [2_000_000, 2 << 20] {
            let Row { increase, decrease_1024, .. } = at_start(Bytes::new(buffer), USUAL_SEGMENT);
            assert_eq!(format!("{:.2}", f64::from(decrease_1024) / 1024.0), "0.31");
            assert_eq!(increase, 10);
        }
    }
}
