//! How much is read and written at once. No vendor sets these: they bound memory.

use std::num::NonZeroU32;

/// Most records of a page, in records. 5,000 contacts of 130 bytes are well under 1 MB.
pub(super) const PAGE_RECORDS: usize = 5_000;
/// Most text of a page, in bytes, so that wide records do not make a page large.
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Most records of a page that is read in columns. A query over it costs far more than to start it.
pub(super) const COLUMN_RECORDS: usize = if cfg!(test) { 7 } else { 20_000 };
/// Most text of one record, in bytes: more is a quote that was opened and never closed.
pub(super) const RECORD_BYTES: u64 = 16 * 1024 * 1024;
/// Most records written at once, in records.
pub(super) const BATCH_RECORDS: NonZeroU32 = NonZeroU32::new(5_000).unwrap();
/// Most text written at once, in bytes.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Batches written at once to one file.
pub(super) const CONCURRENCY: NonZeroU32 = NonZeroU32::MIN;
