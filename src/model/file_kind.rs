//! Kinds of files, known by their beginning: workbooks, archives, web pages, texts.

/// So much of a file is looked at, in bytes.
pub const FILE_HEAD_BYTES: u64 = 4096;

/// What a file is in truth, and what makes it readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKind {
    /// As it goes on after "is".
    pub name: &'static str,
    /// What makes it readable.
    pub advice: &'static str,
}

/// A Parquet file.
pub const PARQUET: FileKind =
    FileKind { name: "a Parquet file", advice: "read it with a connection of `type: parquet`" };
/// A workbook of Excel.
pub const XLSX: FileKind = FileKind { name: "an Excel workbook (.xlsx)", advice: READ_AS_EXCEL };
/// A workbook of Excel before 2007, or another document of that age; one with a password too.
pub const XLS: FileKind = FileKind { name: "an Excel workbook of the old kind (.xls)", advice: READ_AS_EXCEL };
/// A workbook of `LibreOffice`.
pub const ODS: FileKind = FileKind { name: "a LibreOffice workbook (.ods)", advice: READ_AS_EXCEL };
/// A file whose beginning looks like text.
const TEXT: FileKind =
    FileKind { name: "a text file", advice: "read it with a connection of `type: csv` or `type: json`" };
/// A text whose characters have two bytes each, as some programs save CSV and call it a workbook.
const WIDE_TEXT: FileKind = FileKind {
    name: "a text file in UTF-16",
    advice: "read it with a connection of `type: csv` with `encoding: utf-16le`, or save it as UTF-8",
};
/// Begins of files by which their kind is known.
const MAGIC: [(&[u8], FileKind); 9] = [
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", XLS),
    (b"\x1F\x8B", FileKind { name: "a gzip archive", advice: UNPACK }),
    (b"BZh", FileKind { name: "a bzip2 archive", advice: UNPACK }),
    (b"\xFD7zXZ\0", FileKind { name: "an xz archive", advice: UNPACK }),
    (b"\x28\xB5\x2F\xFD", FileKind { name: "a zstd archive", advice: UNPACK }),
    (b"7z\xBC\xAF\x27\x1C", FileKind { name: "a 7-Zip archive", advice: UNPACK }),
    (b"%PDF-", FileKind { name: "a PDF document", advice: "export the records as CSV instead" }),
    (b"PAR1", PARQUET),
    (b"SQLite format 3\0", FileKind { name: "an SQLite database", advice: "export the table as CSV" }),
];
const READ_AS_EXCEL: &str = "read it with a connection of `type: excel`, or save it as CSV (UTF-8) in a spreadsheet";
const UNPACK: &str = "unpack it first";
const WEB_PAGE: FileKind = FileKind {
    name: "a web page (HTML)",
    advice: "download the file again: this may be a login page; a table saved as HTML must be saved as CSV (UTF-8)",
};
const XML_WORKBOOK: FileKind = FileKind {
    name: "an Excel workbook of the XML kind of 2003",
    advice: "open it in a spreadsheet and save it as .xlsx or CSV (UTF-8)",
};
/// Begins of web pages, in small letters.
const PAGE_STARTS: [&[u8]; 5] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<table"];

/// Returns what kind of text a file is that should be none; none where its beginning does not look like text.
pub fn text_kind(head: &[u8]) -> Option<FileKind> {
    if is_wide(head) {
        return Some(WIDE_TEXT);
    }
    // A character may be cut where the head ends. Bytes of an older encoding are no UTF-8, and no control characters either.
    let is_control = |byte: &u8| matches!(byte, 0..=8 | 14..=31);
    let is_text = !head.is_empty() && !head.iter().any(is_control);
    is_text.then_some(TEXT)
}

/// Tells whether a file is a text in UTF-16, by its mark or by its Latin letters.
fn is_wide(head: &[u8]) -> bool {
    let is_latin = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match head {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => true,
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] => is_latin(first) && is_latin(second),
        _ => false,
    }
}

/// Returns what kind of text a file is whose characters have two bytes each without a mark that says so; none for others.
pub fn wide_text_kind(head: &[u8]) -> Option<FileKind> {
    (is_wide(head) && !head.starts_with(&[0xFF, 0xFE]) && !head.starts_with(&[0xFE, 0xFF])).then_some(WIDE_TEXT)
}

/// Returns what a file is by its beginning; none where it is not known, as of texts.
pub fn file_kind(head: &[u8]) -> Option<FileKind> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(packed_kind(head));
    }
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    known.or_else(|| is_page(head).then_some(WEB_PAGE)).or_else(|| is_xml_workbook(head).then_some(XML_WORKBOOK))
}

/// Tells a workbook from other ZIP archives by the names inside.
fn packed_kind(head: &[u8]) -> FileKind {
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if holds(b"xl/") || holds(b"[Content_Types].xml") {
        XLSX
    } else if holds(b"opendocument.spreadsheet") {
        ODS
    } else {
        FileKind { name: "a ZIP archive", advice: UNPACK }
    }
}

fn is_xml_workbook(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    text.starts_with(b"<?xml") && (holds(b"progid=\"Excel.Sheet\"") || holds(b"office:spreadsheet"))
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
            (
                b"<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?>",
                Some("an Excel workbook of the XML kind of 2003"),
            ),
            (b"<?xml version=\"1.0\"?><people/>", None),
            (b"id,name\n1,<html>\n", None),
            (b"PKZ,name\n", None),
            (b"", None),
        ] {
            assert_eq!(file_kind(head).map(|kind| kind.name), name, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn a_text_that_should_be_none_is_known_by_its_beginning() {
        for (head, kind) in [
            (&b"id;name\r\n1;J\xfcrgen"[..], Some(TEXT)),
            (b"id\tname\n", Some(TEXT)),
            (b"\xFF\xFEi\0d\0", Some(WIDE_TEXT)),
            (b"i\0d\0;\0", Some(WIDE_TEXT)),
            (b"\0i\0d\0;", Some(WIDE_TEXT)),
            (b"PAR1\x15\x04", None),
            (b"", None),
        ] {
            assert_eq!(text_kind(head), kind, "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(wide_text_kind(b"\xFF\xFEi\0d\0"), None);
        assert_eq!(wide_text_kind(b"[\0{\0"), Some(WIDE_TEXT));
    }
}
