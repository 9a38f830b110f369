//! One stack for every vendor: retry → rate limit → timeout → transport.
//!
//! A connector says what to ask and what an answer means ([`Dialect`]); the stack waits, repeats, counts and redacts. No
//! connector sleeps, retries or counts. Start at [`Client::send`].

mod budget;
mod client;
mod limits;
mod meter;
mod rate_limit;
mod record;
mod redact;
mod request;
mod token;

pub use budget::BudgetSpent;
pub use client::{Client, Dialect, HttpError, HttpErrorKind, PollPace, Transport};
pub use limits::{Limits, RateLimiters};
pub use meter::Meter;
pub use rate_limit::{Permit, RateLimiter};
pub use record::{Exchange, Recorder};
pub use redact::redact_url;
pub use request::{Access, Answer, AnswerClass, ApiRequest, Body};
pub use token::{MemoryTokens, StoredToken, TokenLocks, TokenStore};
