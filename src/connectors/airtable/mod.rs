//! Airtable: bases, their tables and records, by the Web API.
//!
//! The local Airtable, for tests and dry runs, is in [`emulator`]; it follows the vendor's documentation and shares no code
//! with the connector.

pub mod emulator;
