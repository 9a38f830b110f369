//! Cases from public reports against tools of this kind, with the answers that they were reported with; and calls of Pipedrive
//! beside the one that writes a record, when they are refused.

use std::{collections::BTreeMap, fs};

use serde_json::{Value as Json, json};

use super::support::{Crms, Desk, Gateway, repository};

/// A local Pipedrive behind a gateway, and a desk that reaches it there.
struct Scene {
    crms: Crms,
    gateway: Gateway,
    desk: Desk,
}

impl Scene {
    fn new() -> Self {
        let crms = Crms::start(&["pipedrive"], None, &["--no-limits"]);
        let gateway = Gateway::before(&crms, "pipedrive");
        let mut desk = Desk::new(&crms);
        desk.set("PIPEDRIVE_URL", gateway.url());
        Self { crms, gateway, desk }
    }

    /// Reads an object into a file of lines and returns them.
    fn lines(&self, object: &str, mappings: &str, code: i32) -> Vec<Json> {
        let text = format!(
            "version: 1\nname: pipedrive-{object}\nconnections:\n  pd: {{ type: pipedrive, token: \"${{PIPEDRIVE_TOKEN}}\", base_url: \"${{PIPEDRIVE_URL}}\" }}\n  \
             out: {{ type: json, path: out, format: lines }}\nstreams:\n  - name: {object}\n    source: {{ connection: pd, object: {object}, sync: incremental }}\n    \
             destinations: [ {{ connection: out, object: {object}, mappings: {mappings} }} ]\n"
        );
        self.desk.write("pipeline.yaml", &text);
        let ran = self.desk.ferry(["run", "pipeline.yaml", "--quiet"]);
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        let written = fs::read_to_string(self.desk.path(&format!("out/{object}.jsonl"))).unwrap_or_default();
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const CAMPAIGN: &str = "a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101";
const OTHER_CAMPAIGN: &str = "c3d2e4f6a8b0c3d2e4f6a8b0c3d2e4f6a8b0c303";

/// Fields and deals as they are reported: with the keys, option ids and joined lists of version 1.
fn reported_deals() -> [(&'static str, u16, Json); 3] {
    let fields = json!({"success": true, "data": [
        {"key": "title", "name": "Title", "field_type": "varchar"},
        {"key": CAMPAIGN, "name": "Campaign", "field_type": "enum",
         "options": [{"id": 41, "label": "Spring; 2024"}, {"id": 42, "label": "Autumn"}]},
        {"key": "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202", "name": "Products wanted", "field_type": "set",
         "options": [{"id": 7, "label": "Press, small"}, {"id": 8, "label": "Oven"}]},
        {"key": OTHER_CAMPAIGN, "name": "Campaign", "field_type": "varchar"},
        {"key": "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404", "name": "Budget", "field_type": "monetary"},
        {"key": "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505", "name": "Trial", "field_type": "daterange"}]});
    let deals = json!({"success": true, "data": [
        {"id": 1, "title": "Big Deal", CAMPAIGN: "41", "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202": "7,8",
         OTHER_CAMPAIGN: "free text", "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404": 1234.5,
         "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404_currency": "EUR",
         "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505": "2024-03-01",
         "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505_until": "2024-03-31"},
        {"id": 2, "title": "Old option", CAMPAIGN: "40", "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202": null}]});
    let none = json!({"success": true, "data": [], "additional_data": {"next_cursor": null}});
    [("/api/v2/dealFields", 200, fields), ("/api/v2/deals/archived", 200, none), ("/api/v2/deals?", 200, deals)]
}

const PARTS: &str =
    "wanted: Products wanted, budget: Budget, currency: Budget (currency), from: Trial, until: Trial (until)";

#[test]
fn two_fields_of_one_name_are_told_apart_by_their_keys() {
    let scene = Scene::new();
    scene.gateway.says(&reported_deals());
    assert!(scene.lines("deals", &format!("{{ title: Title, campaign: Campaign, {PARTS} }}"), 2).is_empty());
    let said = scene.desk.ferry(["run", "pipeline.yaml"]).stderr;
    assert!(said.contains(CAMPAIGN) && said.contains(OTHER_CAMPAIGN), "{said}");
}

#[test]
fn fields_and_options_arrive_under_the_names_that_people_gave_them() {
    let scene = Scene::new();
    scene.gateway.says(&reported_deals());
    let arrived = scene.lines("deals", &format!("{{ title: Title, campaign: {CAMPAIGN}, {PARTS} }}"), 4);
    let expected = json!({
        "title": "Big Deal", "campaign": "Spring; 2024", "wanted": ["Press, small", "Oven"], "budget": 1234.5,
        "currency": "EUR", "from": "2024-03-01", "until": "2024-03-31",
    });
    assert_eq!(arrived, [expected]);
    let letters = scene.desk.ferry(["rejects", "--json"]).json();
    let word = |name: &str| letters["rejects"][0][name].as_str().unwrap().to_owned();
    assert_eq!(
        (word("source_id"), word("code"), word("field")),
        ("2".into(), "unknown_option".into(), "Campaign".into())
    );
    assert_eq!(letters["rejects"].as_array().unwrap().len(), 1);
}

#[test]
fn addresses_arrive_as_a_list_and_times_without_a_zone_are_utc() {
    let persons = json!({"success": true, "data": [
        {"id": 1, "name": "Ada Lovelace",
         "email": [{"value": "old@mail.example", "label": "home", "primary": false},
                   {"value": "ada@mail.example", "label": "work", "primary": true}],
         "phone": [{"value": "+49301", "label": "work", "primary": true}, {"value": "+49302", "label": "mobile", "primary": false}],
         "update_time": "2024-11-05 08:00:00"},
        {"id": 2, "name": "Bob", "email": [{"value": "", "primary": true}], "phone": [], "update_time": "2024-11-05 08:00:00"}],
        "additional_data": {"since_timestamp": "2024-11-05 02:00:00", "last_timestamp_on_page": "2024-11-05 08:00:00",
            "pagination": {"start": 0, "limit": 500, "more_items_in_collection": true, "next_start": 500}}});
    let last = json!({"success": true, "data": [persons["data"][1]], "additional_data": {"pagination": {"more_items_in_collection": false}}});
    let mappings = "{ name: name, email: email, all_emails: emails, phone: phone, home: email_home, mobile: phone_mobile, changed: _updated_at }";
    for zone in ["UTC", "Pacific/Auckland"] {
        let mut scene = Scene::new();
        scene
            .gateway
            .says(&[("/api/v2/persons?…start=", 200, last.clone()), ("/api/v2/persons?", 200, persons.clone())]);
        scene.desk.set("TZ", zone);
        let changed = "2024-11-05T08:00:00.000Z";
        let arrived = scene.lines("persons", mappings, 0);
        let ada = json!({
            "name": "Ada Lovelace", "email": "ada@mail.example", "all_emails": ["old@mail.example", "ada@mail.example"],
            "phone": "+49301", "home": "old@mail.example", "mobile": "+49302", "changed": changed,
        });
        assert_eq!(arrived[0], ada, "{zone}");
        let bob = &arrived[1];
        assert_eq!((&bob["name"], &bob["changed"]), (&json!("Bob"), &json!(changed)), "{zone}");
        for field in ["email", "all_emails", "phone", "home", "mobile"] {
            assert!(bob[field].is_null(), "{zone}: {bob}");
        }
        assert_eq!(arrived.len(), 2, "the record at the page border comes once");
    }
}

const DEALS: &str = "\
version: 1
name: deals
connections:
  files: { type: csv, path: ., id: { people: id, deals: id } }
  crm: { type: pipedrive, token: \"${PIPEDRIVE_TOKEN}\", base_url: \"${PIPEDRIVE_URL}\" }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations: [ { connection: crm, object: persons, key: [email], mappings: { email: email, name: name } } ]
  - name: deals
    source: { connection: files, object: deals }
    destinations:
      - connection: crm
        object: deals
        key: [title]
        mappings: { title: title, participants: { link: people, from: people } }
";

/// Three people and three deals that they take part in; one of a deal's is not there.
fn scene_of_deals() -> Scene {
    let scene = Scene::new();
    scene.desk.write("people.csv", "id,name,email\n1,Ada,ada@x.test\n2,Bob,bob@x.test\n3,Cy,cy@x.test\n");
    scene.desk.write("deals.csv", "id,title,people\n1,One,1;2\n2,Two,2\n3,Three,1;3;9\n");
    scene.desk.write("deals.yaml", DEALS);
    scene
}

/// Returns how many take part in each deal, by title. Deals are created at once, so their ids have no order.
fn participants(scene: &Scene) -> BTreeMap<String, usize> {
    let deals = scene.crms.get("pipedrive", "/api/v2/deals?api_token=t");
    let count = |deal: &Json| {
        let people = scene.crms.get("pipedrive", &format!("/api/v1/deals/{}/participants?api_token=t", deal["id"]));
        (deal["title"].as_str().unwrap().to_owned(), people["data"].as_array().map_or(0, Vec::len))
    };
    deals["data"].as_array().unwrap().iter().map(count).collect()
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(title, count)| (title.to_owned(), count)).into()
}

#[test]
fn a_deal_is_written_though_its_participants_are_refused() {
    let scene = scene_of_deals();
    let refused = json!({"success": false, "error": "person_id is not valid", "error_info": "-", "data": null});
    scene.gateway.says(&[("POST /api/v1/deals/…/participants", 400, refused)]);
    let report = scene.desk.ferry(["run", "deals.yaml", "--json", "--quiet"]);
    assert_eq!(report.code, 4, "{}", report.stderr);
    let report = report.json();
    let run = report["run_id"].as_str().unwrap().to_owned();
    let account = &report["streams"][1]["destinations"][0];
    assert_eq!((&account["created"], &account["links_pending"]), (&3.into(), &0.into()), "{report}");
    let reason = &report["reasons"][0];
    assert_eq!(
        (&reason["kind"], &reason["field"], &reason["records"]),
        (&"link".into(), &"participants".into(), &3.into())
    );
    assert_eq!(participants(&scene), counts([("One", 0), ("Three", 0), ("Two", 0)]));

    scene.gateway.says(&[]);
    let redriven = scene.desk.ferry(["redrive", "--json", "--quiet"]);
    assert_eq!(redriven.code, 0, "{}{}", redriven.stdout, redriven.stderr);
    assert_eq!(participants(&scene), counts([("One", 2), ("Three", 2), ("Two", 1)]), "refused links are set");
    // One more waits for a person who is not there.
    let letters = scene.desk.ferry(["rejects", &run, "--json"]).json();
    let refused = letters["rejects"].as_array().unwrap().iter().filter(|letter| letter["kind"] == "link");
    assert_eq!(refused.count(), 0, "their letters are answered: {letters}");

    scene.desk.write("deals.csv", "id,title,people\n1,One,1;2;3\n2,Two,2;3\n3,Three,1;3\n");
    let again = scene.desk.ferry(["run", "deals.yaml", "--json", "--quiet"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert_eq!(participants(&scene), counts([("One", 3), ("Three", 2), ("Two", 2)]), "no deal is there twice");
    let letters = scene.desk.ferry(["rejects", "--json"]).json();
    assert_eq!(letters["rejects"], json!([]), "the letter is answered");
}

#[test]
fn a_deal_whose_participants_cannot_be_read_is_rejected_alone() {
    let scene = scene_of_deals();
    assert_eq!(scene.desk.ferry(["run", "deals.yaml", "--quiet"]).code, 0);
    let refused = json!({"success": false, "error": "Deal not found", "error_info": "-", "data": null});
    scene.gateway.says(&[("GET /api/v1/deals/2/participants", 404, refused)]);
    let arrived = scene.lines("deals", "{ title: title, people: participants }", 4);
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|deal| deal["people"].is_array()), "{arrived:?}");
    let letters = scene.desk.ferry(["rejects", "--json"]).json();
    let letter = &letters["rejects"][0];
    assert_eq!((&letter["source_id"], &letter["field"]), (&"2".into(), &"participants".into()), "{letters}");
}

#[test]
fn a_run_tells_its_tokens_and_stops_at_its_share_of_them() {
    let crms = Crms::start(&["pipedrive"], None, &["--clock-speed", "20"]);
    let desk = Desk::new(&crms);
    let people: Vec<String> = (0..40).map(|number| format!("{number},P {number},p{number}@x.test\n")).collect();
    let people = format!("id,name,email\n{}", people.concat());
    desk.write("people.csv", &people);
    let pipeline = DEALS.split("  - name: deals").next().unwrap();
    desk.write("people.yaml", pipeline);
    let ran = desk.ferry(["run", "people.yaml", "--json", "--clock-speed", "20"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = ran.json();
    let quota = &report["streams"][0]["destinations"][0]["quota"];
    let used = crms.counts()["pipedrive"]["tokens"]["used"].as_u64().unwrap();
    assert_eq!(
        (&quota["unit"], &quota["max"], &quota["records_per_day"]),
        (&"tokens".into(), &30_000.into(), &6_000.into())
    );
    assert_eq!((&quota["spent"], &quota["left"]), (&used.into(), &(30_000 - used).into()), "{report}");
    let again = desk.ferry(["run", "people.yaml", "--clock-speed", "20"]);
    assert!(again.page().contains("tokens spent, "), "{again:?}");
    let used = crms.counts()["pipedrive"]["tokens"]["used"].as_u64().unwrap();

    desk.write("people.csv", &people.replace(",P ", ",Person "));
    // What describing costs, and some of the 40 records.
    let share = f64::from(u32::try_from(used + 60).unwrap()) / 30_000.0;
    desk.write("share.yaml", &format!("{pipeline}limits: {{ quota_share: {share:.6} }}\n"));
    let ran = desk.ferry(["run", "share.yaml", "--json", "--quiet", "--clock-speed", "20"]);
    assert_eq!((ran.code, &ran.json()["status"]), (6, &"interrupted".into()), "{}", ran.stderr);
    let after = crms.counts()["pipedrive"]["tokens"]["used"].as_u64().unwrap();
    assert!(after > used && after < used + 40 * 5, "{after} tokens, {used} before");
}

#[test]
fn a_company_is_recorded_masked_and_can_be_loaded() {
    let crms = Crms::start(&["pipedrive"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write(
        "back.yaml",
        "version: 1\nname: back\nconnections:\n  sales: { type: pipedrive, token: \"${PIPEDRIVE_TOKEN}\", base_url: \"${PIPEDRIVE_URL}\" }\n  files: { type: csv, path: out }\nstreams:\n  \
         - name: deals\n    source: { connection: sales, object: deals }\n    destinations: [ { connection: files, object: deals, mappings: { title: title } } ]\n",
    );
    let objects = ["organizations", "persons", "deals", "notes"];
    for object in objects {
        let words =
            ["record", "sales", object, "--file", "back.yaml", "--output", "taken", "--json", "--limit", "1000"];
        let ran = desk.ferry(words);
        assert_eq!(ran.code, 0, "{object}: {}", ran.stderr);
        let taken = ran.json();
        let held = crms.held("pipedrive", object);
        assert_eq!((&taken["records"], &taken["links_left_out"]), (&held.into(), &0.into()), "{taken}");
    }
    let text = fs::read_to_string(desk.path("taken/pipedrive/persons.jsonl")).unwrap();
    let people = crms.get("pipedrive", "/api/v2/persons?limit=100&api_token=t");
    for person in people["data"].as_array().unwrap() {
        let mail = person["emails"][0]["value"].as_str().unwrap_or("-----");
        assert!(!text.to_lowercase().contains(&mail.to_lowercase()), "{mail} is shown");
    }
    let again = Crms::start(&["pipedrive"], Some(&desk.path("taken")), &["--no-limits"]);
    for object in objects {
        assert_eq!(again.held("pipedrive", object), crms.held("pipedrive", object), "{object}");
    }
    let stages = |crms: &Crms| -> Vec<Json> {
        let deals = crms.get("pipedrive", "/api/v2/deals?limit=500&api_token=t");
        deals["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|deal| json!([deal["id"], deal["stage_id"], deal["org_id"]]))
            .collect()
    };
    assert_eq!(stages(&again), stages(&crms), "stages and links are those of the company");
}
