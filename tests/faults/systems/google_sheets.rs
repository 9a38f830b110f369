//! A Google spreadsheet: what it holds as source and as destination, and how its rows are read back.

use std::{fmt::Write as _, future::Future, path::Path, pin::Pin};

use serde_json::Value as Json;

use super::System;
use crate::content::{Content, get};
use crate::data::{FIRMS, ORDERS, PEOPLE, domain, email, write};
use crate::testbed::Testbed;

pub(super) const SYSTEM: System =
    System { name: "google_sheets", has_emulator: true, fill_source, fill_destination, read_back, own_kinds: &[] };

const SPREADSHEET: &str = "1FerryFaultsSpreadsheet";

/// Reads every tab of the local spreadsheet, row by row, with formulas as they are: a formula that changed is a difference.
fn read_back(testbed: &Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let url = testbed.url("google_sheets");
        let book = get(url, &format!("v4/spreadsheets/{SPREADSHEET}?fields=sheets.properties.title")).await;
        let mut content = Content::default();
        for sheet in book["sheets"].as_array().unwrap() {
            let title = sheet["properties"]["title"].as_str().unwrap();
            let path = format!("v4/spreadsheets/{SPREADSHEET}/values/'{title}'?valueRenderOption=FORMULA");
            let rows = get(url, &path).await;
            for row in rows["values"].as_array().into_iter().flatten() {
                let cells: Vec<String> = row.as_array().unwrap().iter().map(shown).collect();
                content.add(format!("{title} | {}", cells.join(" | ")));
            }
        }
        content
    })
}

/// Shows a cell; the number of the row that a formula speaks of says only where the row is.
fn shown(cell: &Json) -> String {
    let text = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    if text.starts_with('=') { text.chars().filter(|letter| !letter.is_ascii_digit()).collect() } else { text }
}

fn tab(folder: &Path, title: &str, columns: &[(&str, &str)]) {
    let column = |(name, format): &(&str, &str)| format!("  - {{ name: {name}, format: {format} }}\n");
    let columns: String = columns.iter().map(column).collect();
    write(folder, &format!("{title}.schema.yaml"), &format!("columns:\n{columns}"));
}

/// A spreadsheet to read from.
fn fill_source(folder: &Path) {
    let folder = folder.join("fixtures/google_sheets");
    tab(&folder, "Accounts", &[("No", "TEXT"), ("Name", "TEXT"), ("Domain", "TEXT"), ("Phone", "TEXT")]);
    tab(&folder, "People", &[("Mail", "TEXT"), ("Name", "TEXT"), ("Phone", "TEXT"), ("Account", "TEXT")]);
    tab(&folder, "Orders", &[("Title", "TEXT"), ("Amount", "NUMBER"), ("Account", "TEXT"), ("Person", "TEXT")]);
    let mut accounts = "No,Name,Domain,Phone\n".to_owned();
    for firm in 0..FIRMS {
        writeln!(accounts, "A{firm},Firm {firm} Ltd,{},+49 30 {firm:05}", domain(firm)).unwrap();
    }
    let mut people = "Mail,Name,Phone,Account\n".to_owned();
    for person in 0..PEOPLE {
        writeln!(people, "{},Lee {person},+49 40 {person:05},A{}", email(person), person % FIRMS).unwrap();
    }
    let mut orders = "Title,Amount,Account,Person\n".to_owned();
    for order in 0..ORDERS {
        let amount = if order == 3 { "much".to_owned() } else { format!("{}.5", 100 + order) };
        writeln!(orders, "Order {order},{amount},A{},{}", order % FIRMS, email(order * 2 % PEOPLE)).unwrap();
    }
    write(&folder, "Accounts.csv", &accounts);
    write(&folder, "People.csv", &people);
    write(&folder, "Orders.csv", &orders);
}

/// A spreadsheet to write to: it has some of the records already, one key twice, and columns of people's own.
fn fill_destination(folder: &Path) {
    let folder = folder.join("fixtures/google_sheets");
    tab(&folder, "Firms", &[("Domain", "TEXT"), ("Name", "TEXT"), ("Phone", "TEXT"), ("Remark", "TEXT")]);
    tab(
        &folder,
        "Contacts",
        &[
            ("Email", "TEXT"),
            ("Name", "TEXT"),
            ("Remark", "TEXT"),
            ("Phone", "TEXT"),
            ("Firm", "TEXT"),
            ("Length", "TEXT"),
        ],
    );
    tab(&folder, "Deals", &[("Title", "TEXT"), ("Amount", "NUMBER"), ("Firm", "TEXT")]);
    write(&folder, "Firms.csv", "Domain,Name,Phone,Remark\nfirm1.example,Old name,1,ours\nfirm2.example,Old name,2,\n");
    let mut contacts = "Email,Name,Remark,Phone\n".to_owned();
    for person in [2, 3, 3] {
        writeln!(contacts, "{},Old {person},keep {person},", email(person).to_lowercase()).unwrap();
    }
    write(&folder, "Contacts.csv", &contacts);
}
