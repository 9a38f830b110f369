//! Which values a property takes, and how they are kept: always as text.

use super::{
    definitions::{Kind, Property},
    errors::Problem,
    object_type::ObjectType,
    portal::Portal,
    time::{day, is_midnight, iso, read_day, read_time},
};

/// Most characters of a value. Source: properties guide, "Strings cap at 65,536 characters".
const MAX_CHARACTERS: usize = 65_536;

/// Returns a value as it is kept, or why the vendor refuses it. The value is not empty.
pub(super) fn canonical(
    portal: &Portal,
    object: &ObjectType,
    property: &Property,
    value: &str,
) -> Result<String, Problem> {
    let problem = |code, message| Err(Problem::new(&property.spec.name, code, message));
    if value.len() > MAX_CHARACTERS && value.chars().count() > MAX_CHARACTERS {
        return problem("VALUE_TOO_LONG", format!("The value is longer than {MAX_CHARACTERS} characters."));
    }
    match property.spec.kind {
        Kind::String if property.is_email => {
            let email = value.trim().to_lowercase();
            if portal.blocked_addresses.contains(&email) {
                return problem(
                    "BLOCKED_EMAIL",
                    format!("Email address {value} was permanently deleted and is blocked"),
                );
            }
            if is_email(&email) {
                return Ok(email);
            }
            problem("INVALID_EMAIL", format!("Email address {value} is invalid"))
        }
        Kind::String | Kind::PhoneNumber | Kind::Json | Kind::ObjectCoordinates => Ok(value.to_owned()),
        Kind::Number if is_number(value) => Ok(value.to_owned()),
        Kind::Number => problem("INVALID_INTEGER", format!("{value} was not a valid number.")),
        Kind::Bool if matches!(value, "true" | "false") => Ok(value.to_owned()),
        Kind::Bool => problem("INVALID_BOOLEAN", format!("{value} was not a valid boolean.")),
        Kind::Date => canonical_day(value).map_err(|(code, message)| Problem::new(&property.spec.name, code, message)),
        Kind::Datetime => match read_time(value) {
            Some(time) => Ok(iso(time)),
            None => problem("INVALID_LONG", format!("{value} was not a valid long.")),
        },
        Kind::Enumeration if property.is_owner() => canonical_owner(portal, property, value),
        Kind::Enumeration => canonical_options(portal, object, property, value),
    }
}

fn canonical_day(value: &str) -> Result<String, (&'static str, String)> {
    if read_day(value).is_some() {
        return Ok(value.to_owned());
    }
    let Ok(millis) = value.parse::<i64>() else {
        return Err(("INVALID_DATE", format!("{value} was not a valid date.")));
    };
    if is_midnight(millis) {
        return Ok(day(millis));
    }
    let time = iso(millis);
    Err(("INVALID_DATE", format!("{value} is at {} UTC, not midnight!", &time[11..time.len() - 1])))
}

fn canonical_owner(portal: &Portal, property: &Property, value: &str) -> Result<String, Problem> {
    let name = &property.spec.name;
    if value.parse::<u64>().is_err() {
        let message = format!("{value} was not a valid integer (for owner ID).");
        return Err(Problem::new(name, "INVALID_INTEGER", message));
    }
    if portal.owners.iter().any(|owner| owner.id == value && !owner.archived) {
        return Ok(value.to_owned());
    }
    Err(Problem::new(name, "INVALID_OWNER_ID", format!("Owner {value} does not exist.")))
}

fn canonical_options(
    portal: &Portal,
    object: &ObjectType,
    property: &Property,
    value: &str,
) -> Result<String, Problem> {
    let options = portal.options(object, property);
    // Lists of files and other records have no options of their own.
    if options.is_empty() && property.is_standard {
        return Ok(value.to_owned());
    }
    let is_known = |value: &str| options.iter().any(|option| option.value == value);
    let body = if property.is_multiple() { value.strip_prefix(';').unwrap_or(value) } else { value };
    let unknown = if property.is_multiple() {
        body.split(';').find(|part| !is_known(part))
    } else {
        Some(body).filter(|body| !is_known(body))
    };
    let Some(unknown) = unknown else { return Ok(value.to_owned()) };
    let allowed: Vec<&str> = options.iter().map(|option| option.value.as_str()).collect();
    let message = format!("{unknown} was not one of the allowed options: [{}]", allowed.join(", "));
    Err(Problem::new(&property.spec.name, "INVALID_OPTION", message))
}

/// Joins the options a record has with those that a leading `;` adds.
pub(super) fn appended(existing: Option<&str>, added: &str) -> String {
    let mut all: Vec<&str> = existing.into_iter().flat_map(|value| value.split(';')).collect();
    for value in added.split(';').filter(|value| !value.is_empty()) {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all.join(";")
}

/// Whether a text is a plain decimal number: no thousands separators, no blanks.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_well = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    starts_well && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else { return false };
    let is_plain = |part: &str, more: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && part.chars().all(|letter| letter.is_alphanumeric() || more.contains(letter))
    };
    let top = host.rsplit('.').next().unwrap_or_default();
    is_plain(user, ".!#$%&'*+-/=?^_`{|}~") && is_plain(host, ".-") && host.contains('.') && top.chars().count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_numbers_only() {
        for good in ["42", "-1.5", "1e3", ".5"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["1,000", " 1", "1 ", "inf", "NaN", "", "0x10", "12 EUR"] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn tells_addresses_from_other_text() {
        for good in ["a@x.test", "a.b+c@sub.example.com", "jürgen@müller.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a", "a@b", "a@@x.test", "a b@x.test", "@x.test", "a@x..test", "a.@x.test", "a@x.t"] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_day_is_written_as_one_or_as_midnight_in_milliseconds() {
        assert_eq!(canonical_day("2026-01-31").as_deref(), Ok("2026-01-31"));
        assert_eq!(canonical_day("1769817600000").as_deref(), Ok("2026-01-31"));
        assert_eq!(canonical_day("1769817600001").map_err(|(code, _)| code), Err("INVALID_DATE"));
        assert!(canonical_day("2026-01-31T00:00:00Z").is_err());
    }

    #[test]
    fn appends_only_what_is_new() {
        assert_eq!(appended(Some("a;b"), ";b;c"), "a;b;c");
        assert_eq!(appended(None, ";b"), "b");
    }
}
