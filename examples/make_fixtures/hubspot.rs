//! A HubSpot account that has been in use for years: `fixtures/hubspot`.

use std::error::Error;

use super::{
    dice::Dice,
    lines::{File, csv},
    world::{COUNTRIES, Country, Firm, Person, day, day_as_written, firms, iso, moment, people},
};

/// What everything here is drawn from.
const SEED: u64 = 0x0048_7562_5370_6F74;
/// The first ids of companies, contacts and deals, as high as the vendor's are.
const FIRST_COMPANY: u64 = 20_100_000_001;
const FIRST_CONTACT: u64 = 151;
const FIRST_DEAL: u64 = 30_500_000_001;

const INDUSTRIES: &[&str] = &[
    "MACHINERY",
    "COMPUTER_SOFTWARE",
    "FOOD_BEVERAGES",
    "FURNITURE",
    "LOGISTICS_AND_SUPPLY_CHAIN",
    "RETAIL",
    "CONSTRUCTION",
    "RENEWABLES_ENVIRONMENT",
    // An option that was renamed long ago and still stands in old records.
    "SOFTWARE",
];
const COMPANY_TYPES: &[&str] = &["PROSPECT", "PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"];
const LEAD_STATUSES: &[&str] =
    &["NEW", "NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "OPEN_DEAL", "UNQUALIFIED", "BAD_TIMING", "Hot!!", ""];
const STAGES: &[&str] = &[
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedwon",
    "closedlost",
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedlost",
    // A stage that was deleted.
    "negotiation_old",
];
const TITLES: &[&str] = &["CEO", "Geschäftsführer", "head of purchasing", "Chef des achats", "CTO ", "IT-Leitung", ""];
const INTERESTS: &[&str] = &["pricing", "support", "training", "integration"];
const NOTES: &[&str] = &[
    "<p>Met at the <b>trade fair</b> in Hannover.<br>Wants an offer &amp; a demo.</p>",
    "<div>Calls back <i>after</i> the holidays &ndash; do not push.</div>",
    "<ul><li>budget approved</li><li>decides in Q3</li></ul>",
    "Plain text, with a comma; and a semicolon",
    "<p>Demande un devis pour 250&nbsp;pi&egrave;ces.</p>",
    "<p>„Bitte nicht anrufen“, lieber E-Mail\nzweite Zeile</p>",
    "",
    "",
];
const OWNERS: &[(&str, &str, &str, &str)] = &[
    ("41", "Ingrid", "Solberg", "false"),
    ("42", "Tomás", "Herrera", "false"),
    ("43", "Priya", "Raman", "false"),
    ("44", "Dieter", "Ausgeschieden", "true"),
];

/// Everyone whom this account knows.
pub(crate) struct Account {
    pub(crate) firms: Vec<Firm>,
    pub(crate) people: Vec<Person>,
}

/// Makes the firms and people. Other systems know some of them too.
pub(crate) fn account() -> Account {
    let countries: Vec<&'static Country> = COUNTRIES.iter().collect();
    let mut dice = Dice::new(SEED);
    let firms = firms(&mut dice, &countries, 1_001, 120);
    let people = people(&mut dice, &firms, &countries, 380);
    Account { firms, people }
}

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    let account = account();
    Ok(vec![
        owners()?,
        companies(&mut Dice::new(SEED + 1), &account)?,
        contacts(&mut Dice::new(SEED + 2), &account)?,
        deals(&mut Dice::new(SEED + 3), &account)?,
    ])
}

fn owners() -> Result<File, Box<dyn Error>> {
    let row = |(id, first, last, archived): &(&str, &str, &str, &str)| {
        let email = format!("{}.{}@ferry.example", super::world::slug(first), super::world::slug(last));
        vec![(*id).to_owned(), email, (*first).to_owned(), (*last).to_owned(), (*archived).to_owned()]
    };
    let rows: Vec<_> = OWNERS.iter().map(row).collect();
    csv("hubspot/owners.csv", &["id", "email", "firstName", "lastName", "archived"], &rows)
}

