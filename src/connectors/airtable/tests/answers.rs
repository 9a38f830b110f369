//! Error bodies in all their shapes, and what they mean to the stack.

use std::time::Duration;

use proptest::prelude::*;
use reqwest::{StatusCode, header::HeaderValue};
use serde_json::json;

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::{Answer, AnswerClass};

use super::{
    super::errors::{ApiError, classify, is_own_refusal},
    strangers::STRANGE_PAGES,
};

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer::new(StatusCode::from_u16(status).unwrap(), body)
}

#[test]
fn all_four_shapes_of_errors_are_read() {
    let cases = [
        (json!({"error": "NOT_FOUND"}).to_string(), "NOT_FOUND", None),
        (json!({"error": {"type": "NOT_FOUND"}}).to_string(), "NOT_FOUND", None),
        (json!({"error": {"type": "X_Y", "message": "m"}}).to_string(), "X_Y", Some("m")),
        (
            json!({"errors": [{"error": "RATE_LIMIT_REACHED", "message": "m"}]}).to_string(),
            "RATE_LIMIT_REACHED",
            Some("m"),
        ),
        ("<html>502 Bad Gateway</html>".to_owned(), "HTTP_404", None),
        (json!({"error": "no word but a sentence"}).to_string(), "HTTP_404", Some("no word but a sentence")),
        (json!([]).to_string(), "HTTP_404", None),
    ];
    for (body, code, message) in cases {
        let error = ApiError::of(&answer(404, body));
        assert_eq!((error.code.as_str(), error.message.as_deref()), (code, message));
    }
}

#[test]
fn each_status_means_what_the_vendor_says() {
    let wait = Duration::from_secs(30);
    let refusal = r#"{"error":{"type":"X_Y"}}"#;
    let cases = [
        (401, refusal, AnswerClass::Reauthorize),
        (403, refusal, AnswerClass::Deliver),
        (404, refusal, AnswerClass::Deliver),
        (413, refusal, AnswerClass::Deliver),
        (422, refusal, AnswerClass::Deliver),
        (429, refusal, AnswerClass::RateLimited { wait }),
        (429, r#"{"errors":[{"error":"RATE_LIMIT_REACHED","message":"x"}]}"#, AnswerClass::RateLimited { wait }),
        (429, r#"{"error":{"type":"PUBLIC_API_BILLING_LIMIT_EXCEEDED"}}"#, AnswerClass::QuotaSpent),
        (429, r#"{"errors":[{"message":"API billing plan limit exceeded for x"}]}"#, AnswerClass::QuotaSpent),
        (500, refusal, AnswerClass::Retry { wait: None }),
        (501, refusal, AnswerClass::Deliver),
        (503, r#"{"error":{"type":"RETRIABLE_ERROR"}}"#, AnswerClass::Retry { wait: None }),
        (522, refusal, AnswerClass::Retry { wait: None }),
    ];
    for (status, body, class) in cases {
        assert_eq!(classify(&answer(status, body)), class, "{status} {body}");
    }
}

#[test]
fn only_airtables_shapes_are_in_its_own_words() {
    for own in [
        r#"{"error":"NOT_FOUND"}"#,
        r#"{"error":{"type":"INVALID_REQUEST_UNKNOWN"}}"#,
        r#"{"error":{"type":"INVALID_REQUEST_UNKNOWN","message":"m"}}"#,
        r#"{"errors":[{"error":"RATE_LIMIT_REACHED","message":"m"}]}"#,
        r#"{"errors":[{"message":"API billing plan limit exceeded for x"}]}"#,
    ] {
        assert!(is_own_refusal(&answer(422, own)), "{own}");
    }
    for strange in STRANGE_PAGES {
        assert!(!is_own_refusal(&answer(422, *strange)), "{strange}");
    }
}

#[test]
fn half_a_minute_is_the_least_wait_after_a_429() {
    for (header, seconds) in [("5", 30), ("45", 45), ("soon", 30)] {
        let mut limited = answer(429, "{}");
        limited.headers.insert("retry-after", HeaderValue::from_static(header));
        assert_eq!(classify(&limited), AnswerClass::RateLimited { wait: Duration::from_secs(seconds) });
    }
}

#[test]
fn refusals_fall_into_the_engines_classes() {
    let cases = [
        (403, "INVALID_PERMISSIONS", ErrorKind::Unauthorized),
        (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", ErrorKind::Unauthorized),
        (404, "NOT_FOUND", ErrorKind::NotFound),
        (404, "TABLE_NOT_FOUND", ErrorKind::NotFound),
        (413, "HTTP_413", ErrorKind::Refused),
        (422, "UNKNOWN_FIELD_NAME", ErrorKind::NotFound),
        (422, "INVALID_VALUE_FOR_COLUMN", ErrorKind::Refused),
        (422, "INVALID_REQUEST_UNKNOWN", ErrorKind::Refused),
        (422, "ROW_DOES_NOT_EXIST", ErrorKind::Refused),
        (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", ErrorKind::CursorExpired),
        (422, "INVALID_OFFSET_VALUE", ErrorKind::CursorExpired),
        (422, "INVALID_FILTER_BY_FORMULA", ErrorKind::Unexpected),
    ];
    for (status, code, kind) in cases {
        let error: ConnectorError = ApiError { status, code: code.to_owned(), message: None, request: None }.into();
        assert_eq!((error.kind, error.code.as_str()), (kind, code));
    }
}

#[test]
fn a_message_of_airtable_stays_out_of_ours() {
    let body =
        r#"{"error":{"type":"INVALID_VALUE_FOR_COLUMN","message":"Field \"Email\" cannot accept ada@example.test"}}"#;
    let error: ConnectorError = ApiError::of(&answer(422, body)).into();
    assert!(!error.message.contains("ada@"));
    assert!(error.detail.unwrap().contains("ada@"));
}

proptest! {
    #[test]
    fn no_body_makes_the_classification_panic(status in 200_u16..600, body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let answer = answer(status, body);
        classify(&answer);
        prop_assert!(!ApiError::of(&answer).code.is_empty());
    }
}
