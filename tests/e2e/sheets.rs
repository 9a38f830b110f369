//! A HubSpot in a sheet and back: what arrives, what it costs, and that a second run has nothing to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use serde_json::Value as Json;

use super::support::{Crms, Desk, repository};

const PAGE: &str = "docs/reference/round-trip-sheets.md";
const COMPANIES: usize = 400;
/// Contacts unless `FERRY_SHEETS_CONTACTS` says otherwise: 10,000 take minutes without optimisation.
const CONTACTS: usize = 1_000;
/// Most records of one write of HubSpot.
const BATCH: usize = 100;
/// Most links of one write of HubSpot.
const LINK_BATCH: usize = 2_000;
/// How many calls more than the least possible a run may need.
const SLACK: u64 = 2;
/// How many times as fast as the machine's the clocks are.
const SPEED: [&str; 2] = ["--clock-speed", "200"];

const THERE: &str = r#"version: 1
name: to-the-sheet
connections:
  crm: { type: hubspot, token: "${HUBSPOT_TOKEN}", base_url: "${HUBSPOT_URL}" }
  sheet:
    type: google_sheets
    credentials: "${GOOGLE_CREDENTIALS}"
    spreadsheet_id: 1FerryRoundTrip
    base_url: "${GOOGLE_SHEETS_URL}"
    create_tab: true
streams:
  - name: companies
    source: { connection: crm, object: companies }
    destinations:
      - connection: sheet
        object: Companies
        write: upsert
        key: [Domain]
        mappings: { Domain: domain, Name: name, Phone: phone, City: city }
  - name: contacts
    source: { connection: crm, object: contacts }
    destinations:
      - connection: sheet
        object: Contacts
        write: upsert
        key: [Email]
        mappings:
          Email: email
          First name: firstname
          Last name: lastname
          Phone: phone
          City: city
          Job title: jobtitle
          Company: { link: companies, from: _links.companies }
"#;

const BACK: &str = r#"version: 1
name: from-the-sheet
undo: off
connections:
  sheet:
    type: google_sheets
    credentials: "${GOOGLE_CREDENTIALS}"
    spreadsheet_id: 1FerryRoundTrip
    base_url: "${GOOGLE_SHEETS_URL}"
    id: { Companies: Domain, Contacts: Email }
  other: { type: hubspot, token: "${HUBSPOT_TOKEN}", base_url: "${OTHER_URL}" }
streams:
  - name: companies
    source: { connection: sheet, object: Companies }
    destinations:
      - connection: other
        object: companies
        write: upsert
        key: [domain]
        mappings: { domain: Domain, name: Name, phone: Phone, city: City }
  - name: contacts
    source: { connection: sheet, object: Contacts }
    destinations:
      - connection: other
        object: contacts
        write: upsert
        key: [email]
        mappings:
          email: Email
          firstname: First name
          lastname: Last name
          phone: Phone
          city: City
          jobtitle: Job title
          _links.companies: { link: companies, from: Company }
"#;

/// Names and numbers that a sheet would change if it were typed in.
const TRICKY: [&str; 6] = ["0049 30 1234", "=1+1", "007", "1/2", "TRUE", "Müller-Lüdenscheid"];

fn contact_count() -> usize {
    let wanted = std::env::var_os("FERRY_SHEETS_CONTACTS");
    wanted.map_or(CONTACTS, |text| text.to_str().unwrap().parse().unwrap())
}

/// Checks that calls of a kind are at least as many as are needed, and hardly more.
fn check_calls(account: &Json, kind: &str, least: usize) {
    let (calls, least) = (account[kind].as_u64().unwrap(), least as u64);
    assert!((least..=least + SLACK).contains(&calls), "{calls} {kind}, at least {least} are needed: {account}");
}

