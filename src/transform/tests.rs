//! Frames and schemas for the tests of transforms, and the example of the design from filter to mapping.

use std::path::Path;

use polars::prelude::{Column, DataFrame, DataType, NamedFrom, Series};
use serde_json::{Value, json};

use crate::model::{Choice, Comparison, FieldType, Predicate, Schema, Value as FieldValue};

use super::{
    Filter, JoinInputs, Mapper, Steps, TransformError, fields_used,
    reject::record_as_json,
    spec::{MappingSpecs, StepSpec},
};

/// Makes a schema of fields that can be written.
pub(super) fn schema(object: &str, fields: &[(&str, FieldType)]) -> Schema {
    let fields = fields.iter().map(|(name, field_type)| crate::model::Field::new(name, *field_type)).collect();
    Schema { object: object.into(), fields, is_open: false }
}

/// Makes a frame of the schema out of records as JSON; `_id` counts from 1 where it is not given.
pub(super) fn frame(schema: &Schema, records: &Value) -> DataFrame {
    let records = records.as_array().unwrap();
    let mut names = vec![("_id".to_owned(), FieldType::Text), ("_updated_at".to_owned(), FieldType::Datetime)];
    names.push(("_deleted".to_owned(), FieldType::Boolean));
    let first = records.first().and_then(Value::as_object).cloned().unwrap_or_default();
    names.extend(first.keys().filter(|key| key.starts_with("_links.")).map(|key| (key.clone(), FieldType::Link)));
    names.extend(schema.fields.iter().map(|field| (field.name.to_string(), field.field_type)));
    let columns = names.iter().map(|(name, field_type)| column(name, *field_type, records)).collect();
    DataFrame::new(records.len(), columns).unwrap()
}

fn column(name: &str, field_type: FieldType, records: &[Value]) -> Column {
    let values = records.iter().enumerate().map(|(index, record)| match (name, record.get(name)) {
        ("_id", None) => json!((index + 1).to_string()),
        ("_deleted", None) => json!(false),
        (_, value) => value.cloned().unwrap_or(Value::Null),
    });
    let values: Vec<Value> = values.collect();
    let texts = || values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Vec<_>>();
    let series = match field_type {
        FieldType::Text | FieldType::Choice => Series::new(name.into(), texts()),
        FieldType::Integer => Series::new(name.into(), values.iter().map(Value::as_i64).collect::<Vec<_>>()),
        FieldType::Number => Series::new(name.into(), values.iter().map(Value::as_f64).collect::<Vec<_>>()),
        FieldType::Boolean => Series::new(name.into(), values.iter().map(Value::as_bool).collect::<Vec<_>>()),
        FieldType::Date | FieldType::Datetime => Series::new(name.into(), millis(&values)),
        FieldType::MultiChoice | FieldType::Link => Series::new(name.into(), lists(&values)),
    };
    let series =
        if field_type == FieldType::Date { series.cast(&FieldType::Datetime.dtype()).unwrap() } else { series };
    series.cast(&field_type.dtype()).unwrap().into()
}

fn millis(values: &[Value]) -> Vec<Option<i64>> {
    let moment = |text: &str| super::formats::parse_moment_text(text).unwrap().timestamp_millis();
    values.iter().map(|value| value.as_str().map(moment)).collect()
}

fn lists(values: &[Value]) -> Vec<Option<Series>> {
    let list = |value: &Value| {
        let items: Option<Vec<&str>> = value.as_array().map(|items| items.iter().filter_map(Value::as_str).collect());
        items.map(|items| Series::new("".into(), items).cast(&DataType::String).unwrap())
    };
    values.iter().map(list).collect()
}

/// Returns the records of a frame as JSON, without the reserved columns.
pub(super) fn records(frame: &DataFrame) -> Vec<Value> {
    (0..frame.height())
        .map(|record| {
            let mut object = record_as_json(frame, record).unwrap();
            object.as_object_mut().unwrap().retain(|name, _| !crate::model::is_reserved(name));
            object
        })
        .collect()
}

