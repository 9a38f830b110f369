//! The signed text that a JWT bearer login sends. RS256 is the one algorithm that Salesforce takes.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::json;

use crate::connector::Secret;

/// Signs a login of a user by an app. `ends_at` is in seconds since 1970.
///
/// # Errors
/// Says, for the user and without the key, why the key cannot be used.
pub(super) fn sign(
    client_id: &str,
    username: &str,
    audience: &str,
    ends_at: i64,
    private_key: &Secret,
) -> Result<String, String> {
    let key = read_key(private_key.expose())?;
    let claims = json!({ "iss": client_id, "sub": username, "aud": audience, "exp": ends_at });
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .map_err(|_| "`private_key` cannot sign".to_owned())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Reads a key as `openssl genrsa` and `openssl genpkey` write it (PKCS #1 or #8, PEM). What stands before it explains it (RFC 7468,
/// section 2).
fn read_key(pem: &str) -> Result<RsaKeyPair, String> {
    let refused = |what: &str| format!("`private_key` cannot be used: {what}");
    let lines: Vec<&str> = pem.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN ")).collect();
    let label = lines.first().and_then(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let body = lines.iter().skip(1).take_while(|line| !line.starts_with("-----")).copied().collect::<String>();
    let bytes = STANDARD.decode(body).map_err(|_| refused("its text is no PEM"))?;
    let key = match label {
        Some("PRIVATE KEY") => RsaKeyPair::from_pkcs8(&bytes),
        Some("RSA PRIVATE KEY") => RsaKeyPair::from_der(&bytes),
        Some("ENCRYPTED PRIVATE KEY") => return Err(refused("it is encrypted; write it without a passphrase")),
        _ => return Err(refused("it does not begin with `-----BEGIN PRIVATE KEY-----`")),
    };
    key.map_err(|error| refused(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value as Json;

    use super::*;

    /// Made for tests; it opens nothing.
    const KEY: &str = include_str!("../tests/key_of_no_use.pem");

    #[test]
    fn the_claims_are_signed_as_the_key_s_public_half_confirms() {
        let jwt = sign("app", "bot@example.test", "https://login.salesforce.com", 180, &Secret::new(KEY)).unwrap();
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let public = read_key(KEY).unwrap().public().as_ref().to_vec();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(message.as_bytes(), &signature).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(message.split_once('.').unwrap().1).unwrap();
        let claims: Json = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["exp"], 180, "seconds, not milliseconds");
        assert_eq!(claims["iss"], "app");
        assert_eq!(claims["aud"], "https://login.salesforce.com");
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told_without_being_shown() {
        for pem in ["SECRET", "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----", "-----BEGIN X-----\n"]
        {
            let error = sign("app", "bot", "x", 1, &Secret::new(pem)).unwrap_err();
            assert!(error.contains("private_key") && !error.contains("SECRET") && !error.contains("U0VD"), "{error}");
        }
    }
}
