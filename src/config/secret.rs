//! Knows which options hold secrets, finds those written out in a file or asked for where none belongs, and masks them where
//! lines of a file are shown.

use crate::model::nearest;

use super::{
    broken::UnknownKey,
    diagnostic::Diagnostic,
    interpolate::{has_reference, is_bare_reference, names_in},
    options::{OptionNames, SECRET_NAMES, is_secret_name},
    span::{At, Content, Document, Node, Segment},
};

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

/// The parts of a file that may not be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masking<'a> {
    /// The options of connections.
    pub(super) names: &'a OptionNames,
    /// The keys that are not known: one may be a misspelt secret.
    pub(super) unknown: &'a [UnknownKey],
}

/// Returns the text of a file without what may be secret, masked letter by letter so that columns stay.
pub(super) fn mask(document: &Document, masking: Masking<'_>) -> String {
    let mut letters: Vec<char> = document.text.chars().collect();
    mask_secret_names(&document.root, &mut letters);
    if let Some(entry) = document.root.entry("connections") {
        mask_connections(&entry.value, masking.names, &mut letters);
    }
    for UnknownKey { place, meant } in masking.unknown {
        let Some(node) = At::root(document).at(place).node() else { continue };
        match (place.as_slice(), meant.as_deref()) {
            ([Segment::Key(_)], Some("connections")) => mask_connections(node, masking.names, &mut letters),
            ([outer, .., Segment::Key(key)], Some(_)) if !is_connections(outer) && !is_near_secret(key) => {}
            ([Segment::Key(key)], Some(_)) if !is_near_secret(key) => {}
            _ => mask_all(node, &mut letters),
        }
    }
    letters.into_iter().collect()
}

fn is_connections(block: &Segment) -> bool {
    matches!(block, Segment::Key(key) if key == "connections")
}

/// Tells whether a name, or its last word, may be a misspelt name of a secret.
fn is_near_secret(name: &str) -> bool {
    let lower = name.to_lowercase().replace('-', "_");
    let last = lower.rsplit('_').next().unwrap_or_default();
    is_secret_name(name) || [lower.as_str(), last].iter().any(|word| nearest(word, SECRET_NAMES).is_some())
}

/// Masks the values of keys that are called as secrets are, wherever they stand.
fn mask_secret_names(node: &Node, letters: &mut [char]) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::List(items) => items.iter().for_each(|item| mask_secret_names(item, letters)),
        Content::Mapping(entries) => {
            for entry in entries.iter() {
                if is_secret_name(&entry.key) {
                    mask_all(&entry.value, letters);
                } else {
                    mask_secret_names(&entry.value, letters);
                }
            }
        }
    }
}

/// Masks each option of a connection that is not known to hold no secret.
fn mask_connections(connections: &Node, names: &OptionNames, letters: &mut [char]) {
    if !matches!(connections.content, Content::Mapping(_)) {
        return mask_all(connections, letters);
    }
    for connection in connections.entries() {
        if !matches!(connection.value.content, Content::Mapping(_)) {
            mask_all(&connection.value, letters);
        }
        let connector = connection.value.entry("type").and_then(|entry| entry.value.as_text());
        for option in connection.value.entries() {
            if !names.is_open(connector, &option.key) {
                mask_all(&option.value, letters);
            }
        }
    }
}

/// Masks every scalar of a value; a reference shows no value and stays.
fn mask_all(node: &Node, letters: &mut [char]) {
    match &node.content {
        Content::Scalar(value) => {
            if !value.as_str().is_some_and(|text| text.is_empty() || is_bare_reference(text)) {
                let held = letters.iter().skip(node.span.start).take(node.span.extent);
                // A text in quotes reaches up to what stands behind it.
                let behind = held.rev().take_while(|letter| letter.is_whitespace()).count();
                let inside = letters.iter_mut().skip(node.span.start).take(node.span.extent - behind);
                inside.filter(|letter| !matches!(letter, '"' | '\'' | '\n')).for_each(|letter| *letter = '*');
            }
        }
        Content::List(items) => items.iter().for_each(|item| mask_all(item, letters)),
        Content::Mapping(entries) => entries.iter().for_each(|entry| mask_all(&entry.value, letters)),
    }
}

/// The blocks of a pipeline that hold no connections.
const OPEN_BLOCKS: [&str; 7] = ["version", "name", "description", "streams", "on_error", "limits", "tests"];

