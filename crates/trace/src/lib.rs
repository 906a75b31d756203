//! Samples of flows over time: the columnar file, its exports, text forms of events, derived events.
