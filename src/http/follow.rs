//! What follows from an answer: the one rule about whose words prove what.
//!
//! - A success is believed when it is whole and belongs to the request. One that answers a read and is older than it does not.
//! - A refusal is believed when it is in the vendor's own words; then the dialect says what it means.
//! - Every other answer, whatever its status, proves nothing. A read is asked again. A write is unanswered: whether it was
//!   carried out is found out by looking.

use std::time::Duration;

use super::{
    answer::{Answer, AnswerClass, is_temporary},
    dialect::Dialect,
    error::{HttpError, HttpErrorKind},
    request::ApiRequest,
    retry::Limit,
};

/// What the user can do when somebody else answers in the vendor's place.
const STRANGER_HINT: &str = "check `base_url`, and what stands between this machine and the vendor: a proxy, a gateway or a login page answered";

/// What follows from an attempt.
#[derive(Debug)]
pub(super) enum Next {
    /// The caller decodes it.
    Deliver(Answer),
    /// It is of no use to go on.
    End(HttpError),
    /// The token was refused.
    Renew(Answer),
    /// The vendor said that its rate limit is crossed.
    Pause(Answer, Duration),
    /// There is no answer.
    Again(Failure),
}

/// An attempt that brought no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: HttpError,
    pub(super) limit: Limit,
    /// The vendor's wait.
    pub(super) wait: Option<Duration>,
    /// Whether the request was certainly not carried out.
    pub(super) had_no_effect: bool,
    /// Whether the answer may be that to another request: it is whole, and does not fit.
    pub(super) is_foreign: bool,
}

impl Next {
    /// Says what follows from an attempt that failed on the way.
    pub(super) fn of_error(error: HttpError) -> Self {
        let had_no_effect = match error.kind {
            HttpErrorKind::Unreachable => true,
            HttpErrorKind::Unanswered => false,
            HttpErrorKind::Unauthorized
            | HttpErrorKind::RateLimited
            | HttpErrorKind::QuotaSpent
            | HttpErrorKind::Cancelled => return Self::End(error),
        };
        if error.is_final {
            return Self::End(error);
        }
        Self::Again(Failure { error, limit: Limit::Passing, wait: None, had_no_effect, is_foreign: false })
    }
}

/// Says what follows from an answer.
pub(super) fn follow(dialect: &dyn Dialect, request: &ApiRequest, answer: Answer) -> Next {
    let vendor = dialect.vendor();
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        if answer.is_old {
            return Next::Again(old(vendor, answer));
        }
        if request.expected.is_met(&answer) {
            return Next::Deliver(answer);
        }
        let message = format!("{vendor}'s answer ({status}) is not a whole answer to this request");
        let is_foreign = answer.is_json();
        return Next::Again(Failure { is_foreign, ..unanswered(message, answer, Limit::Passing) });
    }
    if !dialect.is_own_refusal(&answer) {
        return Next::Again(of_stranger(vendor, answer));
    }
    match dialect.classify(&answer) {
        AnswerClass::Deliver => Next::Deliver(answer),
        AnswerClass::QuotaSpent => {
            Next::End(HttpError::answered(HttpErrorKind::QuotaSpent, "the quota is spent", answer))
        }
        AnswerClass::Reauthorize => Next::Renew(answer),
        AnswerClass::RateLimited { wait } => Next::Pause(answer, wait),
        AnswerClass::NotNow { wait } => {
            let message = format!("{vendor} puts the request off ({status})");
            let error = HttpError::answered(HttpErrorKind::Unreachable, &message, answer);
            Next::Again(Failure { error, limit: Limit::Passing, wait, had_no_effect: true, is_foreign: false })
        }
        AnswerClass::Retry { wait } => {
            let message = format!("{vendor} has a fault ({status})");
            let error = HttpError::answered(HttpErrorKind::Unanswered, &message, answer);
            Next::Again(Failure { error, limit: Limit::Passing, wait, had_no_effect: false, is_foreign: false })
        }
    }
}

fn old(vendor: &str, answer: Answer) -> Failure {
    let message = format!("{vendor}'s answer ({}) is older than this request", answer.status.as_u16());
    Failure { is_foreign: true, ..unanswered(message, answer, Limit::Passing) }
}

/// Says what follows from a refusal whose id came with the answer to another request: it is that request's, given again.
pub(super) fn repeated(vendor: &str, answer: Answer) -> Next {
    let message = format!("{vendor}'s answer ({}) is that of an earlier request", answer.status.as_u16());
    Next::Again(Failure { is_foreign: true, ..unanswered(message, answer, Limit::Passing) })
}

/// Says what follows from a refusal that may be another request's: it is believed when it comes again.
pub(super) fn doubted(vendor: &str, answer: Answer) -> Next {
    let message = format!("{vendor}'s answer ({}) may be that of another request", answer.status.as_u16());
    Next::Again(unanswered(message, answer, Limit::Passing))
}

/// Says what follows from a refusal that is not in the vendor's own words.
fn of_stranger(vendor: &str, answer: Answer) -> Failure {
    let status = answer.status;
    if is_temporary(status) {
        let what = if status.is_server_error() { "has a fault" } else { "puts the request off" };
        return unanswered(format!("{vendor} {what} ({})", status.as_u16()), answer, Limit::Passing);
    }
    // 501 and 505: the server that answered does not know the request, and will not the next time.
    let limit = if status.is_server_error() { Limit::Never } else { Limit::Stranger };
    let kind = Some(answer.media_type()).filter(|kind| !kind.is_empty()).map(|kind| format!(", {kind}"));
    let message = format!("the answer ({}{}) is not {vendor}'s own", status.as_u16(), kind.unwrap_or_default());
    let failure = unanswered(message, answer, limit);
    Failure { error: failure.error.with_hint(STRANGER_HINT), ..failure }
}

fn unanswered(message: String, answer: Answer, limit: Limit) -> Failure {
    let wait = answer.retry_after();
    let error = HttpError {
        status: Some(answer.status.as_u16()),
        request: Some(answer.request),
        ..HttpError::after(HttpErrorKind::Unanswered, message, answer.attempts)
    };
    Failure { error, limit, wait, had_no_effect: false, is_foreign: false }
}