fn companies(dice: &mut Dice, account: &Account) -> Result<File, Box<dyn Error>> {
    let header = [
        "_id",
        "external_id",
        "name",
        "domain",
        "website",
        "phone",
        "city",
        "country",
        "industry",
        "type",
        "numberofemployees",
        "annualrevenue",
        "lifecyclestage",
        "hubspot_owner_id",
        "description",
        "createdate",
        "hs_lastmodifieddate",
    ];
    let mut rows = Vec::new();
    for (id, firm) in (FIRST_COMPANY..).zip(&account.firms) {
        rows.push(company(dice, id, firm));
    }
    // The same firm entered twice, by people in a hurry: another spelling, no external id.
    let copies = account.firms.iter().step_by(17);
    for (id, firm) in (FIRST_COMPANY + 10_000..).zip(copies) {
        let mut row = company(dice, id, firm);
        row[1] = String::new();
        row[2] = firm.name.to_uppercase();
        row[3] = format!("www.{}", firm.domain);
        rows.push(row);
    }
    csv("hubspot/companies.csv", &header, &rows)
}

fn company(dice: &mut Dice, id: u64, firm: &Firm) -> Vec<String> {
    let name = if dice.is(8) { format!("  {} ", firm.name) } else { firm.name.clone() };
    let domain = if dice.is(90) { firm.domain.clone() } else { String::new() };
    let website = dice.pick(&["https://www.", "http://", "www.", ""]);
    let created = moment(dice, firm.since);
    let last_day = day(dice).max(firm.since);
    let changed = moment(dice, last_day);
    vec![
        id.to_string(),
        maybe(format!("F-{}", firm.number), dice, 70),
        name,
        domain,
        format!("{website}{}", firm.domain),
        maybe(firm.phone.clone(), dice, 85),
        firm.city.to_owned(),
        maybe(dice_name(dice, firm.country).to_owned(), dice, 90),
        maybe(dice.pick(INDUSTRIES).to_owned(), dice, 80),
        maybe(dice.pick(COMPANY_TYPES).to_owned(), dice, 85),
        maybe(firm.employees.to_string(), dice, 75),
        maybe(format!("{}.50", firm.revenue), dice, 60),
        dice.pick(&["lead", "opportunity", "customer", "customer"]).to_owned(),
        maybe(OWNERS[dice.place(OWNERS.len())].0.to_owned(), dice, 70),
        dice.pick(NOTES).to_owned(),
        iso(created),
        iso(changed.max(created)),
    ]
}

fn contacts(dice: &mut Dice, account: &Account) -> Result<File, Box<dyn Error>> {
    let header = [
        "_id",
        "email",
        "firstname",
        "lastname",
        "phone",
        "work_email",
        "jobtitle",
        "city",
        "country",
        "hs_lead_status",
        "lifecyclestage",
        "interests",
        "newsletter",
        "customer_since",
        "hubspot_owner_id",
        "message",
        "createdate",
        "lastmodifieddate",
        "_links.companies",
    ];
    let mut rows = Vec::new();
    for (id, person) in (FIRST_CONTACT..).step_by(50).zip(&account.people) {
        rows.push(contact(dice, id, person));
    }
    // The same person under a second address.
    let copies = account.people.iter().step_by(23);
    for (id, person) in (FIRST_CONTACT + 500_000..).step_by(50).zip(copies) {
        let mut row = contact(dice, id, person);
        row[1] = format!("{}.{id}@post.example", super::world::slug(&person.last));
        row[18] = String::new();
        rows.push(row);
    }
    csv("hubspot/contacts.csv", &header, &rows)
}

