//! Who wins over what the destination already holds: `when` and `null`, at both vendors.

use std::fs;

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::occasions::{call, finished};
use crate::pairs::Pair;
use crate::testbed::{Testbed, Weather};

/// One rule for each field, by the destination's names.
const FIELDS: [(&str, &str); 5] = [
    ("always", "from: a"),
    ("if_blank", "from: b, when: if_blank"),
    ("on_create", "from: c, when: on_create"),
    ("kept", "from: d, null: keep"),
    ("cleared", "from: e, null: clear"),
];

fn put_source(testbed: &Testbed, rows: &[&str]) {
    let folder = testbed.folder().join("rules");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("people.csv"), format!("no,email,a,b,c,d,e\n{}\n", rows.join("\n"))).unwrap();
}

/// Puts a pipeline whose destination calls the five fields by these names.
fn put_pipeline(testbed: &Testbed, destination: &str, object: &str, names: [&str; 6]) {
    let [key, fields @ ..] = names;
    let mappings: String = fields
        .iter()
        .zip(FIELDS)
        .map(|(name, (_, rule))| format!("          {name}: {{ {rule} }}\n"))
        .fold(String::new(), |text, line| text + &line);
    let pipeline = format!(
        "version: 1
name: rules
connections:
  files: {{ type: csv, path: rules, id: {{ people: no }} }}
  there: {destination}
streams:
  - name: people
    source: {{ connection: files, object: people }}
    destinations:
      - connection: there
        object: {object}
        write: upsert
        key: [{key}]
        mappings:
          {key}: email
{mappings}"
    );
    fs::write(testbed.folder().join("pipeline.yaml"), pipeline).unwrap();
}

/// First everything is written. Then a person writes `hand` everywhere but in one blank cell, and the source changes.
const FIRST: [&str; 2] = ["1,ada@rules.example,a1,b1,c1,d1,e1", "2,bob@rules.example,a1,,c1,d1,e1"];
const SECOND: [&str; 2] = ["1,ada@rules.example,a2,b2,c2,,", "2,bob@rules.example,a2,b2,c2,,"];
/// What is there in the end, of each record: the first one's `if_blank` field was filled by hand, the second one's was not.
const EXPECTED: [[&str; 5]; 2] = [["a2", "hand", "hand", "hand", ""], ["a2", "b2", "hand", "hand", ""]];

fn texts(fields: &Json, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| fields[*name].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_holds_what_the_rules_say() {
    let testbed = Testbed::new(&Pair::of("csv", "hubspot"), &Weather::default()).await;
    let names = ["email", "firstname", "phone", "lastname", "jobtitle", "city"];
    let crm = "{ type: hubspot, token: \"${TOKEN}\", base_url: \"${HUBSPOT_URL}\" }";
    put_pipeline(&testbed, crm, "contacts", names);
    put_source(&testbed, &FIRST);
    finished(&testbed).await;
    let contacts = format!("{}/crm/v3/objects/contacts", testbed.url("hubspot"));
    let emails = ["ada@rules.example", "bob@rules.example"];
    for (email, blank) in emails.iter().zip([None, Some("phone")]) {
        let mut hand: serde_json::Map<_, _> =
            names[1..].iter().map(|name| ((*name).to_owned(), Json::from("hand"))).collect();
        if let Some(blank) = blank {
            hand.insert(blank.to_owned(), Json::from(""));
        }
        call(Method::PATCH, format!("{contacts}/{email}?idProperty=email"), json!({ "properties": hand })).await;
    }
    put_source(&testbed, &SECOND);
    finished(&testbed).await;
    for (email, expected) in emails.iter().zip(EXPECTED) {
        let properties = names[1..].join(",");
        let url = format!("{contacts}/{email}?idProperty=email&properties={properties}");
        let record = call(Method::GET, url, Json::Null).await;
        assert_eq!(texts(&record["properties"], &names[1..]), expected, "{email}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn airtable_holds_what_the_rules_say() {
    let testbed = Testbed::new(&Pair::of("hubspot", "airtable"), &Weather::default()).await;
    let names = ["Email", "Always", "Blank", "Created", "Kept", "Cleared"];
    let base = "{ type: airtable, token: \"${TOKEN}\", base_id: appFerryFaults001, base_url: \"${AIRTABLE_URL}\" }";
    put_pipeline(&testbed, base, "Rules", names);
    let url = testbed.url("airtable");
    let fields: Vec<Json> = names.iter().map(|name| json!({ "name": name, "type": "singleLineText" })).collect();
    let table = json!({ "name": "Rules", "fields": fields });
    call(Method::POST, format!("{url}/v0/meta/bases/appFerryFaults001/tables"), table).await;
    put_source(&testbed, &FIRST);
    finished(&testbed).await;
    let records = format!("{url}/v0/appFerryFaults001/Rules");
    let page = call(Method::GET, records.clone(), Json::Null).await;
    for record in page["records"].as_array().unwrap() {
        let mut hand: serde_json::Map<_, _> =
            names[1..].iter().map(|name| ((*name).to_owned(), Json::from("hand"))).collect();
        if record["fields"]["Email"] == "bob@rules.example" {
            hand.insert("Blank".to_owned(), Json::Null);
        }
        let id = record["id"].as_str().unwrap();
        call(Method::PATCH, format!("{records}/{id}"), json!({ "fields": hand })).await;
    }
    put_source(&testbed, &SECOND);
    finished(&testbed).await;
    let page = call(Method::GET, records, Json::Null).await;
    for (email, expected) in ["ada@rules.example", "bob@rules.example"].iter().zip(EXPECTED) {
        let is_it = |record: &&Json| record["fields"]["Email"] == *email;
        let record = page["records"].as_array().unwrap().iter().find(is_it).unwrap();
        assert_eq!(texts(&record["fields"], &names[1..]), expected, "{email}");
    }
}
