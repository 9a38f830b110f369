//! Field masks: `sheets(properties(sheetId,title),data.rowData)`, for answers and for updates.

use serde_json::{Map, Value as Json};

use super::{errors::ApiError, schema};

/// Which fields are meant: all, or these, each with a mask of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mask {
    /// Every field.
    All,
    /// These fields.
    Some(Vec<(String, Mask)>),
}

impl Mask {
    /// Reads a mask. Fields are separated by commas, steps by `.` or `/`.
    ///
    /// # Errors
    /// Fails when parentheses do not match or a name is missing.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut rest = text;
        let mask = list(&mut rest).filter(|_| rest.is_empty());
        mask.ok_or_else(|| {
            ApiError::violation("fields", &format!("Error parsing 'fields' parameter: '{text}' is not a field mask."))
        })
    }

    /// Fails when a field is not one of a message.
    pub(super) fn check(&self, message: &str) -> Result<(), ApiError> {
        for path in self.paths() {
            if !schema::has_path(message, path.split('.')) {
                let description =
                    format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.");
                return Err(ApiError::violation("fields", &description));
            }
        }
        Ok(())
    }

    /// Returns the mask of a field; none where it is not meant.
    pub(super) fn of(&self, field: &str) -> Option<&Mask> {
        match self {
            Self::All => Some(&Self::All),
            Self::Some(fields) => fields.iter().find(|(name, _)| name == field || name == "*").map(|(_, mask)| mask),
        }
    }

    /// Whether a field is meant, whole or in part.
    pub(super) fn wants(&self, field: &str) -> bool {
        self.of(field).is_some()
    }

    /// Returns every field that is meant, as a path with dots.
    pub(super) fn paths(&self) -> Vec<String> {
        match self {
            Self::All => vec!["*".to_owned()],
            Self::Some(fields) => fields
                .iter()
                .flat_map(|(name, mask)| match mask {
                    Self::All => vec![name.clone()],
                    Self::Some(_) => mask.paths().into_iter().map(|path| format!("{name}.{path}")).collect(),
                })
                .collect(),
        }
    }

    /// Leaves only what is meant.
    pub(super) fn keep(&self, json: Json) -> Json {
        match (self, json) {
            (Self::All, json) => json,
            (Self::Some(_), Json::Array(items)) => Json::Array(items.into_iter().map(|item| self.keep(item)).collect()),
            (Self::Some(_), Json::Object(fields)) => {
                let kept = fields.into_iter().filter_map(|(name, value)| Some((self.of(&name)?.keep(value), name)));
                Json::Object(kept.map(|(value, name)| (name, value)).collect())
            }
            (Self::Some(_), other) => other,
        }
    }

    /// Puts the fields that are meant from `new` over `old`; one that `new` lacks goes.
    pub(super) fn update(&self, old: &mut Map<String, Json>, new: &Map<String, Json>) {
        let Self::Some(fields) = self else {
            new.clone_into(old);
            return;
        };
        for (name, mask) in fields {
            if name == "*" {
                new.clone_into(old);
                continue;
            }
            match (mask, new.get(name)) {
                (Self::All, Some(value)) => {
                    old.insert(name.clone(), value.clone());
                }
                (Self::All, None) => {
                    old.remove(name);
                }
                (Self::Some(_), value) => {
                    let empty = Map::new();
                    let inner = value.and_then(Json::as_object).unwrap_or(&empty);
                    let mut current = old.get(name).and_then(Json::as_object).cloned().unwrap_or_default();
                    mask.update(&mut current, inner);
                    if current.is_empty() {
                        old.remove(name);
                    } else {
                        old.insert(name.clone(), Json::Object(current));
                    }
                }
            }
        }
    }

    fn add(&mut self, name: String, mask: Mask) {
        let Self::Some(fields) = self else { return };
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => match mask {
                Self::All => *known = Self::All,
                Self::Some(inner) => inner.into_iter().for_each(|(name, mask)| known.add(name, mask)),
            },
            None => fields.push((name, mask)),
        }
    }
}

fn list(rest: &mut &str) -> Option<Mask> {
    let mut mask = Mask::Some(Vec::new());
    loop {
        let (name, inner) = field(rest)?;
        mask.add(name, inner);
        *rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None => return Some(mask),
        }
    }
}

fn field(rest: &mut &str) -> Option<(String, Mask)> {
    *rest = rest.trim_start();
    let end = rest.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '*')).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if name.is_empty() {
        return None;
    }
    *rest = after;
    let name = schema::camel(name);
    if let Some(after) = rest.strip_prefix(['.', '/']) {
        *rest = after;
        let (inner, mask) = field(rest)?;
        return Some((name, Mask::Some(vec![(inner, mask)])));
    }
    if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        let mask = list(rest)?;
        *rest = rest.strip_prefix(')')?;
        return Some((name, mask));
    }
    Some((name, Mask::All))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_what_is_meant_at_every_depth() {
        let answer = json!({ "id": 1, "sheets": [{ "properties": { "title": "A", "index": 0 }, "data": [{}] }] });
        for (text, kept) in [
            ("id", json!({ "id": 1 })),
            ("sheets.properties.title", json!({ "sheets": [{ "properties": { "title": "A" } }] })),
            ("sheets(properties(title,index))", json!({ "sheets": [{ "properties": { "title": "A", "index": 0 } }] })),
            ("sheets/properties/index,id", json!({ "id": 1, "sheets": [{ "properties": { "index": 0 } }] })),
            (
                "sheets.data,sheets.properties.title",
                json!({ "sheets": [{ "properties": { "title": "A" }, "data": [{}] }] }),
            ),
            ("*", answer.clone()),
        ] {
            assert_eq!(Mask::parse(text).unwrap().keep(answer.clone()), kept, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_mask_and_fields_that_no_message_has() {
        for text in ["", "a(b", "a)", "a,,b", "a.", "("] {
            assert!(Mask::parse(text).is_err(), "{text}");
        }
        let check = |text: &str| Mask::parse(text).unwrap().check("Spreadsheet").is_ok();
        assert!(check("sheets(properties(sheetId,gridProperties(rowCount))),namedRanges"));
        assert!(check("sheets.data.rowData.values.userEnteredFormat.numberFormat"));
        assert!(!check("sheets.titles"));
        assert!(!check("spreadsheetId.x"));
    }

    #[test]
    fn an_update_clears_what_it_names_and_does_not_give() {
        let mut old = json!({ "a": { "b": 1, "c": 2 }, "d": 3 }).as_object().unwrap().clone();
        let new = json!({ "a": { "b": 5, "c": 6 } }).as_object().unwrap().clone();
        Mask::parse("a.b,d").unwrap().update(&mut old, &new);
        assert_eq!(Json::Object(old), json!({ "a": { "b": 5, "c": 2 } }));
    }
}
