//! Steps on small frames, page by page and spooled.

use std::{fs::File, ops::ControlFlow, path::PathBuf};

use polars::prelude::{DataFrame, ParquetWriter};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{JoinInputs, Stepped, Steps, check_steps};
use crate::model::{FieldType, Schema};
use crate::transform::{
    spec::StepSpec,
    tests::{frame, records, schema, yaml},
};

/// Runs steps over pages that were written to disk.
pub(in crate::transform) fn spooled(steps: &Steps, pages: &[DataFrame]) -> (Stepped, Vec<DataFrame>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(index, page): (usize, &DataFrame)| -> PathBuf {
        let path = folder.path().join(format!("{index}.parquet"));
        ParquetWriter::new(File::create(&path).unwrap()).finish(&mut page.clone()).unwrap();
        path
    };
    let paths: Vec<PathBuf> = pages.iter().enumerate().map(write).collect();
    let mut frames = Vec::new();
    let mut delivered = Vec::new();
    let mut stepped = steps
        .apply_spooled(&paths, &mut |frame, rejects| {
            frames.push(frame);
            delivered.extend(rejects);
            ControlFlow::Continue(())
        })
        .unwrap();
    delivered.append(&mut stepped.rejects);
    stepped.rejects = delivered;
    (stepped, frames)
}

fn compile(text: &str, input: &Schema) -> Steps {
    Steps::compile(&yaml::<Vec<StepSpec>>(text), input, &JoinInputs::of_folder(std::env::temp_dir())).unwrap()
}

fn check(text: &str, input: &Schema, rows: &Value, expected: &Value) -> Stepped {
    let stepped = compile(text, input).apply(frame(input, rows)).unwrap();
    assert_eq!(json!(records(&stepped.frame)), *expected);
    stepped
}

fn people() -> Schema {
    schema("people", &[("name", FieldType::Text), ("age", FieldType::Text), ("tags", FieldType::MultiChoice)])
}

#[test]
fn filter_keeps_what_is_true_and_rejects_a_failed_cast() {
    let rows = json!([{"age": "30"}, {"age": "10"}, {"age": "old"}, {"age": null}, {"_deleted": true}]);
    let stepped = compile("[{ filter: \"CAST(age AS INT) > 18\" }]", &people()).apply(frame(&people(), &rows)).unwrap();
    assert_eq!((stepped.frame.height(), stepped.filtered, stepped.rejects.len()), (2, 2, 1));
    assert_eq!(stepped.rejects[0].source["age"], "old");
}

#[test]
fn derive_sees_the_fields_derived_before() {
    let rows = json!([{"name": "Ada", "age": "30"}, {"name": "Bob", "age": "x"}]);
    let text =
        "[{ derive: { years: \"CAST(age AS INT)\", next: \"years + 1\", name: \"upper(name)\" } }, { drop: [tags] }]";
    let expected = json!([{"age": "30", "years": 30, "next": 31, "name": "ADA"}]);
    let stepped = check(text, &people(), &rows, &expected);
    assert_eq!(stepped.rejects[0].rejection.field.as_deref(), Some("years"));
}

#[test]
fn rename_cast_and_apply_change_fields_in_place() {
    let rows = json!([{"name": " ADA ", "age": "30"}, {"name": "Bob", "age": "thirty"}]);
    let text = "[{ apply: { name: [trim, titlecase] } }, { cast: { age: integer } }, { rename: { name: who } }, { drop: [tags] }]";
    let stepped = check(text, &people(), &rows, &json!([{"who": "Ada", "age": 30}]));
    assert_eq!(stepped.rejects[0].rejection.reason, "`thirty` is no whole number");
}

#[test]
fn split_gives_the_rest_to_the_last_field() {
    let rows = json!([{"name": "Kiel, SH, Germany, Earth"}, {"name": "Oslo"}, {"name": null}]);
    let text = "[{ split: { field: name, separator: \", \", into: [a, b, c] } }, { drop: [tags, age, name] }]";
    let expected = json!([
        {"a": "Kiel", "b": "SH", "c": "Germany, Earth"}, {"a": "Oslo", "b": null, "c": null}, {"a": null, "b": null, "c": null}
    ]);
    check(text, &people(), &rows, &expected);
}

#[test]
fn explode_numbers_the_ids_of_what_it_makes() {
    let rows = json!([{"tags": ["a", "b"]}, {"tags": []}, {"tags": null}, {"tags": ["c"]}]);
    let stepped = compile("[{ explode: { field: tags } }]", &people()).apply(frame(&people(), &rows)).unwrap();
    let ids: Vec<_> = stepped.frame.column("_id").unwrap().str().unwrap().iter().flatten().collect();
    assert_eq!(ids, ["1#0", "1#1", "2#0", "3#0", "4#0"]);
    let tags: Vec<_> = stepped.frame.column("tags").unwrap().str().unwrap().iter().collect();
    assert_eq!(tags, [Some("a"), Some("b"), None, None, Some("c")]);
    assert_eq!(stepped.added, 1);
}

