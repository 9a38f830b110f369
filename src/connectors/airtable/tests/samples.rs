//! The sample answers of another client of Airtable, where they are beside the repository: each goes through our decoder of it.
//!
//! A file that is in no table here fails: either a decoder reads it, or there is a reason why none does.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use crate::connector::{Connector, Destination};
use crate::model::FieldType::{self, Boolean, Choice, Date, Datetime, Integer, Link, MultiChoice, Number, Text};

use super::{
    super::{
        Airtable,
        schema::{Base, TablesAnswer},
    },
    context, options,
    script::Script,
};

/// What may be done with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Write,
    ReadOnly,
}

use Access::{ReadOnly, Write};

/// Samples of fields, with our type and whether they may be written.
const FIELDS: [(&str, FieldType, Access); 34] = [
    ("AITextFieldSchema", Text, ReadOnly),
    ("AutoNumberFieldSchema", Integer, ReadOnly),
    ("BarcodeFieldSchema", Text, Write),
    ("ButtonFieldSchema", Text, ReadOnly),
    ("CheckboxFieldSchema", Boolean, Write),
    ("CountFieldSchema", Integer, ReadOnly),
    ("CreatedByFieldSchema", Text, ReadOnly),
    ("CreatedTimeFieldSchema", Datetime, ReadOnly),
    ("CurrencyFieldSchema", Number, Write),
    ("DateFieldSchema", Date, Write),
    ("DateTimeFieldSchema", Datetime, Write),
    ("DurationFieldSchema", Number, Write),
    ("EmailFieldSchema", Text, Write),
    ("ExternalSyncSourceFieldSchema", Text, ReadOnly),
    ("FormulaFieldSchema", Number, ReadOnly),
    ("LastModifiedByFieldSchema", Text, ReadOnly),
    ("LastModifiedTimeFieldSchema", Datetime, ReadOnly),
    ("ManualSortFieldSchema", Text, ReadOnly),
    ("MultilineTextFieldSchema", Text, Write),
    ("MultipleAttachmentsFieldSchema", MultiChoice, Write),
    ("MultipleLookupValuesFieldSchema", MultiChoice, ReadOnly),
    ("MultipleRecordLinksFieldSchema", Link, Write),
    ("MultipleSelectsFieldSchema", MultiChoice, Write),
    ("NumberFieldSchema", Number, Write),
    ("PercentFieldSchema", Number, Write),
    ("PhoneNumberFieldSchema", Text, Write),
    ("RatingFieldSchema", Integer, Write),
    ("RichTextFieldSchema", Text, Write),
    ("RollupFieldSchema", Number, ReadOnly),
    ("SingleCollaboratorFieldSchema", Text, Write),
    ("SingleLineTextFieldSchema", Text, Write),
    ("SingleSelectFieldSchema", Choice, Write),
    // A type that Airtable may add some day: whatever it is, as text.
    ("UnknownFieldSchema", Text, ReadOnly),
    ("UrlFieldSchema", Text, Write),
];
/// Samples that have decoders of their own, below.
const DECODED: [&str; 3] = ["BaseSchema", "Bases", "TableSchema"];
/// Samples of answers that nothing of ours asks for.
const NOT_ASKED: [(&str, &str); 7] = [
    ("Comment", "comments are no records"),
    ("UserInfo", "of an enterprise's administration; `whoami` tells whose token it is"),
    ("ViewSchema", "tables are read whole, and never through a view"),
    ("Webhook", "changes are asked for by their time; a webhook needs a server that can be reached"),
    ("WebhookNotification", "as above"),
    ("WebhookPayload", "as above"),
    ("WebhookPayload.TableChanged", "as above"),
];

fn folder() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vendors/openapi/airtable/pyairtable-sample-data");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn stems(folder: &Path) -> BTreeSet<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file());
    files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn sample(folder: &Path, name: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap()
}

fn read_tables(tables: &Json) -> Base {
    serde_json::from_value::<TablesAnswer>(json!({ "tables": tables })).unwrap().into()
}

#[test]
fn no_sample_is_passed_over() {
    let Some(folder) = folder() else { return };
    let apart = NOT_ASKED.iter().map(|(name, _)| *name);
    let known: BTreeSet<String> = DECODED.into_iter().chain(apart).map(str::to_owned).collect();
    assert_eq!(stems(&folder), known);
    let fields: BTreeSet<String> = FIELDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(stems(&folder.join("field_schema")), fields);
}

#[test]
fn every_sample_of_a_field_is_read_and_described() {
    let Some(folder) = folder() else { return };
    for (name, field_type, access) in FIELDS {
        let sample = sample(&folder.join("field_schema"), name);
        let base = read_tables(&json!([{"id": "tbl1", "name": "T", "primaryFieldId": "fld1", "fields": [sample]}]));
        let schema = base.describe(&"T".into(), true).unwrap();
        let [field] = schema.fields.as_slice() else { panic!("{name}: {schema:?}") };
        assert_eq!(field.name.as_str(), sample["name"].as_str().unwrap());
        assert_eq!((field.field_type, field.is_read_only), (field_type, access == ReadOnly), "{name}");
        let choices = sample["options"]["choices"].as_array().map_or(0, Vec::len);
        let has_options = matches!(name, "MultipleSelectsFieldSchema" | "SingleSelectFieldSchema");
        assert_eq!(field.options.len(), if has_options { choices } else { 0 }, "{name}");
    }
}

#[test]
fn the_samples_of_a_table_and_a_base_are_read() {
    let Some(folder) = folder() else { return };
    for tables in [sample(&folder, "BaseSchema")["tables"].clone(), json!([sample(&folder, "TableSchema")])] {
        let base = read_tables(&tables);
        let schema = base.describe(&"Apartments".into(), true).unwrap();
        let found: Vec<(&str, FieldType)> =
            schema.fields.iter().map(|field| (field.name.as_str(), field.field_type)).collect();
        assert_eq!(found[..3], [("Name", Text), ("Pictures", MultiChoice), ("District", Link)]);
        // With the other table at hand, the link to it is offered by the table's name, too.
        let by_table = found.get(3).map(|(name, _)| *name);
        assert_eq!(by_table, (tables.as_array().unwrap().len() > 1).then_some("_links.Districts"));
    }
}

#[tokio::test]
async fn the_sample_of_a_list_of_bases_tells_what_may_be_done_in_each() {
    let Some(folder) = folder() else { return };
    let bases = sample(&folder, "Bases");
    for base in bases["bases"].as_array().unwrap() {
        let answer = bases.clone();
        let script = Script::start(move |asked| match asked.path.as_str() {
            "/v0/meta/bases" => (200, answer.clone()),
            _ => (200, json!({"id": "usrSample"})),
        })
        .await;
        let mut options = options(&script.url);
        options["base_id"] = base["id"].clone();
        let config = serde_json::from_value(options).unwrap();
        let destination: Box<dyn Destination> = Airtable::destination(config, &context()).unwrap();
        let inspection = destination.probe().unwrap().inspect(&[]).await.unwrap();
        assert_eq!(inspection.login.as_deref(), Some("user usrSample"));
        assert!(inspection.missing.is_empty(), "`create` and `edit` are enough: {inspection:?}");
    }
}
