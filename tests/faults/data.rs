//! What the systems hold before a run: small, linked, and with what goes wrong in practice: the same key twice, keys in
//! another case, addresses that are none, records that the destination has already, and keys that it has twice.

mod salesforce;

use std::{fmt::Write as _, fs, path::Path};

pub(crate) use salesforce::{salesforce_destination, salesforce_source};

const FIRMS: usize = 45;
const PEOPLE: usize = 90;
const ORDERS: usize = 35;
/// What comes in bulk: as many as make a job of each operation, and a rest that is too small for one.
const BULK_LEADS: usize = 450;
const BULK_PEOPLE: usize = 430;
const BULK_ORDERS: usize = 230;

/// The domain of a firm; the last two firms have the same one, and the first ones are at the destination already.
fn domain(firm: usize) -> String {
    format!("firm{}.example", if firm == FIRMS - 1 { FIRMS - 2 } else { firm })
}

/// The address of a person: some are no address, one is there twice, some in capitals.
fn email(person: usize) -> String {
    match person {
        7 | 31 => format!("person {person} has no mail"),
        50 => "PERSON49@firm4.example".to_owned(),
        _ if person.is_multiple_of(9) => format!("Person{person}@Firm{}.example", person % FIRMS),
        _ => format!("person{person}@firm{}.example", person % FIRMS),
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

/// Files to read.
pub(crate) fn csv_source(folder: &Path) {
    let mut firms = "no,domain,name,phone,country,parent,owner\n".to_owned();
    for firm in 0..FIRMS {
        // Some belong to a firm that comes later, one to itself.
        let parent = if firm % 4 == 0 { format!("F{}", (firm + 9) % 36) } else { String::new() };
        let owner = ["ada@ferry.example", "gone@ferry.example", ""][firm % 3];
        writeln!(firms, "F{firm},{},Firm {firm} Ltd,+49 30 {firm:05},Germany,{parent},{owner}", domain(firm)).unwrap();
    }
    let mut people = "no,email,first,last,phone,firm\n".to_owned();
    for person in 0..PEOPLE {
        let firm = person % FIRMS;
        writeln!(people, "P{person},{},Ann{person},Lee,+49 40 {person:05},F{firm}", email(person)).unwrap();
    }
    let mut orders = "no,title,amount,firm,person\n".to_owned();
    for order in 0..ORDERS {
        let (firm, person) = (order % FIRMS, order * 2 % PEOPLE);
        // Orders are inserted each for itself, so the same title twice is two orders.
        let title = if order == 18 { 17 } else { order };
        writeln!(orders, "O{order},Order {title},{}.50,F{firm},P{person}", 100 + order).unwrap();
    }
    let folder = folder.join("csv");
    write(&folder, "firms.csv", &firms);
    write(&folder, "people.csv", &people);
    write(&folder, "orders.csv", &orders);
    bulk_files(&folder);
}

/// The address of a person that comes in bulk.
fn bulk_email(person: usize) -> String {
    format!("bulk{person}@firm{}.example", person % FIRMS)
}

/// Files of so many records that a vendor's bulk interface takes them: a few are refused by the vendor, two have one key.
fn bulk_files(folder: &Path) {
    let mut leads = "no,name,mail,size\n".to_owned();
    for lead in 0..BULK_LEADS {
        let no = if lead == 333 { 332 } else { lead };
        let mail =
            if lead % 90 == 7 { format!("lead {lead} has no mail") } else { format!("lead{lead}@firm1.example") };
        writeln!(leads, "L{no},\"Lead \"\"{lead}\"\", of\nthe list\",{mail},{}", lead % 7).unwrap();
    }
    let mut people = "no,email,first,last,firm\n".to_owned();
    for person in 0..BULK_PEOPLE {
        let last = if matches!(person % 100, 43 | 66) { "x".repeat(81) } else { format!("Doe{person}") };
        writeln!(people, "B{person},{},Joe,{last},F{}", bulk_email(person), person % 30 + 5).unwrap();
    }
    let mut orders = "no,title,amount,firm\n".to_owned();
    for order in 0..BULK_ORDERS {
        // Inserted each for itself, so the same title twice is two orders.
        let title = if order == 18 { 17 } else { order };
        writeln!(orders, "Q{order},Bulk {title},{}.25,F{}", 100 + title, title % 30 + 5).unwrap();
    }
    write(folder, "bulk_leads.csv", &leads);
    write(folder, "bulk_people.csv", &people);
    write(folder, "bulk_orders.csv", &orders);
}

fn hubspot_schemas(folder: &Path) {
    for (object, group) in [("companies", "companyinformation"), ("deals", "dealinformation")] {
        let schema = format!(
            "properties:\n  - {{ name: external_id, label: External ID, type: string, fieldType: text, groupName: {group}, \
             hasUniqueValue: true }}\n"
        );
        write(folder, &format!("{object}.schema.yaml"), &schema);
    }
}

/// A HubSpot to read from.
pub(crate) fn hubspot_source(folder: &Path) {
    let folder = folder.join("fixtures/hubspot");
    hubspot_schemas(&folder);
    let made = "2024-01-02T03:04:05.000Z,2024-01-02T03:04:05.000Z";
    let mut companies = "_id,name,domain,phone,createdate,hs_lastmodifieddate\n".to_owned();
    for firm in 0..FIRMS {
        let name = if firm == 11 { String::new() } else { format!("Firm {firm} Ltd") };
        writeln!(companies, "{},{name},{},+49 30 {firm:05},{made}", 2000 + firm, domain(firm)).unwrap();
    }
    let mut contacts = "_id,email,firstname,lastname,phone,createdate,lastmodifieddate,_links.companies\n".to_owned();
    for person in 0..PEOPLE {
        let email =
            if person == 50 || email(person).contains(' ') { String::new() } else { email(person).to_lowercase() };
        let firm = 2000 + person % FIRMS;
        writeln!(contacts, "{},{email},Ann{person},Lee,+49 40 {person:05},{made},{firm}", 5000 + person).unwrap();
    }
    let mut deals =
        "_id,dealname,amount,pipeline,dealstage,createdate,hs_lastmodifieddate,_links.companies\n".to_owned();
    for order in 0..ORDERS {
        let title = if order == 20 { "Order 19".to_owned() } else { format!("Order {order}") };
        writeln!(deals, "{},{title},{}.5,default,closedwon,{made},{}", 9000 + order, 100 + order, 2000 + order % FIRMS)
            .unwrap();
    }
    write(&folder, "companies.csv", &companies);
    write(&folder, "contacts.csv", &contacts);
    write(&folder, "deals.csv", &deals);
}

/// A HubSpot to write to: it has some of the records already, and two companies with the same domain.
pub(crate) fn hubspot_destination(folder: &Path) {
    let folder = folder.join("fixtures/hubspot");
    hubspot_schemas(&folder);
    let made = "2023-01-02T03:04:05.000Z,2023-01-02T03:04:05.000Z";
    let mut companies = "_id,external_id,name,domain,createdate,hs_lastmodifieddate\n".to_owned();
    for (id, firm) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        writeln!(companies, "{id},X{id},Old name {id},firm{firm}.example,{made}").unwrap();
    }
    let mut contacts = "_id,email,lastname,phone,createdate,lastmodifieddate\n".to_owned();
    for person in [2, 4, 8] {
        let phone = if person == 4 { "" } else { "+49 1" };
        writeln!(contacts, "{person},{},Old,{phone},{made}", email(person)).unwrap();
    }
    write(&folder, "companies.csv", &companies);
    write(&folder, "contacts.csv", &contacts);
}

fn airtable_tables(folder: &Path, tables: &[(&str, &str, &str)]) {
    for (name, primary, fields) in tables {
        write(folder, &format!("{name}.schema.yaml"), &format!("primary: {primary}\nfields:\n{fields}"));
    }
}

fn texts(names: &[&str]) -> String {
    names.iter().fold(String::new(), |text, name| text + &format!("  - {{ name: {name}, type: singleLineText }}\n"))
}

fn link(name: &str, table: &str) -> String {
    format!("  - {{ name: {name}, type: multipleRecordLinks, options: {{ linkedTableId: {table} }} }}\n")
}

fn number(name: &str) -> String {
    format!("  - {{ name: {name}, type: number, options: {{ precision: 2 }} }}\n")
}

/// An Airtable to read from.
pub(crate) fn airtable_source(folder: &Path) {
    let folder = folder.join("fixtures/airtable");
    airtable_tables(
        &folder,
        &[
            ("Accounts", "Account", &texts(&["Account", "Account No", "Website", "Phone"])),
            ("Leads", "Name", &(texts(&["Name", "Email", "Phone"]) + &link("Account", "Accounts"))),
            (
                "Opportunities",
                "Opportunity",
                &(texts(&["Opportunity", "Number"])
                    + &number("Value")
                    + &link("Account", "Accounts")
                    + &link("People", "Leads")),
            ),
        ],
    );
    let mut accounts = "_id,Account,Account No,Website,Phone\n".to_owned();
    for firm in 0..FIRMS {
        let number = if firm == 11 { String::new() } else { format!("A-{}", if firm == 30 { 29 } else { firm }) };
        writeln!(accounts, "recAcc{firm:011},Firm {firm} Ltd,{number},{},+49 30 {firm:05}", domain(firm)).unwrap();
    }
    let mut leads = "_id,Name,Email,Phone,Account\n".to_owned();
    for person in 0..PEOPLE {
        let account = person % FIRMS;
        writeln!(leads, "recLea{person:011},Lee {person},{},+49 40 {person:05},recAcc{account:011}", email(person))
            .unwrap();
    }
    let mut opportunities = "_id,Opportunity,Number,Value,Account,People\n".to_owned();
    for order in 0..ORDERS {
        let (account, person) = (order % FIRMS, order * 2 % PEOPLE);
        writeln!(
            opportunities,
            "recOpp{order:011},Order {order},O-{order},{}.5,recAcc{account:011},recLea{person:011}",
            100 + order
        )
        .unwrap();
    }
    write(&folder, "Accounts.csv", &accounts);
    write(&folder, "Leads.csv", &leads);
    write(&folder, "Opportunities.csv", &opportunities);
}

/// An Airtable to write to: it has some of the records already, and two contacts with the same address.
pub(crate) fn airtable_destination(folder: &Path) {
    let folder = folder.join("fixtures/airtable");
    airtable_tables(
        &folder,
        &[
            ("Companies", "Name", &(texts(&["Name", "HubSpot ID", "Domain", "Phone"]) + &link("People", "Contacts"))),
            ("Contacts", "Name", &(texts(&["Name", "Email", "Phone", "Source"]) + &link("Company", "Companies"))),
            ("Deals", "Name", &(texts(&["Name"]) + &number("Amount") + &link("Company", "Companies"))),
        ],
    );
    write(&folder, "Companies.csv", "_id,Name,HubSpot ID\nrecOld00000000001,Old name,2001\n");
    let mut contacts = "_id,Name,Email,Source\n".to_owned();
    for (id, person) in [(2, 2), (3, 3), (4, 3)] {
        writeln!(contacts, "recOld{id:011},Old {id},{},Paper", email(person)).unwrap();
    }
    write(&folder, "Contacts.csv", &contacts);
}

/// A folder to write to.
pub(crate) fn nothing(_folder: &Path) {}
