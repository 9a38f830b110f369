//! Knows which options hold secrets, finds those written out in a file, and masks them where its lines are shown.

use super::{
    diagnostic::Diagnostic,
    interpolate::has_reference,
    span::{At, Content, Node},
};

/// Words that name a secret when they are the whole name of an option or its end after `_`.
const SECRET_NAMES: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "api_key",
    "apikey",
    "hapikey",
    "private_key",
    "credentials",
    "authorization",
];

/// Tells whether an option of that name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase().replace('-', "_");
    SECRET_NAMES
        .iter()
        .any(|secret| lower == *secret || lower.strip_suffix(secret).is_some_and(|before| before.ends_with('_')))
}

/// Warns of secrets that are written out in the options of a connection.
pub(super) fn warn_of_literals(connection: &At<'_>, findings: &mut Vec<Diagnostic>) {
    let Some(node) = connection.node() else { return };
    for entry in node.entries() {
        let Some(text) = entry.value.as_text() else { continue };
        if !is_secret_name(&entry.key) || text.is_empty() || has_reference(text) {
            continue;
        }
        let message = format!("the secret `{}` is written out in the file", entry.key);
        let variable = connection_variable(connection, &entry.key);
        let hint = format!(
            "write `{}: \"${{{variable}}}\"`, and put the value into the environment or a file `.env` beside the pipeline",
            entry.key
        );
        let spot = connection.key(&entry.key).key_spot();
        findings.push(Diagnostic::warning("config.literal_secret", spot, message).with_hint(hint));
    }
}

/// Suggests a variable's name after the connector: `HUBSPOT_TOKEN`.
fn connection_variable(connection: &At<'_>, option: &str) -> String {
    let connector = connection.key("type").node().and_then(Node::as_text);
    let name = connector.map_or_else(|| option.to_owned(), |connector| format!("{connector}_{option}"));
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect()
}

/// Returns the text of a file with the secrets that are written out in it masked, letter by letter so that columns stay.
pub(super) fn mask(text: &str, root: Option<&Node>) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    match root {
        Some(root) => mask_node(root, false, &mut letters),
        None => mask_lines(&mut letters),
    }
    letters.into_iter().collect()
}

fn mask_node(node: &Node, is_secret: bool, letters: &mut [char]) {
    match &node.content {
        Content::Scalar(value) if is_secret => {
            let is_reference = value.as_str().is_some_and(|text| text.is_empty() || has_reference(text));
            if !is_reference {
                let inside = letters.iter_mut().skip(node.span.start).take(node.span.extent);
                inside.filter(|letter| !matches!(letter, '"' | '\'' | '\n')).for_each(|letter| *letter = '*');
            }
        }
        Content::Scalar(_) => {}
        Content::List(items) => items.iter().for_each(|item| mask_node(item, is_secret, letters)),
        Content::Mapping(entries) => {
            for entry in entries {
                mask_node(&entry.value, is_secret || is_secret_name(&entry.key), letters);
            }
        }
    }
}

/// Masks what follows `token:` and the like in a text that could not be read as YAML.
fn mask_lines(letters: &mut [char]) {
    let mut word_start = 0;
    let mut is_masking = false;
    for index in 0..letters.len() {
        let letter = letters[index];
        match letter {
            '\n' | ',' | '}' => {
                is_masking = false;
                word_start = index + 1;
            }
            ' ' | '"' | '\'' if is_masking => {}
            _ if is_masking => letters[index] = '*',
            ':' | '=' => {
                let word: String = letters[word_start..index].iter().collect();
                let follows: String = letters[index + 1..].iter().take(4).collect();
                let is_reference = follows.trim_start_matches([' ', '"', '\'']).starts_with("${");
                is_masking = is_secret_name(word.trim()) && !is_reference;
                word_start = index + 1;
            }
            ' ' | '\t' | '{' | '-' | '"' | '\'' => word_start = index + 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_by_their_last_word() {
        for name in ["token", "refresh_token", "client_secret", "Password", "api-key", "hapikey"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["token_url", "secretary", "base_id", "client_id", "key"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_broken_file_is_masked_by_its_words() {
        let text = "a: { token: \"pat-1\", b: 2 }\npassword: x y\ntoken: \"${T}\"\n";
        let masked = "a: { token: \"*****\", b: 2 }\npassword: * *\ntoken: \"${T}\"\n";
        assert_eq!(mask(text, None), masked);
    }
}
