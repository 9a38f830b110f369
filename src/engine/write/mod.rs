//! Carries decisions out: in batches or by the bulk buffer, each with its intents, its outcomes and their commit.
//!
//! `chunk` goes through a chunk, `columns` through one of an object that is written anew, `execute` takes decisions, `dispatch` makes batches, `settle` sends one.

mod batch;
pub(in crate::engine) mod bulk_buffer;
pub(in crate::engine) mod chunk;
pub(in crate::engine) mod columns;
pub(in crate::engine) mod dispatch;
pub(in crate::engine) mod execute;
pub(in crate::engine) mod fate;
pub(in crate::engine) mod flush;
mod images;
mod item;
pub(in crate::engine) mod left_out;
pub(in crate::engine) mod letters;
mod levels;
mod own_creates;
mod settle;
mod shipment;
pub(in crate::engine) mod store;
