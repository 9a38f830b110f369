//! Kinds of files that are no text, known by their beginning: workbooks, archives, web pages.

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
/// Begins of files by which their kind is known.
const MAGIC: [(&[u8], FileKind); 9] = [
    (
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        FileKind { name: "an Excel workbook of the old kind (.xls)", advice: SAVE_AS_CSV },
    ),
    (b"\x1F\x8B", FileKind { name: "a gzip archive", advice: UNPACK }),
    (b"BZh", FileKind { name: "a bzip2 archive", advice: UNPACK }),
    (b"\xFD7zXZ\0", FileKind { name: "an xz archive", advice: UNPACK }),
    (b"\x28\xB5\x2F\xFD", FileKind { name: "a zstd archive", advice: UNPACK }),
    (b"7z\xBC\xAF\x27\x1C", FileKind { name: "a 7-Zip archive", advice: UNPACK }),
    (b"%PDF-", FileKind { name: "a PDF document", advice: "export the records as CSV instead" }),
    (b"PAR1", PARQUET),
    (b"SQLite format 3\0", FileKind { name: "an SQLite database", advice: "export the table as CSV" }),
];
const SAVE_AS_CSV: &str = "open it in a spreadsheet and save it as CSV (UTF-8)";
const UNPACK: &str = "unpack it first";
const WEB_PAGE: FileKind = FileKind {
    name: "a web page (HTML)",
    advice: "download the file again: this may be a login page; a table saved as HTML must be saved as CSV (UTF-8)",
};
/// Begins of web pages, in small letters.
const PAGE_STARTS: [&[u8]; 5] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<table"];

/// Returns what a file is by its beginning; none where it is not known, as of texts.
pub fn file_kind(head: &[u8]) -> Option<FileKind> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(packed_kind(head));
    }
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    known.or_else(|| is_page(head).then_some(WEB_PAGE))
}

/// Tells a workbook from other ZIP archives by the names inside.
fn packed_kind(head: &[u8]) -> FileKind {
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    if holds(b"xl/") || holds(b"[Content_Types].xml") {
        FileKind { name: "an Excel workbook (.xlsx)", advice: SAVE_AS_CSV }
    } else if holds(b"opendocument.spreadsheet") {
        FileKind { name: "a LibreOffice workbook (.ods)", advice: SAVE_AS_CSV }
    } else {
        FileKind { name: "a ZIP archive", advice: UNPACK }
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
            assert_eq!(file_kind(head).map(|kind| kind.name), name, "{}", String::from_utf8_lossy(head));
        }
    }
}
