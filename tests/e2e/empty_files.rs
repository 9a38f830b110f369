//! Files without a record: a run reads nothing of them, and ends well, whatever the pipeline does with the fields that they do not
//! name.

use std::fs;

use serde_json::json;

use super::support::{Crms, Desk};

/// What a pipeline does with fields that no record has: each is a `where`, steps, and mappings.
const PIPELINES: [(&str, &str, &str, &str); 7] = [
    ("fields", "", "", "{ mail: email, name: { from: name, required: true } }"),
    ("a where on a number", "amount > 3 AND NOT is_test", "", "{ mail: email }"),
    ("a where on texts and dates", "UPPER(country) = 'DE' AND since >= '2024-01-01'", "", "{ mail: email }"),
    ("a bare condition", "is_active", "", "{ mail: email }"),
    (
        "expressions",
        "",
        "",
        "{ mail: \"LOWER(email)\", full: { expr: \"first || ' ' || last\" }, sum: { expr: \"amount * 1.2\" } }",
    ),
    (
        "steps",
        "",
        "[{ rename: { email: mail } }, { derive: { total: \"price * count\" } }, { cast: { price: number } }, { dedupe: { by: [mail] } }]",
        "{ mail: mail, total: total, price: price }",
    ),
    (
        "an aggregate",
        "",
        "[{ aggregate: { sql: \"SELECT country, SUM(amount) AS total FROM self GROUP BY country\", id: [country] } }]",
        "{ country: country, total: total }",
    ),
];

/// Files without a record: the connection's type and options, the name, and what is in it.
const EMPTY: [(&str, &str, &[u8]); 5] = [
    ("type: json", "all.json", b"[]"),
    ("type: json", "all.json", b" [\n] \n"),
    ("type: json, records: /data/items", "all.json", b"{ \"data\": { \"items\": [] } }"),
    ("type: json", "all.jsonl", b""),
    ("type: json", "all.jsonl", b"\n\n"),
];

/// The columns that the pipelines name, for files that keep them.
const COLUMNS: &str = "email,name,amount,is_test,country,since,is_active,first,last,price,count";

fn put_pipeline(desk: &Desk, source: &str, (filter, steps, mappings): (&str, &str, &str)) {
    let filter = if filter.is_empty() { String::new() } else { format!(", where: \"{filter}\"") };
    let steps = if steps.is_empty() { String::new() } else { format!("    transforms: {steps}\n") };
    // A mapping that is SQL is written in full.
    let mappings = mappings.replace("\"LOWER(email)\"", "{ expr: \"LOWER(email)\" }");
    desk.write(
        "empty.yaml",
        &format!(
            "version: 1\nname: empty\nconnections:\n  in: {{ {source}, path: ., id: {{ all: id }} }}\n  out: {{ type: csv, path: out }}\nstreams:\n  \
             - name: all\n    source: {{ connection: in, object: all{filter} }}\n{steps}    destinations:\n      \
             - connection: out\n        object: all\n        mappings: {mappings}\n"
        ),
    );
}

#[test]
fn a_file_without_records_is_read_to_its_end() {
    for (source, file, content) in EMPTY {
        // What a pipeline may do is tried on one file of each form.
        let pipelines = if ["[]", ""].map(str::as_bytes).contains(&content) { &PIPELINES[..] } else { &PIPELINES[..2] };
        for (what, filter, steps, mappings) in pipelines {
            let what = format!("{what} of {file} {:?}", String::from_utf8_lossy(content));
            let desk = Desk::without_tokens();
            fs::write(desk.path(file), content).unwrap();
            put_pipeline(&desk, source, (filter, steps, mappings));
            for command in ["validate", "preview", "run"] {
                let ran = desk.ferry([command, "empty.yaml", "--json"]);
                assert_eq!(ran.code, 0, "{command}: {what}\n{}", ran.page());
                if command == "run" {
                    let done = &ran.json()["streams"][0]["destinations"][0];
                    assert_eq!((&done["read"], &done["rejected"]), (&json!(0), &json!(0)), "{what}");
                }
            }
            let written = fs::read_to_string(desk.path("out/all.csv")).unwrap();
            assert_eq!(written.lines().count(), 1, "{what}: a header and no record: {written}");
        }
    }
}

