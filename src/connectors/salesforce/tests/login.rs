//! Sessions: bought, renewed, refused.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::connector::{Connector, ErrorKind, Source};

use super::{
    super::Salesforce,
    context, options,
    script::{Asked, Reply, Script, error, ok, standing_answer, status, token},
    source, source_with,
};

const KEY: &str = include_str!("key_of_no_use.pem");

/// Issues `session-1`, `session-2`, …, and accepts those that `accepts` does.
async fn issuer(accepts: fn(&str) -> bool) -> Script {
    let issued = Arc::new(Mutex::new(0));
    Script::start_raw(move |asked: &Asked, url: &str| {
        if asked.path == "/services/oauth2/token" {
            let mut count = issued.lock().unwrap();
            *count += 1;
            return token(url, &format!("session-{count}"));
        }
        if !accepts(asked.header("authorization")) {
            return error(401, "INVALID_SESSION_ID", "Session expired or invalid");
        }
        standing_answer(asked, url).unwrap_or_else(|| ok(&json!({ "DailyApiRequests": { "Max": 5, "Remaining": 4 } })))
    })
    .await
}

#[tokio::test]
async fn an_app_logs_in_with_its_credentials_and_calls_carry_what_keeps_rules_off() {
    let script = Script::start(|_| ok(&json!({}))).await;
    source(&script.url).check().await.unwrap();
    let limits = &script.asked()[0];
    assert_eq!((limits.path.as_str(), limits.version.as_str()), ("limits", "67.0"));
    assert_eq!(limits.header("authorization"), "Bearer 00D!session");
    assert_eq!(limits.header("sforce-auto-assign"), "FALSE", "assignment rules run by default");
    assert_eq!(limits.header("sforce-call-options"), "client=ferry");
    assert_eq!(limits.header("sforce-query-options"), "batchSize=2000");
}

#[tokio::test]
async fn an_ended_session_is_renewed_once() {
    let script = issuer(|header| header.ends_with("session-2")).await;
    source(&script.url).check().await.unwrap();
    assert_eq!(script.count("/token"), 2);
    let never = issuer(|_| false).await;
    let error = source(&never.url).check().await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unauthorized, "INVALID_SESSION_ID"));
    assert_eq!(never.count("/token"), 2, "a session that is refused again is not bought a third time");
}

#[tokio::test]
async fn a_session_that_can_never_work_is_not_renewed() {
    let script = Script::start_raw(|asked, url| match asked.path.as_str() {
        "/services/oauth2/token" => token(url, "jwt"),
        _ => error(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
    })
    .await;
    let error = source(&script.url).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.hint.unwrap().contains("scope"));
    assert_eq!(script.count("/token"), 1);
}

#[tokio::test]
async fn sources_of_one_connection_share_a_session() {
    let (script, context) = (issuer(|_| true).await, context());
    for _ in 0..3 {
        let config = serde_json::from_value(options(&script.url, &json!({}))).unwrap();
        let source: Box<dyn Source> = Salesforce::source(config, &context).unwrap();
        source.check().await.unwrap();
    }
    assert_eq!(script.count("/token"), 1);
}

#[tokio::test]
async fn the_api_is_where_the_login_says_it_is() {
    let api = Script::start(|_| ok(&json!({}))).await;
    let url = api.url.clone();
    let login = Script::start_raw(move |_, _| token(&url, "t")).await;
    source(&login.url).check().await.unwrap();
    assert_eq!((login.count(""), api.asked().len()), (1, 1));
}

#[tokio::test]
async fn who_logs_in_on_this_machine_is_not_led_away_from_it() {
    let script = Script::start_raw(|asked, url| match asked.path.as_str() {
        "/services/oauth2/token" => token("https://acme.my.salesforce.com", "t"),
        _ => standing_answer(asked, url).unwrap_or_else(|| ok(&json!({}))),
    })
    .await;
    source(&script.url).check().await.unwrap();
    assert_eq!(script.count("limits"), 1);
}

