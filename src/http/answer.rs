//! What a vendor answered, and what an answer means to the stack.

use std::{
    io::{BufReader, Cursor, Read},
    time::Duration,
};

use chrono::{DateTime, Utc};
use reqwest::{StatusCode, header::HeaderMap};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::spool::Spool;

/// What the vendor answered, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The request, as messages may show it: method, host, path without values. Empty where nobody asked.
    pub request: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes; none where they went to disk.
    pub body: Vec<u8>,
    /// The body on disk, where the request wanted a file and one came.
    pub file: Option<Spool>,
    /// How many times the request was sent.
    pub attempts: u32,
    /// Whether it was made before its request was sent, by the vendor's clock.
    pub is_old: bool,
}

impl Answer {
    /// Makes an answer without headers.
    pub fn new(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        let (request, headers, body) = (String::new(), HeaderMap::new(), body.into());
        Self { request, status, headers, body, file: None, attempts: 1, is_old: false }
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// Fails when the body is not the JSON that `T` expects (a gateway's HTML page, half an answer).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// Tells whether the body is JSON, whole.
    pub fn is_json(&self) -> bool {
        self.json::<IgnoredAny>().is_ok()
    }

    /// Returns a reader of the body, wherever it is.
    pub fn reader(self) -> Box<dyn Read + Send + Sync> {
        match self.file {
            Some(file) => Box::new(BufReader::new(file.reader(0, u64::MAX))),
            None => Box::new(Cursor::new(self.body)),
        }
    }

    /// Returns a header's text, if it has one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns when it was made, by the vendor's clock, where it tells.
    pub fn date(&self) -> Option<DateTime<Utc>> {
        let date = self.header("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        date.map(|date| date.to_utc())
    }

    /// Returns the media type of the body, without its parameters; empty where the answer names none.
    pub fn media_type(&self) -> &str {
        self.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default().trim()
    }

    /// Returns the `Retry-After` header: seconds, or a date compared with the answer's own. The number is a stranger's: the
    /// stack caps it before anybody waits or adds to it.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a number holds mean "very long" all the same.
            return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
        }
        let date = |text: &str| DateTime::parse_from_rfc2822(text).ok();
        let wait = date(text)?.signed_duration_since(date(self.header("date")?)?);
        Some(wait.to_std().unwrap_or_default())
    }
}

/// What an answer in the vendor's own form means to the stack, as the connector's dialect reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerClass {
    /// The caller may decode it: success, and every refusal that the caller understands.
    Deliver,
    /// The rate limit was crossed and the request not carried out; wait this long, then repeat.
    RateLimited {
        /// The vendor's wait, or the documented one where the answer names none.
        wait: Duration,
    },
    /// A passing fault; the request may or may not have been carried out.
    Retry {
        /// The vendor's wait, where it named one.
        wait: Option<Duration>,
    },
    /// A passing refusal: the request was certainly not carried out (a locked record); wait, then repeat.
    NotNow {
        /// The vendor's wait, where it named one.
        wait: Option<Duration>,
    },
    /// The access token is not valid any more: renew it once and repeat.
    Reauthorize,
    /// The day's or month's quota is spent; nothing helps but time.
    QuotaSpent,
}

/// Tells whether a status means a temporary fault, sent by the vendor or a gateway. 501 and 505 are not temporary: the
/// server does not know the request.
pub(super) fn is_temporary(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 423 | 425 | 429 | 477 => true,
        501 | 505 => false,
        status => status >= 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
        let mut answer = Answer::new(StatusCode::TOO_MANY_REQUESTS, "");
        answer.headers.insert("retry-after", value.parse().unwrap());
        if let Some(date) = date {
            answer.headers.insert("date", date.parse().unwrap());
        }
        answer.retry_after()
    }

    #[test]
    fn a_wait_is_read_from_seconds_and_dates_whatever_their_size() {
        let now = Some("Tue, 01 Dec 2026 10:00:00 GMT");
        let cases = [
            ("0", None, Some(0)),
            (" 30 ", None, Some(30)),
            ("18446744073709551615", None, Some(u64::MAX)),
            ("99999999999999999999999999", None, Some(u64::MAX)),
            ("Tue, 01 Dec 2026 10:00:07 GMT", now, Some(7)),
            ("Tue, 01 Dec 2026 09:00:00 GMT", now, Some(0)),
            ("Tue, 01 Dec 2026 10:00:07 GMT", None, None),
            ("-5", None, None),
            ("1.5", None, None),
            ("soon", now, None),
            ("", None, None),
        ];
        for (value, date, seconds) in cases {
            assert_eq!(retry_after(value, date), seconds.map(Duration::from_secs), "{value} {date:?}");
        }
    }

    #[test]
    fn every_status_of_a_fault_passes_but_those_that_say_they_never_will() {
        for status in [408, 423, 425, 429, 477, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530, 599] {
            assert!(is_temporary(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 409, 410, 413, 418, 422, 451, 501, 505] {
            assert!(!is_temporary(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
