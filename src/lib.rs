//! Ferry moves records between CRMs from a declarative YAML pipeline, and accounts for every one of them.
//!
//! The way of the data is the order of the modules: `config` turns YAML into a pipeline, `engine` reads from a connector's
//! source, runs `transform` on the frames, matches, batches and loads into a connector's destination, and commits to
//! `state`. `ARCHITECTURE.md` says who may use whom.

pub mod cli;
pub mod config;
pub mod connector;
pub mod connectors;
pub mod engine;
pub mod http;
pub mod model;
pub mod private_file;
pub mod redact;
pub mod spool;
pub mod state;
pub mod transform;
pub mod workbook;

pub use clock;
