//! Takes secrets and personal values out of what is logged.

use std::borrow::Cow;

use reqwest::header::HeaderValue;
use url::Url;

use crate::redact::{redact, remember};

use super::answer::Answer;

/// Returns a URL without its query and without credentials: the query may hold keys, mail addresses and formulas.
pub fn redact_url(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // These two fail only on URLs that cannot hold credentials.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

/// Remembers what an `Authorization` header carries, so that nothing of an answer shows it.
pub(super) fn remember_credentials(header: &HeaderValue) {
    let Ok(text) = header.to_str() else { return };
    remember(text.split_once(' ').map_or(text, |(_, credentials)| credentials));
}

/// Takes secrets out of an answer: of its headers, and of its body where it is a refusal. A vendor, or a gateway before it,
/// may repeat a token in an error's text, a code or a request id. A success is data: the tokens of a login are read from it.
pub(super) fn redact_answer(answer: &mut Answer) {
    for value in answer.headers.values_mut() {
        let Ok(text) = value.to_str() else { continue };
        if let Cow::Owned(redacted) = redact(text)
            && let Ok(redacted) = HeaderValue::from_str(&redacted)
        {
            *value = redacted;
        }
    }
    if answer.status.is_success() {
        return;
    }
    if let Ok(text) = std::str::from_utf8(&answer.body)
        && let Cow::Owned(redacted) = redact(text)
    {
        answer.body = redacted.into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    const TOKEN: &str = "pat-na1-redact/def+123=";

    #[test]
    fn a_refusal_that_repeats_a_secret_reaches_nobody() {
        remember_credentials(&HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap());
        for (status, is_kept) in [(400, false), (401, false), (502, false), (200, true)] {
            let mut answer = Answer::new(StatusCode::from_u16(status).unwrap(), format!(r#"{{"message":"{TOKEN}"}}"#));
            answer.headers.insert("x-request-id", HeaderValue::from_static(TOKEN));
            redact_answer(&mut answer);
            assert_eq!(answer.header("x-request-id"), Some("***"));
            assert_eq!(String::from_utf8(answer.body).unwrap().contains(TOKEN), is_kept, "{status}");
        }
    }

    #[test]
    fn shows_neither_query_nor_credentials() {
        let url = Url::parse("https://user:secret@api.example.test/v0/base?email=ada@example.test#x").unwrap();
        assert_eq!(redact_url(&url), "https://api.example.test/v0/base");
    }
}
