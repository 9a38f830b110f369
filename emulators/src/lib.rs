//! Local CRMs: HTTP servers on loopback that answer as the vendors' documentation says.
//!
//! An emulator follows its vendor, never a connector: this crate does not depend on Ferry, so the compiler keeps the two apart
//! and neither can hide the other's mistakes. There is one folder per vendor, with the vendor's own paths, types and error
//! bodies; the modules beside them are shared. Start at [`Emulator`], or at [`serve`] for the server.

pub mod airtable;
mod clients;
mod counts;
mod emulator;
mod exchanges;
mod faults;
mod fixtures;
pub mod google_sheets;
mod host;
pub mod hubspot;
mod limits;
mod options;
pub mod pipedrive;
pub mod salesforce;
mod server;
#[cfg(test)]
mod testing;

/// All emulators by their vendors' names, in the order of these. One may be here before its connector is.
pub const ALL: [(&str, Emulator); 5] = [
    ("airtable", airtable::EMULATOR),
    ("google_sheets", google_sheets::EMULATOR),
    ("hubspot", hubspot::EMULATOR),
    ("pipedrive", pipedrive::EMULATOR),
    ("salesforce", salesforce::EMULATOR),
];

pub use emulator::{Emulator, MakeEmulator};
pub use exchanges::with_exchanges;
pub use fixtures::{Fixture, FixtureError, read_fixtures};
pub use options::{EmulatorOptions, FaultPlan, FaultPlanError};
pub use server::{Running, serve};
