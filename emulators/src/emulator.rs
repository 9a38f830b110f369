//! One vendor's emulator as a value, so that a caller can start it without naming the vendor.

use axum::Router;
use clock::Clock;

use crate::options::EmulatorOptions;

/// Makes an emulator's service; fails with a text for the user when the fixtures cannot be used.
pub type MakeEmulator = fn(EmulatorOptions, Clock) -> Result<Router, String>;

/// How to start an emulator.
#[derive(Debug, Clone, Copy)]
pub struct Emulator {
    /// The port of `ferry emulate`, unless the user picks one.
    pub default_port: u16,
    /// Makes the service.
    pub make: MakeEmulator,
}
