//! A small team's Pipedrive: `fixtures/pipedrive`.

use std::error::Error;

use super::{
    dice::Dice,
    hubspot,
    hubspot::maybe,
    lines::{File, csv},
    world::{COUNTRIES, Country, Firm, Person, day, firms, iso, moment, people, slug},
};

/// What everything here is drawn from.
const SEED: u64 = 0x5069_7065_6472_6976;

const USERS: &[(&str, &str, bool)] = &[
    ("Ingrid", "Solberg", true),
    ("Tomás", "Herrera", true),
    ("Priya", "Raman", true),
    ("Dieter", "Ausgeschieden", false),
];
const PIPELINES: &[(&str, &[&str])] = &[
    ("Sales", &["Appointment", "Qualified", "Presentation", "Decision", "Contract"]),
    ("Renewals", &["Due", "Offered"]),
];
const STATUSES: &[&str] = &["open", "open", "open", "won", "won", "lost"];
const REASONS: &[&str] = &["Price", "No answer", "Bought elsewhere"];
const NOTES: &[&str] = &["<p>Wants a <b>demo</b> in May.</p>", "Asked for \"net 60\"; refused.", "", "", ""];
const ROLES: &[&str] = &["CEO", "Einkauf", "Chef des achats", "IT", ""];

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    let countries: Vec<&'static Country> = COUNTRIES.iter().collect();
    let known = hubspot::account();
    let mut dice = Dice::new(SEED);
    let firms = firms(&mut dice, &countries, 8_001, 60);
    let mut persons = people(&mut dice, &firms, &countries, 160);
    // A part of the people is in HubSpot too, under the same address.
    for (person, other) in persons.iter_mut().zip(known.people.iter().step_by(19)) {
        *person = Person { firm: person.firm, ..other.clone() };
    }
    Ok(vec![
        users()?,
        pipelines()?,
        stages()?,
        organizations(&mut Dice::new(SEED + 1), &firms)?,
        person_records(&mut Dice::new(SEED + 2), &persons)?,
        deals(&mut Dice::new(SEED + 3), &firms, &persons)?,
        notes(&mut Dice::new(SEED + 4), firms.len())?,
    ])
}

fn users() -> Result<File, Box<dyn Error>> {
    let row = |(place, (first, last, is_active)): (usize, &(&str, &str, bool))| {
        let email = format!("{}.{}@ferry.example", slug(first), slug(last));
        vec![(place + 1).to_string(), format!("{first} {last}"), email, is_active.to_string()]
    };
    let rows: Vec<_> = USERS.iter().enumerate().map(row).collect();
    csv("pipedrive/users.csv", &["id", "name", "email", "is_active"], &rows)
}

fn pipelines() -> Result<File, Box<dyn Error>> {
    let rows: Vec<_> =
        (1_usize..).zip(PIPELINES).map(|(id, (name, _))| vec![id.to_string(), (*name).to_owned()]).collect();
    csv("pipedrive/pipelines.csv", &["id", "name"], &rows)
}

fn stages() -> Result<File, Box<dyn Error>> {
    let all = (1_usize..)
        .zip(PIPELINES)
        .flat_map(|(pipeline, (_, stages))| stages.iter().map(move |stage| (pipeline, *stage)));
    let rows: Vec<_> = (1_usize..)
        .zip(all)
        .map(|(id, (pipeline, stage))| vec![id.to_string(), stage.to_owned(), pipeline.to_string()])
        .collect();
    csv("pipedrive/stages.csv", &["id", "name", "pipeline_id"], &rows)
}

/// Returns one of the users who are active.
fn owner(dice: &mut Dice) -> String {
    (dice.place(3) + 1).to_string()
}

