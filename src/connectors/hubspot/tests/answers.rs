//! What answers mean: to the stack, to the engine, for a record.

use std::time::Duration;

use proptest::prelude::*;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value as Json, json};

use crate::connector::ErrorKind;
use crate::http::{Answer, AnswerClass};

use super::{
    super::{
        client::{
            BatchAnswer, ResultPage, WireAssociations, WireLink, WireOwner, WirePipeline, WireProperty, WireRecord,
        },
        errors::{ApiError, classify, is_own_refusal, of_answer, refused_renewal, request_id},
        schema::{ObjectInfo, Owners, Pipelines},
    },
    samples,
    strangers::STRANGE_PAGES,
};

fn answer(status: u16, body: &str, retry_after: Option<u64>) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.into());
    }
    Answer { headers, ..Answer::new(StatusCode::from_u16(status).unwrap(), body) }
}

fn json_answer(status: u16, body: &Json) -> Answer {
    answer(status, &body.to_string(), None)
}

#[test]
fn a_rate_limit_is_waited_out_by_its_policy_and_the_daily_one_ends_the_run() {
    let judged = |policy: &str, message: &str, retry_after| {
        classify(&answer(429, &samples::rate_limit(policy, message).to_string(), retry_after))
    };
    let wait = |seconds| AnswerClass::RateLimited { wait: Duration::from_secs(seconds) };
    assert_eq!(judged("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", None), wait(10));
    assert_eq!(judged("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", Some(3)), wait(3));
    assert_eq!(judged("SECONDLY", "You have reached your secondly limit.", None), wait(1));
    assert_eq!(judged("", "You have reached your secondly limit.", None), wait(1));
    assert_eq!(judged("", "You have reached your ten_secondly_rolling limit.", None), wait(10));
    assert_eq!(judged("DAILY", "You have reached your daily limit.", None), AnswerClass::QuotaSpent);
}

#[test]
fn passing_faults_are_repeated_and_refusals_are_not() {
    let classified = |status| classify(&json_answer(status, &samples::conflict()));
    for status in [408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530] {
        assert_eq!(classified(status), AnswerClass::Retry { wait: None }, "{status}");
    }
    for status in [400, 403, 404, 409, 414, 501, 505] {
        assert_eq!(classified(status), AnswerClass::Deliver, "{status}");
    }
    assert_eq!(classified(401), AnswerClass::Reauthorize);
}

#[test]
fn a_locked_record_and_an_account_under_way_are_waited_for_within_reason() {
    let refusal = samples::conflict().to_string();
    let wait = |seconds| AnswerClass::NotNow { wait: Some(Duration::from_secs(seconds)) };
    assert_eq!(classify(&answer(423, &refusal, None)), wait(2));
    assert_eq!(classify(&answer(477, &refusal, Some(30))), wait(30));
    assert_eq!(classify(&answer(477, &refusal, Some(86_400))), AnswerClass::Deliver);
    assert_eq!(of_answer(&answer(477, &refusal, Some(86_400)), "a list").kind, ErrorKind::Unavailable);
}

#[test]
fn only_hubspots_envelope_is_in_its_own_words() {
    for own in [
        samples::unknown_property(),
        samples::invalid_value("a", "email", "INVALID_EMAIL"),
        samples::not_found(&["1"]),
        samples::conflict(),
        samples::rate_limit("DAILY", "You have reached your daily limit."),
        samples::missing_scopes(),
        json!({ "status": "error", "message": "resource not found", "correlationId": "c1" }),
    ] {
        assert!(is_own_refusal(&json_answer(400, &own)), "{own}");
    }
    for strange in STRANGE_PAGES {
        assert!(!is_own_refusal(&answer(400, strange, None)), "{strange}");
    }
}

#[test]
fn the_refused_property_is_found_in_the_text_of_the_message() {
    let error = ApiError::of_json(&samples::invalid_value("row-7", "amount", "INVALID_INTEGER"));
    assert_eq!((error.property(), error.code().as_str()), (Some("amount"), "invalid_integer"));
    let rejection = error.rejection(|name| (name == "amount").then(|| "abc".to_owned()));
    assert_eq!((rejection.field.as_deref(), rejection.value.as_deref()), (Some("amount"), Some("abc")));
    assert!(
        ApiError::of_json(&json!({ "message": "Property values were not valid: [{\"name\":" })).properties.is_empty()
    );
}

