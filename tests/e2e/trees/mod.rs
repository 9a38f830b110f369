//! The sample trees of others go through Ferry into the local Salesforce, with every link right, and read back as they went in.
//!
//! A tree file is turned into CSV files with the references in the place of ids (`forest` reads the trees, `conversion` writes files
//! and pipeline), and what arrived is asked for as any client of Salesforce does.

mod conversion;
mod forest;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value as Json;

use super::support::{Crms, Desk, sample_data};

use conversion::{Conversion, schemas};
use forest::{Forest, Record, forests};

/// The field that holds a record's reference at Salesforce.
const REFERENCE: &str = "Tree_Ref__c";
const FOLDERS: [&str; 6] = ["apex-recipes", "coral-cloud", "dreamhouse", "easy-spaces", "ebikes", "plugin-data"];

/// A link that waits: the record's object and reference, the field, and the reference that nobody has.
type Waiting = BTreeSet<(String, String, String, String)>;

#[test]
fn the_trees_of_others_arrive_with_every_link_and_read_back_as_they_went() {
    let Some(trees) = sample_data("salesforce/trees") else { return };
    let (mut record_count, mut link_count, mut waiting_count) = (0, 0, 0);
    for folder in FOLDERS {
        let all = forests(&trees.join(folder));
        assert!(!all.is_empty(), "{folder}");
        let fixtures = tempfile::tempdir().unwrap();
        fs::create_dir(fixtures.path().join("salesforce")).unwrap();
        for (object, schema) in schemas(&all) {
            fs::write(fixtures.path().join(format!("salesforce/{object}.schema.yaml")), schema).unwrap();
        }
        for forest in &all {
            let crms = Crms::start(&["salesforce"], Some(fixtures.path()), &[]);
            let desk = Desk::new(&crms);
            let planted = plant(&crms, &desk, forest);
            println!("{}: {planted:?}", forest.name);
            record_count += planted.0;
            link_count += planted.1;
            waiting_count += planted.2;
        }
    }
    // What is in the folders is known; a converter that lost half of it would still agree with itself.
    assert_eq!((record_count, link_count, waiting_count), (677, 285, 109));
}

/// Loads a forest twice and compares what arrived. Returns how many records, links and missing parents it has.
fn plant(crms: &Crms, desk: &Desk, forest: &Forest) -> (usize, usize, usize) {
    let conversion = Conversion::new(crms, forest);
    for (name, text) in &conversion.files {
        desk.write(name, text);
    }
    let pipeline = desk.write("forest.yaml", &conversion.pipeline);
    let report = desk.run(crms, &pipeline, &[], 0);
    let expected = expected_waiting(forest);
    assert_eq!(waiting_lines(desk), expected, "{}", forest.name);
    assert_eq!(waiting_in_report(&report), expected.len(), "{report}");
    let links = compare(crms, &conversion, forest);

    let report = desk.run(crms, &pipeline, &[], 0);
    for stream in report["streams"].as_array().unwrap() {
        assert_eq!(stream["destinations"][0]["calls_write"], 0, "a second run writes nothing: {report}");
    }
    (forest.records.len(), links, expected.len())
}

/// Says which links lead to records that the trees do not have.
fn expected_waiting(forest: &Forest) -> Waiting {
    let links = forest.records.iter().flat_map(|record| record.links.iter().map(move |link| (record, link)));
    let missing = links.filter(|(_, (_, target))| !forest.has(target));
    missing
        .map(|(record, (field, target))| {
            (record.object.clone(), record.reference.clone(), field.to_lowercase(), target.clone())
        })
        .collect()
}

/// Reads who waits for whom out of what `ferry rejects` prints.
fn waiting_lines(desk: &Desk) -> Waiting {
    let rejects = desk.ferry(["rejects", "--json"]).json();
    let word = |json: &Json| json.as_str().unwrap().to_owned();
    let mut waiting = Waiting::new();
    for line in rejects["rejects"].as_array().unwrap() {
        assert_eq!((&line["kind"], &line["code"]), (&Json::from("waiting"), &Json::from("target_not_there")), "{line}");
        let [target] = line["waits_for"]["source_ids"].as_array().unwrap().as_slice() else { panic!("{line}") };
        let target = word(target);
        let (reason, stream) = (word(&line["reason"]), word(&line["waits_for"]["stream"]));
        assert!(reason.contains(&format!("`{target}` of stream `{stream}`")), "{reason}");
        waiting.insert((word(&line["object"]), word(&line["source_id"]), word(&line["field"]).to_lowercase(), target));
    }
    waiting
}

