//! The vocabulary of Ferry: names, schemas, pages, batches, outcomes, ledgers and limits.
//!
//! No input or output and no async code happens here; every other module speaks in these types. Start at [`Page`] for
//! what is read, at [`Batch`] for what is written, and at [`Ledger`] for what a run must account for.

mod batch;
mod capability;
mod column;
mod decimal;
mod file_kind;
mod formula;
mod ledger;
mod list;
mod look;
mod name;
mod nearest;
mod outcome;
mod page;
mod predicate;
mod quotes;
mod schema;
mod spelling;
mod spent;
mod value;

pub use batch::{Batch, BatchRecord, Fields, Operation, Record};
pub use capability::{
    BatchLimit, BulkLimit, Capabilities, Cost, FilterSupport, KeyRule, LinkIds, PerKeys, RateLimit, SyncMode,
    WhenSpent, WholeObject,
};
pub use column::column;
pub use decimal::{exact_float, exact_integer, exact_number, is_number, plain_number};
pub use file_kind::{FILE_HEAD_BYTES, FileKind, ODS, PARQUET, XLS, XLSX, file_kind, text_kind, wide_text_kind};
pub use formula::{guarded, unguarded};
pub use ledger::{Calls, Ledger, Quota, Spending};
pub use list::{LIST_SEPARATOR, join_list, split_list};
pub use look::{is_invisible, one_form, visible};
pub use name::{ConnectionName, FieldName, ObjectName, RUN_ID, StreamName};
pub use nearest::{name_hint, name_list, nearest};
pub use outcome::{Outcome, Rejection};
pub use page::{
    ABSENT, Cursor, DELETED, FILE_PREFIX, ID, LINK_PREFIX, Page, ReadReject, UPDATED_AT, is_reserved, link_field,
};
pub use predicate::{Comparison, Predicate};
pub use quotes::has_text_behind_quote;
pub use schema::{AmbiguousLabel, Choice, Field, FieldType, ParentKey, Schema};
pub use spelling::{OtherSpelling, Spellings};
pub use spent::Spent;
pub use value::{Value, ValueError};
