//! What real CSV files do to a reader, and what a written one must be.

use std::{fmt::Write, fs};

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::json;

use super::Csv;
use crate::connector::{
    ConnectorError, Entry,
    file::testing::{Gathered, destination, insert, options, read_across, read_all, record, source, text},
};
use crate::model::{BatchRecord, Field, FieldType, Outcome, Value};

async fn read(content: &[u8], more: &serde_json::Value, fields: &[&str]) -> Result<Gathered, ConnectorError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), content).unwrap();
    read_all(source::<Csv>(dir.path(), more).as_ref(), "people", fields, None).await
}

async fn check(content: &[u8], more: &serde_json::Value, cells: &[[&str; 2]], rejects: &[&str]) {
    let read = read(content, more, &["name", "note"]).await.unwrap();
    assert_eq!(read.cells, cells);
    assert_eq!(read.places, rejects);
}

#[tokio::test]
async fn reads_every_encoding_with_and_without_a_mark() {
    let text = "name,note\nZoë,ж\n";
    let plain: Vec<u8> = text.bytes().collect();
    let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let expected = [["Zoë", "ж"]];
    check(&plain, &json!({}), &expected, &[]).await;
    check(&marked, &json!({}), &expected, &[]).await;
    check(&little, &json!({ "encoding": "utf-16le" }), &expected, &[]).await;
    check(&big, &json!({ "encoding": "utf-16be" }), &expected, &[]).await;
    check(&[b"\xFF\xFE".as_slice(), &little].concat(), &json!({}), &expected, &[]).await;
    check(&[b"\xFE\xFF".as_slice(), &big].concat(), &json!({}), &expected, &[]).await;
    check(b"name,note\nZo\xEB,\x80 5\n", &json!({ "encoding": "windows-1252" }), &[["Zoë", "€ 5"]], &[]).await;
}

#[tokio::test]
async fn reads_other_separators_and_quotes() {
    check(b"name;note\na;\"b;c\"\n", &json!({ "separator": ";" }), &[["a", "b;c"]], &[]).await;
    check(b"name\tnote\na\tb\n", &json!({ "separator": "tab" }), &[["a", "b"]], &[]).await;
    check(b"name|note\n'a|x'|b\n", &json!({ "separator": "|", "quote": "'" }), &[["a|x", "b"]], &[]).await;
}

#[tokio::test]
async fn a_wrong_separator_is_named_and_never_guessed() {
    for (content, hint) in
        [("name;note\na;b\n", "set `separator: \";\"`"), ("name\tnote\na\tb\n", "set `separator: tab`")]
    {
        let error = read(content.as_bytes(), &json!({}), &["name"]).await.unwrap_err();
        assert_eq!(error.code, "wrong_separator");
        assert_eq!(error.hint.as_deref(), Some(hint));
    }
}

#[tokio::test]
async fn quoted_cells_hold_line_breaks_and_quotes() {
    let content = b"name,note\r\n\"a \"\"b\"\"\",\"one\r\ntwo\nthree\"\r\n\r\nc,d";
    check(content, &json!({}), &[["a \"b\"", "one\r\ntwo\nthree"], ["c", "d"]], &[]).await;
}

#[tokio::test]
async fn an_empty_cell_and_the_named_texts_are_no_value() {
    check(b"name,note\n,\"x\"\nNULL,n/a\n", &json!({ "null_values": ["NULL"] }), &[["-", "x"], ["-", "n/a"]], &[])
        .await;
}

#[tokio::test]
async fn ragged_lines_are_rejected_by_their_line_whatever_the_line_end() {
    let lines = ["name,note", "a,b", "\"x\ny\",b", "short", "", "c,d", "1,2,3", "e,f"];
    let expected = [["a", "b"], ["x\ny", "b"], ["c", "d"], ["e", "f"]];
    let rejects = ["line 5 too_few_cells", "line 8 too_many_cells"];
    check(lines.join("\n").as_bytes(), &json!({}), &expected, &rejects).await;
    check(lines.join("\r\n").as_bytes(), &json!({}), &expected, &rejects).await;
    let mixed = lines.join("\n").replace("short\n", "short\r\n").replace("c,d\n", "c,d\r\n");
    check(mixed.as_bytes(), &json!({}), &expected, &rejects).await;
}

