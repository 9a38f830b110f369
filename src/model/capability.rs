//! What a connector can do and within which limits, as data that `config` and `engine` plan with.

use std::{num::NonZeroU32, time::Duration};

use super::predicate::Comparison;

/// Declares everything that the engine needs to know of a system. A vendor's name never appears in the engine: what it
/// would have to ask is answered here.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact about the system")]
pub struct Capabilities {
    /// How streams can be read; empty for a system that is no source.
    pub sync_modes: &'static [SyncMode],
    /// Which conditions the source can apply itself.
    pub filter: FilterSupport,
    /// How a destination identifies records by key.
    pub key: KeyRule,
    /// Limits of an insert; none where the destination cannot insert.
    pub insert: Option<BatchLimit>,
    /// Limits of an update.
    pub update: Option<BatchLimit>,
    /// Limits of an upsert.
    pub upsert: Option<BatchLimit>,
    /// Limits of a delete.
    pub delete: Option<BatchLimit>,
    /// The bulk API, where the system has one: batches of another size, taken where enough records wait.
    pub bulk: Option<BulkLimit>,
    /// Limits of a link call, counted in links, not records; none where links are fields of the record.
    pub link: Option<BatchLimit>,
    /// Looking records up by their keys or ids; none where the destination cannot.
    pub fetch: Option<PerKeys>,
    /// Looking records up by reading the whole object; none where that is not offered. The engine takes the cheaper way.
    pub fetch_whole: Option<WholeObject>,
    /// How long a new record may stay invisible to a `fetch` by key (a search index that lags); zero where it does not.
    pub lookup_lag: Duration,
    /// Whether inserts can carry link fields even though the other operations need a call of their own.
    pub inserts_carry_links: bool,
    /// Limits of a batch while a whole object is rewritten (`write: replace`); none where that is not offered.
    pub replace: Option<BatchLimit>,
    /// Which ids a link holds at the destination.
    pub link_ids: LinkIds,
    /// Whether fields can be computed by formulas of the pipeline.
    pub takes_formulas: bool,
    /// Whether a connection is a folder on this machine, the option `path`: there is no login, and a dry run writes elsewhere.
    pub is_local: bool,
    /// Whether the id of a record is its key, as people see it: it may be a mail address, so the state file seals it.
    pub are_ids_keys: bool,
    /// Whether only one run at a time can write to an account: records have no ids of their own there, and two writers would move
    /// each other's.
    pub is_written_alone: bool,
    /// What the system keeps of a record after its ordinary delete, and for how long; empty where nothing is known.
    pub after_delete: &'static str,
    /// Most batches in flight at once for one object.
    pub concurrency: NonZeroU32,
    /// The rate limits of an account, each under the name that requests count against.
    pub rate_limits: &'static [RateLimit],
}

/// Which ids a link holds at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkIds {
    /// Those of the destination: a link waits until the record it leads to has one.
    Destination,
    /// Those of the source, because records have no ids at the destination (lines of a file).
    Source,
}

/// How a stream can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncMode {
    /// All records, every time.
    FullRefresh,
    /// Records that changed since the last complete read.
    Incremental,
}

/// Which conditions a source can apply itself with exactly the meaning that SQL gives them.
#[derive(Debug, Clone, Copy)]
pub enum FilterSupport {
    /// None: the engine applies them all.
    None,
    /// These.
    Some {
        /// The comparisons of a field with a value.
        comparisons: &'static [Comparison],
        /// Whether `IN` is understood.
        has_in: bool,
        /// Whether `IS NULL` and `IS NOT NULL` are understood.
        has_null_tests: bool,
        /// Whether `OR` is understood (as alternatives of groups that must all hold).
        has_or: bool,
    },
}

impl Capabilities {
    /// What a system that can do nothing declares: the base that a connector's own facts are added to.
    pub const NONE: Self = Self {
        sync_modes: &[],
        filter: FilterSupport::None,
        key: KeyRule::None,
        insert: None,
        update: None,
        upsert: None,
        delete: None,
        bulk: None,
        link: None,
        fetch: None,
        fetch_whole: None,
        lookup_lag: Duration::ZERO,
        inserts_carry_links: true,
        replace: None,
        link_ids: LinkIds::Destination,
        takes_formulas: false,
        is_local: false,
        are_ids_keys: false,
        is_written_alone: false,
        after_delete: "",
        concurrency: NonZeroU32::MIN,
        rate_limits: &[],
    };