/// Such a file is an export that failed, not one of no records.
#[test]
fn a_file_without_what_its_format_asks_for_is_refused() {
    for (source, file, content) in [
        ("type: csv", "all.csv", ""),
        ("type: csv", "all.csv", "\u{feff}"),
        ("type: csv", "all.csv", "\r\n\r\n"),
        ("type: json", "all.json", ""),
        ("type: json", "all.json", "[{ \"id\": 1 }"),
        ("type: json, records: /data/items", "all.json", "{ \"data\": {} }"),
        ("type: parquet", "all.parquet", ""),
    ] {
        let desk = Desk::without_tokens();
        desk.write(file, content);
        put_pipeline(&desk, source, ("", "", "{ mail: email }"));
        let ran = desk.ferry(["run", "empty.yaml"]);
        assert!([1, 2].contains(&ran.code), "{file} {content:?}: {}", ran.page());
    }
}

#[test]
fn a_header_alone_names_the_fields() {
    let desk = Desk::without_tokens();
    desk.write("all.csv", &format!("id,{COLUMNS}\n"));
    for mappings in ["{ mail: email }", "{ mail: emial }"] {
        put_pipeline(&desk, "type: csv", ("", "", mappings));
        let ran = desk.ferry(["run", "empty.yaml"]);
        // What the file names can be misspelt.
        assert_eq!(ran.code, if mappings.contains("emial") { 2 } else { 0 }, "{}", ran.page());
    }
}

#[test]
fn records_without_any_field_are_accounted_for() {
    for (file, content, rejected) in [("all.json", "[{}, {}]", 2), ("all.jsonl", "{}\nno json\n", 2)] {
        for (what, filter, steps, mappings) in PIPELINES {
            let desk = Desk::without_tokens();
            desk.write(file, content);
            put_pipeline(&desk, "type: json", (filter, steps, mappings));
            let ran = desk.ferry(["run", "empty.yaml", "--json"]);
            assert_eq!(ran.code, 4, "{what} of {content}\n{}", ran.page());
            let done = &ran.json()["streams"][0]["destinations"][0];
            assert_eq!((&done["read"], &done["rejected"]), (&json!(rejected), &json!(rejected)), "{what} of {content}");
        }
    }
}

#[test]
fn a_mirror_of_an_emptied_file_deletes_nothing_and_says_so() {
    for (source, file, filled, emptied) in [
        ("type: json", "all.json", "[{ \"id\": 1, \"email\": \"ada@example.org\" }]", "[]"),
        ("type: json", "all.jsonl", "{ \"id\": 1, \"email\": \"ada@example.org\" }\n", ""),
        ("type: csv", "all.csv", "id,email\n1,ada@example.org\n", "id,email\n"),
    ] {
        let crms = Crms::start(&["hubspot"], None, &[]);
        let desk = Desk::new(&crms);
        desk.write(
            "mirror.yaml",
            &format!(
                "version: 1\nname: mirror\nconnections:\n  in: {{ {source}, path: ., id: {{ all: id }} }}\n  crm: {{ type: hubspot, token: \"${{HUBSPOT_TOKEN}}\", base_url: \"${{HUBSPOT_URL}}\" }}\nstreams:\n  \
                 - name: all\n    source: {{ connection: in, object: all }}\n    destinations:\n      \
                 - {{ connection: crm, object: contacts, write: mirror, key: [email], mappings: {{ email: email }} }}\n"
            ),
        );
        desk.write(file, filled);
        assert_eq!(desk.ferry(["run", "mirror.yaml"]).code, 0);
        let before = crms.held("hubspot", "contacts");
        desk.write(file, emptied);
        let ran = desk.ferry(["run", "mirror.yaml"]);
        assert!(ran.page().contains("the mirror deletes nothing"), "{emptied:?}: {}", ran.page());
        assert_eq!(crms.held("hubspot", "contacts"), before, "{emptied:?}");
    }
}