#[test]
fn explode_splits_text_at_its_separator() {
    let rows = json!([{"name": "Ada; Bob;"}, {"name": ""}]);
    let text = "[{ explode: { field: name, separator: ';' } }, { drop: [age, tags] }]";
    check(text, &people(), &rows, &json!([{"name": "Ada"}, {"name": "Bob"}, {"name": null}]));
}

pub(super) fn deals() -> Schema {
    schema("deals", &[("mail", FieldType::Text), ("amount", FieldType::Number)])
}

fn deal_pages() -> Vec<DataFrame> {
    let first = json!([
        {"_id": "1", "mail": "a", "amount": 1.0, "_updated_at": "2024-01-01"},
        {"_id": "2", "mail": "b", "amount": 2.0, "_updated_at": null},
        {"_id": "3", "mail": null, "amount": 3.0},
        {"_id": "4", "mail": "", "amount": 4.0},
    ]);
    let second = json!([
        {"_id": "5", "mail": "a", "amount": 5.0, "_updated_at": "2024-03-01"},
        {"_id": "6", "mail": "a", "amount": 6.0, "_updated_at": "2024-02-01"},
        {"_id": "7", "mail": "b", "amount": 7.0, "_updated_at": null},
        {"_id": "8", "mail": null, "_deleted": true},
        {"_id": "9", "mail": null},
        {"_id": "10", "mail": ""},
    ]);
    vec![frame(&deals(), &first), frame(&deals(), &second)]
}

fn ids(frames: &[DataFrame]) -> Vec<String> {
    let id =
        |frame: &DataFrame| frame.column("_id").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect();
    frames.iter().flat_map(|frame| -> Vec<String> { id(frame) }).collect()
}

#[test]
fn dedupe_keeps_one_of_each_key_across_pages() {
    for (keep, expected) in [
        ("first", ["1", "2", "3", "4", "8", "9", "10"]),
        ("last", ["3", "4", "6", "7", "8", "9", "10"]),
        ("newest", ["2", "3", "4", "5", "8", "9", "10"]),
    ] {
        let steps = compile(&format!("[{{ dedupe: {{ by: [mail], keep: {keep} }} }}]"), &deals());
        assert!(steps.is_stateful());
        let (stepped, frames) = spooled(&steps, &deal_pages());
        assert_eq!(ids(&frames), expected, "{keep}");
        assert_eq!(stepped.duplicate, 3);
    }
}

