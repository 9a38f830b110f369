//! Functions, subtotals, kinds of parents and pages of children in queries.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Org, code, read, text};

async fn deals() -> Org {
    let org = Org::open().await;
    for (name, stage, day, amount) in [
        ("A", "Closed Won", "2025-01-31", 1_000.5),
        ("B", "Closed Won", "2026-02-01", 2_000.0),
        ("C", "Prospecting", "2026-11-23", 30.25),
    ] {
        let fields = json!({"Name": name, "StageName": stage, "CloseDate": day, "Amount": amount});
        org.create("Opportunity", fields).await;
    }
    org
}

#[tokio::test]
async fn only_sums_and_functions_have_aliases() {
    let org = deals().await;
    let (status, refusal) = org.query("SELECT Id Name FROM Opportunity").await;
    assert_eq!((status, code(&refusal)), (400, "MALFORMED_QUERY"));
    let message = text(&refusal[0]["message"]);
    assert!(message.ends_with("ERROR at Row:1:Column:8\nonly aggregate expressions use field aliasing"), "{message}");
    let children = "SELECT Id, (SELECT Id Name FROM Contacts) FROM Account";
    assert_eq!(code(&org.query(children).await.1), "MALFORMED_QUERY");
    assert_eq!(org.query("SELECT COUNT(Id) n FROM Opportunity").await.1["records"][0]["n"], 3);
    assert_eq!(org.query("SELECT o.Id FROM Opportunity o").await.0, 200);
}

