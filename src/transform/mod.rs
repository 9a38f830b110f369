//! Pure steps from frame to frame: what a pipeline's `transforms` and `mappings` say, compiled to polars expressions.
//!
//! No input or output happens here but reading the file of a `join` and spooling for the steps that see a whole stream; nothing
//! here knows a vendor, and nothing is asynchronous. What is written in YAML is in [`spec`]. A record goes through [`Filter`]
//! (the source's `where`), then [`Steps`], then one [`Mapper`] for each destination; [`fields_used`] says before all that what
//! must be read.

pub mod spec;

mod cleaners;
mod column_query;
mod columns;
mod constant;
mod convert;
mod error;
mod fields;
mod filter;
mod formats;
mod items;
mod labels;
mod mapping;
mod numbers;
mod predicate;
mod reject;
mod remedy;
mod sql;
mod steps;

#[cfg(test)]
mod tests;

pub use cleaners::cleaner_names;
pub use error::TransformError;
pub use fields::{FieldsUsed, fields_used};
pub use filter::{Filter, Filtered};
pub use labels::key_names;
pub use mapping::{Mapped, MappedField, Mapper, ShownMapping, check_mappings, formulas, shown_mappings};
pub use reject::Rejected;
pub use remedy::remedy;
pub use steps::{JoinInput, JoinInputs, Spool, Stepped, Steps, check_steps};
