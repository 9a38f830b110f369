//! An org whose sales team has worked in it for years: `fixtures/salesforce`. And a list of leads to be loaded into it,
//! long enough for the vendor's bulk API: `fixtures/csv/leads.csv`.

use std::error::Error;

use super::{
    dice::Dice,
    hubspot,
    hubspot::{dice_name, maybe},
    lines::{File, csv},
    world::{COUNTRIES, Country, Firm, Person, day, firms, iso, moment, people, slug},
};

/// What everything here is drawn from.
const SEED: u64 = 0x5361_6C65_7366_6F72;
/// Leads in the list: more than the vendor advises to send 200 at a time.
const LEAD_COUNT: u64 = 2_400;

const INDUSTRIES: &[&str] = &["Machinery", "Technology", "Food & Beverage", "Retail", "Construction", "Energy", ""];
const TYPES: &[&str] =
    &["Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Other", ""];
const SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Trade fair 2019", ""];
const STAGES: &[&str] = &[
    "Prospecting",
    "Qualification",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Won",
    "Closed Lost",
    // A value that somebody typed: standard picklists take any.
    "In Progress",
];
const ROLES: &[&str] = &["Decision Maker", "Economic Buyer", "Evaluator", "Influencer", ""];
const NOTES: &[&str] =
    &["Renews every spring.", "Asked for \"net 60\"; refused.\nAgain in May.", "Läuft über den Händler", "", ""];
const USERS: &[(&str, &str, bool)] =
    &[("Ingrid", "Solberg", true), ("Priya", "Raman", true), ("Dieter", "Ausgeschieden", false)];

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    let countries: Vec<&'static Country> = COUNTRIES.iter().collect();
    let known = hubspot::account();
    let mut dice = Dice::new(SEED);
    // A part of the people is in HubSpot too, under the same address.
    let accounts = firms(&mut dice, &countries, 5_001, 90);
    let mut contacts = people(&mut dice, &accounts, &countries, 240);
    for (contact, person) in contacts.iter_mut().zip(known.people.iter().step_by(13)) {
        *contact = Person { firm: contact.firm, ..person.clone() };
    }
    Ok(vec![
        users()?,
        account_records(&mut Dice::new(SEED + 1), &accounts)?,
        contact_records(&mut Dice::new(SEED + 2), &contacts)?,
        opportunity_records(&mut Dice::new(SEED + 3), &accounts)?,
        role_records(&mut Dice::new(SEED + 4), &contacts)?,
        leads(&mut Dice::new(SEED + 5), &countries)?,
    ])
}

/// Makes an id of 15 characters: an object's prefix, an org's mark, a number.
fn id(prefix: &str, number: usize) -> String {
    format!("{prefix}7f00000{number:05}")
}

fn users() -> Result<File, Box<dyn Error>> {
    let header = ["Id", "Username", "Email", "FirstName", "LastName", "Alias", "IsActive"];
    let row = |(place, (first, last, is_active)): (usize, &(&str, &str, bool))| {
        let email = format!("{}.{}@ferry.example", slug(first), slug(last));
        let alias = slug(first);
        vec![id("005", place + 1), email.clone(), email, (*first).into(), (*last).into(), alias, is_active.to_string()]
    };
    csv("salesforce/User.csv", &header, &USERS.iter().enumerate().map(row).collect::<Vec<_>>())
}

/// Returns one of the two users who are active: nobody else can own a record.
fn owner(dice: &mut Dice) -> String {
    id("005", dice.place(USERS.len()) % 2 + 1)
}

fn account_records(dice: &mut Dice, accounts: &[Firm]) -> Result<File, Box<dyn Error>> {
    let header = [
        "Id",
        "External_Id__c",
        "Name",
        "Phone",
        "Website",
        "BillingCity",
        "BillingCountry",
        "Industry",
        "Type",
        "NumberOfEmployees",
        "AnnualRevenue",
        "Description",
        "ParentId",
        "OwnerId",
        "CreatedDate",
        "LastModifiedDate",
        "SystemModstamp",
    ];
    let mut rows = Vec::new();
    for (place, firm) in accounts.iter().enumerate() {
        let created = moment(dice, firm.since);
        let last_day = day(dice).max(firm.since);
        let changed = iso(moment(dice, last_day).max(created));
        // A few belong to a group, whose head came first.
        let parent = if place > 10 && dice.is(12) { id("001", dice.place(10) + 1) } else { String::new() };
        rows.push(vec![
            id("001", place + 1),
            maybe(format!("F-{}", firm.number), dice, 80),
            firm.name.clone(),
            maybe(firm.phone.clone(), dice, 85),
            maybe(format!("https://www.{}", firm.domain), dice, 85),
            firm.city.to_owned(),
            maybe(dice_name(dice, firm.country).to_owned(), dice, 92),
            dice.pick(INDUSTRIES).to_owned(),
            dice.pick(TYPES).to_owned(),
            maybe(firm.employees.to_string(), dice, 75),
            maybe(firm.revenue.to_string(), dice, 60),
            dice.pick(NOTES).to_owned(),
            parent,
            owner(dice),
            iso(created),
            changed.clone(),
            changed,
        ]);
    }
    csv("salesforce/Account.csv", &header, &rows)
}

