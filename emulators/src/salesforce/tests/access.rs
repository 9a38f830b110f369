use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::Method;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value as Json, json};

use super::{Org, code, read, text};
use crate::options::{EmulatorOptions, FaultPlan};

async fn token(org: &Org, form: &[(&str, &str)]) -> (u16, Json) {
    let url = format!("{}/services/oauth2/token", org.running.url());
    read(org.client.post(url).form(form).send().await.unwrap()).await
}

const APP: [(&str, &str); 3] = [("grant_type", "client_credentials"), ("client_id", "id"), ("client_secret", "secret")];

#[tokio::test]
async fn logs_an_app_in_with_its_own_credentials() {
    let mut org = Org::open().await;
    let (status, session) = token(&org, &APP).await;
    assert_eq!((status, text(&session["instance_url"])), (200, org.running.url().as_str()));
    assert_eq!(
        (text(&session["token_type"]), session.get("expires_in"), session.get("refresh_token")),
        ("Bearer", None, None)
    );
    assert!(text(&session["issued_at"]).parse::<i64>().is_ok());
    org.token = text(&session["access_token"]).to_owned();
    let (_, user) = org.get("/services/oauth2/userinfo").await;
    assert_eq!(user["user_id"], "0055g0000000001AAA");
    assert_eq!(org.get("sobjects").await.0, 200);
    let (status, refusal) =
        token(&org, &[("grant_type", "client_credentials"), ("client_id", "nouser"), ("client_secret", "s")]).await;
    assert_eq!((status, text(&refusal["error_description"])), (400, "no client credentials user enabled"));
    let (_, refusal) =
        token(&org, &[("grant_type", "client_credentials"), ("client_id", "id"), ("client_secret", "invalid")]).await;
    assert_eq!(refusal["error"], "invalid_client");
}

#[tokio::test]
async fn exchanges_a_code_only_with_its_verifier() {
    let org = Org::open().await;
    let challenge = ring::digest::digest(&ring::digest::SHA256, b"verifier");
    let challenge = URL_SAFE_NO_PAD.encode(challenge.as_ref());
    let mut codes = Vec::new();
    for _ in 0..2 {
        let path = format!(
            "/services/oauth2/authorize?response_type=code&client_id=id&state=s&redirect_uri=http://127.0.0.1:1/cb&code_challenge={challenge}"
        );
        let answer = org.client.get(format!("{}{path}", org.running.url())).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let location = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let pairs: std::collections::HashMap<_, _> = location.query_pairs().into_owned().collect();
        assert_eq!(pairs["state"], "s");
        codes.push(pairs["code"].clone());
    }
    let exchange = |code: String, verifier: &'static str| {
        let form = [
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", "id".to_owned()),
            ("code", code),
            ("redirect_uri", "http://127.0.0.1:1/cb".to_owned()),
            ("code_verifier", verifier.to_owned()),
        ];
        let org = &org;
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            token(org, &form).await
        }
    };
    assert_eq!(exchange(codes[0].clone(), "other").await.0, 400);
    let (status, session) = exchange(codes[1].clone(), "verifier").await;
    assert_eq!((status, session["refresh_token"].is_string()), (200, true), "{session}");
    assert_eq!(exchange(codes[1].clone(), "verifier").await.1["error_description"], "expired authorization code");
}

#[tokio::test]
async fn rotates_refresh_tokens_where_the_org_does() {
    let org = Org::open().await;
    let refresh = |token: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", "id".to_owned()),
            ("refresh_token", token.to_owned()),
        ]
    };
    let ask = async |old: &str| {
        let form = refresh(old);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        token(&org, &form).await
    };
    assert_eq!(ask("5Aep").await.1.get("refresh_token"), None);
    org.set(json!({"rotateRefreshTokens": true})).await;
    let (_, session) = ask("5Aep").await;
    assert_eq!(ask("5Aep").await.1["error_description"], "expired access/refresh token");
    assert_eq!(ask(text(&session["refresh_token"])).await.0, 200);
}

