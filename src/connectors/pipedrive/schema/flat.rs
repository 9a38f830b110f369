//! Records of version 1: fields that people made are at the top level, and the parts of their values have keys of their own.

use serde_json::{Map, Value as Json};

use super::{super::client::Raw, Kind, ObjectInfo};

/// Puts a record of version 1 into the form of version 2: the fields that people made in `custom_fields`, their parts together.
pub(in super::super) fn normal(info: &ObjectInfo, mut record: Raw) -> Raw {
    if !info.object.has_custom_fields() || record.contains_key("custom_fields") {
        return record;
    }
    for (old, new) in [("email", "emails"), ("phone", "phones")] {
        if let Some(list) = record.get(old).filter(|value| value.is_array()).cloned() {
            record.entry(new).or_insert(list);
        }
    }
    let mut custom = Map::new();
    for property in info.properties.iter().filter(|property| property.is_custom) {
        let code = &property.code;
        let value = record.remove(code).unwrap_or_default();
        let parts = property.kind.parts();
        if value.is_null() || parts.is_empty() {
            custom.insert(code.clone(), value);
            continue;
        }
        let mut whole = Map::new();
        for (part, _) in parts.iter().skip(1) {
            if let Some(value) = record.remove(&format!("{code}_{part}")) {
                whole.insert((*part).to_owned(), value);
            }
        }
        whole.insert("value".to_owned(), value);
        custom.insert(code.clone(), Json::from(whole));
    }
    record.insert("custom_fields".to_owned(), Json::from(custom));
    record
}

/// Puts a body of version 2 into the form of version 1.
pub(in super::super) fn flattened(info: &ObjectInfo, mut body: Map<String, Json>) -> Map<String, Json> {
    let Some(Json::Object(custom)) = body.remove("custom_fields") else { return body };
    for (code, value) in custom {
        let kind = info.property_of(&code).map(|property| property.kind);
        match (kind, value) {
            (Some(Kind::Set), Json::Array(ids)) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                body.insert(code, Json::from(ids.join(",")));
            }
            (_, Json::Object(mut whole)) => {
                body.insert(code.clone(), whole.remove("value").unwrap_or_default());
                body.extend(whole.into_iter().map(|(part, value)| (format!("{code}_{part}"), value)));
            }
            (_, value) => {
                body.insert(code, value);
            }
        }
    }
    body
}