/// Masks what may be secret in a text that could not be read as YAML: the values of keys that are called as secrets are, and
/// those of all keys in `connections`, or in a block that is not known, but for options known to hold no secret.
pub(super) fn mask_unread(text: &str, names: &OptionNames) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut is_open_block = false;
    let mut hidden_below: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim().is_empty();
        if hidden_below.is_some_and(|outer| indent > outer || is_blank) {
            masked.push_str(&hidden(line));
            continue;
        }
        if indent == 0 && !is_blank && !line.starts_with(['#', '-', '}', ']', '\t']) {
            let word = line.split([':', ' ']).next().unwrap_or_default().trim_matches(['"', '\'']);
            is_open_block = OPEN_BLOCKS.contains(&word);
        }
        let is_shown =
            |key: &str| !is_secret_name(key) && (is_open_block || key == "connections" || names.is_open(None, key));
        let (shown, goes_on) = mask_line(line, is_shown);
        hidden_below = goes_on.then_some(indent);
        masked.push_str(&shown);
    }
    masked
}

fn hidden(text: &str) -> String {
    text.chars().map(|letter| if letter.is_whitespace() { letter } else { '*' }).collect()
}

/// Masks the values of a line whose keys are not to be shown; tells whether the last of them goes on below the line.
fn mask_line(line: &str, is_shown: impl Fn(&str) -> bool) -> (String, bool) {
    let letters: Vec<char> = line.chars().collect();
    let mut masked = letters.clone();
    let (mut word_start, mut is_flow, mut index, mut goes_on) = (0, false, 0, false);
    while index < letters.len() {
        match letters[index] {
            ':' | '=' if letters.get(index + 1).is_none_or(|next| next.is_whitespace() || letters[index] == '=') => {
                let key: String = letters[word_start..index].iter().collect();
                let key = key.trim().trim_matches(['"', '\'']).trim_start_matches("- ");
                let start = (index + 1..letters.len()).find(|at| letters[*at] != ' ').unwrap_or(letters.len());
                let end = value_end(&letters, start, is_flow);
                let value: String = letters[start..end].iter().collect();
                let plain = value.trim().trim_matches(['"', '\'']);
                let is_nested = plain.is_empty() || plain.starts_with(['{', '[']);
                if !is_nested && !is_shown(key) && !is_bare_reference(plain) {
                    let inside = masked[start..end].iter_mut().filter(|letter| **letter != ' ');
                    inside.filter(|letter| !matches!(letter, '"' | '\'' | '\n')).for_each(|letter| *letter = '*');
                    goes_on = plain.starts_with(['|', '>']);
                }
                index = if is_nested { index + 1 } else { end };
                word_start = index;
                continue;
            }
            '{' | ',' => {
                is_flow = true;
                word_start = index + 1;
            }
            '}' | '[' | ']' => word_start = index + 1,
            _ => {}
        }
        index += 1;
    }
    (masked.into_iter().collect(), goes_on)
}

/// Returns where the value that begins here ends: at its closing quote, or at the line's end, or in `{ }` at a comma.
fn value_end(letters: &[char], start: usize, is_flow: bool) -> usize {
    let find = |from: usize, is_end: &dyn Fn(char) -> bool| {
        (from..letters.len()).find(|at| is_end(letters[*at])).unwrap_or(letters.len())
    };
    match letters.get(start) {
        Some(quote @ ('"' | '\'')) => (find(start + 1, &|letter| letter == *quote) + 1).min(letters.len()),
        _ if is_flow => find(start, &|letter| matches!(letter, ',' | '}' | '\n')),
        _ => find(start, &|letter| letter == '\n'),
    }
}

/// Finds secrets that are asked for where none belongs. A secret is a variable that is called as one, and whatever a secret
/// option of a connection asks for.
pub(super) fn refuse_misplaced(documents: &[&Document], names: &OptionNames, findings: &mut Vec<Diagnostic>) {
    let mut secrets = Vec::new();
    let mut places = Vec::new();
    for document in documents {
        let root = At::root(document);
        for entry in document.root.entries() {
            if entry.key == "connections" {
                sort_options(&root.key("connections"), names, &mut secrets, &mut places);
            } else if OPEN_BLOCKS.contains(&entry.key.as_str()) {
                // Of a block that is not known, that finding says enough.
                texts_below(&root.key(&entry.key), &mut places);
            }
        }
    }
    for place in places {
        let Some(text) = place.node().and_then(Node::as_text) else { continue };
        for name in names_in(text) {
            if is_secret_name(&name) || secrets.contains(&name) {
                findings.push(misplaced(&name, &place));
            }
        }
    }
}

