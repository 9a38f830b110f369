//! Reads a stream: pages from the source, through filter and steps, to chunks. Knows nothing of a destination.

pub(in crate::engine) mod coverage;
pub(in crate::engine) mod extract;
pub(in crate::engine) mod join_inputs;
mod pushdown;
