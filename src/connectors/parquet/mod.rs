//! Parquet files: typed columns in compressed groups of rows, as data engineers exchange them.
//!
//! A file is read and written in slices, so its size costs no memory. Start at [`Parquet`].

mod client;
mod config;
mod destination;
mod limits;
mod schema;
mod source;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::connector::{
    ConfigError, Connector, Context, Destination, Source,
    file::{FileDestination, Folder},
};
use crate::model::{BatchLimit, Capabilities, LinkIds, SyncMode};

pub use config::ParquetConfig;

/// What the names of such files end in.
const ENDINGS: &[&str] = &["parquet"];

/// The connector of Parquet files.
#[derive(Debug)]
pub struct Parquet;

impl Connector for Parquet {
    const NAME: &'static str = "parquet";
    const CAPABILITIES: Capabilities = Capabilities {
        sync_modes: &[SyncMode::FullRefresh],
        replace: Some(BatchLimit {
            max_records: limits::BATCH_RECORDS,
            max_bytes: limits::BATCH_BYTES,
            is_idempotent: false,
        }),
        link_ids: LinkIds::Source,
        is_local: true,
        concurrency: limits::CONCURRENCY,
        ..Capabilities::NONE
    };
    type Config = ParquetConfig;

    fn folder(config: &ParquetConfig, base_dir: &Path) -> Option<Folder> {
        Some(Folder::new(base_dir, &config.path, ENDINGS))
    }

    fn source(config: ParquetConfig, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(source::ParquetSource::new(config, context)))
    }

    fn destination(config: ParquetConfig, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let folder = Folder::new(&context.base_dir, &config.path, ENDINGS);
        Ok(Box::new(FileDestination::new(folder, destination::Groups)))
    }
}