#[tokio::test]
async fn a_rejected_line_keeps_what_could_be_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "name,note\na,b,c\n").unwrap();
    let read = read_all(source::<Csv>(dir.path(), &json!({})).as_ref(), "people", &["name"], None).await.unwrap();
    let reject = &read.rejects[0];
    assert_eq!(reject.record, json!({ "name": "a", "note": "b", "_extra_cells": ["c"] }));
    assert_eq!(reject.reason, "the line has 3 cells, the header has 2");
}

#[tokio::test]
async fn bytes_that_are_not_of_the_encoding_reject_their_line_only() {
    let content = b"name,note\na,b\nZo\xEB,\xC3\xA9\nc,\x00\n";
    check(content, &json!({}), &[["a", "b"], ["c", "\0"]], &["line 3 invalid_encoding"]).await;
    let header = read(b"name,no\xEBl\na,b\n", &json!({}), &["name"]).await.unwrap_err();
    assert_eq!(header.code, "invalid_encoding");
}

#[tokio::test]
async fn a_quote_that_is_never_closed_is_rejected_by_its_line() {
    for ending in ["", "\n", "\r\n"] {
        let content = format!("name,note\na,b\n\"c\nd,e\nf,g{ending}");
        let places = ["line 3 unclosed_quote", "line 4 behind_open_quote", "line 5 behind_open_quote"];
        check(content.as_bytes(), &json!({}), &[["a", "b"]], &places).await;
    }
    let endless = format!("name,note\n\"{}", "x,y\n".repeat(4_500_000));
    let error = read(endless.as_bytes(), &json!({}), &["name"]).await.unwrap_err();
    assert_eq!(error.code, "unclosed_quote");
}

#[tokio::test]
async fn text_behind_a_closing_quote_refuses_its_lines_and_hides_none() {
    let good = ["name,note", "a,5\" pipe", "b,\"say \"\"hi\"\"\""];
    for (bad, places) in [
        (&["\"5\" pipe\",x"][..], &["line 4 text_behind_quote"][..]),
        (&["\"say \"hi\" now\",x"], &["line 4 text_behind_quote"]),
        (&["c,\"x\" "], &["line 4 text_behind_quote"]),
        (&["\"24\"\",x", "d,\"y\""], &["line 4 text_behind_quote", "line 5 behind_open_quote"]),
        (&["\"one", "two\" three,x"], &["line 4 text_behind_quote", "line 5 behind_open_quote"]),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let lines: Vec<&str> = good.iter().chain(bad).chain(&["z,\"w\""]).copied().collect();
            let expected = [["a", "5\" pipe"], ["b", "say \"hi\""], ["z", "w"]];
            check(lines.join(end).as_bytes(), &json!({}), &expected, places).await;
        }
    }
}

#[tokio::test]
async fn every_line_is_a_record_or_a_reject() {
    // Quotes, separators and line ends in any order: what is read and what is refused together are all lines of the file,
    // but for line ends inside of whole quotes.
    let parts = ["\"", "\"\"", ",", "x", "\n", "\r\n", "\"a\"", ",\"b\"\n"];
    let mut seed = 7_u64;
    for _ in 0..60 {
        let mut text = String::from("name,note\n");
        for _ in 0..24 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(parts[usize::try_from(seed >> 33).unwrap() % parts.len()]);
        }
        let read = read(text.as_bytes(), &json!({}), &["name", "note"]).await.unwrap();
        let places: std::collections::BTreeSet<&str> =
            read.places.iter().filter_map(|place| place.split_whitespace().nth(1)).collect();
        assert_eq!(places.len(), read.places.len(), "no line is refused twice: {text:?}");
        let refused: usize = read.rejects.iter().map(|reject| reject.record.to_string().matches("\\n").count()).sum();
        let inner: usize = read.cells.concat().iter().map(|cell| cell.matches('\n').count()).sum();
        let blank = |line: &&str| line.split(',').all(|cell| cell.trim_matches('"').trim().is_empty());
        let held = text.lines().skip(1).filter(|line| !blank(line)).count();
        assert!(
            read.cells.len() + read.rejects.len() + inner + refused >= held,
            "{text:?}: {:?} {:?}",
            read.cells,
            read.places
        );
    }
}

#[tokio::test]
async fn a_carriage_return_alone_ends_a_line() {
    let content = b"name,note\ra,b\rshort\rc,d\r1,2,3\rlast\r";
    let places = ["line 3 too_few_cells", "line 5 too_many_cells", "line 6 too_few_cells"];
    check(content, &json!({}), &[["a", "b"], ["c", "d"]], &places).await;
    let stray = b"name,note\na,b\nBo\rb,x\nc,d\n";
    check(stray, &json!({}), &[["a", "b"], ["c", "d"]], &["line 3 stray_return", "line 4 stray_return"]).await;
}