#[tokio::test]
async fn groups_filters_and_sorts_by_parts_of_dates() {
    let org = deals().await;
    let years = "SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) n FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate) \
        ORDER BY CALENDAR_YEAR(CloseDate) DESC";
    let (_, found) = org.query(years).await;
    assert_eq!((&found["records"][0]["y"], &found["records"][0]["n"]), (&json!(2026), &json!(2)));
    assert_eq!(found["records"][1]["y"], 2025);
    for (condition, names) in [
        ("CALENDAR_YEAR(CloseDate) = 2026", "B,C"),
        ("CALENDAR_MONTH(CloseDate) IN (1, 2)", "A,B"),
        ("FISCAL_QUARTER(CloseDate) > 3", "C"),
        ("DAY_ONLY(CreatedDate) = TODAY", "A,B,C"),
        ("DAY_ONLY(convertTimezone(CreatedDate)) < 2020-01-01", ""),
    ] {
        let soql = format!("SELECT Name FROM Opportunity WHERE {condition} ORDER BY Name");
        assert_eq!(org.column(&soql, "/Name").await, names, "{condition}");
    }
    let unnamed = "SELECT DAY_ONLY(CreatedDate), COUNT(Id) FROM Opportunity GROUP BY DAY_ONLY(CreatedDate)";
    let (_, found) = org.query(unnamed).await;
    assert_eq!((text(&found["records"][0]["expr0"]).len(), &found["records"][0]["expr1"]), (10, &json!(3)));
    let having =
        "SELECT CALENDAR_YEAR(CloseDate) y FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate) HAVING COUNT(Id) > 1";
    assert_eq!(org.column(having, "/y").await, "2026");
    for wrong in [
        "SELECT CALENDAR_YEAR(CloseDate) FROM Opportunity",
        "SELECT Name FROM Opportunity WHERE CALENDAR_YEAR(Name) = 1",
        "SELECT Name FROM Opportunity WHERE HOUR_IN_DAY(CloseDate) = 1",
        "SELECT Name FROM Opportunity WHERE NOSUCH(CloseDate) = 1",
        "SELECT Name FROM Opportunity WHERE COUNT(Id) = 1",
    ] {
        assert_eq!(org.query(wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn rollups_and_cubes_sum_groups_up_again() {
    let org = deals().await;
    let rows = async |soql: &str| -> Vec<Json> {
        let (status, found) = org.query(soql).await;
        assert_eq!(status, 200, "{soql}: {found}");
        let shown = |row: &Json| json!([row["s"], row["y"], row["n"], row["g"]]);
        found["records"].as_array().unwrap().iter().map(shown).collect()
    };
    let select =
        "SELECT StageName s, CALENDAR_YEAR(CloseDate) y, COUNT(Id) n, GROUPING(StageName) g FROM Opportunity GROUP BY";
    let rolled = rows(&format!("{select} ROLLUP(StageName, CALENDAR_YEAR(CloseDate))")).await;
    assert_eq!(
        rolled,
        [
            json!(["Closed Won", 2025, 1, 0]),
            json!(["Closed Won", 2026, 1, 0]),
            json!(["Closed Won", null, 2, 0]),
            json!(["Prospecting", 2026, 1, 0]),
            json!(["Prospecting", null, 1, 0]),
            json!([null, null, 3, 1]),
        ]
    );
    let cube = rows(&format!("{select} CUBE(StageName, CALENDAR_YEAR(CloseDate))")).await;
    assert_eq!(cube.len(), 8);
    assert!(cube.contains(&json!([null, 2026, 2, 1])), "{cube:?}");
    let not_grouped = "SELECT GROUPING(Name), COUNT(Id) FROM Opportunity GROUP BY ROLLUP(StageName)";
    assert_eq!(code(&org.query(not_grouped).await.1), "MALFORMED_QUERY");
}

#[tokio::test]
async fn formats_values_as_people_read_them() {
    let org = deals().await;
    let soql = "SELECT Amount, FORMAT(Amount) shown, FORMAT(CloseDate) day, FORMAT(convertCurrency(Amount)) converted, \
        toLabel(StageName) FROM Opportunity WHERE Name = 'A'";
    let (_, found) = org.query(soql).await;
    let record = &found["records"][0];
    assert_eq!(record["Amount"], 1000.5);
    assert_eq!((text(&record["shown"]), text(&record["day"])), ("$1,000.50", "1/31/2025"));
    assert_eq!((text(&record["converted"]), text(&record["StageName"])), ("$1,000.50", "Closed Won"));
    let sums = "SELECT FORMAT(SUM(Amount)) total, FORMAT(MIN(CloseDate)) first FROM Opportunity";
    let (_, found) = org.query(sums).await;
    assert_eq!((text(&found["records"][0]["total"]), text(&found["records"][0]["first"])), ("$3,030.75", "1/31/2025"));
    assert_eq!(org.query("SELECT Amount, FORMAT(Amount) FROM Opportunity").await.0, 400);
}

#[tokio::test]
async fn typeof_shows_the_fields_of_each_kind_of_parent() {
    let org = Org::open().await;
    let account = org.create("Account", json!({"Name": "Acme", "Phone": "1"})).await;
    let deal = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-01-01", "Amount": 5});
    let deal = org.create("Opportunity", deal).await;
    let campaign = org.create("Campaign", json!({"Name": "Spring"})).await;
    for (subject, what) in [("1", Some(&account)), ("2", Some(&deal)), ("3", Some(&campaign)), ("4", None)] {
        org.create("Task", json!({"Subject": subject, "WhatId": what})).await;
    }
    let soql = "SELECT Subject, TYPEOF What WHEN Account THEN Phone, Owner.Alias WHEN Opportunity THEN Amount ELSE Name END \
        FROM Task ORDER BY Subject";
    let (status, found) = org.query(soql).await;
    assert_eq!(status, 200, "{found}");
    let what = |place: usize| &found["records"][place]["What"];
    assert_eq!((text(&what(0)["attributes"]["type"]), text(&what(0)["Phone"])), ("Account", "1"));
    assert!(what(0)["Owner"]["Alias"].is_string() && what(0).get("Amount").is_none(), "{}", what(0));
    assert_eq!((&what(1)["Amount"], text(&what(2)["Name"])), (&json!(5.0), "Spring"));
    assert_eq!(*what(3), Json::Null);
    for wrong in [
        "SELECT TYPEOF Owner WHEN Account THEN Name END FROM Task",
        "SELECT TYPEOF Account WHEN Account THEN Name END FROM Contact",
        "SELECT TYPEOF What WHEN Account THEN Amount END FROM Task",
        "SELECT TYPEOF What ELSE Name END FROM Task",
        "SELECT TYPEOF What WHEN Account THEN Name FROM Task",
    ] {
        assert_eq!(org.query(wrong).await.0, 400, "{wrong}");
    }
    let job = json!({"operation": "query", "query": soql});
    assert_eq!(org.post("jobs/query", job).await.0, 400);
}

#[tokio::test]
async fn children_have_pages_of_their_own() {
    let org = Org::open().await;
    let account = org.create("Account", json!({"Name": "Big"})).await;
    for start in [0, 200, 400] {
        let count = if start == 400 { 50 } else { 200 };
        let contact = |number: usize| {
            let name = format!("{:03}", start + number);
            json!({"attributes": {"type": "Contact"}, "LastName": name, "AccountId": account})
        };
        let records: Vec<Json> = (0..count).map(contact).collect();
        assert_eq!(org.post("composite/sobjects", json!({"records": records})).await.0, 200);
    }
    let soql = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account";
    let request = || org.request(Method::GET, "query").header("sforce-query-options", "batchSize=200");
    let (_, found) = read(request().query(&[("q", soql)]).send().await.unwrap()).await;
    let mut page = found["records"][0]["Contacts"].clone();
    assert_eq!(page["totalSize"], 450);
    let mut names: Vec<String> = Vec::new();
    loop {
        let records = page["records"].as_array().unwrap();
        names.extend(records.iter().map(|record| text(&record["LastName"]).to_owned()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        let next = next.to_owned();
        let again = org.request(Method::GET, &next).header("sforce-query-options", "batchSize=200");
        page = read(again.send().await.unwrap()).await.1;
    }
    assert_eq!(page["done"], true);
    assert_eq!(names, (0..450).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}
