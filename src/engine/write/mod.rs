//! Writes what was decided: batches or the bulk buffer, each with its intent, its outcomes and their commit.

mod batch;
mod bulk;
pub(in crate::engine) mod bulk_buffer;
pub(in crate::engine) mod commit;
pub(in crate::engine) mod dispatch;
pub(in crate::engine) mod flush;
mod item;