#[tokio::test]
async fn separators_at_the_end_of_lines_and_lines_of_nothing_do_no_harm() {
    check(b"name,note\na,b,\nc,d,,\n", &json!({}), &[["a", "b"], ["c", "d"]], &[]).await;
    check(b"name,note,\na,b,\n", &json!({}), &[["a", "b"]], &[]).await;
    check(b"name,note\n   \n,\n , \na,b\n", &json!({}), &[["a", "b"]], &[]).await;
}

#[tokio::test]
async fn the_line_of_excel_names_the_separator() {
    let expected = [["a", "b,c"]];
    for content in ["sep=;\r\nname;note\r\na;b,c\r\n", "\u{feff}sep=;\nname;note\na;b,c"] {
        for more in [json!({}), json!({ "separator": ";" })] {
            check(content.as_bytes(), &more, &expected, &[]).await;
        }
    }
    check(b"sep=;\nname;note\nshort\n", &json!({}), &[], &["line 3 too_few_cells"]).await;
}

#[tokio::test]
async fn what_is_no_csv_file_is_named() {
    for (content, what) in [
        (&b"PK\x03\x04....[Content_Types].xml"[..], "Excel workbook"),
        (b"\x1F\x8B\x08", "gzip"),
        (b"<!DOCTYPE html><html>", "web page"),
    ] {
        for encoding in ["utf-8", "windows-1252"] {
            let error = read(content, &json!({ "encoding": encoding }), &[]).await.unwrap_err();
            assert_eq!(error.code, "other_file_kind");
            assert!(error.message.contains(what), "{error}");
        }
    }
}

#[tokio::test]
async fn utf_8_under_another_name_is_refused() {
    let error =
        read("name,note\nJürgen,x\n".as_bytes(), &json!({ "encoding": "windows-1252" }), &[]).await.unwrap_err();
    assert_eq!(error.code, "other_encoding");
    assert_eq!(error.hint.as_deref(), Some("set `encoding: utf-8`, or remove it"));
}

#[tokio::test]
async fn blanks_around_a_columns_name_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "id, Name ,\"First\nName\"\n1,a,b\n").unwrap();
    let source = source::<Csv>(dir.path(), &json!({ "id": "id" }));
    let schema = source.describe(&"people".into()).await.unwrap();
    let labels: Vec<Option<&str>> = schema.fields.iter().map(|field| field.label.as_deref()).collect();
    assert_eq!(labels, [None, Some("Name"), Some("First Name")]);
    let read = read_all(source.as_ref(), "people", &[" Name ", "First\nName"], None).await.unwrap();
    assert_eq!(read.cells, [["a", "b"]]);
}

#[tokio::test]
async fn a_word_clears_where_an_empty_cell_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "name,note\na,#N/A\nb,\n").unwrap();
    let source = source::<Csv>(dir.path(), &json!({ "clear_words": ["#N/A"] }));
    let request = crate::connector::ReadRequest {
        shown: Vec::new(),
        object: "people".into(),
        fields: vec!["name".into(), "note".into()],
        links: Vec::new(),
        filter: None,
        sync_mode: crate::model::SyncMode::FullRefresh,
        cursor: None,
    };
    let page = futures::StreamExt::next(&mut source.read(request)).await.unwrap().unwrap();
    let absent = page.frame.column(crate::model::ABSENT).unwrap();
    let names = |row: usize| Value::from_any(&absent.get(row).unwrap()).unwrap().to_text();
    assert_eq!((names(0), names(1)), (String::new(), "note".to_owned()));
}

