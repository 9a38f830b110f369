//! The one place that decides how the process ends.

use std::process::ExitCode;

use crate::connector::ConnectorError;
use crate::engine::{AccountError, EngineError, Finished, PlanError};
use crate::model::ConnectionName;
use crate::state::{LeaseError, RunStatus, StateError};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Failed,
    Usage,
    Environment,
    Rejected,
    /// There is something to change.
    Changes,
    /// Stopped by a signal with this number.
    Signal(u8),
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Rejected => 4,
            Self::Changes => 5,
            Self::Signal(number) => 128_u8.saturating_add(number),
        }
    }

    pub(super) fn of_error(error: &EngineError) -> Self {
        if error.is_pipeline() {
            Self::Usage
        } else if error.is_environment() {
            Self::Environment
        } else {
            Self::Failed
        }
    }

    /// Decides the end of a run: a signal before failures, failures before rejected records.
    pub(super) fn of_run(finished: &Finished, signal: Option<u8>) -> Self {
        if let Some(signal) = signal
            && finished.report.status == RunStatus::Interrupted
        {
            return Self::Signal(signal);
        }
        if let Some(failure) = finished.failures.first() {
            return Self::of_error(failure);
        }
        match finished.report.status {
            RunStatus::Done if finished.report.has_dead_letters() => Self::Rejected,
            RunStatus::Done => Self::Done,
            RunStatus::Running | RunStatus::Failed | RunStatus::Interrupted => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a person sees when a command cannot do what it was asked to.
#[derive(Debug)]
pub(super) struct Failure {
    pub exit: Exit,
    /// A stable word, `area.reason`.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

impl Failure {
    /// Says what a source or destination could not do.
    pub(super) fn of_connector(connection: &ConnectionName, error: ConnectorError) -> Self {
        Self::from(EngineError::Connector { connection: connection.clone(), error: Box::new(error) })
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::State(_) => "state",
            EngineError::Lease(error) => lease_code(error),
            EngineError::Connector { .. } => "connection.failed",
            EngineError::Config { .. } | EngineError::Registry(_) => "connection.config",
            EngineError::Account(error) => match **error {
                AccountError::Pinned { .. } => "account.pinned",
                AccountError::Other { .. } => "account.other",
            },
            EngineError::Transform { .. } => "transform",
            EngineError::Value(_) | EngineError::Frame(_) => "records",
            EngineError::Order(_) => "streams.order",
            EngineError::Unsupported(_) => "unsupported",
            EngineError::Guard(_) => "guard",
            EngineError::Plan(error) => plan_code(error),
            EngineError::File { .. } => "file",
            EngineError::Interrupted(_) | EngineError::Stopped => "stopped",
        };
        let hint = error.hint().map(str::to_owned);
        Self { exit: Exit::of_error(&error), code, message: error.to_string(), hint }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self { hint, ..Self::new(Exit::Environment, "state", error.to_string()) }
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        let hint = error.hint().map(str::to_owned);
        let code = lease_code(&error);
        Self { hint, ..Self::new(Exit::Environment, code, error.to_string()) }
    }
}

fn plan_code(error: &PlanError) -> &'static str {
    match error {
        PlanError::NoPlan { .. } | PlanError::OtherForm { .. } | PlanError::CutShort { .. } => "plan.file",
        PlanError::PipelineChanged { .. } => "plan.pipeline",
        PlanError::OtherAccount { .. } => "plan.account",
        PlanError::Used { .. } => "plan.used",
        PlanError::NotApproved => "plan.approval",
    }
}

fn lease_code(error: &LeaseError) -> &'static str {
    match error {
        LeaseError::Held { .. } => "state.locked",
        LeaseError::Stopped(_) | LeaseError::Io { .. } => "state",
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Environment, "io", error.to_string())
    }
}
