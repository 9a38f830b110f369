//! What real CSV files do to a reader, and what a written one must be.

use std::{fmt::Write, fs};

use chrono::NaiveDate;
use serde_json::json;

use super::Csv;
use crate::connector::{
    ConnectorError, Entry,
    file::testing::{Gathered, destination, insert, options, read_all, record, source, text},
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
    check(b"name,note\n,\"\"\nNULL,n/a\n", &json!({ "null_values": ["NULL"] }), &[["-", "-"], ["-", "n/a"]], &[]).await;
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
        check(content.as_bytes(), &json!({}), &[["a", "b"]], &["line 3 unclosed_quote"]).await;
    }
    let endless = format!("name,note\n\"{}", "x,y\n".repeat(4_500_000));
    let error = read(endless.as_bytes(), &json!({}), &["name"]).await.unwrap_err();
    assert_eq!(error.code, "unclosed_quote");
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
async fn describes_the_columns_as_text_without_the_reserved_names() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "_id,name,_links.companies,\n1,a,2,\n").unwrap();
    let schema = source::<Csv>(dir.path(), &json!({})).describe(&"people".into()).await.unwrap();
    assert_eq!(schema.fields, [Field::new("name", FieldType::Text)]);
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
