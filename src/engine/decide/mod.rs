//! Decides what is done with each record of a chunk.
//!
//! A frame is mapped (`mapped`), what is known of its records is looked up (`gather`), and `matching` makes a decision of each.
//! Deciding has no side effect: nothing here writes to the state or to a destination.

pub(in crate::engine) mod aside;
pub(in crate::engine) mod decision;
mod entries;
pub(in crate::engine) mod existence;
pub(in crate::engine) mod gather;
pub(in crate::engine) mod kept_words;
pub(in crate::engine) mod knowledge;
pub(in crate::engine) mod link_ids;
pub(in crate::engine) mod look_alikes;
pub(in crate::engine) mod lookup;
pub(in crate::engine) mod mapped;
pub(in crate::engine) mod matching;
pub(in crate::engine) mod prepare;
pub(in crate::engine) mod replaced_ids;
pub(in crate::engine) mod rules;
pub(in crate::engine) mod same;
pub(in crate::engine) mod whole_object;
