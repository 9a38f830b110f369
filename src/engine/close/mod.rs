//! Closes a run: links that had to wait for their records, and the deletes of a mirror.

pub(in crate::engine) mod links;
pub(in crate::engine) mod mirror;
