//! `phone`: checks a phone number and writes it as E.164.

use std::collections::HashMap;

use phonenumber::{Mode, country::Id};
use polars::prelude::{Column, DataType, Expr, IntoColumn, PolarsResult, StringChunkedBuilder, col};

use super::{Cleaner, Options, country, map_texts};
use crate::transform::error::TransformError;

/// `{ phone: { region: DE } }`: `"030 1234567"` → `"+49301234567"`. A number that begins with `+` needs no region; with
/// `region_from: country` the region of the others is in that field, as a name or code. What is no number of its region
/// is refused with `invalid_phone`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let region = match options.text("region")? {
        None => None,
        Some(written) => match region_of(written) {
            Some(region) => Some(region),
            None => return Err(options.wrong("region", &format!("is no country: `{written}`"))),
        },
    };
    let region_from = options.text("region_from")?.map(str::to_owned);
    let mut cleaner = match region_from.clone() {
        None => Cleaner::text(move |text| map_texts(text, move |number| phone(number, region))),
        Some(field) => Cleaner::text(move |text| by_country(text, &field, region)),
    };
    cleaner.reads = region_from;
    let reason = match (region, &cleaner.reads) {
        (_, Some(field)) => format!("is no phone number of the country in `{field}`"),
        (Some(region), None) => format!("is no phone number of {region:?}"),
        (None, None) => "is no phone number with its country code".to_owned(),
    };
    Ok(cleaner.or("invalid_phone", &reason))
}

fn phone(text: &str, region: Option<Id>) -> Option<String> {
    let trimmed = text.trim();
    // Without a region there is no prefix for calls abroad, and 00 is the one that most countries have.
    let international = trimmed.strip_prefix("00").filter(|_| region.is_none()).map(|rest| format!("+{rest}"));
    let written = international.as_deref().unwrap_or(trimmed);
    let number = phonenumber::parse(region, written).ok()?;
    number.is_valid().then(|| number.format().mode(Mode::E164).to_string())
}

fn region_of(country: &str) -> Option<Id> {
    country::find(country)?.alpha2.parse().ok()
}

/// Reads each number with the region that another field of its record names, or else with the usual one.
fn by_country(text: Expr, field: &str, usual: Option<Id>) -> Expr {
    text.map_many(
        move |columns| read_pairs(columns, usual),
        &[col(field).cast(DataType::String)],
        |_, fields| Ok(polars::prelude::Field::new(fields[0].name.clone(), DataType::String)),
    )
}

fn read_pairs(columns: &mut [Column], usual: Option<Id>) -> PolarsResult<Column> {
    let [numbers, countries] = columns else {
        return Err(polars::error::polars_err!(ComputeError: "a phone number and a country are needed"));
    };
    let (numbers, countries) = (numbers.str()?, countries.str()?);
    let mut regions: HashMap<&str, Option<Id>> = HashMap::new();
    let mut read = StringChunkedBuilder::new(numbers.name().clone(), numbers.len());
    let lone = countries.get(0).filter(|_| countries.len() == 1);
    let mut by_record = countries.iter();
    for number in numbers.iter() {
        let country = lone.or_else(|| by_record.next().flatten());
        let named = country.and_then(|name| *regions.entry(name).or_insert_with(|| region_of(name)));
        read.append_option(number.and_then(|text| phone(text, named.or(usual))));
    }
    Ok(read.finish().into_column())
}
