//! Reading and writing in columns give what reading and writing record by record give.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::Csv;
use crate::connector::file::testing::{any_values, block_on, read_all, read_whole, source, write_both};

/// Reads a file in both ways, and checks that they agree.
fn check(content: &[u8], more: &Json, fields: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), content).unwrap();
    let source = source::<Csv>(dir.path(), more);
    let strict = block_on(read_all(source.as_ref(), "people", fields, None));
    let whole = block_on(read_whole(source.as_ref(), "people", fields));
    match (strict, whole) {
        (Ok(mut strict), Ok(mut whole)) => {
            strict.cursors.clear();
            whole.cursors.clear();
            assert_eq!(whole, strict, "{more} {:?}", String::from_utf8_lossy(content));
        }
        (Err(strict), Err(whole)) => assert_eq!((whole.code, whole.message), (strict.code, strict.message)),
        (strict, whole) => panic!("{strict:?} and {whole:?}"),
    }
}

/// What lines are made of, more often sound ones than others.
const PARTS: [&[u8]; 27] = [
    b"a,b,c\n",
    b"1,2,3\r\n",
    b"\"x\",y,\"z\"\n",
    b"id,\"say \"\"hi\"\"\",\"two\nlines\"\n",
    "Zoë,Łódź,株\n".as_bytes(),
    "K\u{c3}\u{b6}ln,\u{a3}\u{f3}d\u{178},x\n".as_bytes(),
    b"NULL,=1,'=1\n",
    b"d,,e,,\n",
    b",,\n",
    b" , ,\t\n",
    b"\"\",,\n",
    b"short\n",
    b"a,b,c,d\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\"\"",
    b",",
    b"x",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\x01\x02\x03\x05\x03\x02\x01\n",
    b"a\0b",
    b"5\" pipe,",
    b"' ",
];

fn content(seeds: &[usize]) -> Vec<u8> {
    let parts = seeds.iter().flat_map(|seed| PARTS[seed % PARTS.len()].iter().copied());
    b"id,name,note\n".iter().copied().chain(parts).collect()
}

proptest! {
    #[test]
    fn a_file_is_read_in_columns_as_it_is_record_by_record(
        sound in prop::collection::vec(0_usize..8, 0..30),
        odd in prop::collection::vec(0_usize..27, 0..12),
        more_sound in prop::collection::vec(0_usize..8, 0..30),
        id in prop::sample::select(vec![json!(null), json!("id"), json!("note"), json!(["name", "id"])]),
        encoding in prop::sample::select(vec!["utf-8", "windows-1252", "shift_jis"]),
        null_values in prop::sample::select(vec![json!([]), json!(["NULL", "a"])]),
        guard_formulas in any::<bool>(),
        last_end in any::<bool>(),
    ) {
        let seeds: Vec<usize> = sound.into_iter().chain(odd).chain(more_sound).collect();
        let mut content = content(&seeds);
        if last_end && content.last() == Some(&b'\n') {
            content.pop();
        }
        let mut more = json!({ "encoding": encoding, "null_values": null_values, "guard_formulas": guard_formulas });
        if !id.is_null() {
            more["id"] = id;
        }
        check(&content, &more, &["name", "note"]);
    }

    #[test]
    fn any_bytes_are_read_in_columns_as_they_are_record_by_record(
        bytes in prop::collection::vec(prop::sample::select(b"ab,;\"\"\n\n\r\t \xc3\xa9\xff".to_vec()), 0..300),
        separator in prop::sample::select(vec![",", ";", "tab"]),
    ) {
        let mark = if separator == "tab" { "\t" } else { separator };
        let header = format!("id{mark}name\n");
        check(&[header.as_bytes(), &bytes].concat(), &json!({ "separator": separator }), &["name"]);
    }
}

#[test]
fn lines_without_doubt_are_not_left_to_the_strict_reader() {
    let dir = tempfile::tempdir().unwrap();
    let lines = "1,\"a, b\",x\r\n2,Zoë,\n\n".repeat(50);
    fs::write(dir.path().join("people.csv"), format!("id,name,note\n{lines}")).unwrap();
    let source = source::<Csv>(dir.path(), &json!({}));
    let whole = block_on(read_whole(source.as_ref(), "people", &["name", "note"])).unwrap();
    // Only pages of the strict reader have cursors.
    assert_eq!((whole.ids.len(), whole.cursors.len()), (100, 0));
}

#[test]
fn what_only_the_strict_reader_knows_is_left_to_it() {
    let lines = "x,y,z\n".repeat(40);
    for (content, more) in [
        (format!("id,name,note\n{lines}"), json!({ "clear_words": ["x"] })),
        (format!("id,name,note\n{lines}").replace('\n', "\r"), json!({})),
        (format!("sep=;\nid;name;note\n{}", lines.replace(',', ";")), json!({})),
        (format!("\u{feff}id,name,note\n\u{feff}{lines}"), json!({})),
        (format!("id,name,note\n{lines}{}", "a,\"".repeat(200)), json!({})),
        (format!("id,name,note\n{lines}\"{}\",x,y\n{lines}", "long".repeat(100)), json!({})),
        (format!("id,name,note\n{lines}short\n{lines}{lines}\"a\"b,c,d\n{lines}"), json!({})),
        (format!("id,name,note\n{lines}{}{lines}", "short\nx,y,z\n".repeat(50)), json!({ "id": "id" })),
        ("id,name,note\n".to_owned(), json!({})),
        ("id,name,note".to_owned(), json!({})),
    ] {
        check(content.as_bytes(), &more, &["name", "note"]);
    }
}

proptest! {
    #[test]
    fn a_frame_is_written_as_its_records_are(
        records in prop::collection::vec(any_values(), 0..8),
        width in 1_usize..9,
        separator in prop::sample::select(vec![",", ";", "tab", "|", " "]),
        encoding in prop::sample::select(vec!["utf-8", "utf-8-bom", "utf-16le", "windows-1252", "gb18030"]),
        line_end in prop::sample::select(vec!["lf", "crlf"]),
        guard_formulas in any::<bool>(),
    ) {
        let more = json!({
            "separator": separator, "encoding": encoding, "line_end": line_end, "guard_formulas": guard_formulas,
        });
        let dir = tempfile::tempdir().unwrap();
        let refused = block_on(write_both::<Csv>(dir.path(), &more, width, &records));
        prop_assert_eq!(&refused[0], &refused[1]);
        let [frame, batch] = ["frame.csv", "batch.csv"].map(|name| fs::read(dir.path().join(name)).unwrap());
        prop_assert_eq!(String::from_utf8_lossy(&frame), String::from_utf8_lossy(&batch));
    }
}
