//! Files that are not what their name says: workbooks, archives, web pages.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::connector::{ConnectorError, ErrorKind};

use super::folder::file_error;

/// So much of a file is looked at, in bytes.
const HEAD_BYTES: u64 = 4096;

/// What a file is in truth, and what makes it readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// As it goes on after "is".
    name: &'static str,
    advice: &'static str,
}

/// Begins of files by which their kind is known.
const MAGIC: [(&[u8], Kind); 9] = [
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        Kind { name: "an Excel workbook of the old kind (.xls)", advice: SAVE_AS_CSV },
    ),
    (b"\x1F\x8B", Kind { name: "a gzip archive", advice: UNPACK }),
    (b"BZh", Kind { name: "a bzip2 archive", advice: UNPACK }),
    (b"\xFD7zXZ\0", Kind { name: "an xz archive", advice: UNPACK }),
    (b"\x28\xB5\x2F\xFD", Kind { name: "a zstd archive", advice: UNPACK }),
    (b"7z\xBC\xAF\x27\x1C", Kind { name: "a 7-Zip archive", advice: UNPACK }),
    (b"%PDF-", Kind { name: "a PDF document", advice: "export the records as CSV instead" }),
    (b"PAR1", Kind { name: "a Parquet file", advice: "read it with a connection of `type: parquet`" }),
    (b"SQLite format 3\0", Kind { name: "an SQLite database", advice: "export the table as CSV" }),
];
const SAVE_AS_CSV: &str = "open it in a spreadsheet and save it as CSV (UTF-8)";
const UNPACK: &str = "unpack it first";
const WEB_PAGE: Kind = Kind {
    name: "a web page (HTML)",
    advice: "download the file again: this may be a login page; a table saved as HTML must be saved as CSV (UTF-8)",
};
/// Begins of web pages, in small letters.
const PAGE_STARTS: [&[u8]; 5] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<table"];

/// Refuses a file that is no text but something else with a known beginning, and names what it is.
///
/// # Errors
/// Fails when the file is of another kind, or cannot be read.
pub fn refuse_other_kind(path: &Path) -> Result<(), ConnectorError> {
    let head = head_of(path).map_err(|error| file_error("read", path, &error))?;
    kind_of(&head).map_or(Ok(()), |kind| Err(other_kind(path, kind)))
}

/// Says what a file is that is no Parquet file; none where its beginning is not known.
pub fn not_parquet_but(path: &Path) -> Option<ConnectorError> {
    let head = head_of(path).ok()?;
    Some(other_kind(path, kind_of(&head).filter(|kind| kind.name != "a Parquet file")?))
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn other_kind(path: &Path, kind: Kind) -> ConnectorError {
    let message = format!("`{}` is {}, whatever its name says", path.display(), kind.name);
    ConnectorError::new(ErrorKind::Io, "other_file_kind", message).with_hint(kind.advice)
}

fn kind_of(head: &[u8]) -> Option<Kind> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(packed_kind(head));
    }
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    known.or_else(|| is_page(head).then_some(WEB_PAGE))
}

/// Tells a workbook from other ZIP archives by the names inside.
fn packed_kind(head: &[u8]) -> Kind {
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if holds(b"xl/") || holds(b"[Content_Types].xml") {
        Kind { name: "an Excel workbook (.xlsx)", advice: SAVE_AS_CSV }
    } else if holds(b"opendocument.spreadsheet") {
        Kind { name: "a LibreOffice workbook (.ods)", advice: SAVE_AS_CSV }
    } else {
        Kind { name: "a ZIP archive", advice: UNPACK }
    }
}

fn is_page(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    PAGE_STARTS.iter().any(|start| text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_what_it_is() {
        for (head, name) in [
            (&b"PK\x03\x04....[Content_Types].xml"[..], Some("an Excel workbook (.xlsx)")),
            (
                b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
                Some("a LibreOffice workbook (.ods)"),
            ),
            (b"PK\x03\x04people.csv", Some("a ZIP archive")),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", Some("an Excel workbook of the old kind (.xls)")),
            (b"\x1F\x8B\x08", Some("a gzip archive")),
            (b"%PDF-1.7", Some("a PDF document")),
            (b"PAR1\x15", Some("a Parquet file")),
            (b"\xEF\xBB\xBF\r\n <!DOCTYPE HTML><html>", Some("a web page (HTML)")),
            (b"<table border=1>", Some("a web page (HTML)")),
            (b"id,name\n1,<html>\n", None),
            (b"PKZ,name\n", None),
            (b"", None),
        ] {
            assert_eq!(kind_of(head).map(|kind| kind.name), name, "{}", String::from_utf8_lossy(head));
        }
    }
}