#[test]
fn aggregate_replaces_the_records_by_the_result() {
    let text = "
- filter: \"mail IS NULL OR mail <> ''\"
- dedupe: { by: [amount] }
- aggregate: { sql: \"SELECT mail, SUM(amount) AS total, COUNT(*) AS n FROM self GROUP BY mail ORDER BY mail\", id: [mail] }
- filter: \"total > 8\"
";
    let steps = compile(text, &deals());
    let (stepped, frames) = spooled(&steps, &deal_pages());
    assert_eq!(
        frames.iter().flat_map(records).collect::<Vec<_>>(),
        [json!({"mail": "a", "total": 12.0, "n": 3}), json!({"mail": "b", "total": 9.0, "n": 2}),]
    );
    assert_eq!(ids(&frames), ["a", "b"]);
    assert_eq!(stepped.rejects[0].rejection.code, "no_id");
    // 10 records: 2 filtered before, 8 become 3, of which one has no id and two go on.
    assert_eq!((stepped.filtered, stepped.added), (7, 0));
}

#[test]
fn every_mistake_is_found_at_its_place() {
    let text = "
- filter: \"nmae = 'x'\"
- derive: { _id: \"1\" }
- apply: { name: [{ trimm: {} }] }
- filter: \"((\"
";
    let (output, mistakes) =
        check_steps(&yaml::<Vec<StepSpec>>(text), Some(&people()), &JoinInputs::of_folder(std::env::temp_dir()));
    assert!(output.is_none());
    let places: Vec<String> = mistakes.iter().map(super::super::TransformError::place).collect();
    assert_eq!(places, ["transforms[0].filter", "transforms[2].apply.name[0]", "transforms[3].filter"]);
    assert_eq!(mistakes[0].hint.as_deref(), Some("did you mean `name`?"));
    assert_eq!(mistakes[1].hint.as_deref(), Some("did you mean `trim`?"));
}

#[test]
fn mistakes_of_the_steps_name_what_is_wrong() {
    let wrong = |text: &str| {
        check_steps(&yaml::<Vec<StepSpec>>(text), Some(&people()), &JoinInputs::of_folder(std::env::temp_dir()))
            .1
            .remove(0)
    };
    for (text, place, code) in [
        ("[{ rename: { name: age } }]", "transforms[0].rename.name", "transform.duplicate_field"),
        ("[{ derive: { x: \"sum(age)\" } }]", "transforms[0].derive.x", "transform.sql"),
        ("[{ derive: { _deleted: \"true\" } }]", "transforms[0].derive._deleted", "transform.reserved"),
        ("[{ drop: [nam] }]", "transforms[0].drop[0]", "transform.unknown_field"),
        (
            "[{ cast: { tags: date }}, { cast: { agee: integer } }]",
            "transforms[1].cast.agee",
            "transform.unknown_field",
        ),
        ("[{ explode: { field: name } }]", "transforms[0].explode", "transform.step"),
        ("[{ dedupe: { by: [mail] } }]", "transforms[0].dedupe.by[0]", "transform.unknown_field"),
        ("[{ join: { file: no-such.csv, on: name } }]", "transforms[0].join.file", "transform.file"),
        (
            "[{ aggregate: { sql: \"SELECT nam FROM self\", id: [nam] } }]",
            "transforms[0].aggregate.sql",
            "transform.sql",
        ),
        (
            "[{ aggregate: { sql: \"SELECT name FROM self\", id: [nam] } }]",
            "transforms[0].aggregate.id[0]",
            "transform.unknown_field",
        ),
    ] {
        let error = wrong(text);
        assert_eq!((error.place().as_str(), error.code), (place, code), "{error}");
    }
}

#[test]
fn a_receiver_may_break_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0.parquet");
    ParquetWriter::new(File::create(&path).unwrap()).finish(&mut deal_pages()[0].clone()).unwrap();
    for text in [
        "[]",
        "[{ dedupe: { by: [mail] } }]",
        "[{ aggregate: { sql: 'SELECT mail, amount FROM self', id: [amount] } }]",
    ] {
        let mut frames = 0;
        let steps = compile(text, &deals());
        let pages = [path.clone(), path.clone()];
        steps
            .apply_spooled(&pages, &mut |_, _| {
                frames += 1;
                ControlFlow::Break(())
            })
            .unwrap();
        assert_eq!(frames, 1, "{text}");
    }
}

#[test]
fn large_pages_are_delivered_in_parts() {
    let count = super::spool::MAX_FRAME_RECORDS + 5;
    let rows: Vec<Value> = (0..count).map(|number| json!({"mail": format!("{number}"), "amount": 1.0})).collect();
    for text in
        ["[{ dedupe: { by: [mail] } }]", "[{ aggregate: { sql: 'SELECT mail, amount FROM self', id: [mail] } }]"]
    {
        let (stepped, frames) = spooled(&compile(text, &deals()), &[frame(&deals(), &json!(rows))]);
        assert!(frames.iter().all(|frame| frame.height() <= super::spool::MAX_FRAME_RECORDS));
        let order: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        let column = |frame: &DataFrame| {
            frame.column("mail").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(frames.iter().flat_map(column).collect::<Vec<_>>(), order, "{text}");
        assert_eq!((stepped.filtered, stepped.duplicate, stepped.added), (0, 0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_record_is_accounted_for(mails in proptest::collection::vec(proptest::option::of("[a-c;]{0,3}"), 0..30), cut in 0_usize..30) {
        let rows: Vec<Value> = mails.iter().map(|mail| json!({"mail": mail, "amount": 1.5})).collect();
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let text = "
- filter: \"mail IS NULL OR mail <> 'a'\"
- explode: { field: mail, separator: ';' }
- dedupe: { by: [mail], keep: last }
- apply: { mail: [{ null_if: [b] }] }
- aggregate: { sql: 'SELECT mail, COUNT(*) AS n FROM self GROUP BY mail', id: [mail] }
- derive: { x: \"CAST(mail AS INTEGER)\" }
";
        let pages = [frame(&deals(), &json!(first)), frame(&deals(), &json!(second))];
        let (stepped, frames) = spooled(&compile(text, &deals()), &pages);
        let out: usize = frames.iter().map(DataFrame::height).sum();
        let accounted = out as u64 + stepped.filtered + stepped.duplicate + stepped.rejects.len() as u64;
        prop_assert_eq!(mails.len() as u64 + stepped.added, accounted);
    }
}
