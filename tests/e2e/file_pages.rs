//! What a person sees when a file is not what the pipeline takes it for: pages as files in `snapshots/`.

use std::fs;

use super::{
    pages::{check, check_all},
    people::{PEOPLE, put_people},
    support::{Crms, Desk, Ran},
};

/// Moves an object of one file connection to another and returns the page; the desk has the source's file already.
fn copied(desk: &Desk, source: &str, object: &str, destination: &str, mappings: &str) -> Ran {
    let text = format!(
        "version: 1\nname: copy\nconnections:\n  files: {source}\n  copies: {destination}\nstreams:\n  - name: all\n    \
         source: {{ connection: files, object: {object} }}\n    destinations:\n      - {{ connection: copies, object: copy, mappings: {{ {mappings} }} }}\n"
    );
    desk.write("copy.yaml", &text);
    desk.ferry(["run", "copy.yaml", "--quiet"])
}

const CSV: &str = "{ type: csv, path: . }";
const JSON: &str = "{ type: json, path: . }";
const OUT: &str = "{ type: csv, path: out }";

#[test]
fn csv_files_that_cannot_be_read() {
    let desk = Desk::without_tokens();
    desk.write("people.csv", PEOPLE);
    desk.write("semicolons.csv", "id;email\n1;anna@example.org\n");
    desk.write("twice.csv", "id,email,email\n1,anna@example.org,\n");
    desk.write("nothing.csv", "");
    fs::write(desk.path("latin.csv"), b"id,stra\xdfe\n1,Hauptstr. 1\n").unwrap();
    let many = desk.path("many");
    fs::create_dir_all(&many).unwrap();
    (1..=12).for_each(|number| fs::write(many.join(format!("export {number}.csv")), "id\n1\n").unwrap());
    fs::create_dir_all(desk.path("empty")).unwrap();
    let read = |source: &str, object: &str| copied(&desk, source, object, OUT, "id: id");
    let pages = [
        ("the name is misspelt", read(CSV, "poeple")),
        ("the name is another", read(CSV, "customers")),
        ("the name is another among many", read("{ type: csv, path: many }", "customers")),
        ("the folder is empty", read("{ type: csv, path: empty }", "customers")),
        ("the folder is not there", read("{ type: csv, path: absent }", "people")),
        ("the path is a file", read("{ type: csv, path: people.csv }", "people")),
        ("the object is a path", read(CSV, "../people")),
        ("the separator is another", read(CSV, "semicolons")),
        ("a column is there twice", read(CSV, "twice")),
        ("the file is empty", read(CSV, "nothing")),
        ("the encoding is another", read(CSV, "latin")),
        ("the encoding is not the one that is set", read("{ type: csv, path: ., encoding: utf-16le }", "latin")),
        ("a field is misspelt", copied(&desk, CSV, "people", OUT, "mail: emial")),
        ("links are asked for", copied(&desk, CSV, "people", OUT, "firm: _links.firms")),
        (
            "the names cannot be written",
            copied(&desk, CSV, "people", "{ type: csv, path: out, encoding: windows-1252 }", "źródło: id"),
        ),
    ];
    check_all(&desk, "csv_files_that_cannot_be_read", &pages);
}

#[test]
fn csv_files_that_are_something_else() {
    let desk = Desk::without_tokens();
    desk.write("umlaut.csv", "id,name\n1,Jürgen\n");
    fs::write(desk.path("shift.csv"), b"id,\x81\x00\n").unwrap();
    desk.write("mongo.csv", "_id,_deleted,name\n65f1,true,Ada\n");
    let made = std::process::Command::new("mkfifo").arg(desk.path("pipe.csv")).status().unwrap();
    assert!(made.success());
    let read = |source: &str, object: &str| copied(&desk, source, object, OUT, "id: id");
    let pages = [
        ("it is UTF-8 under another name", read("{ type: csv, path: ., encoding: windows-1252 }", "umlaut")),
        ("the encoding has no such bytes", read("{ type: csv, path: ., encoding: shift_jis }", "shift")),
        ("it is a pipe", read(CSV, "pipe")),
        ("it has an id of its own", copied(&desk, CSV, "mongo", OUT, "id: _id")),
        ("it has a mark of its own", copied(&desk, CSV, "mongo", OUT, "gone: _deleted")),
    ];
    check_all(&desk, "csv_files_that_are_something_else", &pages);
}

/// Nothing writes into the pipe, so a program that opens it waits without an end.
#[test]
fn a_pipe_in_the_place_of_the_variables_is_refused_and_not_waited_for() {
    let desk = Desk::without_tokens();
    let pipeline = put_people(&desk, PEOPLE, "");
    let made = std::process::Command::new("mkfifo").arg(desk.path(".env")).status().unwrap();
    assert!(made.success());
    for command in ["validate", "run", "check", "plan"] {
        let ran = desk.ferry([command, pipeline.to_str().unwrap()]);
        assert_eq!(ran.code, 2, "{command}: {}", ran.stderr);
        assert!(ran.page().contains(".env"), "{command}: {}", ran.page());
    }
}

#[test]
fn a_quote_that_is_never_closed_is_found_before_the_memory_is_full() {
    let desk = Desk::without_tokens();
    let lines = "2,Berg,words and words and words and words and words and words\n".repeat(600_000);
    desk.write("people.csv", &format!("id,name,note\n1,\"Albrecht,none\n{lines}"));
    check(&desk, "csv_quote_is_never_closed", &copied(&desk, CSV, "people", OUT, "id: id"));
}

#[test]
fn json_files_that_cannot_be_read() {
    let desk = Desk::without_tokens();
    desk.write("export.json", "{ \"meta\": {}, \"contacts\": [{ \"id\": 1 }], \"firms\": [] }");
    desk.write("lines.json", "{ \"id\": 1 }\n{ \"id\": 2 }\n");
    desk.write("broken.json", "[{ \"id\": 1, }]");
    desk.write("twice.json", "[{ \"id\": 1, \"id\": 2 }]");
    desk.write("long.jsonl", &format!("[{}]\n", "{\"id\":1},".repeat(4_000_000)));
    let read = |options: &str, object: &str| copied(&desk, &JSON.replace(" }", options), object, OUT, "id: id");
    let pages = [
        ("the list is misspelt", read(", records: /contcats }", "export")),
        ("the list is another", read(", records: /customers }", "export")),
        ("the list is a document", read(", format: array }", "export")),
        ("the file holds lines", read(", format: array }", "lines")),
        ("the file is not JSON", read(" }", "broken")),
        ("the file of lines is a list", read(", format: lines }", "long")),
        ("the one record has a name twice", read(" }", "twice")),
    ];
    check_all(&desk, "json_files_that_cannot_be_read", &pages);
}

#[test]
fn an_audit_log_that_cannot_be_written_stops_what_it_would_miss() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    check(&desk, "audit_log_is_a_folder", &desk.ferry(["run", "people.yaml", "--audit", ".", "--quiet"]));
}