proptest! {
    #[test]
    fn what_was_written_reads_back(
        rows in prop::collection::vec(["[ab\",;'\\|=\r\n\t é😀\u{feff}]{0,6}", "[a\"; \n]{0,3}"], 0..6),
        separator in prop::sample::select(vec![",", ";", "tab", "|"]),
        encoding in prop::sample::select(vec!["utf-8", "utf-8-bom", "utf-16le", "utf-16be", "gb18030"]),
        line_end in prop::sample::select(vec!["lf", "crlf"]),
        guard_formulas in any::<bool>(),
    ) {
        let more = json!({
            "separator": separator, "encoding": encoding, "line_end": line_end, "guard_formulas": guard_formulas,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let records = rows.iter().map(|[name, note]| record(&[("name", text(name)), ("note", text(note))])).collect();
        let read = runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let destination = destination::<Csv>(dir.path(), &more);
            let fields = [Field::new("name", FieldType::Text), Field::new("note", FieldType::Text)];
            let replace = destination.replace().unwrap();
            replace.begin(&"people".into(), &fields).await.unwrap();
            destination.load(&insert("people", records)).await.unwrap();
            replace.put_in_place(&"people".into()).await.unwrap();
            read_all(source::<Csv>(dir.path(), &more).as_ref(), "people", &["name", "note"], None).await.unwrap()
        });
        let shown = |text: &String| if text.is_empty() { "-".to_owned() } else { text.clone() };
        let expected: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
        prop_assert_eq!(read.cells, expected);
        prop_assert!(read.rejects.is_empty());
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_text_where_it_is_not_in_front_of_all() {
    for (content, cells) in [
        ("name,note\n\u{feff}a,b\n", [["\u{feff}a", "b"]]),
        ("\u{feff}name,note\n\u{feff}a,b\n", [["\u{feff}a", "b"]]),
        ("\u{feff}\u{feff}name,note\na,\u{feff}b\n", [["a", "\u{feff}b"]]),
        ("sep=,\nname,note\n\u{feff}a,b\n", [["\u{feff}a", "b"]]),
    ] {
        check(content.as_bytes(), &json!({}), &cells, &[]).await;
    }
    let marked = "\u{feff}name";
    let dir = tempfile::tempdir().unwrap();
    for encoding in ["utf-8", "utf-8-bom", "utf-16le"] {
        let more = json!({ "encoding": encoding });
        let destination = destination::<Csv>(dir.path(), &more);
        let replace = destination.replace().unwrap();
        replace.begin(&"people".into(), &[Field::new(marked, FieldType::Text)]).await.unwrap();
        destination.load(&insert("people", vec![record(&[(marked, text("a"))])])).await.unwrap();
        replace.put_in_place(&"people".into()).await.unwrap();
        let schema = source::<Csv>(dir.path(), &more).describe(&"people".into()).await.unwrap();
        assert_eq!(schema.fields[0].name.as_str(), marked, "{encoding}");
    }
}

#[tokio::test]
async fn formula_cells_are_guarded_where_the_connection_says_so() {
    let records = || ["=SUM(A1)", "-5", "'=x", "+49 30"].map(|name| record(&[("name", text(name))])).to_vec();
    let (_, plain) = write(&json!({}), records()).await;
    assert_eq!(plain, b"name,born\n=SUM(A1),\n-5,\n'=x,\n+49 30,\n");
    let (_, guarded) = write(&json!({ "guard_formulas": true }), records()).await;
    assert_eq!(guarded, b"name,born\n'=SUM(A1),\n-5,\n''=x,\n'+49 30,\n");
}

#[tokio::test]
async fn the_last_line_needs_no_end_and_may_be_quoted() {
    check(b"name,note\na,b", &json!({}), &[["a", "b"]], &[]).await;
    check(b"name,note\na,\"b\"", &json!({}), &[["a", "b"]], &[]).await;
    check(b"name,note\na,\"b\"\r\n\r\n", &json!({}), &[["a", "b"]], &[]).await;
    check(b"name,note\na,\n", &json!({}), &[["a", "-"]], &[]).await;
}

#[tokio::test]
async fn a_header_alone_holds_no_records_and_an_empty_file_is_refused() {
    check(b"name,note\n", &json!({}), &[], &[]).await;
    for empty in ["", "\n\n", "\u{feff}"] {
        assert_eq!(read(empty.as_bytes(), &json!({}), &[]).await.unwrap_err().code, "empty_file");
    }
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused() {
    let error = read(b"name,note,name\na,b,c\n", &json!({}), &["note"]).await.unwrap_err();
    assert_eq!(error.code, "duplicate_column");
    check(b"name,,note,\na,,b,\n", &json!({}), &[["a", "b"]], &[]).await;
}

#[tokio::test]
async fn an_unknown_field_is_answered_with_the_nearest_name() {
    let error = read(b"name,note\na,b\n", &json!({}), &["Nmae"]).await.unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean `name`?"));
    let error = read(b"name,note\na,b\n", &json!({ "id": "email" }), &["name"]).await.unwrap_err();
    assert_eq!(error.code, "unknown_field");
}

#[tokio::test]
async fn the_id_columns_identify_a_record() {
    let content = b"name,note\na,1\na,2\n,3\n";
    let one = read(content, &json!({ "id": "name" }), &[]).await.unwrap();
    assert_eq!(one.ids, ["a", "a"]);
    assert_eq!(one.places, ["line 4 missing_id"]);
    let two = read(content, &json!({ "id": { "people": ["name", "note"] } }), &[]).await.unwrap();
    assert_eq!(two.ids, ["a|1", "a|2"]);
}

#[tokio::test]
async fn without_id_columns_the_whole_content_does_whatever_is_asked_for() {
    let first = read(b"name,note\na,1\na,1\na,2\n", &json!({}), &["name"]).await.unwrap();
    assert_eq!(first.ids[0], first.ids[1]);
    assert_ne!(first.ids[0], first.ids[2]);
    let second = read(b"name,note\na,2\n", &json!({}), &["note"]).await.unwrap();
    assert_eq!(second.ids[0], first.ids[2]);
}

#[tokio::test]
async fn a_resumed_read_neither_loses_nor_repeats() {
    let mut text = String::from("name,note\r\n");
    for number in 0..12_001 {
        write!(text, "{number},\"ü\r\n{number}\"\r\n").unwrap();
    }
    text.push_str("short\r\n");
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, encoding) in [(text.into_bytes(), "utf-8"), (utf_16, "utf-16le")] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("people.csv"), content).unwrap();
        let source = source::<Csv>(dir.path(), &json!({ "encoding": encoding }));
        let whole = read_all(source.as_ref(), "people", &["name"], None).await.unwrap();
        assert_eq!(whole.ids.len(), 12_001);
        assert_eq!(whole.places, ["line 24004 too_few_cells"]);
        assert_eq!(whole.cursors.len(), 3);
        let cursor = whole.cursors[1].clone();
        let rest = read_all(source.as_ref(), "people", &["name"], Some(cursor)).await.unwrap();
        assert_eq!(rest.cells, whole.cells[10_000..]);
        assert_eq!(rest.places, whole.places);
        let end = whole.cursors[2].clone();
        assert!(read_all(source.as_ref(), "people", &["name"], Some(end)).await.unwrap().cursors.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_fails() {
    let mut whole = "name,note\n".to_owned();
    (0..80_000).for_each(|number| writeln!(whole, "{number},note").unwrap());
    let half = &whole[..whole.len() / 2 - 3];
    for changed in [half.to_owned(), format!("{whole}80000,note\n"), String::new()] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("people.csv");
        fs::write(&path, &whole).unwrap();
        let source = source::<Csv>(dir.path(), &json!({}));
        let change = || fs::write(&path, &changed).unwrap();
        let error = read_across(source.as_ref(), "people", &["name"], change).await.unwrap_err();
        assert_eq!(error.code, "file_changed", "{} bytes: {error}", changed.len());
    }
}

#[tokio::test]
async fn a_changed_file_is_read_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.csv");
    fs::write(&path, "name,note\na,1\n").unwrap();
    let source = source::<Csv>(dir.path(), &json!({}));
    let first = read_all(source.as_ref(), "people", &["name"], None).await.unwrap();
    fs::write(&path, "name,note\nb,1\nc,22\n").unwrap();
    let second = read_all(source.as_ref(), "people", &["name"], first.cursors.last().cloned()).await.unwrap();
    assert_eq!(second.cells, [["b"], ["c"]]);
}

#[tokio::test]
async fn columns_with_names_of_ferrys_own_are_read_under_another() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "_id,name,_links.companies,\n1,a,2,\n").unwrap();
    let schema = source::<Csv>(dir.path(), &json!({})).describe(&"people".into()).await.unwrap();
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["file._id", "name", "file._links.companies"]);
    let source = source::<Csv>(dir.path(), &json!({ "id": "_id" }));
    let read = read_all(source.as_ref(), "people", &["name", "file._links.companies"], None).await.unwrap();
    assert_eq!((read.ids, read.cells), (vec!["1".to_owned()], vec![vec!["a".to_owned(), "2".to_owned()]]));
}