    /// Tells whether an object can only be rewritten, so that `insert` and `upsert` mean that too (files).
    pub fn only_replaces(&self) -> bool {
        self.replace.is_some() && self.insert.is_none()
    }

    /// Tells whether records can be looked up by their keys.
    pub fn looks_up_keys(&self) -> bool {
        self.fetch.is_some() || self.fetch_whole.is_some()
    }
}

/// What it takes to look records up by their keys or ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerKeys {
    /// Most keys that one call of the vendor takes.
    pub max_keys: NonZeroU32,
    /// Most ids that are looked up at once.
    pub max_ids: NonZeroU32,
    /// What the look-up of one call's keys costs, in the same units as [`WholeObject::cost`].
    pub cost: u32,
}

/// What it takes to look records up by reading the whole object, once a run and target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeObject {
    /// What reading it costs, in the same units as [`PerKeys::cost`].
    pub cost: u32,
}

impl PerKeys {
    /// Makes a look-up of so many keys or ids in one call that costs one unit.
    pub const fn of(max_keys: NonZeroU32) -> Self {
        Self { max_keys, max_ids: max_keys, cost: 1 }
    }

    /// Returns what it costs to look up so many keys.
    pub fn cost_of(&self, keys: usize) -> u64 {
        let keys = u64::try_from(keys).unwrap_or(u64::MAX);
        keys.div_ceil(u64::from(self.max_keys.get())).saturating_mul(u64::from(self.cost))
    }
}

/// How a destination identifies records by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// It cannot.
    None,
    /// Native upsert on one field, which must be unique by the system's own rule; other keys are matched with `fetch`.
    NativeOnUniqueField,
    /// Native upsert on up to this many fields, each of which [`Field::is_upsert_key`](super::Field::is_upsert_key) must
    /// allow; other keys are matched with `fetch`.
    NativeUpTo(usize),
}

/// The size of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimit {
    /// Most records.
    pub max_records: NonZeroU32,
    /// Most bytes of the request's body.
    pub max_bytes: usize,
    /// Whether repeating the whole call leaves what one call leaves.
    pub is_idempotent: bool,
}

/// The size of a batch on a system's bulk API (a job with a file, not a request with records).
///
/// Where a chunk has at least `min_records` of one operation, they are gathered on disk with those of the chunks behind, and
/// written as one batch by `BulkLoad::load_bulk`. Deletes and links are cut by this instead of by the operation's own limit;
/// the connector sees by a batch's size which way it is meant to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkLimit {
    /// From how many records of one operation on this way is taken.
    pub min_records: NonZeroU32,
    /// Most records.
    pub max_records: NonZeroU32,
    /// Most bytes of a batch as a file of comma-separated values.
    pub max_bytes: usize,
}

/// A vendor's limit on requests: so many units in a window. A connection may have several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// What the costs of the connector's requests call it.
    pub name: &'static str,
    /// Most units in any window. A unit is what the vendor counts: requests, tokens.
    pub max_units: NonZeroU32,
    /// The window's length.
    pub window: Duration,
    /// What a request does when the limit is used up.
    pub when_spent: WhenSpent,
}

/// What a request does when a limit is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenSpent {
    /// It waits for the window to pass.
    Wait,
    /// It fails as a spent [`Quota`](super::Quota) does, because the window is too long to wait for: a budget of a day or a month.
    Stop,
}

/// What a request spends of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The limit's name.
    pub limit: &'static str,
    /// Units of that limit.
    pub units: NonZeroU32,
}

impl RateLimit {
    /// Makes a limit that requests wait for.
    pub const fn per(name: &'static str, max_units: NonZeroU32, window: Duration) -> Self {
        Self { name, max_units, window, when_spent: WhenSpent::Wait }
    }
}

impl Cost {
    /// Makes a cost of one unit.
    pub const fn one(limit: &'static str) -> Self {
        Self { limit, units: NonZeroU32::MIN }
    }

    /// Makes a cost of several units; none is taken for one.
    pub const fn of(limit: &'static str, units: u32) -> Self {
        match NonZeroU32::new(units) {
            Some(units) => Self { limit, units },
            None => Self::one(limit),
        }
    }
}
