//! How much is read and written at once. No vendor sets these: they bound memory.

use std::num::NonZeroU32;

/// Records decoded at once, in records: fewer would decode a group of rows again and again.
pub(super) const SLICE_RECORDS: usize = 50_000;
/// Most records of a page, in records.
pub(super) const PAGE_RECORDS: usize = 5_000;
/// Records of a group of rows that is written, in records.
pub(super) const GROUP_RECORDS: usize = 50_000;
/// Text of a group of rows that is written, in bytes, so that wide records do not make a group large.
pub(super) const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// Most records written at once, in records.
pub(super) const BATCH_RECORDS: NonZeroU32 = NonZeroU32::new(5_000).unwrap();
/// Most text written at once, in bytes.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Batches written at once to one file.
pub(super) const CONCURRENCY: NonZeroU32 = NonZeroU32::MIN;
