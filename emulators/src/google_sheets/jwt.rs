//! Signed logins of service accounts.

use std::collections::HashMap;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::Value as Json;

/// How far clocks may differ, in seconds.
const SKEW: i64 = 300;

/// The longest life of an assertion, in seconds. Source: developers.google.com/identity/protocols/oauth2/service-account.
const MAX_LIFE: i64 = 3600;

/// A refusal: the error and its description.
type Refusal = (&'static str, String);

/// The public keys of service accounts, by address. An account without one here is believed.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(HashMap<String, Vec<u8>>);

impl Keys {
    /// Takes the key of an account from its key file.
    ///
    /// # Errors
    /// Fails, with a text for the user, when the file is none of a service account.
    pub(super) fn add(&mut self, file: &Json) -> Result<(), String> {
        let text = |name: &str| file[name].as_str().ok_or_else(|| format!("`{name}` is missing"));
        let pem = text("private_key")?;
        // A remark may stand before the key.
        let key = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
        let lines = key.take_while(|line| !line.starts_with("-----END"));
        let der = STANDARD.decode(lines.map(str::trim).collect::<String>()).map_err(|error| error.to_string())?;
        let pair = KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der)).map_err(|error| error.to_string())?;
        self.0.insert(text("client_email")?.to_owned(), pair.public_key().as_ref().to_vec());
        Ok(())
    }
}

/// Who logs in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) subject: String,
    pub(super) scopes: String,
    /// Whether the account acts for a person of its domain.
    pub(super) is_person: bool,
}

/// Checks an assertion: its form, its algorithm, its claims, and its signature where the key is known. Without `now`, on a clock
/// that runs at another speed than the client's, its times are not compared with it.
///
/// # Errors
/// Refuses as Google's token endpoint does.
pub(super) fn check(keys: &Keys, assertion: &str, now: Option<i64>) -> Result<Login, Refusal> {
    let invalid = |description: &str| ("invalid_grant", description.to_owned());
    let parts: Vec<&str> = assertion.split('.').collect();
    let malformed = || invalid("Invalid JWT: The assertion is not three parts of base64url without padding.");
    let [head, claims, signature] = parts.as_slice() else { return Err(malformed()) };
    let decode = |part: &str| -> Option<Json> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let (Some(header), Some(body)) = (decode(head), decode(claims)) else { return Err(malformed()) };
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    if header["alg"] != "RS256" || signature.is_empty() {
        return Err(invalid("Invalid JWT Signature."));
    }
    if text("iss").is_empty() || text("iss").starts_with("invalid") {
        return Err(invalid("Invalid grant: account not found"));
    }
    if !text("aud").starts_with("https://") && !text("aud").starts_with("http://") {
        return Err(invalid(
            "Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token",
        ));
    }
    if !are_times_right(&body, now) {
        return Err(invalid(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp \
             values in the JWT claim.",
        ));
    }
    if let Some(key) = keys.0.get(text("iss")) {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        let signed = format!("{head}.{claims}");
        key.verify(signed.as_bytes(), &signature).map_err(|_| invalid("Invalid JWT Signature."))?;
    }
    if text("scope").is_empty() {
        let description = "Invalid OAuth scope or ID token audience provided.";
        return Err(("invalid_scope", description.to_owned()));
    }
    let subject = if text("sub").is_empty() { text("iss") } else { text("sub") };
    let is_person = subject != text("iss");
    Ok(Login { subject: subject.to_owned(), scopes: text("scope").to_owned(), is_person })
}

fn are_times_right(claims: &Json, now: Option<i64>) -> bool {
    let (Some(issued), Some(ends)) = (claims["iat"].as_f64(), claims["exp"].as_f64()) else { return false };
    let (Some(issued), Some(ends)) = (super::numbers::whole(issued), super::numbers::whole(ends)) else { return false };
    let is_short = (1..=MAX_LIFE).contains(&(ends - issued));
    is_short && now.is_none_or(|now| issued <= now + SKEW && ends > now - SKEW)
}
