//! From a YAML file to a pipeline that can be run, or to all its mistakes at once.
//!
//! What was written is read with the place of every word, checked against the JSON Schema of the format, filled with the
//! environment and then resolved: nothing here asks a system or looks at the clock. Start at [`Pipeline`].

mod offline;
mod pipeline;
pub mod raw;

pub use offline::{NoSchemas, OfflineSchemas};
pub use pipeline::{Connection, CountOrShare, Limits, Pipeline, Stream, StreamDestination};
pub use raw::{OnError, WriteMode};
