//! `country`: turns the name or code of a country into its ISO 3166 code.

use std::{collections::HashMap, sync::LazyLock};

use celes::{Country, LookupTable};

use super::{Cleaner, Options, country_names::NAMES};
use crate::transform::error::TransformError;

/// `"Deutschland"`, `"germany"`, `"DEU"` → `"DE"`; with `{ country: { to: alpha3 } }` → `"DEU"`, with `to: name` → `"Germany"`.
/// What is no country is refused with `unknown_country`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let cleaner = match options.text("to")? {
        None | Some("alpha2") => Cleaner::each_text(|text| find(text).map(|country| country.alpha2.to_owned())),
        Some("alpha3") => Cleaner::each_text(|text| find(text).map(|country| country.alpha3.to_owned())),
        Some("name") => Cleaner::each_text(|text| find(text).map(|country| name_of(&country))),
        Some(_) => return Err(options.wrong("to", "must be `alpha2`, `alpha3` or `name`")),
    };
    Ok(cleaner.or("unknown_country", "is no country"))
}

/// Finds a country by its name, a usual other name, or its code of two or three letters.
pub(super) fn find(text: &str) -> Option<Country> {
    COUNTRIES.get(&folded(text)).copied()
}

static COUNTRIES: LazyLock<HashMap<String, Country>> = LazyLock::new(|| {
    let mut countries = HashMap::new();
    let all = Country::get_countries();
    // Later entries win: a country's own name over another's alias, and a code over everything.
    for country in &all {
        countries.extend(country.aliases.iter().map(|alias| (folded(alias), *country)));
    }
    for country in &all {
        countries.insert(folded(country.long_name), *country);
    }
    for (code, names) in NAMES {
        let Ok(country) = Country::from_alpha2(code) else { continue };
        countries.extend(names.iter().map(|name| (folded(name), country)));
    }
    for country in &all {
        countries.insert(folded(country.alpha3), *country);
        countries.insert(folded(country.alpha2), *country);
    }
    countries
});

/// Returns what two spellings of a name have in common: its letters and digits in small, without a leading `the`.
fn folded(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let bare = lower.strip_prefix("the ").unwrap_or(&lower).replace(" & ", " and ");
    bare.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Returns the name by which people know the country.
fn name_of(country: &Country) -> String {
    if let Some((_, names)) = NAMES.iter().find(|(code, _)| *code == country.alpha2) {
        return names.first().copied().unwrap_or(country.long_name).to_owned();
    }
    let name = country.long_name.strip_prefix("The ").unwrap_or(country.long_name);
    name.replace(" And ", " and ").replace(" Of ", " of ").replace(" The ", " the ")
}
