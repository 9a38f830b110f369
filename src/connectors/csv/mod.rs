//! CSV files: a folder is the connection, a file in it an object, its columns are the fields.
//!
//! Every line becomes a record or a rejected one with its line number; nothing is guessed about separators or types.
//! Files are read in one pass in bounded memory and written under a temporary name. Start at [`Csv`].

mod client;
mod config;
mod destination;
mod limits;
mod schema;
mod source;

#[cfg(test)]
mod column_tests;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::connector::{
    ConfigError, Connector, Context, Destination, Source,
    file::{FileDestination, Folder},
};
use crate::model::{BatchLimit, Capabilities, LinkIds, SyncMode};

pub use config::{CsvConfig, LineEnd};

/// What the names of such files end in.
const ENDINGS: &[&str] = &["csv", "tsv", "txt"];

/// The connector of CSV files.
#[derive(Debug)]
pub struct Csv;

impl Connector for Csv {
    const NAME: &'static str = "csv";
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
    type Config = CsvConfig;

    fn check_config(config: &CsvConfig) -> Result<(), ConfigError> {
        config.form().map(|_| ())
    }

    fn folder(config: &CsvConfig, base_dir: &Path) -> Option<Folder> {
        Some(Folder::new(base_dir, &config.path, ENDINGS))
    }

    fn source(config: CsvConfig, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(source::CsvSource::new(config, context)?))
    }

    fn destination(config: CsvConfig, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        let folder = Folder::new(&context.base_dir, &config.path, ENDINGS);
        Ok(Box::new(FileDestination::new(folder, config.form()?)))
    }
}
