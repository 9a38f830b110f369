//! A record without a single value is never sent: not to any system, and not by a redrive.

use std::fs;

use serde_json::{Value as Json, json};

use super::{
    mirrors::{PLACES, Place},
    support::Desk,
};

/// Rows that have no value in the fields that are mapped, each in another way.
const BLANK: [&str; 6] = [
    "{ \"id\": \"2\" }",
    "{ \"id\": \"3\", \"name\": null, \"email\": null }",
    "{ \"id\": \"4\", \"name\": \"\", \"email\": \"\" }",
    "{ \"id\": \"5\", \"name\": \"  \", \"email\": \"\\t\" }",
    "{ \"id\": \"6\", \"name\": \"\\u00a0\", \"email\": \"none\" }",
    "{ \"id\": \"7\", \"other\": \"a value that nothing maps\" }",
];

/// What is written to: the connection, the object, and two of its fields. There is no vendor of files.
struct To {
    vendor: Option<&'static Place>,
    connection: String,
    object: &'static str,
    fields: [&'static str; 2],
}

fn everywhere() -> impl Iterator<Item = To> {
    let files =
        [("csv", "out"), ("excel", "out/book.xlsx"), ("json", "out"), ("parquet", "out")].map(|(name, path)| To {
            vendor: None,
            connection: format!("{{ type: {name}, path: {path} }}"),
            object: "people",
            fields: ["name", "mail"],
        });
    let vendors = PLACES.iter().map(|place| To {
        vendor: Some(place),
        connection: place.connection.to_owned(),
        object: place.object,
        fields: [place.name, place.email],
    });
    vendors.chain(files)
}

fn pipeline(connection: &str, object: &str, [name, email]: [&str; 2]) -> String {
    format!(
        "version: 1\nname: blank\nconnections:\n  in: {{ type: json, path: ., id: {{ people: id }} }}\n  to: {connection}\nstreams:\n  \
         - name: people\n    source: {{ connection: in, object: people }}\n    destinations:\n      - connection: to\n        object: {object}\n        \
         mappings:\n          {name}: {{ from: name, apply: [collapse_spaces, trim] }}\n          {email}: {{ from: email, values: {{ none: null }}, otherwise: keep }}\n"
    )
}

fn only(report: &Json) -> &Json {
    &report["streams"][0]["destinations"][0]
}

#[test]
fn a_record_without_a_value_is_rejected_and_never_sent() {
    for To { vendor, connection, object, fields } in everywhere() {
        let crms = vendor.map(Place::start);
        let desk = crms.as_ref().map_or_else(Desk::without_tokens, Desk::new);
        desk.write("blank.yaml", &pipeline(&connection, object, fields));
        let good = "{ \"id\": \"1\", \"name\": \"Ada\", \"email\": \"ada@example.org\" }";
        desk.write("people.jsonl", &format!("{good}\n{}\n", BLANK.join("\n")));
        let what = vendor.map_or(connection.as_str(), |place| place.vendor);
        let held = || vendor.map_or(0, |place| crms.as_ref().unwrap().held(place.vendor, object));
        let before = held();
        let preview = desk.ferry(["preview", "blank.yaml", "--json"]).json();
        assert_eq!(
            (&only(&preview)["accepted"], &only(&preview)["rejected"]),
            (&json!(1), &json!(6)),
            "{what}: {preview}"
        );
        let run = desk.ferry(["run", "blank.yaml", "--json"]);
        assert_eq!(run.code, 4, "{what}: {}", run.page());
        let report = run.json();
        assert_eq!((&only(&report)["created"], &only(&report)["rejected"]), (&json!(1), &json!(6)), "{what}: {report}");
        let reasons = report["reasons"].as_array().unwrap();
        assert!(reasons.iter().all(|reason| reason["code"] == "no_values"), "{what}: {report}");
        if vendor.is_none() {
            let file = fs::read_dir(desk.path("out")).unwrap().next().unwrap().unwrap().path();
            assert!(!fs::read(file).unwrap().is_empty(), "{what}");
            continue;
        }
        assert_eq!(held(), before + 1, "{what}");
        let redrive = desk.ferry(["redrive", "--json"]);
        assert_eq!(redrive.code, 4, "{what}: {}", redrive.page());
        assert_eq!(held(), before + 1, "{what}: a redrive sends them neither");
    }
}
