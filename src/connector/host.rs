//! The hosts that a connection talks to, as its connector declares them.

/// What a host serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Records.
    Api,
    /// Logins: tokens are bought and renewed there.
    Login,
    /// Files that are sent or brought.
    Files,
}

/// A host of a connection, with the option that says where it is. A connector lists its hosts, the API first.
///
/// Whatever points a connection elsewhere (a dry run at an emulator) has to move every host: the credentials go to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// The option with its URL.
    pub option: &'static str,
    /// What it serves.
    pub serves: &'static [Service],
}
