//! The systems that are tried: a file each, and one line each in the list.

mod airtable;
mod csv;
mod google_sheets;
mod hubspot;
mod pipedrive;
mod salesforce;

use std::{future::Future, path::Path, pin::Pin};

use crate::content::Content;
use crate::disturbance::Kind;
use crate::testbed::Testbed;

pub(crate) use salesforce::records;

const SYSTEMS: &[System] =
    &[airtable::SYSTEM, csv::SYSTEM, google_sheets::SYSTEM, hubspot::SYSTEM, pipedrive::SYSTEM, salesforce::SYSTEM];

/// How a system's records are read back.
type Reading = for<'testbed> fn(&'testbed Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + 'testbed>>;

/// A system: its connector's name, what it holds as source and as destination, how its records are read back, and in which ways
/// it alone misbehaves.
pub(crate) struct System {
    pub(crate) name: &'static str,
    pub(crate) has_emulator: bool,
    pub(crate) fill_source: fn(&Path),
    pub(crate) fill_destination: fn(&Path),
    pub(crate) read_back: Reading,
    pub(crate) own_kinds: &'static [Kind],
}

impl System {
    pub(crate) fn of(name: &str) -> &'static Self {
        SYSTEMS.iter().find(|system| system.name == name).unwrap()
    }
}
