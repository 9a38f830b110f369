//! Why a run, a stream or a destination could not go on.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;
use crate::connector::{Account, ConfigError, ConnectorError, ErrorKind, RegistryError};
use crate::model::{ConnectionName, StreamName, ValueError};
use crate::state::{AttemptError, LeaseError, StateError, Wait, WaitedFor};
use crate::transform::TransformError;

use super::order::OrderError;

/// How long a spent quota stays spent at the longest where the vendor does not say it: every vendor's but Airtable's is of a day.
pub(super) const QUOTA_WINDOW: TimeDelta = TimeDelta::days(1);

/// Says why something could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A source or destination.
    #[error("{connection}: {error}")]
    Connector {
        /// Which connection.
        connection: ConnectionName,
        /// What it says.
        error: Box<ConnectorError>,
    },
    /// Another process writes the same records.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The options of a connection.
    #[error("connection `{connection}`: {error}")]
    Config {
        /// Which connection.
        connection: ConnectionName,
        /// What is wrong.
        error: ConfigError,
    },
    /// A connection reaches another account than was meant.
    #[error(transparent)]
    Account(Box<AccountError>),
    /// The type of a connection.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A transform or mapping does not fit what the systems declare.
    #[error("stream `{stream}`: {error}")]
    Transform {
        /// Which stream.
        stream: StreamName,
        /// What is wrong.
        error: Box<TransformError>,
    },
    /// A frame holds what a record cannot.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Polars refuses.
    #[error("the records could not be worked on: {0}")]
    Frame(#[from] polars::error::PolarsError),
    /// The streams' links.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Something the pipeline asks for and the destination cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// A guard of the pipeline stopped the run.
    #[error("{0}")]
    Guard(String),
    /// A plan that cannot be applied.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A file of the pipeline.
    #[error("`{path}` cannot be used: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The run was asked to stop, or the quota's share is used; all that was sent is accounted for.
    #[error("the run was stopped: {0}")]
    Interrupted(Interruption),
    /// The process is ending.
    #[error("the work was stopped")]
    Stopped,
}

/// Why a plan cannot be applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlanError {
    /// The file is something else.
    #[error("`{path}` is no plan")]
    NoPlan {
        /// The file.
        path: String,
    },
    /// Another version of ferry wrote it.
    #[error("`{path}` is a plan of another version of ferry")]
    OtherForm {
        /// The file.
        path: String,
    },
    /// The end of the file is missing.
    #[error("`{path}` is not whole: its end is missing")]
    CutShort {
        /// The file.
        path: String,
    },
    /// The pipeline is not what it was.
    #[error("`{pipeline}` is not as it was when the plan was made; nothing was written")]
    PipelineChanged {
        /// The pipeline's file.
        pipeline: String,
    },
    /// A connection reaches another account.
    #[error("the plan was made for {meant} at `{connection}`, which now reaches {found}; nothing was written")]
    OtherAccount {
        /// The connection.
        connection: ConnectionName,
        /// The account that it was made for.
        meant: String,
        /// The account that the connection reaches.
        found: String,
    },
    /// It was applied before.
    #[error("the plan was applied by {run_id}; a plan is used once")]
    Used {
        /// The run that applied it.
        run_id: String,
    },
    /// Nobody approved of it.
    #[error("nobody approved of the plan")]
    NotApproved,
}

impl PlanError {
    fn hint(&self) -> &'static str {
        match self {
            Self::NoPlan { .. } => "`ferry plan PIPELINE -o FILE` makes one",
            Self::OtherForm { .. } | Self::CutShort { .. } | Self::PipelineChanged { .. } | Self::Used { .. } => {
                "make a new plan with `ferry plan PIPELINE -o FILE`"
            }
            Self::OtherAccount { .. } => "use a login of that account, or make a new plan",
            Self::NotApproved => "`ferry plan PLAN --approve NAME` approves of it",
        }
    }
}

/// Says which account was meant and which one a connection reaches.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountError {
    /// The connection is pinned to another one.
    #[error("`{connection}` reaches {found}, and the pipeline pins it to {pinned}; nothing was read or written")]
    Pinned {
        /// The connection.
        connection: ConnectionName,
        /// What the pipeline says.
        pinned: Account,
        /// What the connection reaches.
        found: Account,
    },
    /// The records belong to another one.
    #[error("the records of {run_id} belong to {meant}, and `{connection}` now reaches {found}; nothing was written")]
    Other {
        /// The connection.
        connection: ConnectionName,
        /// The run that the records are of.
        run_id: String,
        /// The account of that run.
        meant: Account,
        /// What the connection reaches.
        found: Account,
    },
}

impl AccountError {
    fn hint(&self) -> &'static str {
        match self {
            Self::Pinned { .. } => "use a login of the pinned account, or change `account` of the connection",
            Self::Other { .. } => "use a login of that account, and run the command again",
        }
    }
}

/// Why a run stopped before its end.
#[derive(Debug)]
pub struct Interruption {
    /// What made it stop.
    pub reason: String,
    /// What the user can do, where that is likely right.
    pub hint: Option<String>,
    /// The quota that is spent; none where somebody stopped the run.
    pub quota: Option<SpentQuota>,
}

/// A quota that is spent, or as much of it as the pipeline allows.
#[derive(Debug, Clone)]
pub struct SpentQuota {
    /// Whose.
    pub connection: ConnectionName,
    /// The vendor's code for it.
    pub code: String,
    /// The vendor's id of the request that was refused.
    pub request_id: Option<String>,
    /// When there is some again, at the latest.
    pub until: DateTime<Utc>,
}