#[tokio::test]
async fn takes_assertions_that_are_well_formed_and_not_expired() {
    let org = Org::open().await;
    let assertion = |claims: Json| {
        let part = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.{}", part(json!({"alg": "RS256"})), part(claims), URL_SAFE_NO_PAD.encode("signature"))
    };
    let now = org.clock.now().timestamp();
    let claims =
        |exp: i64| json!({"iss": "key", "sub": "u@x.example", "aud": "https://login.salesforce.com", "exp": exp});
    let ask = async |assertion: &str| {
        token(&org, &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]).await
    };
    assert_eq!(ask(&assertion(claims(now + 180))).await.0, 200);
    let (status, refusal) = ask(&assertion(claims(now - 3_600))).await;
    assert_eq!((status, text(&refusal["error_description"])), (400, "expired authorization code"));
    assert_eq!(ask("x.y").await.1["error"], "invalid_grant");
}

/// A key, as an admin would upload its certificate.
struct Signer(RsaKeyPair);

impl Signer {
    fn new() -> Self {
        let pem = include_str!("key_of_no_use.pem");
        let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
        let body: String = lines.take_while(|line| !line.starts_with("-----")).collect();
        Self(RsaKeyPair::from_der(&STANDARD.decode(body).unwrap()).unwrap())
    }

    fn sign(&self, claims: &Json) -> String {
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "RS256"})), part(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public half as `openssl rsa -RSAPublicKey_out` writes it.
    fn public_key(&self) -> Vec<u8> {
        self.0.public().as_ref().to_vec()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// The same key as `openssl rsa -pubout` writes it: a sequence of the algorithm (rsaEncryption) and the key as bits.
fn with_algorithm(key: &[u8]) -> Vec<u8> {
    let long = |tag: u8, content: Vec<u8>| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [vec![tag, 0x82, length[0], length[1]], content].concat()
    };
    let algorithm = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = long(0x03, [vec![0], key.to_vec()].concat());
    long(0x30, [algorithm.to_vec(), bits].concat())
}

#[tokio::test]
async fn takes_assertions_that_the_app_s_key_signed_and_no_others() {
    let org = Org::open().await;
    let signer = Signer::new();
    let claims = |user: &str| {
        let expires = org.clock.now().timestamp() + 180;
        json!({"iss": "key", "sub": user, "aud": "https://login.salesforce.com", "exp": expires})
    };
    let ask = async |assertion: &str| {
        token(&org, &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]).await
    };
    let key = signer.public_key();
    for pem in [pem("RSA PUBLIC KEY", &key), pem("PUBLIC KEY", &with_algorithm(&key))] {
        org.set(json!({"jwtPublicKey": pem})).await;
        let assertion = signer.sign(&claims("u@x.example"));
        assert_eq!(ask(&assertion).await.0, 200, "{pem}");
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        // Signed, but not this: other claims, other bits, no signature.
        let other = signer.sign(&claims("other@x.example"));
        let other_claims = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
        let mut bits = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bits[17] ^= 1;
        let other_bits = format!("{message}.{}", URL_SAFE_NO_PAD.encode(bits));
        for forged in [other_claims, other_bits, format!("{message}.")] {
            let (status, refusal) = ask(&forged).await;
            assert_eq!((status, text(&refusal["error"])), (400, "invalid_grant"), "{forged}");
        }
    }
    let mut other_key = key;
    let middle = other_key.len() / 2;
    other_key[middle] ^= 1;
    org.set(json!({"jwtPublicKey": pem("RSA PUBLIC KEY", &other_key)})).await;
    assert_eq!(ask(&signer.sign(&claims("u@x.example"))).await.0, 400, "another app's key");
}

#[tokio::test]
async fn ends_sessions_that_are_old_revoked_or_never_were_any() {
    let mut org = Org::open().await;
    for (name, message) in [
        ("invalid", "Session expired or invalid"),
        ("expired", "Session expired or invalid"),
        ("noscope", "This session is not valid for use with the REST API"),
    ] {
        org.token = name.to_owned();
        let (status, refusal) = org.get("sobjects").await;
        assert_eq!((status, code(&refusal), text(&refusal[0]["message"])), (401, "INVALID_SESSION_ID", message));
    }
    org.token = text(&token(&org, &APP).await.1["access_token"]).to_owned();
    let url = format!("{}/services/oauth2/revoke", org.running.url());
    assert_eq!(org.client.post(url).form(&[("token", &org.token)]).send().await.unwrap().status(), 200);
    assert_eq!(org.get("sobjects").await.0, 401);
    org.token = text(&token(&org, &APP).await.1["access_token"]).to_owned();
    org.set(json!({"sessionSeconds": 1})).await;
    org.clock.sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(org.get("sobjects").await.0, 401);
}