/// Reads mappings or steps as a pipeline has them.
pub(super) fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    // By way of JSON, as `serde_yaml` alone wants the steps to be written with tags.
    let json: Value = serde_yaml::from_str(text).unwrap();
    serde_json::from_value(json).unwrap()
}

fn contacts() -> Schema {
    let text = ["email", "firstname", "lastname", "phone", "country", "hs_lead_status"];
    schema("contacts", &text.map(|name| (name, FieldType::Text)))
}

fn base() -> Schema {
    let mut base = schema(
        "Contacts",
        &[
            ("Email", FieldType::Text),
            ("Name", FieldType::Text),
            ("Phone", FieldType::Text),
            ("Status", FieldType::Choice),
            ("Source", FieldType::Choice),
            ("Company", FieldType::Link),
        ],
    );
    let option = |value: &str| Choice { value: value.into(), label: value.into() };
    base.fields[3].options = vec![option("Lead"), option("Contacted")];
    base.fields[4].options = vec![option("HubSpot")];
    base
}

const WHERE: &str = "email IS NOT NULL AND country = 'DE'";

const TRANSFORMS: &str = "
- derive: { full_name: \"concat_ws(' ', firstname, lastname)\" }
- dedupe: { by: [email], keep: newest }
";

const MAPPINGS: &str = "
Email:   { from: email, apply: [trim, lowercase], required: true }
Name:    full_name
Phone:   { from: phone, apply: [{ phone: { region: DE } }] }
Status:  { from: hs_lead_status, values: { NEW: Lead, OPEN: Contacted }, otherwise: reject }
Source:  { value: HubSpot }
Company: { link: companies, from: _links.companies }
";

#[test]
fn the_example_of_the_design_reads_only_what_it_uses() {
    let mappings: MappingSpecs = yaml(MAPPINGS);
    let steps: Vec<StepSpec> = yaml(TRANSFORMS);
    let used = fields_used(&steps, &[&mappings], Some(WHERE)).unwrap();
    let fields: Vec<&str> = used.fields.iter().map(|name| &**name).collect();
    assert_eq!(fields, ["country", "email", "firstname", "hs_lead_status", "lastname", "phone"]);
    assert_eq!(used.links.iter().map(|name| &**name).collect::<Vec<_>>(), ["companies"]);
    assert!(!used.is_everything);
}

#[test]
fn the_example_of_the_design_runs() {
    let rows = json!([
        {"_links.companies": ["77"], "email": " Ada@Example.com ", "firstname": "Ada", "lastname": "Lovelace",
         "phone": "030 1234567", "country": "DE", "hs_lead_status": "NEW", "_updated_at": "2024-01-01"},
        {"_links.companies": null, "email": " Ada@Example.com ", "firstname": "Augusta", "country": "DE",
         "_updated_at": "2024-02-01"},
        {"email": "grace@example.com", "country": "US"},
        {"email": "bad@example.com", "country": "DE", "phone": "12", "hs_lead_status": "OPEN"},
        {"email": "odd@example.com", "country": "DE", "hs_lead_status": "LOST"},
    ]);
    let page = frame(&contacts(), &rows);
    let judged = Filter::compile(WHERE, &contacts()).unwrap().apply(page).unwrap();
    assert_eq!((judged.filtered, judged.rejects.len()), (1, 0));

    let steps = Steps::compile(&yaml::<Vec<StepSpec>>(TRANSFORMS), &contacts(), &JoinInputs::default()).unwrap();
    let (stepped, frames) = super::steps::tests::spooled(&steps, &[judged.frame]);
    assert_eq!((stepped.duplicate, stepped.rejects.len(), frames.len()), (1, 0, 1));

    let compiled = Mapper::compile(&yaml(MAPPINGS), steps.output(), &base()).unwrap();
    let result = compiled.map(&frames[0]).unwrap();
    assert_eq!(
        records(&result.frame),
        [
            json!({"Email": "ada@example.com", "Name": "Augusta", "Phone": null, "Status": null, "Source": "HubSpot", "Company": null})
        ]
    );
    let reasons: Vec<_> = result.rejects.iter().map(|reject| reject.rejection.clone()).collect();
    assert_eq!(reasons[0].code, "invalid_phone");
    assert_eq!((reasons[0].field.as_deref(), reasons[0].value.as_deref()), (Some("Phone"), Some("12")));
    assert_eq!(reasons[1].reason, "`LOST` is not listed in `values`");
    assert_eq!(result.rejects[1].source["email"], "odd@example.com");
}

#[test]
fn a_filter_offers_to_the_vendor_what_it_can_say() {
    let people = schema(
        "people",
        &[
            ("name", FieldType::Text),
            ("age", FieldType::Integer),
            ("born", FieldType::Date),
            ("vip", FieldType::Boolean),
        ],
    );
    let said = |sql: &str| Filter::compile(sql, &people).unwrap().predicate();
    let compare = |field: &str, comparison, value| Predicate::Compare { field: field.into(), comparison, value };
    let adult = compare("age", Comparison::GreaterOrEqual, FieldValue::Integer(18));
    assert_eq!(said("18 <= age"), Some(adult.clone()));
    assert_eq!(said("age >= 18 AND lower(name) = 'ada'"), Some(adult.clone()));
    assert_eq!(said("age >= 18 OR lower(name) = 'ada'"), None);
    let vip = compare("vip", Comparison::Equal, FieldValue::Boolean(false));
    assert_eq!(said("age >= 18 OR NOT vip"), Some(Predicate::Any(vec![adult, vip])));
    let born = FieldValue::Date("2000-01-31".parse().unwrap());
    assert_eq!(said("born < '2000-01-31'"), Some(compare("born", Comparison::Less, born)));
    let names = ["Ada", "Grace"].map(|name| FieldValue::Text(name.into())).to_vec();
    let is_in = Predicate::In { field: "name".into(), values: names };
    let both = Predicate::All(vec![is_in, Predicate::IsNotNull("age".into())]);
    assert_eq!(said("name IN ('Ada', 'Grace') AND age IS NOT NULL"), Some(both));
}

#[test]
fn a_filter_compares_dates_with_text_and_keeps_deleted_records() {
    let deals = schema("deals", &[("closed", FieldType::Date), ("changed", FieldType::Datetime)]);
    let rows = json!([
        {"closed": "2024-05-01", "changed": "2024-05-01T10:00:00Z"},
        {"closed": "2023-05-01", "changed": "2024-05-01T10:00:00Z"},
        {"closed": "2024-05-01", "changed": "2023-05-01T10:00:00Z"},
        {"_deleted": true},
    ]);
    let sql = "closed >= '2024-01-01' AND changed > '2024-05-01 09:59:59' AND closed IN ('2024-05-01', '2024-05-02')";
    let judged = Filter::compile(sql, &deals).unwrap().apply(frame(&deals, &rows)).unwrap();
    assert_eq!((judged.frame.height(), judged.filtered), (2, 2));
}

#[test]
fn a_filter_rejects_what_a_failed_cast_keeps_it_from_judging() {
    let people = schema("people", &[("age", FieldType::Text), ("country", FieldType::Text)]);
    let rows = json!([
        {"age": "30", "country": "DE"},
        {"age": "5", "country": "DE"},
        {"age": "old", "country": "DE"},
        {"age": "old", "country": "US"},
        {"age": null, "country": "DE"},
        {"_deleted": true},
    ]);
    let sql = "country = 'DE' AND CAST(age AS INTEGER) > 18";
    let judged = Filter::compile(sql, &people).unwrap().apply(frame(&people, &rows)).unwrap();
    assert_eq!((judged.frame.height(), judged.filtered), (2, 3));
    let reasons: Vec<_> = judged.rejects.iter().map(|reject| (&*reject.id, &*reject.rejection.code)).collect();
    assert_eq!(reasons, [("3", "cast_failed")]);
}

#[test]
fn wrong_sql_is_told_with_a_hint() {
    let wrong = |sql: &str| -> TransformError { Filter::compile(sql, &contacts()).unwrap_err() };
    assert_eq!(wrong("emial = 'x'").hint.as_deref(), Some("did you mean `email`?"));
    assert_eq!(wrong("country = DE").hint.as_deref(), Some("put text in single quotes: 'DE'"));
    assert_eq!(wrong("country").message, "is text and no condition that is true or false");
    assert_eq!(wrong("count(email) > 1").code, "transform.sql");
    assert_eq!(
        wrong("country = ").to_string(),
        "source.where: the SQL cannot be used: Expected: an expression, found: EOF"
    );
    assert_eq!(wrong("email ~ '('").message, "the SQL cannot be used: regex parse error: unclosed group");
    assert_eq!(
        wrong("country = 5").hint.as_deref(),
        Some("put text in single quotes: '5'; CAST(… AS DOUBLE) makes a number of it")
    );
    assert_eq!(wrong("_updated_at > 'yesterday'").code, "transform.sql");
}

/// What SQL gives for the record `{name: Ada Lovelace, n: -2.5, k: 7, day: 2024-01-31, at: 2024-01-31T10:20:30Z, tags: [a, b]}`.
fn sql_gives(sql: &str) -> String {
    let everything = schema(
        "everything",
        &[
            ("name", FieldType::Text),
            ("none", FieldType::Text),
            ("n", FieldType::Number),
            ("k", FieldType::Integer),
            ("flag", FieldType::Boolean),
            ("day", FieldType::Date),
            ("at", FieldType::Datetime),
            ("tags", FieldType::MultiChoice),
        ],
    );
    let rows = json!([{"name": "Ada Lovelace", "n": -2.5, "k": 7, "flag": true, "day": "2024-01-31", "at": "2024-01-31T10:20:30Z", "tags": ["a", "b"]}]);
    let steps = Steps::compile(
        &[StepSpec::Derive([("out".to_owned(), sql.to_owned())].into())],
        &everything,
        &JoinInputs::default(),
    );
    let steps = match steps {
        Ok(steps) => steps,
        Err(error) => return error.message,
    };
    let stepped = steps.apply(frame(&everything, &rows)).unwrap();
    super::reject::text_at(&stepped.frame, "out", 0).unwrap()
}

#[test]
fn the_functions_of_sql_work_at_run_time() {
    for (sql, expected) in [
        ("concat_ws(' ', name, none, 'x')", "Ada Lovelace x"),
        ("concat(name, '!')", "Ada Lovelace!"),
        ("name || '-' || k", "Ada Lovelace-7"),
        ("lower(name)", "ada lovelace"),
        ("upper(name)", "ADA LOVELACE"),
        ("trim('  x ')", "x"),
        ("ltrim('  x')", "x"),
        ("length(name)", "12"),
        ("substr(name, 5, 4)", "Love"),
        ("left(name, 3)", "Ada"),
        ("right(name, 4)", "lace"),
        ("replace(name, 'Ada', 'A.')", "A. Lovelace"),
        ("split_part(name, ' ', 2)", "Lovelace"),
        ("strpos(name, 'Love')", "5"),
        ("reverse(left(name, 3))", "adA"),
        ("lpad(CAST(k AS VARCHAR), 3, '0')", "007"),
        ("starts_with(name, 'Ada')", "true"),
        ("name LIKE 'Ada%'", "true"),
        ("name NOT ILIKE '%LOVE%'", "false"),
        ("regexp_like(name, '^A.a')", "true"),
        ("name ~ 'L.+e$'", "true"),
        ("coalesce(none, name)", "Ada Lovelace"),
        ("ifnull(none, 'x')", "x"),
        ("nullif(k, 7)", ""),
        ("greatest(k, 9)", "9"),
        ("least(k, 9)", "7"),
        ("abs(n)", "2.5"),
        ("round(n * 1.11, 1)", "-2.8"),
        ("ceil(n)", "-2"),
        ("floor(n)", "-3"),
        ("power(k, 2)", "49"),
        ("k % 4", "3"),
        ("k / 2", "3.5"),
        ("CASE WHEN k > 5 THEN 'big' ELSE 'small' END", "big"),
        ("if(flag, 'yes', 'no')", "yes"),
        ("k BETWEEN 5 AND 8", "true"),
        ("k IN (1, 7)", "true"),
        ("none IS NULL AND NOT (flag = false)", "true"),
        ("EXTRACT(MONTH FROM day)", "1"),
        ("date_part('hour', at)", "10"),
        ("strftime(day, '%d.%m.%Y')", "31.01.2024"),
        ("date('31.12.2023', '%d.%m.%Y')", "2023-12-31"),
        ("strptime('31.12.2023 10:00', '%d.%m.%Y %H:%M')", "2023-12-31T10:00:00.000Z"),
        ("CAST(at AS DATE)", "2024-01-31"),
        ("day + INTERVAL '1 day'", "2024-02-01"),
        ("day >= '2024-01-31'", "true"),
        ("TRY_CAST(name AS INTEGER)", ""),
        ("CAST('12' AS BIGINT) + k", "19"),
        ("string_to_array(name, ' ')", "Ada;Lovelace"),
        ("array_length(tags)", "2"),
        ("array_contains(tags, 'b')", "true"),
        ("array_to_string(tags, ',')", "a,b"),
    ] {
        assert_eq!(sql_gives(sql), expected, "{sql}");
    }
}

#[test]
fn the_contacts_of_a_known_shop_get_phones_where_their_country_allows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chinook/ChinookData.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let shop: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    let customers =
        schema("customers", &[("Email", FieldType::Text), ("Phone", FieldType::Text), ("Country", FieldType::Text)]);
    let to =
        schema("Contacts", &[("Email", FieldType::Text), ("Phone", FieldType::Text), ("Country", FieldType::Text)]);
    let mappings = "
Email: { from: Email, apply: [trim, email], required: true }
Phone: { from: Phone, apply: [{ phone: { region_from: Country } }] }
Country: { from: Country, apply: [country], required: true }
";
    let compiled = Mapper::compile(&yaml(mappings), &customers, &to).unwrap();
    let mapped = compiled.map(&frame(&customers, &shop["Customer"])).unwrap();
    assert_eq!(mapped.frame.height() + mapped.rejects.len(), 59);
    assert!(mapped.rejects.iter().all(|reject| reject.rejection.code == "invalid_phone"));
    for record in records(&mapped.frame) {
        assert!(record["Phone"].as_str().is_none_or(|phone| phone.starts_with('+')), "{record}");
        assert_eq!(record["Country"].as_str().unwrap().len(), 2, "{record}");
    }
    let phone_of = |email: &str| {
        records(&mapped.frame).into_iter().find(|record| record["Email"] == email).unwrap()["Phone"].clone()
    };
    assert_eq!(phone_of("camille.bernard@yahoo.fr"), "+33149706565");
    let refused: Vec<_> = mapped.rejects.iter().filter_map(|reject| reject.rejection.value.as_deref()).collect();
    assert_eq!(refused, ["+453 3331 9991", "+56 (0)2 635 4444", "+91 0124 39883988"]);
}

#[test]
fn only_fields_of_the_source_are_asked_for() {
    let used = |steps: &str, mappings: &str| {
        let mappings: MappingSpecs = yaml(mappings);
        let used = fields_used(&yaml::<Vec<StepSpec>>(steps), &[&mappings], None).unwrap();
        used.fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    assert_eq!(used("[{ rename: { b: c, a: b } }]", "{ x: c, y: b }"), "a,b");
    assert_eq!(used("[{ split: { field: place, separator: ',', into: [city] } }]", "{ x: city }"), "place");
    assert_eq!(used("[{ derive: { x: \"a + 1\", y: \"x + b\" } }]", "{ z: y }"), "a,b");
    assert_eq!(used("[{ join: { file: f.csv, on: { mail: m }, fields: [owner] } }]", "{ z: owner }"), "mail");
    let phone = "{ z: { from: tel, apply: [{ phone: { region_from: land } }], required: true } }";
    assert_eq!(used("[{ rename: { country: land } }]", phone), "country,tel");
    assert_eq!(
        used("[]", "{ a: _id, b: _updated_at, c: { expr: '\"properties.city\" || properties.zip' } }"),
        "properties.city,properties.zip"
    );
}
