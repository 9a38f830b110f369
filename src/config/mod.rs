//! From a YAML file to a pipeline that can be run, or to all its mistakes at once.
//!
//! What was written is read with the place of every word ([`raw`] has its types), checked against the JSON Schema of the
//! format, filled with the environment and then resolved: nothing here asks a system or looks at the clock. Start at [`load`].

mod broken;
mod diagnostic;
mod dotenv;
mod files;
mod interpolate;
mod load;
mod offline;
mod on_finish;
mod options;
mod pipeline;
pub mod raw;
mod resolve;
mod schema;
mod secret;
mod span;
mod standard;
mod yaml;

#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Severity};
pub use load::{Format, Loaded, load, load_with_placeholder};
pub use offline::{FileTrouble, NoSchemas, OfflineSchemas, SchemaCache};
pub use on_finish::{Mail, NoticeWhen, OnFinish, Receiver, SMTPS_PORT};
pub use pipeline::{Connection, CountOrShare, Limits, Pipeline, StandardUse, Stream, StreamDestination, UNDO_DAYS};
pub use raw::{OnError, OnMissing, WriteMode};
pub use resolve::replaced_source;
pub use schema::json_schema;
