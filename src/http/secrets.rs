//! The secrets that this process knows, and the one place that takes them out of what others say.
//!
//! A vendor, or a gateway before it, may repeat a token in an error's text, a code or a request id. What the stack hands on
//! has none in it any more, so whatever is printed, logged, audited or stored of an answer has none either.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::answer::Answer;

/// What stands in the place of a secret.
const MASK: &str = "***";
/// Shorter texts are no secrets, and their letters occur in words.
const MIN_SECRET_BYTES: usize = 8;

/// The secrets that this process knows. Clones know them together.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Arc<RwLock<Vec<SecretString>>>,
}

impl Secrets {
    /// Takes note of a secret, and of the forms in which a request carries it.
    pub fn learn(&self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < MIN_SECRET_BYTES || self.knows(secret) {
            return;
        }
        let mut forms = vec![secret.to_owned(), STANDARD.encode(secret)];
        let encoded: String = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        if encoded != secret {
            forms.push(encoded);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(forms.into_iter().map(SecretString::from));
        // A secret that holds another one is looked for first.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// Takes note of what an `Authorization` header carries.
    pub(super) fn learn_header(&self, header: &HeaderValue) {
        let Ok(text) = header.to_str() else { return };
        self.learn(text.split_once(' ').map_or(text, |(_, credentials)| credentials));
    }

    fn knows(&self, secret: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|known| known.expose_secret() == secret)
    }

    /// Returns the text with `***` for every secret in it.
    pub fn redact<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut redacted = Cow::Borrowed(text);
        for secret in known.iter().map(ExposeSecret::expose_secret) {
            if redacted.contains(secret) {
                redacted = Cow::Owned(redacted.replace(secret, MASK));
            }
        }
        redacted
    }

    /// Takes secrets out of an answer: of its headers, and of its body where it is a refusal. A success is data: the tokens
    /// of a login are read from it.
    pub(super) fn redact_answer(&self, answer: &mut Answer) {
        for value in answer.headers.values_mut() {
            let Ok(text) = value.to_str() else { continue };
            if let Cow::Owned(redacted) = self.redact(text)
                && let Ok(redacted) = HeaderValue::from_str(&redacted)
            {
                *value = redacted;
            }
        }
        if answer.status.is_success() {
            return;
        }
        if let Ok(text) = std::str::from_utf8(&answer.body)
            && let Cow::Owned(redacted) = self.redact(text)
        {
            answer.body = redacted.into_bytes();
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets")
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    const TOKEN: &str = "pat-na1-abc/def+123=";

    fn secrets() -> Secrets {
        let secrets = Secrets::default();
        secrets.learn_header(&HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap());
        secrets.learn("short");
        secrets
    }

    #[test]
    fn a_secret_is_taken_out_in_every_form_that_a_request_carries() {
        let secrets = secrets();
        let basic = STANDARD.encode(TOKEN);
        for text in [
            TOKEN.to_owned(),
            format!("token `{TOKEN}` is unknown: {TOKEN}"),
            format!("Authorization: Basic {basic}"),
            "?token=pat%2Dna1%2Dabc%2Fdef%2B123%3D".to_owned(),
        ] {
            let redacted = secrets.redact(&text).into_owned();
            assert!(redacted.contains(MASK) && !redacted.contains("abc") && !redacted.contains(&basic), "{redacted}");
        }
        assert_eq!(secrets.redact("a short text"), "a short text");
    }

    #[test]
    fn a_refusal_that_repeats_a_secret_reaches_nobody() {
        let secrets = secrets();
        for (status, is_kept) in [(400, false), (401, false), (502, false), (200, true)] {
            let mut answer = Answer::new(StatusCode::from_u16(status).unwrap(), format!(r#"{{"message":"{TOKEN}"}}"#));
            answer.headers.insert("x-request-id", HeaderValue::from_static(TOKEN));
            secrets.redact_answer(&mut answer);
            assert_eq!(answer.header("x-request-id"), Some(MASK));
            assert_eq!(String::from_utf8(answer.body).unwrap().contains(TOKEN), is_kept, "{status}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        assert!(!format!("{:?}", secrets()).contains("pat"));
    }
}
