//! Runs a pipeline: extract, transform, match, batch, load, commit.
//!
//! A record goes down this list once. The engine knows no vendor: what it would have to ask about one is in the connector's
//! [`Capabilities`](crate::model::Capabilities). It prints nothing: what happens is told to an [`Observer`]. Start at
//! [`run`](run()).

mod accounts;
mod apply;
mod begin;
mod check;
mod close;
mod decide;
mod destination_run;
mod distribute;
mod earlier;
mod environment;
mod erase;
mod error;
mod fingerprint;
mod observer;
mod order;
mod place;
mod plan;
mod policy;
mod preview;
mod quota;
mod read;
mod reconnect;
mod redrive;
mod report;
mod resume;
mod review;
mod run;
mod schema_watch;
mod services;
mod setup;
mod stream;
mod undo;
mod way;
mod write;
mod writer;

pub use accounts::learn_account;
pub use apply::apply;
pub use check::{CheckOptions, Finding, check};
pub use environment::Environment;
pub use erase::{EraseOutcome, ErasedRecord, ErasedThere, erase_there, person_with, plan_erasure};
pub use error::{AccountError, EngineError, Interruption, PlanError, SpentQuota};
pub use observer::{Observer, Silent, WaitReason};
pub use order::{OrderError, order_streams};
pub use place::{Finished, RunOptions};
pub use plan::{
    Approval, Change, ChangeKind, ChangeReason, ConnectionCosts, FieldChange, FieldCounts, LimitCosts, LinkChange,
    PlanCounts, PlanFile, PlanHeader, PlanLine, PlanOptions, PlanReport, PlanViewer, QuotaCosts, ReplacedRows,
    StreamCoverage, TargetPlan, UnmappedShare, approve, plan,
};
pub use preview::{
    DestinationPreview, DroppedValue, FieldPreview, PreviewOptions, PreviewReport, RecordPreview, RejectPreview,
    RejectSample, RejectedRecord, StandardPreview, StreamPreview, UnmappedField, preview,
};
pub use redrive::{Correction, LetterPlace, letter_place, redrive};
pub use report::{DestinationReport, QuotaReport, ReasonReport, RunReport, StreamReport, WaitingReport};
pub use run::run;
pub use schema_watch::schema_lines;
pub use undo::{Difference, LaterRun, LeftRecord, UndoCounts, UndoOptions, UndoReport, UndoTargetReport, Undone, undo};

#[cfg(test)]
mod tests;