#[tokio::test]
async fn a_signed_login_sends_an_assertion_and_a_refresh_its_token() {
    let script = Script::start(|_| ok(&json!({}))).await;
    let jwt = json!({ "client_secret": null, "username": "bot@example.test", "private_key": KEY });
    source_with(&script.url, &jwt).check().await.unwrap();
    let refresh = json!({ "client_secret": null, "refresh_token": "5Aep" });
    source_with(&script.url, &refresh).check().await.unwrap();
    let all = script.all();
    let logins: Vec<&Asked> = all.iter().filter(|asked| asked.path.ends_with("/token")).collect();
    assert_eq!(logins[0].form("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(logins[0].form("assertion").split('.').count(), 3);
    assert_eq!(
        (logins[1].form("grant_type"), logins[1].form("refresh_token")),
        ("refresh_token".into(), "5Aep".into())
    );
}

#[tokio::test]
async fn a_refused_login_says_what_the_admin_must_do() {
    let refuse = |description: &'static str| {
        move |_: &Asked, _: &str| -> Reply {
            status(400, &json!({ "error": "invalid_grant", "error_description": description }))
        }
    };
    for (said, hint) in [
        ("request not supported on this domain", "My Domain"),
        ("no client credentials user enabled", "run-as user"),
        ("user hasn't approved this consumer", "permission set"),
    ] {
        let script = Script::start_raw(refuse(said)).await;
        let error = source(&script.url).check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(error.hint.as_ref().is_some_and(|said| said.contains(hint)), "{error:?}");
        assert!(!error.message.contains("s3cret"));
        assert_eq!(script.count("/token"), 1);
    }
}

#[tokio::test]
async fn an_older_org_is_asked_in_its_newest_version() {
    let script = Script::start_raw(|asked, url| match asked.path.as_str() {
        "/services/data" => ok(&json!([{ "version": "59.0" }, { "version": "58.0" }])),
        _ => standing_answer(asked, url).unwrap_or_else(|| ok(&json!({}))),
    })
    .await;
    source(&script.url).check().await.unwrap();
    assert_eq!(script.asked()[0].version, "59.0");
}

#[tokio::test]
async fn a_daily_quota_that_is_spent_is_not_waited_for_and_one_of_calls_at_once_is() {
    let spent = Script::start(|_| error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")).await;
    assert_eq!(source(&spent.url).check().await.unwrap_err().kind, ErrorKind::QuotaSpent);
    assert_eq!(spent.asked().len(), 1);
    let mut refusals = 2;
    let busy = Script::start(move |_| {
        refusals -= 1;
        let message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
        if refusals >= 0 { error(403, "REQUEST_LIMIT_EXCEEDED", message) } else { ok(&json!({})) }
    })
    .await;
    source(&busy.url).check().await.unwrap();
    assert_eq!(busy.asked().len(), 3);
}

/// Learns the organisation of a login at a server; returns it with the paths of the calls.
async fn organisation(script: &Script) -> (String, Vec<String>) {
    let config = serde_json::from_value(options(&script.url, &json!({}))).unwrap();
    let account = Salesforce::account(config, &context()).unwrap().learn().await.unwrap().unwrap();
    (account.to_string(), script.all().into_iter().map(|asked| asked.path).collect())
}

#[tokio::test]
async fn a_session_tells_its_organisation_and_one_in_the_form_of_a_jwt_is_asked_about() {
    let script = Script::start_raw(|_, url| token(url, "00D5g0000000007!AQ.x")).await;
    let (account, calls) = organisation(&script).await;
    assert_eq!(
        (account.as_str(), calls),
        ("organisation 00D5g0000000007EAA", vec!["/services/oauth2/token".to_owned()])
    );
    let script = Script::start_raw(|asked, url| match asked.path.as_str() {
        "/services/oauth2/token" => token(url, "eyJh.eyJz.c2ln"),
        _ => ok(&json!({ "organization_id": "00D5g0000000007EAA", "user_id": "0055g0000000001AAA" })),
    })
    .await;
    let (account, calls) = organisation(&script).await;
    assert_eq!(account, "organisation 00D5g0000000007EAA");
    assert_eq!(calls, ["/services/oauth2/token", "/services/oauth2/userinfo"]);
}

#[tokio::test]
async fn an_organisation_that_is_not_told_is_never_taken_for_another() {
    let answers: [(fn() -> Reply, ErrorKind); 3] = [
        (|| ok(&json!({ "user_id": "0055g0000000001AAA" })), ErrorKind::Unexpected),
        (|| status(403, &json!({ "error": "Bad_OAuth_Token" })), ErrorKind::Unavailable),
        (|| error(404, "NOT_FOUND", "The requested resource does not exist"), ErrorKind::Unauthorized),
    ];
    for (answer, kind) in answers {
        let script = Script::start_raw(move |asked, url| match asked.path.as_str() {
            "/services/oauth2/token" => token(url, "eyJh.eyJz.c2ln"),
            _ => answer(),
        })
        .await;
        let config = serde_json::from_value(options(&script.url, &json!({}))).unwrap();
        let failure = Salesforce::account(config, &context()).unwrap().learn().await.unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.message);
    }
}
