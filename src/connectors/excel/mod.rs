//! Workbooks of Excel and `LibreOffice`: a workbook is the connection, a sheet in it an object, its first row names the fields.
//!
//! Types come from the cells of the whole sheet, never from its first rows, and a text is never taken for a number. A sheet is
//! read in one pass; a workbook is written under a temporary name, with the other sheets that Ferry wrote before. Start at
//! [`Excel`].

mod client;
mod config;
mod destination;
mod limits;
mod schema;
mod source;

#[cfg(test)]
mod tests;

use std::path::Path;

use crate::connector::{ConfigError, Connector, Context, Destination, Source, file::Folder};
use crate::model::{BatchLimit, Capabilities, LinkIds, SyncMode};

pub use config::ExcelConfig;

/// The connector of workbooks.
#[derive(Debug)]
pub struct Excel;

impl Connector for Excel {
    const NAME: &'static str = "excel";
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
    type Config = ExcelConfig;

    fn check_config(config: &ExcelConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn folder(config: &ExcelConfig, base_dir: &Path) -> Option<Folder> {
        Some(Folder::one_file(base_dir, &config.path))
    }

    fn source(config: ExcelConfig, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(source::ExcelSource::new(config, context)?))
    }

    fn destination(config: ExcelConfig, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        Ok(Box::new(destination::ExcelDestination::new(&config, context)?))
    }
}
