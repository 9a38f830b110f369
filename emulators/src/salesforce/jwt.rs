//! Signed logins.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value as Json;

use super::org::Org;

/// A refusal: the error and its description.
type Refusal = (&'static str, String);

/// Checks an assertion: its form, its algorithm, its times, and its signature where the org has a key.
pub(super) fn check(org: &Org, assertion: &str, skew: i64) -> Result<(), Refusal> {
    let invalid = |description: &str| ("invalid_grant", description.to_owned());
    let parts: Vec<&str> = assertion.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else { return Err(invalid("invalid assertion")) };
    let decode = |part: &str| -> Option<Json> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let (Some(header), Some(body)) = (decode(head), decode(claims)) else { return Err(invalid("invalid assertion")) };
    if header["alg"] != "RS256" {
        return Err(invalid("algorithm not supported"));
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    if text("iss").is_empty() || text("iss").starts_with("invalid") {
        return Err(("invalid_client_id", "client identifier invalid".to_owned()));
    }
    if text("sub").is_empty() || text("sub").starts_with("noscope") {
        return Err(invalid("user hasn't approved this consumer"));
    }
    let is_audience = |text: &str| text.starts_with("https://") || text.starts_with("http://127.0.0.1");
    if !is_audience(text("aud")) {
        return Err(invalid("audience is invalid"));
    }
    // Some clients write the number as a text.
    let expires = body["exp"].as_i64().or_else(|| text("exp").parse().ok());
    if expires.is_none_or(|expires| expires + skew < org.clock.now().timestamp()) {
        return Err(invalid("expired authorization code"));
    }
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return Err(invalid("invalid assertion")) };
    let Some(pem) = &org.options.jwt_public_key else {
        return if signature.is_empty() { Err(invalid("invalid assertion")) } else { Ok(()) };
    };
    let key = public_key(pem).ok_or_else(|| invalid("the org's key cannot be read"))?;
    let signed = format!("{head}.{claims}");
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(signed.as_bytes(), &signature).map_err(|_| invalid("invalid assertion"))
}

/// Reads a public key in PEM: `PUBLIC KEY` or `RSA PUBLIC KEY`.
fn public_key(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.map(str::trim).collect::<String>()).ok()?;
    if pem.contains("RSA PUBLIC KEY") {
        return Some(der);
    }
    // A sequence of the algorithm and a bit string, which holds the key.
    let (_, content) = element(&der)?;
    let (rest, _) = element(content)?;
    let (_, bits) = element(rest)?;
    Some(bits.get(1..)?.to_vec())
}

/// Splits the first element of DER off: what follows it, and its content.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = usize::from(*der.get(1)?);
    let (length, start) = if first < 0x80 {
        (first, 2)
    } else {
        let bytes = der.get(2..2 + first - 0x80)?;
        (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + bytes.len())
    };
    Some((der.get(start + length..)?, der.get(start..start + length)?))
}
