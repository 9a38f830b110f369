use super::{Org, emulator, text};
use clock::Clock;

use crate::options::EmulatorOptions;

const THING: &str = "fields:\n  - {name: Key__c, type: string, externalId: true, unique: true}\n  \
                     - {name: Account__c, type: reference, referenceTo: [Account], childRelationshipName: Things__r}\n";

#[tokio::test]
async fn starts_with_the_records_of_its_fixtures_and_their_links() {
    let accounts =
        "Id,Name,ParentId,LastModifiedDate\n001000000000001,Root,,2026-01-02T03:04:05Z\n,Leaf,001000000000001AAA,\n";
    let things = "Key__c,Account__r.Name\nk,Leaf\n";
    let files = [("Account.csv", accounts), ("Thing__c.schema.yaml", THING), ("Thing__c.csv", things)];
    let org = Org::with_files(&files).await;
    assert_eq!(
        org.column("SELECT Account__r.Parent.Id FROM Thing__c", "/Account__r/Parent/Id").await,
        "001000000000001AAA"
    );
    let soql = "SELECT SystemModstamp FROM Account WHERE Name = 'Root'";
    assert_eq!(org.column(soql, "/SystemModstamp").await, "2026-01-02T03:04:05.000+0000");
    let (_, counts) = org.get("/_emulator/counts").await;
    assert_eq!((&counts["records"]["Account"], &counts["records"]["Thing__c"]), (&2.into(), &1.into()));
    let (_, found) = org.query("SELECT Name, (SELECT Key__c FROM Things__r) FROM Account WHERE Name = 'Leaf'").await;
    assert_eq!(text(&found["records"][0]["Things__r"]["records"][0]["Key__c"]), "k");
}

fn check_refused(files: &[(&str, &str)], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let options = EmulatorOptions { fixtures: Some(folder.path().to_owned()), ..EmulatorOptions::default() };
    let reason = emulator(options, Clock::system()).unwrap_err();
    assert!(reason.contains(expected), "{reason}");
}

#[tokio::test]
async fn names_the_fixture_that_cannot_be_used() {
    check_refused(&[("Thing__c.csv", "Name\nx\n")], "fixture `Thing__c`: the object is not a standard one");
    check_refused(&[("Account.csv", "Nope\nx\n")], "fixture `Account`, record 1: column `Nope` is no field");
    check_refused(&[("Contact.csv", "LastName,Birthdate\nx,soon\n")], "record 1: column `Birthdate`");
    check_refused(&[("Contact.csv", "LastName,Account.Name\nx,nobody\n")], "no record has the key `nobody`");
    check_refused(&[("Thing__c.schema.yaml", "fields: [{nam: x}]\n")], "fixture `Thing__c.schema.yaml`");
    let twice = "Key__c\nk\nK\n";
    check_refused(&[("Thing__c.schema.yaml", THING), ("Thing__c.csv", twice)], "`K` of `Key__c` is used twice");
}
