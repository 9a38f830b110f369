//! Records in the form of either version, as the vendor's clients report them.

use serde_json::{Value as Json, json};

use crate::model::{LIST_SEPARATOR, Value, split_list};

use super::{
    super::client::{Raw, WireField},
    super::object::Object,
    Names, ObjectInfo, decode, normal,
};

fn info(object: Object, fields: Json) -> ObjectInfo {
    ObjectInfo::new(object, serde_json::from_value::<Vec<WireField>>(fields).unwrap())
}

fn deals() -> ObjectInfo {
    info(
        Object::Deals,
        json!([
            {"key": "title", "name": "Title", "field_type": "varchar"},
            {"key": "a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101", "name": "Campaign", "field_type": "enum",
             "options": [{"id": 41, "label": "Spring; 2024"}, {"id": 42, "label": "Autumn"}]},
            {"key": "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202", "name": "Products wanted", "field_type": "set",
             "options": [{"id": 7, "label": "Press, small"}, {"id": 8, "label": "Oven"}]},
            {"key": "c3d2e4f6a8b0c3d2e4f6a8b0c3d2e4f6a8b0c303", "name": "Campaign", "field_type": "varchar"},
            {"key": "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404", "name": "Budget", "field_type": "monetary"},
            {"key": "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505", "name": "Trial", "field_type": "daterange"},
        ]),
    )
}

fn raw(json: &Json) -> Raw {
    json.as_object().cloned().unwrap()
}

fn value(info: &ObjectInfo, record: &Json, label: &str) -> Result<Value, &'static str> {
    let name = info.source_schema(&"x".into()).find(label).unwrap().unwrap().name.clone();
    let record = normal(info, raw(record));
    decode(info, info.find(&name).unwrap(), &record, &Names::default()).map_err(|misfit| misfit.code)
}

#[test]
fn flat_records_with_suffixes_read_as_nested_ones_do() {
    let info = deals();
    let flat = json!({"id": 1, "title": "Big Deal", "a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101": "41",
        "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202": "7,8", "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404": 1234.5,
        "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404_currency": "EUR", "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505": "2024-03-01",
        "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505_until": "2024-03-31"});
    let nested = json!({"id": 1, "title": "Big Deal", "custom_fields": {"a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101": 41,
        "b2e1d3c5f7a9b2e1d3c5f7a9b2e1d3c5f7a9b202": [7, 8],
        "d4c3f5a7b9c1d4c3f5a7b9c1d4c3f5a7b9c1d404": {"value": 1234.5, "currency": "EUR"},
        "e5b4a6c8d0e2e5b4a6c8d0e2e5b4a6c8d0e2e505": {"value": "2024-03-01", "until": "2024-03-31"}}});
    for record in [flat, nested] {
        let of = |label| value(&info, &record, label).unwrap();
        assert_eq!(of("a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101"), Value::Text("Spring; 2024".into()));
        assert_eq!(of("Products wanted"), Value::List(vec!["Press, small".into(), "Oven".into()]));
        assert_eq!((of("Budget"), of("Budget (currency)")), (Value::Number(1234.5), Value::Text("EUR".into())));
        assert_eq!(of("Trial (until)"), Value::Date("2024-03-31".parse().unwrap()));
        assert_eq!(of("title"), Value::Text("Big Deal".into()));
    }
    let old = json!({"id": 2, "a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101": "40"});
    assert_eq!(value(&info, &old, "a1f0c2d4e6b8a1f0c2d4e6b8a1f0c2d4e6b8a101"), Err("unknown_option"));
    assert_eq!(value(&info, &old, "Products wanted"), Ok(Value::Null));
}

#[test]
fn addresses_are_lists_with_a_primary_one() {
    let info = info(
        Object::Persons,
        json!([
            {"field_code": "emails", "field_name": "Email", "field_type": "varchar"},
            {"field_code": "phones", "field_name": "Phone", "field_type": "phone"},
        ]),
    );
    let ada = json!({"id": 1, "email": [{"value": "old@mail.example", "label": "home", "primary": false},
        {"value": "ada@mail.example", "label": "work", "primary": true}],
        "phone": [{"value": "+49301", "label": "work", "primary": true}, {"value": "+49302", "label": "mobile", "primary": false}]});
    let bob = json!({"id": 2, "emails": [{"value": "", "primary": true}], "phones": []});
    let text = |record: &Json, name: &str| value(&info, record, name).unwrap().to_text();
    assert_eq!(text(&ada, "email"), "ada@mail.example");
    assert_eq!(split_list(&text(&ada, "emails"), LIST_SEPARATOR), ["old@mail.example", "ada@mail.example"]);
    assert_eq!((text(&ada, "email_home"), text(&ada, "phone_mobile")), ("old@mail.example".into(), "+49302".into()));
    for name in ["email", "emails", "email_work", "phone"] {
        assert_eq!(value(&info, &bob, name), Ok(Value::Null), "{name}");
    }
}
