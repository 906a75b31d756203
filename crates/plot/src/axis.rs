//! What an axis shows and how.

use crate::unit::Unit;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences take equal room.
    #[default]
    Linear,
    /// Equal ratios take equal room; values that are not positive cannot be shown.
    Log,
}

/// One axis of a panel or a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) scale: Scale,
    pub(crate) fit: bool,
    pub(crate) range: Option<(f64, f64)>,
}

impl Axis {
    /// An axis named `label`, its values in the base of `unit`.
    ///
    /// A linear y axis includes zero; an x axis does where the data begin near it.
    pub fn new(label: impl Into<String>, unit: Unit) -> Self {
        Self { label: label.into(), unit, scale: Scale::Linear, fit: false, range: None }
    }

    /// The same axis with another scale.
    #[must_use]
    pub fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// The same axis, as wide as the data are, with or without zero.
    #[must_use]
    pub fn fit(self) -> Self {
        Self { fit: true, ..self }
    }

    /// The same axis from `from` to `to` exactly, for figures that are to be compared; what lies
    /// outside is cut off. A range that cannot be drawn (empty, not finite, or not positive on a
    /// logarithmic scale) is ignored.
    #[must_use]
    pub fn range(self, from: f64, to: f64) -> Self {
        Self { range: Some((from, to)), ..self }
    }
}