#[test]
fn options_that_cannot_be_right_are_refused_without_a_file() {
    let entry = Entry::of::<Csv>();
    for (more, option) in [
        (json!({ "separator": "" }), "separator"),
        (json!({ "separator": "ab" }), "separator"),
        (json!({ "separator": "a" }), "separator"),
        (json!({ "quote": "\n" }), "quote"),
        (json!({ "separator": "\"" }), "quote"),
    ] {
        assert_eq!((entry.check_config)(options(&more)).unwrap_err().option, option);
    }
    assert!((entry.check_config)(options(&json!({ "delimiter": ";" }))).is_err());
    assert!((entry.check_config)(options(&json!({ "encoding": "utf-16le", "separator": "tab" }))).is_ok());
}

fn fields() -> Vec<Field> {
    vec![Field::new("name", FieldType::Text), Field::new("born", FieldType::Date)]
}

async fn write(more: &serde_json::Value, records: Vec<BatchRecord>) -> (Vec<Outcome>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let destination = destination::<Csv>(dir.path(), more);
    destination.replace().unwrap().begin(&"people".into(), &fields()).await.unwrap();
    let outcomes = destination.load(&insert("people", records)).await.unwrap();
    destination.replace().unwrap().put_in_place(&"people".into()).await.unwrap();
    (outcomes, fs::read(dir.path().join("people.csv")).unwrap())
}

