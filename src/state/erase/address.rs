//! Finds a mail address in what the state file holds.

use serde_json::Value as Json;

/// What fields are called that hold a person's own address, without blanks, marks and capitals. A field such as `owner_email` holds the
/// address of somebody else.
const MAIL_FIELDS: [&str; 8] =
    ["email", "emails", "mail", "emailaddress", "emailadresse", "mailadresse", "primaryemail", "workemail"];

/// An address, in lower case.
#[derive(Debug, Clone)]
pub(super) struct Address(String);

/// How a text holds an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mention {
    /// Not at all.
    None,
    /// In other words.
    Within,
    /// It is the address.
    Whole,
}

impl Address {
    pub(super) fn new(address: &str) -> Self {
        Self(address.trim().to_lowercase())
    }

    /// Returns the forms in which an address may be an id: as it was given, and in lower case.
    pub(super) fn forms(address: &str) -> [String; 2] {
        [address.trim().to_owned(), address.trim().to_lowercase()]
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells how a text holds the address. A longer address that ends or begins with it is another one.
    pub(super) fn mention_in(&self, text: &str) -> Mention {
        let text = text.to_lowercase();
        if text.trim() == self.0 {
            return Mention::Whole;
        }
        let is_within = text.match_indices(&self.0).any(|(start, found)| {
            let before = text[..start].chars().next_back();
            let mut after = text[start + found.len()..].chars();
            let continues = match after.next() {
                Some('.') => after.next().is_some_and(char::is_alphanumeric),
                Some(letter) => letter.is_alphanumeric() || letter == '-',
                None => false,
            };
            !before.is_some_and(|letter| letter.is_alphanumeric() || "._%+-".contains(letter)) && !continues
        });
        if is_within { Mention::Within } else { Mention::None }
    }

    /// Tells how the texts of a JSON value hold the address: the strongest counts.
    pub(super) fn mention_in_json(&self, value: &Json) -> Mention {
        match value {
            Json::String(text) => self.mention_in(text),
            Json::Array(items) => items.iter().map(|item| self.mention_in_json(item)).max().unwrap_or(Mention::None),
            Json::Object(fields) => {
                let names = fields.keys().map(|name| self.mention_in(name));
                let values = fields.values().map(|field| self.mention_in_json(field));
                names.chain(values).max().unwrap_or(Mention::None)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => Mention::None,
        }
    }

    /// Tells whether a record has the address as its own: the whole of a field that is called so.
    pub(super) fn is_own_of(&self, fields: &Json) -> bool {
        let mut fields = fields.as_object().into_iter().flatten();
        fields.any(|(name, value)| is_mail_field(name) && self.mention_in_json(value) == Mention::Whole)
    }
}

fn is_mail_field(name: &str) -> bool {
    let plain: String = name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    MAIL_FIELDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_whole_and_within_but_not_as_a_part_of_another() {
        let address = Address::new(" Ada@Example.test");
        for (text, expected) in [
            ("ada@example.test", Mention::Whole),
            (" ADA@example.TEST\n", Mention::Whole),
            ("write to ada@example.test.", Mention::Within),
            ("<ada@example.test>, bob@example.test", Mention::Within),
            ("mailto:ada@example.test?subject=x", Mention::Within),
            ("grada@example.test", Mention::None),
            ("x.ada@example.test", Mention::None),
            ("ada@example.test.org", Mention::None),
            ("ada@example.testing", Mention::None),
            ("ada", Mention::None),
        ] {
            assert_eq!(address.mention_in(text), expected, "{text}");
        }
        let json = serde_json::json!({ "a": ["x", "see ada@example.test"], "b": 1 });
        assert_eq!(address.mention_in_json(&json), Mention::Within);
        let json = serde_json::json!({ "a": { "ada@example.test": 1 } });
        assert_eq!(address.mention_in_json(&json), Mention::Whole);
    }

    #[test]
    fn a_record_is_of_the_person_by_its_own_address_and_not_by_that_of_its_owner() {
        let address = Address::new("ada@example.test");
        for (name, is_own) in
            [("email", true), ("E-Mail", true), ("Email Address", true), ("owner_email", false), ("notes", false)]
        {
            let fields = serde_json::json!({ name: " Ada@example.test" });
            assert_eq!(address.is_own_of(&fields), is_own, "{name}");
        }
        assert!(address.is_own_of(&serde_json::json!({ "emails": [{ "value": "ada@example.test" }] })));
        assert!(!address.is_own_of(&serde_json::json!({ "email": "see ada@example.test" })));
        assert!(!address.is_own_of(&serde_json::json!(null)));
    }
}
