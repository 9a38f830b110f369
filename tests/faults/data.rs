//! What the systems hold before a run: small, linked, and with what goes wrong in practice: the same key twice, keys in
//! another case, addresses that are none, records that the destination has already, and keys that it has twice.

use std::{fs, path::Path};

pub(crate) const FIRMS: usize = 45;
pub(crate) const PEOPLE: usize = 90;
pub(crate) const ORDERS: usize = 35;
/// What comes in bulk: as many as make a job of each operation, and a rest that is too small for one.
pub(crate) const BULK_LEADS: usize = 450;
pub(crate) const BULK_PEOPLE: usize = 430;
pub(crate) const BULK_ORDERS: usize = 230;

/// The domain of a firm; the last two firms have the same one, and the first ones are at the destination already.
pub(crate) fn domain(firm: usize) -> String {
    format!("firm{}.example", if firm == FIRMS - 1 { FIRMS - 2 } else { firm })
}

/// The address of a person: some are no address, one is there twice, some in capitals.
pub(crate) fn email(person: usize) -> String {
    match person {
        7 | 31 => format!("person {person} has no mail"),
        50 => "PERSON49@firm4.example".to_owned(),
        _ if person.is_multiple_of(9) => format!("Person{person}@Firm{}.example", person % FIRMS),
        _ => format!("person{person}@firm{}.example", person % FIRMS),
    }
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

/// The address of a person that comes in bulk.
pub(crate) fn bulk_email(person: usize) -> String {
    format!("bulk{person}@firm{}.example", person % FIRMS)
}
