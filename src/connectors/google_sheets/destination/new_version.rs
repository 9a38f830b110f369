//! A version of an object that is not in its place yet.

use super::super::rows::Rows;

/// The rows of a version that is to be written, packed until it is complete.
#[derive(Debug, Default)]
pub(super) struct NewVersion {
    /// The cells of the plan's fields, in their order; none once it is certain that all of them are too large.
    pub(super) rows: Rows,
    pub(super) count: usize,
    /// Bytes that the call has at least.
    pub(super) bytes: usize,
}
