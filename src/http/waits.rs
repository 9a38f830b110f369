//! Tells what requests wait for, where they wait long enough for a person to wonder.

use std::{fmt, time::Duration};

use crate::model::ConnectionName;

/// From this wait on a person is told of it.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// Is told of long waits. Must not block.
pub trait Waits: fmt::Debug + Send + Sync {
    /// A request waits before it is sent again.
    fn waiting(&self, connection: &ConnectionName, cause: WaitCause, wait: Duration);
}

/// Why a request is sent again later; names the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitCause {
    /// The vendor said that its limit is used.
    Limit(&'static str),
    /// No answer came, or one that says that the vendor cannot answer now.
    NoAnswer(&'static str),
}

pub(super) fn is_long(wait: Duration) -> bool {
    wait >= LONG_WAIT
}