fn contact(dice: &mut Dice, id: u64, person: &Person) -> Vec<String> {
    let first = if dice.is(5) { person.first.to_uppercase() } else { person.first.clone() };
    let created = moment(dice, person.since);
    let last_day = day(dice).max(person.since);
    let changed = moment(dice, last_day);
    let work_email = match dice.below(10) {
        0 => person.email.replace('@', " at "),
        1 => person.email.replace(".example", ""),
        2 => format!(" {}", person.email.to_uppercase()),
        3 => "n/a".to_owned(),
        4..7 => person.email.clone(),
        _ => String::new(),
    };
    let interests: Vec<&str> = INTERESTS.iter().copied().filter(|_| dice.is(35)).collect();
    let company = person.firm.map(|firm| FIRST_COMPANY + u64::try_from(firm).unwrap_or_default());
    let company = company.map(|company| company.to_string()).unwrap_or_default();
    vec![
        id.to_string(),
        maybe(person.email.clone(), dice, 95),
        maybe(first, dice, 93),
        maybe(if dice.is(5) { format!("{}  ", person.last) } else { person.last.clone() }, dice, 97),
        maybe(person.phone.clone(), dice, 80),
        work_email,
        dice.pick(TITLES).to_owned(),
        person.city.to_owned(),
        maybe(dice_name(dice, person.country).to_owned(), dice, 96),
        dice.pick(LEAD_STATUSES).to_owned(),
        dice.pick(&["subscriber", "lead", "lead", "customer", ""]).to_owned(),
        interests.join(";"),
        dice.pick(&["true", "false", ""]).to_owned(),
        maybe(day_as_written(dice, person.since), dice, 50),
        maybe(OWNERS[dice.place(OWNERS.len())].0.to_owned(), dice, 60),
        dice.pick(NOTES).to_owned(),
        iso(created),
        iso(changed.max(created)),
        company,
    ]
}

fn deals(dice: &mut Dice, account: &Account) -> Result<File, Box<dyn Error>> {
    let header = [
        "_id",
        "external_id",
        "dealname",
        "amount",
        "deal_currency_code",
        "pipeline",
        "dealstage",
        "closedate",
        "dealtype",
        "hubspot_owner_id",
        "description",
        "createdate",
        "hs_lastmodifieddate",
        "_links.companies",
        "_links.contacts",
    ];
    let mut rows = Vec::new();
    for id in FIRST_DEAL..FIRST_DEAL + 210 {
        let firm_place = dice.place(account.firms.len());
        let firm = &account.firms[firm_place];
        let staff: Vec<u64> = (FIRST_CONTACT..)
            .step_by(50)
            .zip(&account.people)
            .filter(|(_, person)| person.firm == Some(firm_place))
            .map(|(contact, _)| contact)
            .collect();
        let shown: Vec<String> = staff.iter().filter(|_| dice.is(60)).map(u64::to_string).collect();
        let opened = day(dice).max(firm.since);
        let created = moment(dice, opened);
        let name = dice.pick(&["Renewal", "Erstauftrag", "Pilot (50 seats)", "Rahmenvertrag", "Commande n° 7"]);
        rows.push(vec![
            id.to_string(),
            maybe(format!("D-{}", id - FIRST_DEAL + 7_001), dice, 75),
            format!("{} – {name}", firm.name),
            maybe(format!("{}.{:02}", dice.between(3, 900) * 100, dice.below(100)), dice, 85),
            dice.pick(&["EUR", "EUR", "USD", "GBP", ""]).to_owned(),
            "default".to_owned(),
            dice.pick(STAGES).to_owned(),
            maybe(iso(moment(dice, opened + chrono::TimeDelta::days(90))), dice, 80),
            dice.pick(&["newbusiness", "existingbusiness", ""]).to_owned(),
            maybe(OWNERS[dice.place(OWNERS.len())].0.to_owned(), dice, 75),
            dice.pick(NOTES).to_owned(),
            iso(created),
            iso(created + chrono::TimeDelta::days(3)),
            maybe((FIRST_COMPANY + u64::try_from(firm_place).unwrap_or_default()).to_string(), dice, 88),
            shown.join(";"),
        ]);
    }
    csv("hubspot/deals.csv", &header, &rows)
}

/// Returns a value that often, in percent, and otherwise none.
pub(crate) fn maybe(value: String, dice: &mut Dice, percent: u64) -> String {
    if dice.is(percent) { value } else { String::new() }
}

/// Returns one of the ways to write a country, mostly the usual one.
pub(crate) fn dice_name(dice: &mut Dice, country: &Country) -> &'static str {
    if dice.is(60) { country.names[0] } else { dice.pick(country.names) }
}