fn contact_records(dice: &mut Dice, contacts: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = [
        "Id",
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "Title",
        "MailingCity",
        "MailingCountry",
        "LeadSource",
        "Topics__c",
        "Newsletter__c",
        "Description",
        "AccountId",
        "ReportsToId",
        "OwnerId",
        "CreatedDate",
        "SystemModstamp",
    ];
    let mut rows = Vec::new();
    for (place, person) in contacts.iter().enumerate() {
        let created = iso(moment(dice, person.since));
        let head = if place > 20 && dice.is(10) { id("003", dice.place(20) + 1) } else { String::new() };
        let topics: Vec<&str> = ["pricing", "support", "training"].into_iter().filter(|_| dice.is(30)).collect();
        rows.push(vec![
            id("003", place + 1),
            maybe(person.first.clone(), dice, 95),
            person.last.clone(),
            // Salesforce keeps addresses in small letters.
            maybe(person.email.to_lowercase(), dice, 93),
            maybe(person.phone.clone(), dice, 80),
            dice.pick(&["CEO", "Head of Purchasing", "Einkauf", ""]).to_owned(),
            person.city.to_owned(),
            maybe(dice_name(dice, person.country).to_owned(), dice, 95),
            dice.pick(SOURCES).to_owned(),
            topics.join(";"),
            dice.pick(&["true", "false"]).to_owned(),
            dice.pick(NOTES).to_owned(),
            person.firm.map(|firm| id("001", firm + 1)).unwrap_or_default(),
            head,
            owner(dice),
            created.clone(),
            created,
        ]);
    }
    csv("salesforce/Contact.csv", &header, &rows)
}

fn opportunity_records(dice: &mut Dice, accounts: &[Firm]) -> Result<File, Box<dyn Error>> {
    let header = [
        "Id",
        "External_Id__c",
        "Name",
        "StageName",
        "Amount",
        "CloseDate",
        "Description",
        "AccountId",
        "OwnerId",
        "CreatedDate",
        "SystemModstamp",
    ];
    let mut rows = Vec::new();
    for place in 0..OPPORTUNITY_COUNT {
        let account = dice.place(accounts.len());
        let first_day = day(dice).max(accounts[account].since);
        let created = iso(moment(dice, first_day));
        let cents = dice.between(0, 99);
        rows.push(vec![
            id("006", place + 1),
            maybe(format!("D-{}", 8_001 + place), dice, 80),
            format!("{} – {}", accounts[account].name, dice.pick(&["Renewal", "Pilot (50 seats)", "Spare parts"])),
            dice.pick(STAGES).to_owned(),
            maybe(format!("{}.{cents:02}", dice.between(5, 900) * 100), dice, 90),
            day(dice).max(first_day).to_string(),
            dice.pick(NOTES).to_owned(),
            id("001", account + 1),
            owner(dice),
            created.clone(),
            created,
        ]);
    }
    csv("salesforce/Opportunity.csv", &header, &rows)
}

const OPPORTUNITY_COUNT: usize = 130;

fn role_records(dice: &mut Dice, contacts: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = ["Id", "OpportunityId", "ContactId", "Role", "IsPrimary"];
    let mut rows = Vec::new();
    for opportunity in 0..OPPORTUNITY_COUNT {
        for number in 0..dice.below(3) {
            rows.push(vec![
                id("00K", rows.len() + 1),
                id("006", opportunity + 1),
                id("003", dice.place(contacts.len()) + 1),
                dice.pick(ROLES).to_owned(),
                (number == 0).to_string(),
            ]);
        }
    }
    csv("salesforce/OpportunityContactRole.csv", &header, &rows)
}

fn leads(dice: &mut Dice, countries: &[&'static Country]) -> Result<File, Box<dyn Error>> {
    let header =
        ["lead_no", "first_name", "last_name", "company", "email", "phone", "city", "country", "source", "note"];
    let firms = firms(dice, countries, 9_001, 300);
    let mut rows = Vec::new();
    for (number, person) in (1..).zip(people(dice, &firms, countries, LEAD_COUNT)) {
        let company = person.firm.map(|firm| firms[firm].name.clone()).unwrap_or_default();
        rows.push(vec![
            format!("L-{number:05}"),
            maybe(person.first.clone(), dice, 94),
            maybe(person.last.clone(), dice, 99),
            company,
            maybe(person.email.clone(), dice, 96),
            maybe(person.phone.clone(), dice, 70),
            person.city.to_owned(),
            maybe(dice_name(dice, person.country).to_owned(), dice, 95),
            dice.pick(SOURCES).to_owned(),
            dice.pick(NOTES).to_owned(),
        ]);
    }
    csv("csv/leads.csv", &header, &rows)
}