#[test]
fn contacts_go_to_a_sheet_and_back() {
    let contact_count = contact_count();
    let fixtures = tempfile::tempdir().unwrap();
    write_fixtures(fixtures.path(), contact_count);
    let crms = Crms::start(&["hubspot", "google_sheets"], Some(fixtures.path()), &SPEED);
    let other = Crms::start(&["hubspot"], None, &[SPEED[0], SPEED[1], "--account", "7654321"]);
    let mut desk = Desk::new(&crms);
    desk.set("OTHER_URL", other.url("hubspot"));
    let there = desk.write("there.yaml", THERE);
    let run = |args: &[&str]| -> Json {
        let ran = desk.ferry([&["run"], args, &SPEED, &["--json", "--quiet"]].concat());
        assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
        ran.json()
    };
    let first = run(&[there.to_str().unwrap()]);
    for (place, count) in [COMPANIES, contact_count].into_iter().enumerate() {
        let account = &first["streams"][place]["destinations"][0];
        assert_eq!((&account["created"], &account["rate_limited"]), (&count.into(), &0.into()), "{first}");
        // The tabs, and the keys once the rows are there; the tab that is made, and the rows in one write.
        check_calls(account, "calls_read", 2);
        check_calls(account, "calls_write", 2);
    }
    let second = run(&[there.to_str().unwrap()]);
    for stream in second["streams"].as_array().unwrap() {
        assert_eq!(stream["destinations"][0]["calls_write"], 0, "{stream}");
    }

    let back = desk.write("back.yaml", BACK);
    let returned = run(&[back.to_str().unwrap()]);
    // Eight of nine contacts have a company.
    let links = contact_count - contact_count.div_ceil(9);
    for (place, (count, links)) in [(COMPANIES, 0), (contact_count, links)].into_iter().enumerate() {
        let stream = &returned["streams"][place];
        assert_eq!(stream["destinations"][0]["created"], count, "{returned}");
        let least = count.div_ceil(BATCH) + links.div_ceil(LINK_BATCH);
        check_calls(&stream["destinations"][0], "calls_write", least);
    }
    // Of each tab: where it is, the header with its formats, and the rows.
    let calls: u64 =
        returned["streams"].as_array().unwrap().iter().map(|stream| stream["calls"].as_u64().unwrap()).sum();
    assert!((2 * 3..=2 * 3 + SLACK).contains(&calls), "{calls} calls to the sheet: {returned}");
    let again = run(&[back.to_str().unwrap()]);
    for stream in again["streams"].as_array().unwrap() {
        assert_eq!(stream["destinations"][0]["calls_write"], 0, "{stream}");
    }
    let (before, after) = (held(&crms), held(&other));
    assert_eq!(before.len(), contact_count);
    if contact_count == CONTACTS {
        check_page(&page(&before, &after, &[first, second, returned, again]));
    }
    assert_eq!(before, after, "every property and every link is as it was");
}

/// Compares the page with what is committed, and writes it where it differs.
fn check_page(page: &str) {
    let path = repository(PAGE);
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed != page {
        fs::write(&path, page).unwrap();
        panic!("{PAGE} is written anew: look at it and commit it");
    }
}

/// Counts by property what came back as it went, and the calls of the four runs.
fn page(before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>, runs: &[Json; 4]) -> String {
    let mut page = format!(
        "<!-- Generated by tests/e2e/sheets.rs. `cargo test` rewrites it. -->\n\n# HubSpot → Google Sheets → HubSpot\n\n\
         What {} contacts and their companies look like after they went from HubSpot into a sheet and from there into an empty HubSpot, \
         with the company's domain as the link in the sheet.\n\n\
         | Property | with a value | equal | differs |\n|---|---:|---:|---:|\n",
        before.len()
    );
    let names =
        ["firstname", "lastname", "phone", "city", "jobtitle", "company, with its domain, name, phone and city"];
    for (place, name) in names.iter().enumerate() {
        let value = |values: &Vec<String>| values.get(place).cloned().unwrap_or_default();
        let filled = before.values().filter(|values| !value(values).is_empty()).count();
        let is_equal = |(email, values): &(&String, &Vec<String>)| {
            after.get(*email).is_some_and(|others| value(values) == value(others))
        };
        let equal = before.iter().filter(|(_, values)| !value(values).is_empty()).filter(is_equal).count();
        let differs = before.len() - before.iter().filter(is_equal).count();
        writeln!(page, "| {name} | {filled} | {equal} | {differs} |").unwrap();
    }
    page.push_str("\n| Run | stream | calls that read | calls that write |\n|---|---|---:|---:|\n");
    for (run, name) in runs.iter().zip(["into the sheet", "again", "out of the sheet", "again"]) {
        for stream in run["streams"].as_array().unwrap() {
            let account = &stream["destinations"][0];
            let (stream, read, write) = (&stream["name"], &account["calls_read"], &account["calls_write"]);
            writeln!(page, "| {name} | {} | {read} | {write} |", stream.as_str().unwrap()).unwrap();
        }
    }
    page.push_str(
        "\nCalls are those to the destination: to the sheet in the first two runs, to HubSpot in the last two.\n",
    );
    page
}

