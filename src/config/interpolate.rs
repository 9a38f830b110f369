//! Fills `${NAME}`, `${NAME:-default}` and `${file:path}` into the texts of a pipeline; `$${` stands for `${`. `${run.id}` stays as it
//! is in the constant of a mapping: the run fills it in.
//!
//! What is filled in is text and stays text: it is never read as YAML or looked at for further references. No message holds a
//! value.

use serde_json::Value as Json;

use crate::model::RUN_ID;

use super::{
    diagnostic::Diagnostic,
    span::{At, Node, Segment, Spot},
};

/// Looks up what references name.
pub(super) trait Lookup {
    /// Returns the value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns what stands for a variable that has neither a value nor a default.
    fn placeholder(&self) -> Option<String>;

    /// Returns the text of a file.
    ///
    /// # Errors
    /// Says why it cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// Fills in every text below a place. `value` is what the document holds there.
pub(super) fn fill(value: &mut Json, at: &At<'_>, lookup: &dyn Lookup, findings: &mut Vec<Diagnostic>) {
    match value {
        Json::String(text) if text.contains("${") => {
            let mut problems = Vec::new();
            let is_constant = at.path().last().is_some_and(|segment| *segment == Segment::Key("value".to_owned()));
            *text = fill_text(text, lookup, is_constant, &mut problems);
            findings.extend(problems.into_iter().map(|problem| problem.into_diagnostic(at)));
        }
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, &at.index(index), lookup, findings);
            }
        }
        Json::Object(entries) => {
            for (key, entry) in entries {
                fill(entry, &at.key(key), lookup, findings);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Masks in a message what references below a place were filled with.
pub(super) fn mask(message: &str, at: &At<'_>, lookup: &dyn Lookup) -> String {
    let mut masked = message.to_owned();
    for text in at.node().into_iter().flat_map(Node::texts) {
        for reference in text.split("${").skip(1) {
            let inside = reference.split('}').next().unwrap_or_default();
            let value = value_of(inside, lookup).unwrap_or_default();
            if !value.is_empty() {
                masked = masked.replace(&value, "***");
            }
        }
    }
    masked
}

/// Tells whether a text holds a reference.
pub(super) fn has_reference(text: &str) -> bool {
    text.replace("$${", "").contains("${")
}

/// Returns what the references of a text name: `NAME`, or `file:path`; without defaults.
pub(super) fn names_in(text: &str) -> Vec<String> {
    let kept = text.replace("$${", "");
    let inside = kept.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    let name = |inside: &str| match inside.strip_prefix("file:") {
        Some(path) => format!("file:{}", path.trim()),
        None => inside.split(":-").next().unwrap_or_default().to_owned(),
    };
    inside.map(|(inside, _)| name(inside)).collect()
}

/// Tells whether a text is one reference and nothing else, so that it shows no value.
pub(super) fn is_bare_reference(text: &str) -> bool {
    let inside = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inside
        .is_some_and(|inside| !inside.contains('}') && inside.split_once(":-").is_none_or(|(_, text)| text.is_empty()))
}

/// What is wrong with a reference.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    /// `${` without `}`.
    Unclosed,
    /// What stands between the braces is no reference.
    Malformed { inside: String },
    /// The variable has no value.
    Unset { name: String },
    /// The file cannot be read.
    Unreadable { path: String, reason: String },
}

impl Problem {
    fn into_diagnostic(self, at: &At<'_>) -> Diagnostic {
        let spot = |part: &str| -> Spot { at.part_spot(part) };
        match self {
            Self::Unclosed => Diagnostic::error("config.reference", spot("${"), "`${` has no `}`")
                .with_hint("close it, or write `$${` for the characters themselves"),
            Self::Malformed { inside } => {
                let message = format!("`${{{inside}}}` names no variable");
                let hint = if format!("${{{inside}}}") == RUN_ID {
                    "`${run.id}` can be a `value` of a mapping only"
                } else {
                    "write `${NAME}`, `${NAME:-default}` or `${file:path}`; `$${` for the characters themselves"
                };
                Diagnostic::error("config.reference", spot(&format!("${{{inside}}}")), message).with_hint(hint)
            }
            Self::Unset { name } => {
                let message = format!("the environment variable `{name}` is not set");
                let hint = format!(
                    "set it, put `{name}=…` into a file `.env` beside the pipeline, or give a default: `${{{name}:-…}}`"
                );
                Diagnostic::error("config.unset_variable", spot(&format!("${{{name}")), message).with_hint(hint)
            }
            Self::Unreadable { path, reason } => {
                let message = format!("the file `{path}` cannot be read: {reason}");
                Diagnostic::error("config.unreadable_file", spot(&path), message)
                    .with_hint("relative paths start from the pipeline's folder")
            }
        }
    }
}

fn fill_text(text: &str, lookup: &dyn Lookup, is_constant: bool, problems: &mut Vec<Problem>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from_reference) = rest.split_at(start);
        if let Some(kept) = before.strip_suffix('$') {
            filled.push_str(kept);
            filled.push_str("${");
            rest = &from_reference[2..];
            continue;
        }
        filled.push_str(before);
        let Some(end) = from_reference.find('}') else {
            problems.push(Problem::Unclosed);
            return filled;
        };
        let reference = &from_reference[..=end];
        match value_of(&from_reference[2..end], lookup) {
            Err(Problem::Malformed { .. }) if is_constant && reference == RUN_ID => filled.push_str(reference),
            Ok(value) => filled.push_str(&value),
            Err(problem) => problems.push(problem),
        }
        rest = &from_reference[end + 1..];
    }
    filled.push_str(rest);
    filled
}

