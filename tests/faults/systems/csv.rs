//! A folder of CSV files: what it holds as source and as destination, and how its records are read back.

use std::{fmt::Write as _, fs, future::Future, path::Path, pin::Pin};

use super::System;
use crate::content::Content;
use crate::data::{BULK_LEADS, BULK_ORDERS, BULK_PEOPLE, FIRMS, ORDERS, PEOPLE, bulk_email, domain, email, write};
use crate::testbed::Testbed;

pub(super) const SYSTEM: System =
    System { name: "csv", has_emulator: false, fill_source, fill_destination, read_back, own_kinds: &[] };

/// Reads the folder `out`.
fn read_back(testbed: &Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let mut content = Content::default();
        let Ok(files) = fs::read_dir(testbed.folder().join("out")) else { return content };
        for file in files.map(|file| file.unwrap().path()) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            text.lines().for_each(|line| content.add(format!("{name}: {line}")));
        }
        content
    })
}

/// Files to read.
fn fill_source(folder: &Path) {
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
    // An id that two rows share: both bad, and one good after a bad one.
    people += "P7,neither is this,Ann7,Lee,+49 40 1,F7\nP31,person31@firm31.example,Ann31,Lee,+49 40 2,F31\n";
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

/// A folder to write to.
fn fill_destination(_folder: &Path) {}
