//! The first line of a CSV file: the names of its columns, or Excel's word for its separator before them.

use std::path::Path;

use crate::connector::{ConnectorError, ErrorKind};

use super::{super::config::Form, Item, Place, RecordReader, encoding_hint};

/// What a file's first lines say.
#[derive(Debug)]
pub(in super::super) struct Header {
    /// The names of the columns, in their order, exactly as the line has them.
    pub(in super::super) names: Vec<String>,
    /// The place behind them.
    pub(in super::super) end: Place,
    /// The form of the lines: a `sep=` line says more about the separator than the option.
    pub(in super::super) form: Form,
}

/// Reads the names in the file's first line.
pub(in super::super) fn read_header(path: &Path, form: Form) -> Result<Header, ConnectorError> {
    // What ends a line is known when the first one is read.
    let mut form = Form { is_return_line_end: true, ..form };
    let mut reader = RecordReader::open(path, form, Place::START)?;
    let mut first = reader.next()?;
    if let Some(separator) = reader.said_separator() {
        form.separator = separator;
        reader = RecordReader::open(path, form, reader.place())?;
        first = reader.next()?;
    }
    let shown = path.display();
    let header = match first {
        Some(Item::Record(header)) => header,
        None => {
            let message = format!("`{shown}` is empty");
            return Err(refused("empty_file", message).with_hint("its first line must name the columns"));
        }
        Some(Item::Broken { code: "invalid_encoding", .. }) => {
            let message = format!("the first line of `{shown}` is not {}", form.encoding.name());
            return Err(refused("invalid_encoding", message).with_hint(encoding_hint(form.encoding)));
        }
        Some(Item::Broken { code, reason, .. }) => {
            return Err(refused(code, format!("the first line of `{shown}` cannot be read: {reason}")));
        }
    };
    let mut names: Vec<String> = header.iter().map(str::to_owned).collect();
    // Some programs put a second byte order mark before the first. In quotes it belongs to the name.
    if let Some(first) = names.first_mut().filter(|_| !reader.begins_with_quote()) {
        *first = first.trim_start_matches('\u{feff}').to_owned();
    }
    check_header(&names, path, form)?;
    form.is_return_line_end = reader.ends_with_lone_return();
    Ok(Header { names, end: reader.place(), form })
}

fn check_header(names: &[String], path: &Path, form: Form) -> Result<(), ConnectorError> {
    if let [only] = names {
        let other = [b',', b';', b'\t', b'|'].into_iter().find(|mark| only.contains(char::from(*mark)));
        if let Some(other) = other {
            let shown = if other == b'\t' { "tab".to_owned() } else { format!("\"{}\"", char::from(other)) };
            let message = format!(
                "`{}` has a single column when it is split at `{}`",
                path.display(),
                char::from(form.separator).escape_default()
            );
            return Err(refused("wrong_separator", message).with_hint(format!("set `separator: {shown}`")));
        }
    }
    for (position, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..position].contains(name) {
            let message = format!("`{}` has two columns `{name}`", path.display());
            return Err(refused("duplicate_column", message).with_hint("rename one of them in the file's first line"));
        }
    }
    Ok(())
}

fn refused(code: &str, message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Io, code, message)
}

/// Returns the separator that a line of Excel's names: `sep=;`.
pub(super) fn said_separator(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [first @ .., mark] if first.eq_ignore_ascii_case(b"sep=") && mark.is_ascii_punctuation() => Some(*mark),
        first if first.eq_ignore_ascii_case(b"sep=") => Some(b'\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_excel_names_the_separator() {
        for (line, separator) in [
            ("sep=;", Some(b';')),
            ("SEP=,\r\n", Some(b',')),
            ("\"sep=|\"", Some(b'|')),
            ("sep=\t", Some(b'\t')),
            ("sep", None),
            ("sep=a", None),
            ("separator;b", None),
        ] {
            assert_eq!(said_separator(line.as_bytes()), separator, "{line}");
        }
    }
}
