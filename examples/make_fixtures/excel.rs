//! A workbook as a sales team brings it home from a fair: `fixtures/excel/fair.xlsx`, the sheets Companies and Leads.
//!
//! Its cells have the types that a spreadsheet gives them: days, numbers, codes with zeros in front, a formula that found nothing.

use std::error::Error;

use chrono::{Datelike, Days};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError};

use super::{
    dice::Dice,
    lines::File,
    world::{COUNTRIES, Country, Firm, Person, firms, people},
};

/// What everything here is drawn from.
const SEED: u64 = 0x4661_6972_2E78_6C73;

const TOPICS: &[&str] = &["Demo", "Price list", "Partner", "=ask Jonas", ""];

/// Returns the files.
pub(crate) fn files() -> Result<Vec<File>, Box<dyn Error>> {
    let countries: Vec<&'static Country> = COUNTRIES.iter().collect();
    let mut dice = Dice::new(SEED);
    let firms = firms(&mut dice, &countries, 6_001, 30);
    let visitors = people(&mut dice, &firms, &countries, 120);
    let mut book = Workbook::new();
    let made = ExcelDateTime::from_ymd(2024, 5, 1)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&made));
    company_rows(book.add_worksheet(), &firms)?;
    lead_rows(&mut Dice::new(SEED + 1), book.add_worksheet(), &firms, &visitors)?;
    Ok(vec![("excel/fair.xlsx".to_owned(), book.save_to_buffer()?)])
}

fn company_rows(sheet: &mut Worksheet, firms: &[Firm]) -> Result<(), XlsxError> {
    sheet.set_name("Companies")?;
    for (column, name) in (0..).zip(["Company", "Website", "Employees", "Revenue", "Country"]) {
        sheet.write(0, column, name)?;
    }
    let amount = Format::new().set_num_format("#,##0.00");
    for (row, firm) in (1..).zip(firms) {
        sheet.write(row, 0, firm.name.as_str())?;
        sheet.write(row, 1, firm.domain.as_str())?;
        sheet.write(row, 2, u32::try_from(firm.employees).unwrap_or_default())?;
        sheet.write_with_format(row, 3, u32::try_from(firm.revenue).unwrap_or_default(), &amount)?;
        sheet.write(row, 4, firm.country.names[0])?;
    }
    Ok(())
}

fn lead_rows(
    dice: &mut Dice,
    sheet: &mut Worksheet,
    firms: &[Firm],
    visitors: &[Person],
) -> Result<(), Box<dyn Error>> {
    sheet.set_name("Leads")?;
    sheet.write_with_format(0, 0, "Leads of the fair, May 2024", &Format::new().set_bold())?;
    let names = ["Badge", "Name", "E-mail", "Phone", "Company", "City", "Met", "Budget", "Newsletter", "Topic"];
    for (column, name) in (0..).zip(names) {
        sheet.write(2, column, name)?;
    }
    let badge = Format::new().set_num_format("00000");
    let moment = Format::new().set_num_format("dd/mm/yyyy hh:mm");
    let opening = chrono::NaiveDate::from_ymd_opt(2024, 5, 14).ok_or("no day")?;
    for (place, person) in (0_u32..).zip(visitors) {
        let row = place + 3;
        sheet.write_with_format(row, 0, 312 + place * 7, &badge)?;
        sheet.write(row, 1, format!("{} {}", person.first, person.last))?;
        let email = if dice.is(4) { person.email.replace('@', " at ") } else { person.email.clone() };
        sheet.write(row, 2, email)?;
        if dice.is(80) {
            sheet.write_string(row, 3, person.phone.as_str())?;
        }
        if dice.is(3) {
            // The company was looked up on a list that does not have it.
            sheet.write_formula(row, 4, Formula::new("=NA()").set_result("#N/A"))?;
        } else if let Some(firm) = person.firm {
            sheet.write(row, 4, firms[firm].name.as_str())?;
        }
        sheet.write(row, 5, person.city)?;
        let day = opening + Days::new(dice.below(3));
        let met =
            ExcelDateTime::from_ymd(u16::try_from(day.year())?, u8::try_from(day.month())?, u8::try_from(day.day())?)?;
        let met = met.and_hms(u16::try_from(9 + dice.below(8))?, u8::try_from(dice.below(4) * 15)?, 0)?;
        sheet.write_with_format(row, 6, &met, &moment)?;
        if dice.is(60) {
            sheet.write(row, 7, u32::try_from(dice.between(1, 80) * 500)?)?;
        }
        sheet.write(row, 8, dice.is(40))?;
        sheet.write_string(row, 9, dice.pick(TOPICS))?;
    }
    Ok(())
}
