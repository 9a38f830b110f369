//! Shows what is wrong with a pipeline: the line itself, with a mark under the words that are meant, and what to do.
//!
//! Nothing is printed here: the text goes to the caller. For `--json`, a [`Diagnostic`] serializes as it is.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::config::{Diagnostic, Severity};

use super::printable::{one_line, same_width};

/// Returns the findings as text for a terminal or a log, a blank line after each.
pub fn render(diagnostics: &[Diagnostic], is_coloured: bool) -> String {
    let renderer = if is_coloured { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[report(&harmless(diagnostic))]));
        text.push_str("\n\n");
    }
    text
}

/// Returns a finding whose texts may be printed.
fn harmless(diagnostic: &Diagnostic) -> Diagnostic {
    Diagnostic {
        message: one_line(&diagnostic.message).into_owned(),
        file: one_line(&diagnostic.file.to_string_lossy()).into_owned().into(),
        text: diagnostic.text.as_deref().map(|text| same_width(text).into_owned()),
        path: one_line(&diagnostic.path).into_owned(),
        hint: diagnostic.hint.as_deref().map(|hint| one_line(hint).into_owned()),
        ..diagnostic.clone()
    }
}

/// Returns the number of errors and warnings in words: `2 errors, 1 warning`.
pub fn count(diagnostics: &[Diagnostic]) -> String {
    let number = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let words = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let parts: Vec<String> = [words(number(Severity::Error), "error"), words(number(Severity::Warning), "warning")]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() { "no errors".to_owned() } else { parts.join(", ") }
}

fn report(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let group = match (diagnostic.line, diagnostic.text.as_deref()) {
        (Some(line), Some(text)) => title.element(snippet(diagnostic, line, text)),
        (line, _) => {
            let origin = Origin::path(diagnostic.file.to_string_lossy().into_owned());
            title.element(match line {
                Some(line) => origin.line(line).char_column(diagnostic.column.unwrap_or(1)),
                None => origin,
            })
        }
    };
    match &diagnostic.hint {
        Some(hint) => group.element(Level::HELP.with_name("hint").message(hint.as_str())),
        None => group,
    }
}

fn snippet<'a>(diagnostic: &Diagnostic, line: usize, text: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let first = diagnostic.column.unwrap_or(1).saturating_sub(1);
    let start = byte_of(text, first);
    let end = byte_of(text, first + diagnostic.length.unwrap_or(1).max(1));
    Snippet::source(text)
        .line_start(line)
        .path(diagnostic.file.to_string_lossy().into_owned())
        .annotation(AnnotationKind::Primary.span(start..end))
}

/// Returns where a character of the line begins, in bytes; the line's end where it has fewer.
fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity) -> Diagnostic {
        Diagnostic {
            code: "config.unknown_key",
            severity,
            message: "the key `strems` is not known here".to_owned(),
            file: "pipelines/contacts.yaml".into(),
            line: Some(12),
            column: Some(6),
            length: Some(6),
            text: Some("  ä: strems: 1".to_owned()),
            path: "strems".to_owned(),
            hint: Some("did you mean `streams`?".to_owned()),
        }
    }

    #[test]
    fn shows_the_line_the_mark_and_the_hint() {
        let text = render(&[finding(Severity::Error)], false);
        let expected = "\
error[config.unknown_key]: the key `strems` is not known here
  --> pipelines/contacts.yaml:12:6
   |
12 |   ä: strems: 1
   |      ^^^^^^
   |
   = hint: did you mean `streams`?

";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_finding_about_a_whole_file_shows_no_line() {
        let whole = Diagnostic { line: None, column: None, length: None, text: None, ..finding(Severity::Warning) };
        let expected = "\
warning[config.unknown_key]: the key `strems` is not known here
--> pipelines/contacts.yaml
 = hint: did you mean `streams`?

";
        assert_eq!(render(&[whole], false), expected);
    }

    #[test]
    fn colours_are_used_only_when_asked_for() {
        assert!(!render(&[finding(Severity::Error)], false).contains('\u{1b}'));
        assert!(render(&[finding(Severity::Error)], true).contains('\u{1b}'));
    }

    #[test]
    fn nothing_that_others_wrote_reaches_the_terminal_as_it_is() {
        let bad = "x\u{1b}[2J\r\u{202e}";
        let finding = Diagnostic {
            message: bad.to_owned(),
            text: Some(bad.to_owned()),
            hint: Some(format!("{bad}\nerror: forged")),
            file: bad.into(),
            ..finding(Severity::Error)
        };
        let text = render(&[finding], false);
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']) && !text.contains("\nerror: forged"), "{text:?}");
    }

    #[test]
    fn counts_in_words() {
        let findings = [finding(Severity::Error), finding(Severity::Warning), finding(Severity::Warning)];
        assert_eq!(count(&findings), "1 error, 2 warnings");
        assert_eq!(count(&[]), "no errors");
    }
}
