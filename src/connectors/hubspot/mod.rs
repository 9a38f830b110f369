//! HubSpot: its local twin.
//!
//! Start at [`emulator`].

pub mod emulator;
