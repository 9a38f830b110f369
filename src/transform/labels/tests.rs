//! Every place of a pipeline where a field is named, with every kind of word for it.

use serde_json::{Value as Json, json};

use crate::model::{Field, FieldName, FieldType, Schema};
use crate::transform::{
    Filter, JoinInputs, Mapper, Steps, check_mappings, check_steps, fields_used, key_names,
    spec::{MappingSpecs, StepSpec},
};

use super::*;

fn schema() -> Schema {
    let labelled =
        |name: &str, label: &str| Field { label: Some(label.to_owned()), ..Field::new(name, FieldType::Text) };
    let fields = vec![
        labelled("f01", "Deal Name"),
        labelled("f02", "Score"),
        labelled("f03", "Score"),
        // A name is stronger than another field's label.
        labelled("f04", "Stage"),
        labelled("Stage", "State"),
    ];
    Schema { object: "deals".into(), fields, is_open: false }
}

/// A word, and the field that it means or the code of the mistake.
const WORDS: [(&str, Result<&str, &str>); 6] = [
    ("f01", Ok("f01")),
    ("Deal Name", Ok("f01")),
    ("Stage", Ok("Stage")),
    ("State", Ok("Stage")),
    ("Score", Err("transform.ambiguous_label")),
    ("Phase", Err("transform.unknown_field")),
];

fn step(json: Json) -> StepSpec {
    serde_json::from_value(json).unwrap()
}

#[test]
fn every_step_takes_names_and_labels_offline_as_in_a_run() {
    let (schema, inputs) = (schema(), JoinInputs::default());
    for (word, expected) in WORDS {
        let steps = [
            step(json!({ "filter": format!("\"{word}\" IS NOT NULL") })),
            step(json!({ "derive": { "made": format!("UPPER(\"{word}\")") } })),
            step(json!({ "rename": { (word): "made" } })),
            step(json!({ "drop": [word] })),
            step(json!({ "cast": { (word): "text" } })),
            step(json!({ "split": { "field": word, "separator": "-", "into": ["made", "rest"] } })),
            step(json!({ "explode": { "field": word, "separator": ";" } })),
            step(json!({ "apply": { (word): ["trim"] } })),
            step(json!({ "apply": { "f01": [{ "phone": { "region_from": word } }] } })),
            step(json!({ "dedupe": { "by": [word] } })),
        ];
        for spec in steps {
            let run = Steps::compile(std::slice::from_ref(&spec), &schema, &inputs).map(drop);
            let (_, mut offline) = check_steps(std::slice::from_ref(&spec), Some(&schema), &inputs);
            assert_eq!(run.clone().err(), offline.pop(), "{word}: {spec:?}");
            assert_eq!(run.map_err(|error| error.code), expected.map(drop), "{word}: {spec:?}");
            // What is read is what the word means, where the step itself uses it.
            let used = fields_used(std::slice::from_ref(&spec), &[], None).unwrap().names(&schema);
            let is_read = !matches!(spec, StepSpec::Rename(_) | StepSpec::Drop(_));
            if let (Ok(name), true) = (expected, is_read) {
                assert!(used.contains(&FieldName::new(name)), "{word}: {spec:?} reads {used:?}");
            }
        }
    }
}

#[test]
fn a_condition_of_the_source_takes_names_and_labels_and_is_sent_with_names() {
    let schema = schema();
    for (word, expected) in WORDS {
        let sql = format!("\"{word}\" = 'won'");
        let filter = Filter::compile(&sql, &schema);
        assert_eq!(filter.as_ref().map(drop).map_err(|error| error.code), expected.map(drop), "{word}");
        if let (Ok(filter), Ok(name)) = (filter, expected) {
            let sent = format!("{:?}", filter.predicate());
            assert!(sent.contains(&format!("{name:?}")), "{word}: {sent}");
            assert!(
                fields_used(&[], &[], Some(&sql)).unwrap().names(&schema).contains(&FieldName::new(name)),
                "{word}"
            );
        }
    }
}

#[test]
fn mappings_and_keys_take_names_and_labels_on_both_sides() {
    let schema = schema();
    for (word, expected) in WORDS {
        let places = [
            json!({ (word): "f01" }),
            json!({ (word): { "from": "f01", "required": true } }),
            json!({ "f01": word }),
            json!({ "f01": { "from": word, "apply": ["trim"] } }),
            json!({ "f01": { "expr": format!("UPPER(\"{word}\")") } }),
            json!({ "f01": { "from": "f02", "apply": [{ "phone": { "region_from": word } }] } }),
        ];
        for (place, json) in places.into_iter().enumerate() {
            let specs: MappingSpecs = serde_json::from_value(json).unwrap();
            let run = Mapper::compile(&specs, &schema, &schema);
            let mut offline = check_mappings(&specs, Some(&schema), Some(&schema));
            assert_eq!(run.as_ref().err(), offline.pop().as_ref(), "{word} in place {place}");
            assert_eq!(
                run.as_ref().map(drop).map_err(|error| error.code),
                expected.map(drop),
                "{word} in place {place}"
            );
            if let (Ok(mapper), Ok(name), 0 | 1) = (run, expected, place) {
                assert_eq!(mapper.fields()[0].name.as_str(), name, "{word}");
            }
        }
        let key = key_names(&[word.into()], &schema);
        match expected {
            Ok(name) => assert_eq!(key.unwrap(), [name.into()]),
            Err("transform.ambiguous_label") => assert_eq!(key.unwrap_err().path, ["key", "0"]),
            Err(_) => assert_eq!(key.unwrap(), [word.into()], "that it is not mapped is said elsewhere"),
        }
    }
}

#[test]
fn a_label_of_several_fields_is_answered_with_their_names() {
    let error = name_of(&schema(), "Score").unwrap_err();
    assert_eq!(error.message, "`Score` is the label of 2 fields of `deals`");
    assert_eq!(error.hint.as_deref(), Some("write the field's name: `f02`, `f03`"));
}

#[test]
fn a_field_under_two_words_is_a_mistake_and_a_standard_mapping_gives_way() {
    let schema = schema();
    let specs: MappingSpecs = serde_json::from_value(json!({ "Deal Name": "f01", "f01": "f02" })).unwrap();
    let mistakes = check_mappings(&specs, Some(&schema), Some(&schema));
    assert_eq!(mistakes.iter().map(|error| error.code).collect::<Vec<_>>(), ["transform.field_twice"]);
    let mut specs: MappingSpecs =
        serde_json::from_value(json!({ "f01": { "from": "f02" }, "Deal Name": "f03" })).unwrap();
    let Some(crate::transform::spec::MappingSpec::Full(full)) = specs.get_mut("f01") else { panic!("it is in full") };
    full.is_standard = true;
    let mapper = Mapper::compile(&specs, &schema, &schema).unwrap();
    assert_eq!(mapper.fields().len(), 1, "what the pipeline says wins");
}
