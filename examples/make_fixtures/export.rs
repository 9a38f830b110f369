//! What an old German desktop program exports: `fixtures/csv`, Windows-1252, semicolons, CRLF, decimal commas.

use std::error::Error;

use super::{
    dice::Dice,
    hubspot::{dice_name, maybe},
    lines::File,
    world::{COUNTRIES, Country, Firm, day, firms, people},
};

/// What everything here is drawn from.
const SEED: u64 = 0x4578_706F_7274_4353;

const BRANCHES: &[&str] = &["Maschinenbau", "Handel", "Lebensmittel", "EDV", "Bau", "Sonstiges", ""];
const STATUSES: &[&str] = &["Neu", "Neu", "In Arbeit", "Kunde", "Kunde", "Kein Interesse", "???", ""];
const REMARKS: &[&str] = &[
    "<p>Zahlt p&uuml;nktlich.</p>",
    "Ansprechpartner im Urlaub; danach \"dringend\" anrufen",
    "Lieferung nur vormittags\r\nRampe 3",
    "",
    "",
];

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    // Only those whose names the encoding can write.
    let countries: Vec<&'static Country> =
        COUNTRIES.iter().filter(|country| !["PL", "JP"].contains(&country.code)).collect();
    let mut dice = Dice::new(SEED);
    let firms = firms(&mut dice, &countries, 3_001, 80);
    Ok(vec![
        firm_lines(&mut Dice::new(SEED + 1), &firms)?,
        customer_lines(&mut Dice::new(SEED + 2), &firms, &countries)?,
    ])
}

fn firm_lines(dice: &mut Dice, firms: &[Firm]) -> Result<File, Box<dyn Error>> {
    let header = ["Firmennr", "Firma", "Internet", "Telefon", "Land", "Branche", "Umsatz", "Mitarbeiter", "Bemerkung"];
    let mut rows = Vec::new();
    for firm in firms {
        rows.push(vec![
            format!("F-{}", firm.number),
            maybe(firm.name.clone(), dice, 97),
            maybe(format!("www.{}", firm.domain), dice, 85),
            maybe(firm.phone.clone(), dice, 80),
            maybe(dice_name(dice, firm.country).to_owned(), dice, 93),
            dice.pick(BRANCHES).to_owned(),
            maybe(german_number(firm.revenue), dice, 75),
            maybe(if dice.is(10) { format!("ca. {}", firm.employees) } else { firm.employees.to_string() }, dice, 80),
            dice.pick(REMARKS).to_owned(),
        ]);
        // Some firms were exported twice.
        if dice.is(5) {
            rows.extend(rows.last().cloned());
        }
    }
    old_file("csv/firms.csv", &header, &rows, None)
}

fn customer_lines(dice: &mut Dice, firms: &[Firm], countries: &[&'static Country]) -> Result<File, Box<dyn Error>> {
    let header = [
        "Kundennr",
        "Vorname",
        "Nachname",
        "E-Mail",
        "Telefon",
        "Ort",
        "Land",
        "Status",
        "Kunde seit",
        "Newsletter",
        "Firmennr",
        "Bemerkung",
    ];
    let people = people(dice, firms, countries, 240);
    let mut rows = Vec::new();
    for (number, person) in (50_001_u64..).zip(&people) {
        let email = match dice.below(20) {
            0 => person.email.replace('@', " (at) "),
            1 => format!("{};{}", person.email, "zweite@mail.example"),
            2 => String::new(),
            3 => "keine".to_owned(),
            4 | 5 => person.email.to_uppercase(),
            // A second line for somebody who was entered before.
            6 => people[dice.place(people.len())].email.clone(),
            _ => format!("{}{}", person.email, if dice.is(5) { " " } else { "" }),
        };
        let since = day(dice);
        let format = dice.pick(&["%d.%m.%Y", "%d.%m.%Y", "%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y"]);
        let firm = person.firm.map(|firm| format!("F-{}", firms[firm].number)).unwrap_or_default();
        rows.push(vec![
            number.to_string(),
            maybe(person.first.clone(), dice, 92),
            maybe(person.last.clone(), dice, 96),
            email,
            maybe(person.phone.clone(), dice, 85),
            person.city.to_owned(),
            maybe(dice_name(dice, person.country).to_owned(), dice, 90),
            dice.pick(STATUSES).to_owned(),
            maybe(since.format(format).to_string(), dice, 70),
            dice.pick(&["ja", "nein", "J", ""]).to_owned(),
            // The last one is a firm that is on no list.
            if dice.is(2) { "F-9999".to_owned() } else { firm },
            dice.pick(REMARKS).to_owned(),
        ]);
    }
    old_file("csv/customers.csv", &header, &rows, Some(60))
}

/// Writes lines as the old program does. Every so many lines, one lost a cell at its end.
fn old_file(path: &str, header: &[&str], rows: &[Vec<String>], loses: Option<usize>) -> Result<File, Box<dyn Error>> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(Vec::new());
    writer.write_record(header)?;
    for (place, row) in rows.iter().enumerate() {
        let is_short = loses.is_some_and(|every| place % every == every / 2);
        writer.write_record(&row[..row.len() - usize::from(is_short)])?;
    }
    let text = String::from_utf8(writer.into_inner()?)?;
    let (bytes, _, is_lossy) = encoding_rs::WINDOWS_1252.encode(&text);
    if is_lossy {
        return Err(format!("{path} holds a letter that Windows-1252 does not have").into());
    }
    Ok((path.to_owned(), bytes.into_owned()))
}

/// Writes a number as `1.234,00 €`.
fn german_number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    format!("{grouped},00 €")
}
