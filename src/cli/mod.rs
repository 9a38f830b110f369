//! What a person types and sees. Nothing else prints, exits or reads the terminal.

pub mod diagnostics;
