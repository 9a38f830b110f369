//! What would be known of an object by now, where writes are only counted.

/// What would be known of an object by now, if what was counted had been written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Foreseen {
    /// Tab and columns are as the pipeline needs them.
    pub(super) is_ready: bool,
    /// Where the rows are is known from the last write.
    pub(super) has_view: bool,
}
