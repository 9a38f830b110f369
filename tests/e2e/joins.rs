//! A stream that is joined with another one: each contact with the domain of its company.

use std::collections::BTreeMap;

use super::support::{Crms, Desk, repository};

const PIPELINE: &str = r#"version: 1
name: joined
connections:
  crm: { type: hubspot, token: "${HUBSPOT_TOKEN}", base_url: "${HUBSPOT_URL}" }
  out: { type: csv, path: out }
streams:
  - name: contacts
    source: { connection: crm, object: contacts }
    transforms:
      - join: { stream: firms, on: { _links.companies: _id }, fields: [firm_domain] }
    destinations:
      - connection: out
        object: contacts
        mappings: { id: _id, company: _links.companies, domain: firm_domain }
  - name: firms
    source: { connection: crm, object: companies, where: "domain IS NOT NULL" }
    transforms:
      - rename: { domain: firm_domain }
    destinations:
      - { connection: out, object: firms, mappings: { id: _id, domain: firm_domain } }
"#;

#[test]
fn each_record_gets_the_fields_of_the_other_stream() {
    let crms = Crms::start(&["hubspot"], Some(&repository("fixtures")), &["--clock-speed", "50"]);
    let desk = Desk::new(&crms);
    let pipeline = desk.write("joined.yaml", PIPELINE);
    let report = desk.run(&crms, &pipeline, &["--clock-speed", "50"], 0);
    let domains: BTreeMap<String, String> =
        rows(&desk, "firms").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let contacts = rows(&desk, "contacts");
    assert_eq!(report["streams"][0]["read"], contacts.len(), "{report}");
    let mut joined = 0;
    for row in &contacts {
        let first = row[1].split(';').next().unwrap_or_default();
        let expected = domains.get(first).map_or("", String::as_str);
        assert_eq!(row[2], expected, "contact {}", row[0]);
        joined += usize::from(!expected.is_empty());
    }
    assert!(joined > 100 && joined < contacts.len(), "{joined} of {} have a company", contacts.len());
}

fn rows(desk: &Desk, name: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(desk.path(&format!("out/{name}.csv"))).unwrap();
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}
