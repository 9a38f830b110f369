//! JSON files: one record per line, or an array of records anywhere in a document.
//!
//! Documents are streamed element by element, so a large array costs no memory. Nested objects become fields with dots
//! (`Address.City`). Types come from the whole file, never from its first records. Start at [`Json`].

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

pub use config::{Format, JsonConfig};

/// The connector of JSON files.
#[derive(Debug)]
pub struct Json;

impl Connector for Json {
    const NAME: &'static str = "json";
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
    type Config = JsonConfig;

    fn check_config(config: &JsonConfig) -> Result<(), ConfigError> {
        config.check()
    }

    fn folder(config: &JsonConfig, base_dir: &Path) -> Option<Folder> {
        Some(Folder::new(base_dir, &config.path, config.endings()))
    }

    fn source(config: JsonConfig, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        config.check()?;
        Ok(Box::new(source::JsonSource::new(config, context)))
    }

    fn destination(config: JsonConfig, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        config.check()?;
        let folder = Folder::new(&context.base_dir, &config.path, config.endings());
        Ok(Box::new(FileDestination::new(folder, destination::Elements(config))))
    }
}