/// Notes what secret options ask for, and the places of the others.
fn sort_options<'d>(connections: &At<'d>, names: &OptionNames, secrets: &mut Vec<String>, places: &mut Vec<At<'d>>) {
    for connection in connections.node().into_iter().flat_map(Node::entries) {
        let at = connections.key(&connection.key);
        let connector = connection.value.entry("type").and_then(|entry| entry.value.as_text());
        for option in connection.value.entries() {
            if names.is_secret(connector, &option.key) {
                secrets.extend(option.value.texts().into_iter().flat_map(names_in));
            } else if names.is_open(connector, &option.key) {
                texts_below(&at.key(&option.key), places);
            }
        }
    }
}

/// Collects the places of the texts that must hold no secret: all but a mapping's constant values.
fn texts_below<'d>(at: &At<'d>, places: &mut Vec<At<'d>>) {
    let Some(node) = at.node() else { return };
    match &node.content {
        Content::Scalar(value) => {
            if value.as_str().is_some_and(has_reference) {
                places.push(at.clone());
            }
        }
        Content::List(items) => (0..items.len()).for_each(|index| texts_below(&at.index(index), places)),
        Content::Mapping(entries) => {
            let is_constant = |key: &str| matches!(key, "value" | "values" | "default" | "otherwise");
            let is_mapping = is_in_mappings(at.path());
            for entry in entries.iter().filter(|entry| !(is_mapping && is_constant(&entry.key))) {
                texts_below(&at.key(&entry.key), places);
            }
        }
    }
}

/// Tells whether a place is the mapping of one field.
fn is_in_mappings(path: &[Segment]) -> bool {
    matches!(path, [.., Segment::Key(block), Segment::Key(_)] if block == "mappings")
}

fn misplaced(name: &str, place: &At<'_>) -> Diagnostic {
    let (noun, written) = match name.strip_prefix("file:") {
        Some(path) => ("file", format!("file:{path}")),
        None => ("variable", name.to_owned()),
    };
    let what = place.path().iter().rev().find_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Index(_) => None,
    });
    let message = format!("`{}` asks for the secret {noun} `{written}`", what.unwrap_or_default());
    Diagnostic::error("config.misplaced_secret", place.part_spot(&format!("${{{name}")), message).with_hint(
        "a secret belongs in an option of a connection that is made for it; names, paths and SQL are shown, logged and kept",
    )
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
    fn a_file_that_is_no_yaml_shows_no_option_that_may_be_secret() {
        let names = OptionNames::of_schema(&serde_json::json!({ "$defs": {
            "crm_connection": { "properties": { "type": {}, "base_url": {}, "token": { "writeOnly": true } } },
        } }));
        for (text, masked) in [
            (
                "connections:\n  a: { type: crm, tokn: \"pa,t-1\", b: 2 }\n",
                "connections:\n  a: { type: crm, tokn: \"******\", b: * }\n",
            ),
            ("connections:\n  a:\n    pasword: x, y}z\n", "connections:\n  a:\n    pasword: ** ***\n"),
            ("conections:\n  a:\n    tokn: pat-1\n", "conections:\n  a:\n    tokn: *****\n"),
            (
                "connections:\n  a:\n    tokn: |\n      pat-1\n    type: crm\n",
                "connections:\n  a:\n    tokn: *\n      *****\n    type: crm\n",
            ),
            (
                "connections:\n  a: { token: \"${T}\", base_url: http://x }\n",
                "connections:\n  a: { token: \"${T}\", base_url: http://x }\n",
            ),
            ("connections:\n  a: { token: \"${T:-pat-1}\" }\n", "connections:\n  a: { token: \"***********\" }\n"),
            (
                "streams:\n  - name: a\n    Email: email\n    token: pat\n",
                "streams:\n  - name: a\n    Email: email\n    token: ***\n",
            ),
        ] {
            assert_eq!(mask_unread(text, &names), masked);
        }
    }
}