impl fmt::Display for Interruption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

/// What is to blame for an error of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Credentials or the network.
    Environment,
    /// What the pipeline says.
    Pipeline,
    /// The system or the records.
    Other,
}

impl Blame {
    fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unauthorized | ErrorKind::Unavailable | ErrorKind::Unanswered => Self::Environment,
            ErrorKind::NotFound => Self::Pipeline,
            ErrorKind::Refused
            | ErrorKind::QuotaSpent
            | ErrorKind::Cancelled
            | ErrorKind::CursorExpired
            | ErrorKind::Unexpected
            | ErrorKind::Io => Self::Other,
        }
    }
}

impl EngineError {
    pub(super) fn connector(connection: &ConnectionName, error: ConnectorError) -> Self {
        match error.kind {
            ErrorKind::Cancelled => Self::asked_to_stop(),
            ErrorKind::QuotaSpent => {
                let reason = format!("{connection}: {error}");
                let until = error.resets_at.unwrap_or_else(|| Clock::system().now() + QUOTA_WINDOW);
                let (code, request_id) = (error.code, error.request_id);
                let quota = Some(SpentQuota { connection: connection.clone(), code, request_id, until });
                Self::Interrupted(Interruption { reason, hint: error.hint, quota })
            }
            ErrorKind::Unauthorized
            | ErrorKind::NotFound
            | ErrorKind::Refused
            | ErrorKind::Unanswered
            | ErrorKind::Unavailable
            | ErrorKind::CursorExpired
            | ErrorKind::Unexpected
            | ErrorKind::Io => Self::Connector { connection: connection.clone(), error: Box::new(error) },
        }
    }

    /// Says that somebody wants the run to stop.
    pub(super) fn asked_to_stop() -> Self {
        Self::Interrupted(Interruption { reason: "it was asked to".to_owned(), hint: None, quota: None })
    }

    /// Returns what is stored of it with the attempt that it ended.
    pub fn of_attempt(&self) -> AttemptError {
        let (code, request_id) = match self {
            Self::Connector { error, .. } => (error.code.clone(), error.request_id.clone()),
            Self::State(_) => ("state".to_owned(), None),
            Self::Lease(_) => ("lease".to_owned(), None),
            Self::Account(_) => ("account".to_owned(), None),
            Self::Config { .. } | Self::Registry(_) => ("connection".to_owned(), None),
            Self::Transform { .. } | Self::Value(_) | Self::Frame(_) => ("transform".to_owned(), None),
            Self::Order(_) | Self::Unsupported(_) => ("pipeline".to_owned(), None),
            Self::Guard(_) => ("guard".to_owned(), None),
            Self::Plan(_) => ("plan".to_owned(), None),
            Self::File { .. } => ("file".to_owned(), None),
            Self::Interrupted(interruption) => match &interruption.quota {
                Some(quota) => (quota.code.clone(), quota.request_id.clone()),
                None => ("stopped".to_owned(), None),
            },
            Self::Stopped => ("stopped".to_owned(), None),
        };
        let hint = self.hint().map(str::to_owned);
        AttemptError { code, message: self.to_string(), hint, request_id, wait: self.wait() }
    }

    /// Returns what has to be waited for, where nothing is wrong.
    pub fn wait(&self) -> Option<Wait> {
        match self {
            Self::Interrupted(Interruption { quota: Some(quota), .. }) => Some(Wait {
                reason: WaitedFor::Quota,
                connection: Some(quota.connection.clone()),
                until: Some(quota.until),
            }),
            Self::Lease(LeaseError::Held { .. }) => {
                Some(Wait { reason: WaitedFor::Lease, connection: None, until: None })
            }
            _ => None,
        }
    }

    /// Tells whether a quota is spent, which is no failure: the rest is for later.
    pub fn is_quota(&self) -> bool {
        matches!(self, Self::Interrupted(Interruption { quota: Some(_), .. }))
    }

    /// Tells whether the environment is to blame (credentials, network, state file), not the pipeline or its records.
    pub fn is_environment(&self) -> bool {
        match self {
            Self::State(_) | Self::Lease(_) | Self::Account(_) | Self::Plan(PlanError::OtherAccount { .. }) => true,
            Self::Connector { error, .. } => Blame::of(error.kind) == Blame::Environment,
            _ => false,
        }
    }

    /// Tells whether the pipeline file is to blame.
    pub fn is_pipeline(&self) -> bool {
        match self {
            Self::Config { .. }
            | Self::Registry(_)
            | Self::Transform { .. }
            | Self::Order(_)
            | Self::Unsupported(_) => true,
            Self::Plan(error) => !matches!(error, PlanError::OtherAccount { .. }),
            Self::Connector { error, .. } => Blame::of(error.kind) == Blame::Pipeline,
            _ => false,
        }
    }

    /// Returns what the user can do, where that is likely right.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Connector { error, .. } => error.hint.as_deref(),
            Self::Config { error, .. } => error.hint.as_deref(),
            Self::Transform { error, .. } => error.hint.as_deref(),
            Self::Interrupted(interruption) => interruption.hint.as_deref(),
            Self::State(error) => error.hint(),
            Self::Lease(error) => error.hint(),
            Self::Account(error) => Some(error.hint()),
            Self::Plan(error) => Some(error.hint()),
            _ => None,
        }
    }
}
