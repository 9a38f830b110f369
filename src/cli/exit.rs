//! The one place that decides how the process ends.

use std::process::ExitCode;

use crate::connector::ConnectorError;
use crate::engine::{AccountError, EngineError, Finished, PlanError};
use crate::model::ConnectionName;
use crate::state::{AttemptError, LeaseError, RunStatus, StateError, Wait, WaitedFor};

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
    /// A quota is spent: nothing is wrong, and the rest is for later.
    Waiting,
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
            Self::Waiting => 6,
            Self::Signal(number) => 128_u8.saturating_add(number),
        }
    }

    pub(super) fn of_error(error: &EngineError) -> Self {
        if error.is_quota() {
            Self::Waiting
        } else if error.is_pipeline() {
            Self::Usage
        } else if error.is_environment() {
            Self::Environment
        } else {
            Self::Failed
        }
    }

    /// Decides the end of a run: a signal before failures, failures before a spent quota, a spent quota before rejected records.
    pub(super) fn of_run(finished: &Finished, signal: Option<u8>) -> Self {
        if let Some(signal) = signal
            && finished.report.status == RunStatus::Interrupted
        {
            return Self::Signal(signal);
        }
        let is_failure = |error: &&EngineError| !error.is_quota();
        if let Some(failure) = finished.failures.iter().find(is_failure).or(finished.failures.first()) {
            return Self::of_error(failure);
        }
        match finished.report.status {
            RunStatus::Done if finished.report.has_dead_letters() => Self::Rejected,
            RunStatus::Done => Self::Done,
            RunStatus::Running | RunStatus::Failed | RunStatus::Interrupted | RunStatus::Killed => Self::Failed,
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
    /// What has to be waited for, where nothing is wrong.
    pub wait: Option<Wait>,
    /// What the state file keeps in place of the message, where the rest was shown apart from it.
    kept: Option<String>,
    /// The vendor's own code and id of the request, which only the state file keeps.
    vendor: Option<(String, Option<String>)>,
}

impl Failure {
    pub(super) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: None, wait: None, kept: None, vendor: None }
    }

    /// Gives what the state file keeps in place of the message.
    pub(super) fn kept_as(mut self, kept: Option<String>) -> Self {
        self.kept = kept;
        self
    }

    /// Returns what is kept of it with the attempt that it ended.
    pub(super) fn of_attempt(&self) -> AttemptError {
        let (code, request_id) = self.vendor.clone().unwrap_or_else(|| (self.code.to_owned(), None));
        AttemptError {
            code,
            message: self.kept.as_ref().unwrap_or(&self.message).clone(),
            hint: self.hint.clone(),
            request_id,
            wait: self.wait.clone(),
        }
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
            EngineError::Interrupted(_) if error.is_quota() => "quota.spent",
            EngineError::Interrupted(_) | EngineError::Stopped => "stopped",
        };
        let hint = error.hint().map(str::to_owned);
        let kept = error.of_attempt();
        let vendor = matches!(error, EngineError::Connector { .. } | EngineError::Interrupted(_));
        let vendor = vendor.then_some((kept.code, kept.request_id));
        Self {
            exit: Exit::of_error(&error),
            code,
            message: error.to_string(),
            hint,
            wait: kept.wait,
            kept: None,
            vendor,
        }
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
        let is_held = matches!(error, LeaseError::Held { .. });
        let wait = is_held.then_some(Wait { reason: WaitedFor::Lease, connection: None, until: None });
        Self { hint, wait, ..Self::new(Exit::Environment, code, error.to_string()) }
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