#[tokio::test]
async fn writes_the_fields_in_their_order_and_quotes_where_needed() {
    let born = Value::Date(NaiveDate::from_ymd_opt(1815, 12, 10).unwrap());
    let records = vec![record(&[("name", text("Ada \"A\",\nL")), ("born", born)]), record(&[("name", text("Zoë"))])];
    let (outcomes, bytes) = write(&json!({}), records).await;
    assert_eq!(String::from_utf8(bytes).unwrap(), "name,born\n\"Ada \"\"A\"\",\nL\",1815-12-10\nZoë,\n");
    assert_eq!(outcomes, [Outcome::Created { id: "1".to_owned() }, Outcome::Created { id: "2".to_owned() }]);
}

#[tokio::test]
async fn writes_for_excel_and_for_windows() {
    let ada = || vec![record(&[("name", text("Zoë"))])];
    let (_, excel) = write(&json!({ "encoding": "utf-8-bom", "separator": ";", "line_end": "crlf" }), ada()).await;
    assert_eq!(excel, "\u{feff}name;born\r\nZoë;\r\n".as_bytes());
    let (_, windows) = write(&json!({ "encoding": "windows-1252" }), ada()).await;
    assert_eq!(windows, b"name,born\nZo\xEB,\n");
    let (_, wide) = write(&json!({ "encoding": "utf-16le" }), ada()).await;
    assert_eq!(wide[..6], *b"\xFF\xFEn\0a\0");
}

#[tokio::test]
async fn a_record_the_encoding_cannot_hold_is_rejected_alone() {
    let records = vec![record(&[("name", text("Łódź"))]), record(&[("name", text("Köln"))])];
    let (outcomes, bytes) = write(&json!({ "encoding": "windows-1252" }), records).await;
    let Outcome::Rejected(rejection) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((rejection.code.as_str(), rejection.field.as_deref()), ("not_encodable", Some("name")));
    assert_eq!(outcomes[1], Outcome::Created { id: "1".to_owned() });
    assert_eq!(bytes, b"name,born\nK\xF6ln,\n");
}

#[tokio::test]
async fn the_file_is_untouched_until_the_run_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.csv");
    fs::write(&path, "old").unwrap();
    let first = destination::<Csv>(dir.path(), &json!({}));
    first.replace().unwrap().begin(&"people".into(), &fields()).await.unwrap();
    first.load(&insert("people", vec![record(&[("name", text("a"))])])).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    drop(first);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let second = destination::<Csv>(dir.path(), &json!({}));
    second.replace().unwrap().begin(&"people".into(), &fields()).await.unwrap();
    second.replace().unwrap().put_in_place(&"people".into()).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "name,born\n");
}

#[tokio::test]
async fn beginning_again_starts_the_file_anew() {
    let dir = tempfile::tempdir().unwrap();
    let destination = destination::<Csv>(dir.path(), &json!({}));
    for name in ["half", "whole"] {
        destination.replace().unwrap().begin(&"people".into(), &fields()).await.unwrap();
        let outcomes = destination.load(&insert("people", vec![record(&[("name", text(name))])])).await.unwrap();
        assert_eq!(outcomes, [Outcome::Created { id: "1".to_owned() }]);
    }
    destination.replace().unwrap().put_in_place(&"people".into()).await.unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("people.csv")).unwrap(), "name,born\nwhole,\n");
}
