//! Joins with a file and with another stream.

use std::sync::Arc;

use polars::{df, prelude::DataFrame};
use serde_json::{Value, json};

use super::super::{
    JoinInput, JoinInputs, Spool, Steps, check_steps,
    tests::{deals, spooled},
};
use crate::model::{Field, FieldType, Schema};
use crate::transform::{
    TransformError,
    spec::StepSpec,
    tests::{frame, yaml},
};

#[test]
fn join_adds_the_columns_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "\u{feff}mail,owner,team\na,Ann,x\na,Abe,y\nb,,z\n";
    std::fs::write(folder.path().join("owners.csv"), csv).unwrap();
    let specs: Vec<StepSpec> = yaml("[{ join: { file: owners.csv, on: mail, fields: [owner] } }]");
    let steps = Steps::compile(&specs, &deals(), &JoinInputs::of_folder(folder.path())).unwrap();
    let rows = json!([{"mail": "b"}, {"mail": "a"}, {"mail": null}, {"mail": "c"}, {"mail": "a"}]);
    let stepped = steps.apply(frame(&deals(), &rows)).unwrap();
    let owners: Vec<_> = stepped.frame.column("owner").unwrap().str().unwrap().iter().collect();
    assert_eq!(owners, [None, Some("Ann"), None, None, Some("Ann")]);
    assert_eq!(steps.output().field("owner").unwrap().field_type, FieldType::Text);
}

/// Other streams of which one is read, `teams`, and of one only the fields are known.
fn inputs(pages: &[DataFrame]) -> JoinInputs {
    let fields = [("team", FieldType::Text), ("number", FieldType::Integer), ("lead", FieldType::Text)];
    let fields = fields.into_iter().map(|(name, field_type)| Field::new(name, field_type)).collect();
    let schema = Schema { object: "teams".into(), fields, is_open: false };
    let mut spool = Spool::new().unwrap();
    for page in pages {
        spool.push(page.clone()).unwrap();
    }
    let input = JoinInput { schema: Some(schema), pages: Some(Arc::new(spool)) };
    let mut inputs = JoinInputs::of_folder(std::env::temp_dir());
    inputs.streams.insert("teams".into(), input);
    inputs.streams.insert("unread".into(), JoinInput::default());
    inputs
}

#[test]
fn join_adds_the_fields_of_another_stream() {
    let first =
        df!("_id" => ["t1", "t2"], "team" => ["a", "a"], "number" => [1_i64, 2], "lead" => ["Ann", "Abe"]).unwrap();
    let second =
        df!("_id" => ["t3", "t4"], "team" => ["b", "a"], "number" => [3_i64, 4], "lead" => [None, Some("Al")]).unwrap();
    let specs: Vec<StepSpec> = yaml("[{ join: { stream: teams, on: { mail: team }, fields: [lead, number] } }]");
    let steps = Steps::compile(&specs, &deals(), &inputs(&[first, second])).unwrap();
    assert!(steps.is_stateful());
    assert_eq!(steps.output().field("number").unwrap().field_type, FieldType::Integer);
    let rows = |mails: &[Option<&str>]| {
        let rows: Vec<Value> = mails.iter().map(|mail| json!({"mail": mail, "amount": 1.0})).collect();
        frame(&deals(), &json!(rows))
    };
    let pages = [rows(&[Some("b"), Some("a"), None]), rows(&[Some("c"), Some("a")])];
    let (stepped, frames) = spooled(&steps, &pages);
    let leads: Vec<Option<String>> = frames
        .iter()
        .flat_map(|frame| {
            frame.column("lead").unwrap().str().unwrap().iter().map(|lead| lead.map(str::to_owned)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(leads, [None, Some("Ann".to_owned()), None, None, Some("Ann".to_owned())]);
    assert_eq!((stepped.filtered, stepped.added, stepped.duplicate), (0, 0, 0));
}

#[test]
fn a_join_with_a_stream_of_no_records_adds_no_values() {
    let specs: Vec<StepSpec> = yaml("[{ join: { stream: teams, on: { mail: team } } }]");
    let steps = Steps::compile(&specs, &deals(), &inputs(&[])).unwrap();
    let (_, frames) = spooled(&steps, &[frame(&deals(), &json!([{"mail": "a"}]))]);
    assert_eq!(frames[0].column("lead").unwrap().null_count(), 1);
    assert_eq!(frames[0].column("number").unwrap().dtype(), &polars::prelude::DataType::Int64);
}

#[test]
fn the_first_linked_id_finds_the_record_of_another_stream() {
    let teams =
        df!("_id" => ["7", "8"], "team" => ["a", "b"], "number" => [1_i64, 2], "lead" => ["Ann", "Ben"]).unwrap();
    let specs: Vec<StepSpec> = yaml("[{ join: { stream: teams, on: { _links.teams: _id }, fields: [lead] } }]");
    let steps = Steps::compile(&specs, &deals(), &inputs(&[teams])).unwrap();
    let rows = json!([{"mail": "x", "_links.teams": ["8", "7"]}, {"mail": "y", "_links.teams": []}]);
    let (_, frames) = spooled(&steps, &[frame(&deals(), &rows)]);
    let leads: Vec<_> = frames[0].column("lead").unwrap().str().unwrap().iter().collect();
    assert_eq!(leads, [Some("Ben"), None]);
}

#[test]
fn the_fields_after_a_join_with_an_unknown_stream_are_not_judged() {
    let specs: Vec<StepSpec> = yaml("[{ join: { stream: unread, on: mail } }, { filter: \"whatever > 1\" }]");
    let (output, mistakes) = check_steps(&specs, Some(&deals()), &inputs(&[]));
    assert!(output.is_none() && mistakes.is_empty(), "{mistakes:?}");
}

#[test]
fn mistakes_of_a_join_name_what_is_wrong() {
    for (text, place, code) in [
        ("[{ join: { on: mail } }]", "transforms[0].join", "transform.step"),
        ("[{ join: { file: a.csv, stream: teams, on: mail } }]", "transforms[0].join", "transform.step"),
        ("[{ join: { stream: taems, on: mail } }]", "transforms[0].join.stream", "transform.unknown_stream"),
        ("[{ join: { stream: teams, on: mail } }]", "transforms[0].join.on", "transform.unknown_field"),
        (
            "[{ join: { stream: teams, on: { mail: lead }, fields: [team, nubmer] } }]",
            "transforms[0].join.fields[1]",
            "transform.unknown_field",
        ),
    ] {
        let (_, mut mistakes) = check_steps(&yaml::<Vec<StepSpec>>(text), Some(&deals()), &inputs(&[]));
        let error: TransformError = mistakes.remove(0);
        assert_eq!((error.place().as_str(), error.code), (place, code), "{error}");
    }
}
