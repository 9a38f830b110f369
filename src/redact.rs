//! The one list of secrets that this process knows, and the one way to take them out of a text.
//!
//! A secret gets here when it is read: options of connections, tokens that a vendor renews. Whatever is printed, logged,
//! audited or stored in clear goes through [`redact`], so that a vendor that echoes a token does not put it on a screen.

use std::{
    borrow::Cow,
    sync::{PoisonError, RwLock},
};

/// What stands in the place of a secret.
pub const MASK: &str = "***";
/// Shortest text that is taken for a secret, in bytes: a shorter one is a word that would be blotted out everywhere.
const MIN_BYTES: usize = 8;

/// The known secrets in the forms in which they may show up, longest first.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Remembers a secret for as long as the process runs.
pub fn remember(secret: &str) {
    let secret = secret.trim();
    if secret.len() < MIN_BYTES {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms(secret) {
        if !known.contains(&form) {
            known.push(form);
        }
    }
    // A secret that holds another one is masked whole.
    known.sort_by_key(|form| std::cmp::Reverse(form.len()));
}

/// Returns a text without the known secrets.
pub fn redact(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut redacted = Cow::Borrowed(text);
    for form in known.iter() {
        if redacted.contains(form.as_str()) {
            redacted = Cow::Owned(redacted.replace(form.as_str(), MASK));
        }
    }
    redacted
}

/// Returns the forms of a secret: as it is, in a URL, in JSON, and each line of one that has several.
fn forms(secret: &str) -> Vec<String> {
    let in_url = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let in_form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_json = serde_json::Value::from(secret).to_string();
    let in_json = in_json.trim_matches('"').to_owned();
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= MIN_BYTES && !line.starts_with("-----"));
    let mut forms: Vec<String> = lines.map(str::to_owned).collect();
    forms.extend([secret.to_owned(), in_url, in_form, in_json]);
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_each_form_in_which_it_may_show_up() {
        remember("pat/na1+\"Zürich\" 7f");
        for text in [
            "bad token pat/na1+\"Zürich\" 7f!",
            "?token=pat%2Fna1%2B%22Z%C3%BCrich%22%207f&x=1",
            "token=pat%2Fna1%2B%22Z%C3%BCrich%22+7f",
            r#"{"token":"pat/na1+\"Zürich\" 7f"}"#,
        ] {
            let redacted = redact(text);
            assert!(redacted.contains(MASK) && !redacted.contains("rich"), "{redacted}");
        }
    }

    #[test]
    fn a_key_of_several_lines_is_masked_line_by_line() {
        remember("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----");
        assert_eq!(
            redact("got kqhkiG9w0BAQEF of -----BEGIN PRIVATE KEY-----"),
            "got *** of -----BEGIN PRIVATE KEY-----"
        );
    }

    #[test]
    fn a_word_is_no_secret() {
        remember("any");
        assert_eq!(redact("any other text"), "any other text");
    }
}
