//! The vendor's limits as data. What the emulator enforces is written there anew, from the same vendor pages.

use std::{num::NonZeroU32, time::Duration};

use crate::model::{
    BatchLimit, BulkLimit, Capabilities, Cost, FilterSupport, KeyRule, PerKeys, RateLimit, SyncMode, WholeObject,
};

/// Most cells of a spreadsheet, the empty ones of its grids included. Source: workspaceupdates.googleblog.com/2022/03.
pub(super) const MAX_CELLS: u64 = 10_000_000;

/// Most characters of a cell. A longer one is refused with 400. Source: developers.google.com, "Usage limits".
pub(super) const MAX_CELL_CHARACTERS: usize = 50_000;

/// The recommended size of a request or an answer, in bytes. Source: developers.google.com/sheets/api/limits, "Payload".
pub(super) const PAYLOAD_BYTES: usize = 2_000_000;

/// Most records of one write. The size in bytes is the usual bound; this one is for very narrow rows.
const MAX_BATCH_RECORDS: NonZeroU32 = count(50_000);

/// From how many records on those of several chunks are written together: a write costs the same whatever it carries.
const MIN_GATHERED_RECORDS: NonZeroU32 = count(500);

/// Most bytes of records that are written together, as comma-separated values: about as many as their request has.
const GATHERED_BYTES: usize = 1_900_000;

/// How large the blocks are in which a table is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockSize {
    /// Cells of the first block. Later ones are sized by what came.
    pub(super) first_cells: usize,
    /// Bytes that a block should have.
    pub(super) bytes: usize,
}

/// Blocks of a read: some 2 MB at 20 bytes a cell.
pub(super) const READ_BLOCK: BlockSize = BlockSize { first_cells: 100_000, bytes: PAYLOAD_BYTES };

/// Blocks of a table that is held while it is written to. They are larger, because each write reads all of them; and far smaller
/// than the 64 MB of the largest answer that is taken.
pub(super) const HELD_BLOCK: BlockSize = BlockSize { first_cells: 1_000_000, bytes: 16_000_000 };

/// Most rows of a block.
pub(super) const MAX_BLOCK_ROWS: usize = 10_000_000;

/// Rows under the header whose formats are read to learn the columns' types.
pub(super) const FORMAT_ROWS: usize = 100;

/// How often a sheet is read again because it changed while it was read.
pub(super) const MAX_READ_AGAIN: u32 = 3;

/// How often a write is looked at and put right when somebody moves rows or columns at the same time.
pub(super) const MAX_REPAIRS: u32 = 8;

/// How long a token request may claim to be valid, in seconds. Source: Google Identity, "OAuth 2.0 for server to server".
pub(super) const ASSERTION_SECS: i64 = 3_600;

/// Reads and writes per minute of a user in a project, and of the project. Source: developers.google.com/sheets/api/limits.
pub(super) const USER_READS: RateLimit = per_minute("reads of the user", 60);
/// As [`USER_READS`].
pub(super) const USER_WRITES: RateLimit = per_minute("writes of the user", 60);
/// As [`USER_READS`].
pub(super) const PROJECT_READS: RateLimit = per_minute("reads of the project", 300);
/// As [`USER_READS`].
pub(super) const PROJECT_WRITES: RateLimit = per_minute("writes of the project", 300);

/// What a read costs.
pub(super) const READ: &[Cost] = &[Cost::one(USER_READS.name), Cost::one(PROJECT_READS.name)];
/// What a write costs.
pub(super) const WRITE: &[Cost] = &[Cost::one(USER_WRITES.name), Cost::one(PROJECT_WRITES.name)];
/// What a request to Drive costs: its own quota is far beyond what a run asks.
pub(super) const DRIVE: &[Cost] = &[];

/// How long nothing succeeds after a 429: the window is a minute, and no `Retry-After` is promised.
pub(super) const RATE_LIMIT_WAIT: Duration = Duration::from_mins(1);

/// What is left of a row that was deleted. Source: Google Docs Editors Help, "Find what's changed in a file".
const AFTER_DELETE: &str = "the version history of the spreadsheet still shows it";

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    sync_modes: &[SyncMode::FullRefresh, SyncMode::Incremental],
    filter: FilterSupport::None,
    key: KeyRule::None,
    insert: Some(batch(false)),
    // Rows are found by their keys each time, so both may be sent again.
    update: Some(batch(true)),
    delete: Some(batch(true)),
    bulk: Some(BulkLimit {
        min_records: MIN_GATHERED_RECORDS,
        max_records: MAX_BATCH_RECORDS,
        max_bytes: GATHERED_BYTES,
    }),
    replace: Some(batch(true)),
    // Any number of rows is found by one read of the key column.
    fetch: Some(PerKeys::of(NonZeroU32::MAX)),
    fetch_whole: Some(WholeObject { cost: 1 }),
    takes_formulas: true,
    are_ids_keys: true,
    is_written_alone: true,
    concurrency: NonZeroU32::MIN,
    rate_limits: &[USER_READS, USER_WRITES, PROJECT_READS, PROJECT_WRITES],
    after_delete: AFTER_DELETE,
    ..Capabilities::NONE
};

const fn batch(is_idempotent: bool) -> BatchLimit {
    BatchLimit { max_records: MAX_BATCH_RECORDS, max_bytes: PAYLOAD_BYTES, is_idempotent }
}

const fn per_minute(name: &'static str, units: u32) -> RateLimit {
    RateLimit::per(name, count(units), Duration::from_mins(1))
}

const fn count(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}
