//! Options that hold a key for signing log-ins.

/// An option of a connection that must be a key, so that no placeholder can stand for it in a dry run.
#[derive(Debug, Clone, Copy)]
pub struct KeyOption {
    /// The option's name.
    pub option: &'static str,
    /// Writes a private key (PEM) in the form that the option has.
    pub written: fn(&str) -> String,
}
