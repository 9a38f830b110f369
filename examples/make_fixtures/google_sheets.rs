//! A spreadsheet that a sales team keeps: `fixtures/google_sheets`, the tabs Leads and Regions.
//!
//! The tabs `CRM contacts` and `CRM deals` of the same spreadsheet have schemas alone: a pipeline fills them.

use std::error::Error;

use super::{
    dice::Dice,
    hubspot,
    hubspot::maybe,
    lines::{File, csv},
    world::{COUNTRIES, Country, Firm, Person, firms, people},
};

/// What everything here is drawn from.
const SEED: u64 = 0x5368_6565_7473_2121;

const STATUSES: &[&str] = &["New", "New", "Contacted", "Qualified", "Lost", ""];
const NOTES: &[&str] = &["calls back", "=ask for Anna", "+1 colleague", "möchte ein Angebot, \"sofort\"", "", ""];
const REPRESENTATIVES: &[&str] = &["Ines", "Jonas", "Kaya"];

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    let countries: Vec<&'static Country> = COUNTRIES.iter().collect();
    let known = hubspot::account();
    let mut dice = Dice::new(SEED);
    let firms = firms(&mut dice, &countries, 4_001, 40);
    let mut leads = people(&mut dice, &firms, &countries, 180);
    // A part of the list is in HubSpot already, under the same address.
    for (lead, person) in leads.iter_mut().zip(known.people.iter().step_by(23)) {
        *lead = Person { firm: None, ..person.clone() };
    }
    Ok(vec![lead_records(&mut Dice::new(SEED + 1), &firms, &leads)?, region_records()?])
}

fn lead_records(dice: &mut Dice, firms: &[Firm], leads: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = ["Email", "Name", "Phone", "Company", "Country", "Status", "Amount", "First seen", "Notes"];
    let mut rows = Vec::new();
    for (place, person) in leads.iter().enumerate() {
        let email = match dice.below(25) {
            0 => person.email.replace('@', "(at)"),
            1 => person.email.to_uppercase(),
            // Somebody who is on the list already.
            2 => leads[place / 2].email.clone(),
            _ => person.email.clone(),
        };
        let seen = if dice.is(3) { "last week".to_owned() } else { maybe(person.since.to_string(), dice, 80) };
        rows.push(vec![
            email,
            format!("{} {}", person.first, person.last),
            maybe(person.phone.clone(), dice, 80),
            person.firm.map(|firm| firms[firm].name.clone()).unwrap_or_default(),
            person.country.names[0].to_owned(),
            dice.pick(STATUSES).to_owned(),
            maybe((dice.between(4, 800) * 25).to_string(), dice, 60),
            seen,
            dice.pick(NOTES).to_owned(),
        ]);
    }
    csv("google_sheets/Leads.csv", &header, &rows)
}

fn region_records() -> Result<File, Box<dyn Error>> {
    let row = |(place, country): (usize, &Country)| {
        vec![country.names[0].to_owned(), REPRESENTATIVES[place % REPRESENTATIVES.len()].to_owned()]
    };
    let rows: Vec<Vec<String>> = COUNTRIES.iter().enumerate().map(row).collect();
    csv("google_sheets/Regions.csv", &["Country", "Representative"], &rows)
}
