//! How much is read and written at once. No vendor sets these: they bound memory.

use std::num::NonZeroU32;

/// Most records of a page, in records.
pub(super) const PAGE_RECORDS: usize = 5_000;
/// Most text of a page, in bytes, so that wide records do not make a page large.
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Most records written at once, in records.
pub(super) const BATCH_RECORDS: NonZeroU32 = NonZeroU32::new(5_000).unwrap();
/// Most text written at once, in bytes.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Batches written at once to one sheet.
pub(super) const CONCURRENCY: NonZeroU32 = NonZeroU32::MIN;
