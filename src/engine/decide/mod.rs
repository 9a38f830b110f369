//! Decides what is done with each mapped record: looks up what the state file and the destination know, and matches. Writes no
//! record.

pub(in crate::engine) mod existence;
pub(in crate::engine) mod link_ids;
pub(in crate::engine) mod lookup;
pub(in crate::engine) mod matching;
pub(in crate::engine) mod prepare;
