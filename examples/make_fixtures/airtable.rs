//! A base that a team made for itself: `fixtures/airtable`, the tables Accounts, Leads and Opportunities.
//!
//! The tables Companies, Contacts and Deals of the same base have schemas alone: pipelines fill them.

use std::error::Error;

use super::{
    dice::Dice,
    hubspot,
    hubspot::{dice_name, maybe},
    lines::{File, csv},
    world::{COUNTRIES, Country, Firm, Person, day, firms, iso, moment, people},
};

/// What everything here is drawn from.
const SEED: u64 = 0x4169_7274_6162_6C65;

const SEGMENTS: &[&str] = &["SMB", "SMB", "Mid-Market", "Enterprise", "Unsorted", ""];
const STATUSES: &[&str] = &["New", "New", "Contacted", "Qualified", "On hold", "Lost", ""];
const TAGS: &[&str] = &["webinar", "trade fair", "referral", "newsletter"];
const STAGES: &[&str] = &["Discovery", "Offer sent", "Negotiation", "Won", "Lost", "Someday/maybe"];
const NOTES: &[&str] = &[
    "Prefers **mail**.\nNever on Fridays!",
    "<p>copied from the old CRM &ndash; <a href=\"https://crm.example/1\">link</a></p>",
    "möchte ein Angebot, \"sofort\"",
    "",
    "",
];

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    let countries: Vec<&'static Country> = COUNTRIES.iter().collect();
    let known = hubspot::account();
    let mut dice = Dice::new(SEED);
    // A part of both lists is in HubSpot already, under the same number or address.
    let mut accounts: Vec<Firm> = known.firms.iter().step_by(6).cloned().collect();
    accounts.extend(firms(&mut dice, &countries, 2_001, 60));
    let mut leads: Vec<Person> = people(&mut dice, &accounts, &countries, 150);
    for (lead, person) in leads.iter_mut().zip(known.people.iter().step_by(19)) {
        *lead = Person { firm: None, ..person.clone() };
    }
    Ok(vec![
        account_records(&mut Dice::new(SEED + 1), &accounts)?,
        lead_records(&mut Dice::new(SEED + 2), &leads)?,
        opportunity_records(&mut Dice::new(SEED + 3), &accounts, &leads)?,
    ])
}

fn record_id(table: &str, place: usize) -> String {
    format!("rec{table}{place:0width$}", width = 14 - table.len())
}

fn account_records(dice: &mut Dice, accounts: &[Firm]) -> Result<File, Box<dyn Error>> {
    let header = [
        "_id",
        "_created_at",
        "Account",
        "Account No",
        "Website",
        "Phone",
        "Country",
        "Segment",
        "Employees",
        "ARR",
        "Active",
        "Customer since",
        "Notes",
    ];
    let mut rows = Vec::new();
    for (place, firm) in accounts.iter().enumerate() {
        let website = if dice.is(50) { format!("https://{}/", firm.domain) } else { firm.domain.clone() };
        rows.push(vec![
            record_id("Acc", place),
            iso(moment(dice, firm.since)),
            if dice.is(6) { format!("{} ", firm.name) } else { firm.name.clone() },
            maybe(format!("F-{}", firm.number), dice, 96),
            maybe(website, dice, 88),
            maybe(firm.phone.clone(), dice, 80),
            maybe(dice_name(dice, firm.country).to_owned(), dice, 92),
            dice.pick(SEGMENTS).to_owned(),
            maybe(firm.employees.to_string(), dice, 80),
            maybe(format!("{}.5", firm.revenue / 10), dice, 70),
            dice.pick(&["true", "true", ""]).to_owned(),
            maybe(firm.since.to_string(), dice, 75),
            dice.pick(NOTES).to_owned(),
        ]);
    }
    csv("airtable/Accounts.csv", &header, &rows)
}

fn lead_records(dice: &mut Dice, leads: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = [
        "_id",
        "_created_at",
        "Name",
        "Email",
        "Phone",
        "Country",
        "Status",
        "Tags",
        "Score",
        "Opted in",
        "First seen",
        "Notes",
        "Account",
    ];
    let mut rows = Vec::new();
    for (place, person) in leads.iter().enumerate() {
        let name = match dice.below(8) {
            0 => format!("{}, {}", person.last, person.first),
            1 => person.last.clone(),
            2 => format!("{} {}", person.first, person.last).to_lowercase(),
            _ => format!("{} {}", person.first, person.last),
        };
        let email = match dice.below(25) {
            0 => person.email.replace('@', "(at)"),
            1 => format!("{},", person.email),
            2 => String::new(),
            3 => person.email.replace(".example", "..example"),
            4 | 5 => person.email.to_uppercase(),
            // Somebody who is on the list already.
            6 => leads[place / 2].email.clone(),
            _ => person.email.clone(),
        };
        let tags: Vec<&str> = TAGS.iter().copied().filter(|_| dice.is(30)).collect();
        let seen = moment(dice, person.since);
        rows.push(vec![
            record_id("Lead", place),
            iso(seen),
            name,
            email,
            maybe(person.phone.clone(), dice, 80),
            maybe(dice_name(dice, person.country).to_owned(), dice, 92),
            dice.pick(STATUSES).to_owned(),
            tags.join(";"),
            maybe(dice.between(1, 5).to_string(), dice, 60),
            dice.pick(&["true", ""]).to_owned(),
            iso(seen),
            dice.pick(NOTES).to_owned(),
            person.firm.map(|firm| record_id("Acc", firm)).unwrap_or_default(),
        ]);
    }
    csv("airtable/Leads.csv", &header, &rows)
}

fn opportunity_records(dice: &mut Dice, accounts: &[Firm], leads: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = ["_id", "_created_at", "Opportunity", "Number", "Stage", "Value", "Close date", "Account", "People"];
    let mut rows = Vec::new();
    for place in 0..90 {
        let account = dice.place(accounts.len());
        let staff: Vec<String> = (0..leads.len())
            .filter(|lead| leads[*lead].firm == Some(account) && dice.is(70))
            .map(|lead| record_id("Lead", lead))
            .collect();
        let opened = day(dice);
        rows.push(vec![
            record_id("Opp", place),
            iso(moment(dice, opened)),
            format!("{} / {}", accounts[account].name, dice.pick(&["Neugeschäft", "upgrade", "renouvellement"])),
            format!("O-{}", 9_001 + place),
            dice.pick(STAGES).to_owned(),
            maybe((dice.between(4, 800) * 250).to_string(), dice, 85),
            maybe((opened + chrono::TimeDelta::days(60)).to_string(), dice, 75),
            maybe(record_id("Acc", account), dice, 90),
            staff.join(";"),
        ]);
    }
    csv("airtable/Opportunities.csv", &header, &rows)
}
