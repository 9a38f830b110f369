//! What the local CRMs have in common: a server on loopback, fixtures, rate limits, faults and a count of what they hold.
//!
//! An emulator follows its vendor's documentation, never our connector. A vendor's own paths, types and error bodies are in
//! its connector's folder; start there, or at [`serve`] for the server.

mod counts;
mod exchanges;
mod faults;
mod fixtures;
mod limits;
mod server;

pub use counts::{Counts, IsWrite, with_counts};
pub use exchanges::with_exchanges;
pub use faults::{Faults, with_faults};
pub use fixtures::{Fixture, FixtureError, read_fixtures};
pub use limits::Window;
pub use server::{Running, serve};
