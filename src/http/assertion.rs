//! The signed text that a JWT bearer login sends (RFC 7523). RS256 is the one algorithm that every vendor takes.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value as Json, json};

/// The grant that such a text is sent with.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Signs the claims of a login with a private key in PEM; `key_id` names the key where the vendor knows several.
///
/// # Errors
/// Says, for the user and without the key, why the key cannot be used.
pub fn sign_claims(claims: &Json, key_id: Option<&str>, private_key: &str) -> Result<String, String> {
    let key = read_key(private_key)?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(key_id) = key_id {
        header["kid"] = Json::from(key_id);
    }
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(&header), part(claims));
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
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    /// Made for tests; it opens nothing.
    const KEY: &str = include_str!("../connectors/salesforce/tests/key_of_no_use.pem");

    #[test]
    fn the_claims_are_signed_as_the_key_s_public_half_confirms() {
        let claims =
            json!({ "iss": "app", "sub": "bot@example.test", "aud": "https://login.salesforce.com", "exp": 180 });
        let jwt = sign_claims(&claims, Some("key-1"), KEY).unwrap();
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let public = read_key(KEY).unwrap().public().as_ref().to_vec();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(message.as_bytes(), &signature).unwrap();
        let part = |text: &str| -> Json { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
        let (header, signed) = message.split_once('.').unwrap();
        assert_eq!(part(signed), claims);
        assert_eq!(part(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told_without_being_shown() {
        for pem in ["SECRET", "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----", "-----BEGIN X-----\n"]
        {
            let error = sign_claims(&json!({}), None, pem).unwrap_err();
            assert!(error.contains("private_key") && !error.contains("SECRET") && !error.contains("U0VD"), "{error}");
        }
    }
}
