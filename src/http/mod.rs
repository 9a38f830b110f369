//! One stack for every vendor: retry → rate limit → timeout → transport.
//!
//! A connector says what to ask and what an answer means ([`Dialect`]); the stack waits, repeats, counts and redacts. No
//! connector sleeps, retries or counts. Start at [`Client::send`]; what an answer proves is in `follow`.

mod answer;
mod assertion;
mod budget;
mod client;
mod connections;
mod dates;
mod dialect;
mod error;
mod expected;
mod follow;
mod given;
mod limits;
mod meter;
mod oauth;
mod poll;
mod rate_limit;
mod record;
mod redact;
mod request;
mod retry;
mod target;
#[cfg(test)]
mod tests;
mod token;
mod transmit;
mod transport;
mod waits;
mod way;

pub use answer::{Answer, AnswerClass};
pub use assertion::{JWT_BEARER, sign_claims};
pub use budget::BudgetSpent;
pub use client::Client;
pub use connections::LATEST_ARRIVAL;
pub use dialect::Dialect;
pub use error::{HttpError, HttpErrorKind};
pub use expected::{Doubt, Expected};
pub use given::GivenIds;
pub use limits::{Limits, RateLimiters};
pub use meter::Meter;
pub use oauth::{Grant, TokenSource};
pub use poll::PollPace;
pub use rate_limit::{Permit, RateLimiter};
pub use record::{Exchange, Recorder};
pub use redact::redact_url;
pub use request::{Access, ApiRequest, Body};
pub use target::is_loopback;
pub use token::{MemoryTokens, StoredToken, TokenLocks, TokenStore};
pub use transport::Transport;
pub use waits::{WaitCause, Waits};
