//! The connectors, one folder each, and the one list of them.

pub mod airtable;
pub mod csv;
pub mod hubspot;
pub mod json;
pub mod parquet;
pub mod salesforce;

use crate::connector::{Entry, Registry};

/// Returns all connectors of this binary.
pub fn registry() -> Registry {
    Registry::new([
        Entry::of::<airtable::Airtable>().with_emulator(emulators::airtable::EMULATOR),
        Entry::of::<csv::Csv>(),
        Entry::of::<hubspot::HubSpot>().with_emulator(emulators::hubspot::EMULATOR),
        Entry::of::<json::Json>(),
        Entry::of::<parquet::Parquet>(),
        Entry::of::<salesforce::Salesforce>().with_emulator(emulators::salesforce::EMULATOR),
    ])
}