#[test]
fn an_unknown_property_ends_the_stream_and_is_named() {
    let failure = of_answer(&json_answer(400, &samples::unknown_property()), "a batch for `contacts`");
    assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::NotFound, "property_doesnt_exist"));
    assert!(failure.message.contains("property `x`"));
    assert_eq!(failure.request_id.as_deref(), Some("aeb5f871-7f07-4993-9211-075dc63e7cbf"));
}

#[test]
fn messages_hold_no_values() {
    let refused = samples::invalid_value("row-7", "email", "INVALID_EMAIL");
    for body in
        [refused, samples::conflict(), json!({ "message": "ada@example.test is taken", "category": "CONFLICT" })]
    {
        let failure = of_answer(&json_answer(400, &body), "a batch");
        assert_eq!(failure.kind, ErrorKind::Refused);
        assert!(!failure.message.contains("abc") && !failure.message.contains("ada@"), "{}", failure.message);
        assert!(!failure.detail.unwrap().is_empty());
    }
}

#[test]
fn a_missing_scope_is_named() {
    let failure = of_answer(&json_answer(403, &samples::missing_scopes()), "a list of `deals`");
    assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::Unauthorized, "missing_scopes"));
    assert!(failure.hint.unwrap().contains("`crm.objects.deals.read`"));
}

#[test]
fn a_conflict_blames_the_mail_and_keeps_the_id_that_is_in_the_text() {
    let rejection = ApiError::of_json(&samples::conflict()).rejection(|_| Some("ada@example.test".to_owned()));
    assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), ("conflict", Some("email")));
    assert!(rejection.reason.contains("Existing ID: 123"));
}

#[test]
fn a_missing_object_is_told_from_a_missing_record() {
    assert_eq!(of_answer(&json_answer(404, &json!({})), "a list").kind, ErrorKind::NotFound);
    assert_eq!(of_answer(&json_answer(404, &samples::not_found(&[])), "a batch").kind, ErrorKind::Refused);
}

#[test]
fn a_refused_refresh_token_is_named_by_its_word_alone() {
    let error = refused_renewal(&json_answer(400, &json!({ "status": "BAD_REFRESH_TOKEN", "error": "invalid_grant" })));
    assert!(error.message.contains("BAD_REFRESH_TOKEN"));
    let odd = refused_renewal(&json_answer(400, &json!({ "status": "token abc-123 is bad" })));
    assert!(!odd.message.contains("abc-123"));
}

#[test]
fn a_request_is_known_by_its_correlation_id() {
    assert_eq!(request_id(&json_answer(409, &samples::conflict())).as_deref(), Some("c1"));
    assert_eq!(request_id(&json_answer(200, &json!({ "correlationId": "c1" }))), None);
}

/// Any JSON, with the names that the decoders look for.
fn any_json() -> impl Strategy<Value = Json> {
    let names = "(results|errors|context|id|properties|message|paging|next|after|associations|to|from|options|stages|category|new|code|name|type|label|propertyName)";
    let text = prop_oneof![".*", Just("Property values were not valid: [{\"name\":1}, 2]".to_owned())];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((names, inner), 0..6).prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_makes_a_decoder_fall_over(json in any_json(), status in 200_u16..600) {
        let error = ApiError::of_json(&json);
        let _ = (error.code(), error.reason(), error.rejection(|_| None), error.says_no_links());
        let answer = json_answer(status, &json);
        let _ = (classify(&answer), of_answer(&answer, "x"), request_id(&answer), refused_renewal(&answer).kind);
        let _ = serde_json::from_value::<ResultPage<WireRecord>>(json.clone());
        let _ = serde_json::from_value::<BatchAnswer<WireAssociations>>(json.clone());
        let _ = serde_json::from_value::<BatchAnswer<WireLink>>(json.clone()).map(|answer| answer.results.into_iter().map(WireLink::ends).count());
        let _ = serde_json::from_value::<Vec<WireOwner>>(json.clone()).map(Owners::new);
        let _ = serde_json::from_value::<Vec<WirePipeline>>(json.clone()).map(Pipelines::new);
        let _ = serde_json::from_value::<Vec<WireProperty>>(json).map(|found| ObjectInfo::new("contacts".into(), &found));
    }
}
