//! Every threshold of the diagnosis.
//!
//! They were chosen by looking at experiments on six emulated paths (the set "tune" of `wad lab diagnose`), and then
//! judged by experiments on three others. Shares and ratios have no unit.

/// A flow is said to be limited by something that takes this share of its life.
pub(crate) const LIMITED_SHARE: f64 = 0.2;
/// A recording shorter than this many samples, or seconds, allows no verdict on growth or loss.
pub(crate) const FEWEST_SAMPLES: usize = 8;
/// See [`FEWEST_SAMPLES`].
pub(crate) const SHORTEST_S: f64 = 0.5;
/// A finding below this confidence times share is not told.
pub(crate) const LEAST_SCORE: f64 = 0.12;

/// Rates are means over this long at least, so that bursts do not count as rates.
pub(crate) const RATE_WINDOW_S: f64 = 0.3;

/// Round-trip time over the least one, from which on a queue is said to stand.
pub(crate) const QUEUE_INFLATION: f64 = 1.25;
/// A path is said to be without a queue where the median is below this.
pub(crate) const FLAT_INFLATION: f64 = 1.2;
/// A queue is too deep where a tenth of the samples are above this (bufferbloat).
pub(crate) const DEEP_INFLATION: f64 = 5.0;

/// The receiver is slow, not its window small, where the window falls below this part of its largest.
pub(crate) const WINDOW_SHRINKS: f64 = 0.75;
/// Or where acknowledgements take so much longer than the path, though the window is too small for a queue.
pub(crate) const WINDOW_INFLATION: f64 = 1.3;
/// The largest window without scaling (RFC 9293, section 3.1).
pub(crate) const UNSCALED_WINDOW_BYTES: f64 = 65_535.0;

/// A send buffer is full where so much of it is in use.
pub(crate) const BUFFER_FULL: f64 = 0.6;
/// A send buffer that the kernel may grow is at its ceiling from this part of the ceiling on.
pub(crate) const BUFFER_AT_CEILING: f64 = 0.9;
/// Segments with less than this part of a full one are small writes.
pub(crate) const SMALL_SEGMENT: f64 = 0.5;
/// Small writes held back: how often unsent data waits while hardly anything is under way.
pub(crate) const NAGLE_SHARE: f64 = 0.3;
/// The far application answers so often a round trip where it grants a window of its own.
pub(crate) const ANSWERS_PER_ROUND: f64 = 0.3;
/// An application that has nothing to send for so much of the time limits the flow by that alone.
pub(crate) const IDLE_SHARE: f64 = 0.5;
/// After a pause the window is restarted where it falls below this part of what it was, without a loss.
pub(crate) const RESTART_FALL: f64 = 0.7;
/// So often must that be seen.
pub(crate) const FEWEST_RESTARTS: usize = 2;

/// The window does not move: its smallest over its largest, over the steady part of the flow's life.
pub(crate) const STILL_WINDOW: f64 = 0.97;
/// How much of its life a window must be still to be held fast.
pub(crate) const STILL_SHARE: f64 = 0.6;
/// The rate is the pacing rate from this part of it on.
pub(crate) const PACED: f64 = 0.8;
/// Slow start ended early where its threshold is below this part of what the path then carried.
pub(crate) const EARLY_EXIT: f64 = 0.5;
/// The initial window (RFC 6928): a threshold below it was not found by this flow.
pub(crate) const INITIAL_WINDOW_SEGMENTS: f64 = 10.0;
/// A slow start cost nothing where the first fifth of the flow had this part of its best rate.
pub(crate) const RAMP_COST: f64 = 0.8;

/// Losses are of one kind where so many of their events are.
pub(crate) const MOST_EVENTS: f64 = 0.5;
/// So few losses say nothing.
pub(crate) const FEWEST_LOSS_EVENTS: usize = 2;
/// Losses at a limit come at like windows: the coefficient of variation of the window at losses. Random ones do not.
pub(crate) const LIKE_WINDOWS: f64 = 0.2;
/// Slow start overshoots a limit by a good part of the window; a random loss takes one segment or two.
pub(crate) const OVERSHOOT: f64 = 0.2;
/// The rate behind a contract is steady: its coefficient of variation.
pub(crate) const STEADY_RATE: f64 = 0.22;
/// A policer drops on while the sender slows down: lost in the first event, over the window.
pub(crate) const POLICER_FIRST_LOSS: f64 = 0.9;
/// A contract's rate is below what passed before: best rate at first over the later mean.
pub(crate) const RATE_STEP: f64 = 1.35;
/// Behind a queue that only this flow fills its rate is steady: high over low rate while a queue stands and nothing is
/// repaired.
pub(crate) const SHARED_RATE_SPREAD: f64 = 1.165;
/// A flow that loses this little is not harmed by it.
pub(crate) const HARMLESS_LOSS: f64 = 2e-4;

/// Reorderings for each segment sent, from which on they are a property of the path.
pub(crate) const REORDERED: f64 = 1e-3;
/// So many reorderings must be seen.
pub(crate) const FEWEST_REORDERINGS: f64 = 5.0;
/// Nothing arrives for so long, though data is under way.
pub(crate) const OUTAGE_S: f64 = 0.8;
/// Time-outs in a row without anything getting through, for a black hole.
pub(crate) const BLACK_HOLE_TIMEOUTS: f64 = 3.0;
/// Segments with ECN marks for each delivered.
pub(crate) const MARKED: f64 = 0.01;