fn write_fixtures(folder: &Path, contact_count: usize) {
    let folder = folder.join("hubspot");
    fs::create_dir(&folder).unwrap();
    let mut companies = "_id,domain,name,phone,city\n".to_owned();
    for company in 0..COMPANIES {
        let name = TRICKY[company % TRICKY.len()];
        writeln!(
            companies,
            "{},firm{company}.example,{name} {company},+49 30 {company:05},City {}",
            5_000 + company,
            company % 30
        )
        .unwrap();
    }
    let mut contacts = "_id,email,firstname,lastname,phone,city,jobtitle,_links.companies\n".to_owned();
    for contact in 0..contact_count {
        let (first, last) = (TRICKY[contact % TRICKY.len()], TRICKY[contact / 7 % TRICKY.len()]);
        // Some have no phone, some no company.
        let phone = if contact % 5 == 0 { String::new() } else { format!("0{contact:08}") };
        let company = if contact % 9 == 0 { String::new() } else { (5_000 + contact % COMPANIES).to_string() };
        writeln!(
            contacts,
            "{},person{contact}@firm{}.example,{first},{last},{phone},City {},Title {},{company}",
            100_000 + contact,
            contact % COMPANIES,
            contact % 40,
            contact % 12,
        )
        .unwrap();
    }
    fs::write(folder.join("companies.csv"), companies).unwrap();
    fs::write(folder.join("contacts.csv"), contacts).unwrap();
}

/// Returns what a HubSpot holds: contacts by their addresses, with their properties and the domain of their company.
fn held(crms: &Crms) -> BTreeMap<String, Vec<String>> {
    let mut domains = BTreeMap::new();
    each(crms, "/crm/v3/objects/companies?limit=100&properties=domain,name,phone,city", |record| {
        domains.insert(record["id"].as_str().unwrap().to_owned(), record["properties"].clone());
    });
    let mut held = BTreeMap::new();
    let path = "/crm/v3/objects/contacts?limit=100&properties=email,firstname,lastname,phone,city,jobtitle&associations=companies";
    each(crms, path, |record| {
        let text = |name: &str| record["properties"][name].as_str().unwrap_or_default().to_owned();
        let mut values: Vec<String> = ["firstname", "lastname", "phone", "city", "jobtitle"].map(text).to_vec();
        let linked = record["associations"]["companies"]["results"].as_array();
        let company = |target: &Json| {
            let of = &domains[target["id"].as_str().unwrap()];
            ["domain", "name", "phone", "city"].map(|name| of[name].as_str().unwrap_or_default().to_owned()).join(" | ")
        };
        let companies: BTreeSet<String> = linked.into_iter().flatten().map(company).collect();
        values.extend(companies);
        held.insert(text("email"), values);
    });
    held
}

fn each(crms: &Crms, path: &str, mut take: impl FnMut(&Json)) {
    let mut after = String::new();
    loop {
        let page = crms.get("hubspot", &format!("{path}&after={after}"));
        page["results"].as_array().unwrap().iter().for_each(&mut take);
        match page["paging"]["next"]["after"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
}
