//! What limits a flow, which known problem it has, and what to do.
