//! The smallest job: a list of people becomes contacts.

use std::path::PathBuf;

use super::support::Desk;

/// Three good records, one without an address and one whose address is none.
pub(crate) const PEOPLE: &str = "\
id,email,first,last
1,anna.albrecht@example.org,Anna,Albrecht
2,bertil.berg@example.org,Bertil,Berg
3,carla.costa-at-example.org,Carla,Costa
4,,Didier,Dupont
5,emma.eriksen@example.org,Emma,Eriksen
";

const PIPELINE: &str = "\
version: 1
name: people
connections:
  files: { type: csv, path: ., id: { people: id } }
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: crm
        object: contacts
        write: upsert
        key: [email]
        mappings:
          email: { from: email, apply: [email], required: true }
          firstname: first
          lastname: last
";

/// The way back: contacts become a list.
pub(crate) const BACK: &str = "\
version: 1
name: back
connections:
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }
  files: { type: csv, path: out }
streams:
  - name: people
    source: { connection: crm, object: contacts }
    destinations:
      - connection: files
        object: people
        mappings: { id: _id, email: email }
";

/// Puts the pipeline and its source on a desk; returns the pipeline's path.
pub(crate) fn put_people(desk: &Desk, records: &str, limits: &str) -> PathBuf {
    desk.write("people.csv", records);
    desk.write("people.yaml", &format!("{PIPELINE}{limits}"))
}

/// Makes so many good records.
pub(crate) fn many_people(count: usize) -> String {
    let lines = (1..=count).map(|number| format!("{number},person.{number}@example.org,Person,No. {number}\n"));
    std::iter::once("id,email,first,last\n".to_owned()).chain(lines).collect()
}
