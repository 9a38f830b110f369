//! Pure steps from frame to frame: what a pipeline's `transforms` and `mappings` say, compiled to polars expressions.
//!
//! No input or output happens here but reading the file of a `join`; nothing here knows a vendor. What is written in YAML is in
//! [`spec`].

pub mod spec;