fn waiting_in_report(report: &Json) -> usize {
    let destinations = report["streams"].as_array().unwrap().iter().map(|stream| &stream["destinations"][0]);
    let count: u64 = destinations.map(|account| account["links_pending"].as_u64().unwrap()).sum();
    usize::try_from(count).unwrap()
}

/// Compares every field and link of every record with the tree. Returns how many links are set.
fn compare(crms: &Crms, conversion: &Conversion, forest: &Forest) -> usize {
    let mut arrived: BTreeMap<String, Json> = BTreeMap::new();
    let mut references: BTreeMap<String, String> = BTreeMap::new();
    for (object, fields) in &conversion.fields {
        for record in query(crms, object, fields.keys().map(String::as_str)) {
            let reference = record[REFERENCE].as_str().unwrap().to_owned();
            references.insert(record["Id"].as_str().unwrap().to_owned(), reference.clone());
            assert!(arrived.insert(reference.clone(), record).is_none(), "{reference} is there twice");
        }
    }
    assert_eq!(arrived.len(), forest.records.len(), "{}", forest.name);
    let mut links = 0;
    for record in &forest.records {
        let there = &arrived[&record.reference];
        let fields = &conversion.fields[&record.object];
        let at = |name: &str| {
            let (canonical, kind) = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).unwrap();
            (&there[canonical.as_str()], kind.as_str())
        };
        compare_values(record, at);
        for (name, target) in &record.links {
            let linked = at(name).0.as_str().map(|id| references[id].as_str());
            assert_eq!(linked, forest.has(target).then_some(target.as_str()), "{}.{name}", record.reference);
            links += usize::from(linked.is_some());
        }
        let expected = record.values.len() + record.links.iter().filter(|(_, target)| forest.has(target)).count();
        let filled = fields.keys().filter(|name| !there[name.as_str()].is_null() && **name != REFERENCE).count();
        assert!(filled >= expected, "{}: {there}", record.reference);
    }
    links
}

/// Compares the values of a record, but for what Salesforce itself makes of them: numbers that came as texts or with more digits than
/// a field keeps, days that came with
/// an hour, mail addresses in small letters, texts with blanks at their ends.
fn compare_values<'json>(record: &Record, at: impl Fn(&str) -> (&'json Json, &'json str)) {
    for (name, value) in &record.values {
        let (arrived, kind) = at(name);
        let sent = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = arrived.as_str().map_or_else(|| arrived.to_string(), str::to_owned);
        let digits = kind.strip_prefix("number ").map(|scale| scale.parse::<usize>().unwrap());
        let rounded = |number: &str, digits: usize| format!("{:.digits$}", number.parse::<f64>().unwrap());
        let is_same = match kind {
            _ if digits.is_some() => digits.is_some_and(|digits| rounded(&sent, digits) == rounded(&text, digits)),
            "date" => sent.get(..10) == Some(&text),
            "email" => sent.to_lowercase() == text,
            _ => sent.trim() == text,
        };
        assert!(is_same, "{} {}.{name}: {sent:?} became {text:?}", record.reference, record.object);
    }
}

/// Asks for all records of an object.
fn query<'name>(crms: &Crms, object: &str, fields: impl Iterator<Item = &'name str>) -> Vec<Json> {
    let fields: Vec<&str> = std::iter::once("Id").chain(fields).collect();
    let mut path = format!("/services/data/v67.0/query?q=SELECT+{}+FROM+{object}", fields.join(","));
    let mut records = Vec::new();
    loop {
        let mut page = crms.get("salesforce", &path);
        records.append(page["records"].as_array_mut().unwrap());
        let Some(next) = page["nextRecordsUrl"].as_str() else { return records };
        next.clone_into(&mut path);
    }
}