fn organizations(dice: &mut Dice, firms: &[Firm]) -> Result<File, Box<dyn Error>> {
    let header = [
        "id",
        "name",
        "Domain",
        "website",
        "address",
        "employee_count",
        "Phone",
        "owner_id",
        "add_time",
        "update_time",
    ];
    let mut rows = Vec::new();
    for (id, firm) in (1_usize..).zip(firms) {
        let created = moment(dice, firm.since);
        let last_day = day(dice).max(firm.since);
        rows.push(vec![
            id.to_string(),
            firm.name.clone(),
            maybe(firm.domain.clone(), dice, 90),
            maybe(format!("https://www.{}", firm.domain), dice, 80),
            firm.city.to_owned(),
            maybe(firm.employees.to_string(), dice, 70),
            maybe(firm.phone.clone(), dice, 85),
            owner(dice),
            iso(created),
            iso(moment(dice, last_day).max(created)),
        ]);
    }
    csv("pipedrive/organizations.csv", &header, &rows)
}

fn person_records(dice: &mut Dice, persons: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = ["id", "name", "emails", "phones", "org_id", "Role", "Country", "owner_id", "add_time", "update_time"];
    let mut rows = Vec::new();
    for (id, person) in (1_usize..).zip(persons) {
        let created = moment(dice, person.since);
        let last_day = day(dice).max(person.since);
        let mut emails = format!("work:{}", person.email);
        if dice.is(20) {
            emails = format!("{emails};home:{}.{}@mail.example", slug(&person.first), slug(&person.last));
        }
        rows.push(vec![
            id.to_string(),
            format!("{} {}", person.first, person.last),
            if dice.is(95) { emails } else { String::new() },
            maybe(format!("mobile:{}", person.phone), dice, 80),
            person.firm.map(|firm| (firm + 1).to_string()).unwrap_or_default(),
            dice.pick(ROLES).to_owned(),
            maybe(person.country.names[0].to_owned(), dice, 85),
            owner(dice),
            iso(created),
            iso(moment(dice, last_day).max(created)),
        ]);
    }
    csv("pipedrive/persons.csv", &header, &rows)
}

fn deals(dice: &mut Dice, firms: &[Firm], persons: &[Person]) -> Result<File, Box<dyn Error>> {
    let header = [
        "id",
        "title",
        "value",
        "currency",
        "pipeline_id",
        "stage_id",
        "status",
        "lost_reason",
        "org_id",
        "person_id",
        "expected_close_date",
        "Contract end",
        "is_archived",
        "owner_id",
        "add_time",
        "update_time",
    ];
    let mut rows = Vec::new();
    for id in 1..=140_usize {
        let place = dice.place(firms.len());
        let person = persons.iter().position(|person| person.firm == Some(place));
        let status = dice.pick(STATUSES);
        let stage = dice.place(7) + 1;
        let created = moment(dice, firms[place].since);
        let last_day = day(dice).max(firms[place].since);
        rows.push(vec![
            id.to_string(),
            format!("{}: {} licences", firms[place].name, dice.between(2, 90)),
            dice.between(500, 90_000).to_string(),
            dice.pick(&["EUR", "EUR", "EUR", "USD", "CHF"]).to_owned(),
            if stage <= 5 { "1".to_owned() } else { "2".to_owned() },
            stage.to_string(),
            status.to_owned(),
            if status == "lost" { dice.pick(REASONS).to_owned() } else { String::new() },
            (place + 1).to_string(),
            person.map(|person| (person + 1).to_string()).unwrap_or_default(),
            day(dice).to_string(),
            maybe(day(dice).to_string(), dice, 40),
            if status != "open" && dice.is(25) { "true".to_owned() } else { String::new() },
            owner(dice),
            iso(created),
            iso(moment(dice, last_day).max(created)),
        ]);
    }
    csv("pipedrive/deals.csv", &header, &rows)
}

fn notes(dice: &mut Dice, firms: usize) -> Result<File, Box<dyn Error>> {
    let mut rows = Vec::new();
    for org in 1..=firms {
        let note = dice.pick(NOTES);
        if !note.is_empty() {
            rows.push(vec![(rows.len() + 1).to_string(), note.to_owned(), org.to_string()]);
        }
    }
    csv("pipedrive/notes.csv", &["id", "content", "org_id"], &rows)
}