/// Returns the value of what stands between `${` and `}`. A default also stands for a variable that is set to nothing, as in a
/// shell.
fn value_of(inside: &str, lookup: &dyn Lookup) -> Result<String, Problem> {
    if let Some(path) = inside.strip_prefix("file:") {
        let path = path.trim();
        let unreadable = |reason| Problem::Unreadable { path: path.to_owned(), reason };
        let text = lookup.file(path).map_err(unreadable)?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        return Ok(line.strip_suffix('\r').unwrap_or(line).to_owned());
    }
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(Problem::Malformed { inside: inside.to_owned() });
    }
    match (lookup.variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => lookup.placeholder().ok_or_else(|| Problem::Unset { name: name.to_owned() }),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Lookup for Known {
        fn variable(&self, name: &str) -> Option<String> {
            match name {
                "TOKEN" => Some("a: ${OTHER}".to_owned()),
                "EMPTY" => Some(String::new()),
                _ => None,
            }
        }

        fn placeholder(&self) -> Option<String> {
            None
        }

        fn file(&self, path: &str) -> Result<String, String> {
            if path == "secret.txt" { Ok("from file\r\n".to_owned()) } else { Err("no such file".to_owned()) }
        }
    }

    fn check(text: &str, expected: Result<&str, Problem>) {
        let mut problems = Vec::new();
        let filled = fill_text(text, &Known, true, &mut problems);
        match expected {
            Ok(value) => assert_eq!((filled.as_str(), problems), (value, Vec::new()), "{text}"),
            Err(problem) => assert_eq!(problems, [problem], "{text}"),
        }
    }

    #[test]
    fn values_are_filled_in_and_never_looked_at_again() {
        check("x ${TOKEN} y", Ok("x a: ${OTHER} y"));
        check("${TOKEN}${TOKEN}", Ok("a: ${OTHER}a: ${OTHER}"));
        check("${file:secret.txt}", Ok("from file"));
        check("no $NAME, no {braces}, 5 $", Ok("no $NAME, no {braces}, 5 $"));
    }

    #[test]
    fn a_default_stands_for_what_is_unset_or_empty() {
        check("${NONE:-eu}", Ok("eu"));
        check("${EMPTY:-eu}", Ok("eu"));
        check("${NONE:-}", Ok(""));
        check("${EMPTY}", Ok(""));
    }

    #[test]
    fn a_doubled_dollar_is_an_escape() {
        check("$${TOKEN} ${TOKEN}", Ok("${TOKEN} a: ${OTHER}"));
        assert!(!has_reference("a $${b}"));
        assert!(has_reference("a ${b}"));
        assert_eq!(names_in("$${A} ${B:-x} ${file: c.txt }${D}"), ["B", "file:c.txt", "D"]);
        assert!(is_bare_reference("${A}") && is_bare_reference("${file:a}") && is_bare_reference("${A:-}"));
        assert!(!is_bare_reference("x${A}") && !is_bare_reference("${A}${B}") && !is_bare_reference("${A:-pat}"));
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        check("${NONE}", Err(Problem::Unset { name: "NONE".to_owned() }));
        check("${TOKEN", Err(Problem::Unclosed));
        check("${my token}", Err(Problem::Malformed { inside: "my token".to_owned() }));
        check("${}", Err(Problem::Malformed { inside: String::new() }));
        let reason = "no such file".to_owned();
        check("${file:gone.txt}", Err(Problem::Unreadable { path: "gone.txt".to_owned(), reason }));
    }
}