#[tokio::test]
async fn counts_requests_and_stops_at_the_quota() {
    let org = Org::with(EmulatorOptions::default()).await;
    org.set(json!({"dailyApiRequests": 2})).await;
    let first = org.request(Method::GET, "limits").send().await.unwrap();
    assert_eq!(first.headers()["sforce-limit-info"], "api-usage=1/2");
    let (_, limits) = read(first).await;
    assert_eq!(limits["DailyApiRequests"], json!({"Max": 2, "Remaining": 1}));
    org.get("limits").await;
    let (status, refusal) = org.get("limits").await;
    assert_eq!(
        (status, code(&refusal), text(&refusal[0]["message"])),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    );
}

#[tokio::test]
async fn misbehaves_in_the_vendor_s_words() {
    for (plan, status, expected) in [("503=1", 503, "SERVER_UNAVAILABLE"), ("429=1", 403, "REQUEST_LIMIT_EXCEEDED")] {
        let faults: FaultPlan = plan.parse().unwrap();
        let org = Org::with(EmulatorOptions { faults, ..EmulatorOptions::default() }).await;
        let (got, refusal) = org.get("sobjects").await;
        assert_eq!((got, code(&refusal)), (status, expected));
    }
}

#[tokio::test]
async fn ends_sessions_that_were_used_where_it_is_told_to() {
    let faults: FaultPlan = "session=1".parse().unwrap();
    let mut org = Org::with(EmulatorOptions { faults, ..EmulatorOptions::default() }).await;
    assert_eq!(org.get("sobjects").await.0, 200, "nobody has used it yet");
    let (status, refusal) = org.get("sobjects").await;
    assert_eq!((status, code(&refusal)), (401, "INVALID_SESSION_ID"));
    "00D!other".clone_into(&mut org.token);
    assert_eq!(org.get("sobjects").await.0, 200);
}

#[tokio::test]
async fn refuses_urls_that_are_too_long() {
    let org = Org::open().await;
    let long = "x".repeat(16_400);
    assert_eq!(org.get(&format!("query?q={long}")).await.0, 414);
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_the_right_one() {
    let org = Org::open().await;
    let ask = async |secret: &'static str| {
        token(&org, &[("grant_type", "client_credentials"), ("client_id", "app"), ("client_secret", secret)]).await
    };
    assert_eq!(ask("right").await.0, 200);
    let (status, refusal) = ask("other").await;
    assert_eq!((status, text(&refusal["error"])), (400, "invalid_client"));
    let register = json!({"client_id": "app", "client_secret": "other"});
    assert_eq!(org.post("/_emulator/clients", register).await.0, 204);
    assert_eq!((ask("right").await.0, ask("other").await.0), (400, 200));
}

#[tokio::test]
async fn rules_can_be_switched_on_and_off() {
    let files = [(
        "DuplicateRule.jsonl",
        "{\"DeveloperName\": \"Own\", \"MasterLabel\": \"Own\", \"SobjectType\": \"Contact\", \"IsActive\": \"true\"}",
    )];
    let org = Org::with_files(&files).await;
    org.create("Contact", json!({"LastName": "One", "Email": "one@x.example"})).await;
    let again = json!({"LastName": "Two", "Email": "one@x.example"});
    for (option, expected) in [(None, 400), (Some(false), 201), (Some(true), 400)] {
        if let Some(is_on) = option {
            org.set(json!({"duplicateRules": is_on})).await;
        }
        assert_eq!(org.post("sobjects/Contact", again.clone()).await.0, expected, "{option:?}");
    }
}

#[tokio::test]
async fn answers_this_machine_alone() {
    let org = Org::open().await;
    let request = org.request(Method::GET, "sobjects").header("host", "rebound.example");
    assert_eq!(request.send().await.unwrap().status(), 421);
}
