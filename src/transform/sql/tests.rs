//! What SQL texts may see, and how deep they may be.

use polars::prelude::IntoLazy;

use crate::model::{Field, FieldType, Schema};

use super::{compile, compile_condition, functions::ALLOWED, parse, query_columns};

fn people() -> Schema {
    let fields = ["name", "country"].map(|name| Field::new(name, FieldType::Text));
    let age = Field::new("age", FieldType::Integer);
    Schema { object: "people".into(), fields: fields.into_iter().chain([age]).collect(), is_open: false }
}

fn refusal_of_expression(sql: &str) -> &'static str {
    compile(sql, &people()).unwrap_err().code
}

/// Every function that polars' SQL knows, with what is done about it: a new one is in neither list, and this test names it.
#[test]
fn each_function_of_polars_is_allowed_or_refused_by_name() {
    const REFUSED: [&str; 4] = ["read_csv", "read_ipc", "read_json", "read_parquet"];
    let known = polars::sql::keywords::all_functions();
    assert!(known.len() > 100, "polars lists hardly any function: {}", known.len());
    let undecided: Vec<&&str> =
        known.iter().filter(|name| !ALLOWED.contains(name) && !REFUSED.contains(name)).collect();
    assert!(undecided.is_empty(), "decide in `functions.rs` whether SQL may call these: {undecided:?}");
    assert!(ALLOWED.is_sorted() && !ALLOWED.iter().any(|name| REFUSED.contains(name)));
    for name in REFUSED {
        let place = tempfile::tempdir().unwrap().path().join("secret");
        let call = format!("{name}('{}')", place.display());
        for sql in [call.clone(), format!("name IN (SELECT * FROM {call})"), format!("{name}(name) = 'x'")] {
            assert_eq!(refusal_of_expression(&sql), "transform.sql_source", "{sql}");
        }
        for sql in [
            format!("SELECT * FROM {call}"),
            format!("SELECT self.* FROM self JOIN {call} AS other ON self.name = other.name"),
            format!("SELECT * FROM self, {call}"),
            format!("SELECT * FROM self UNION ALL SELECT * FROM {call}"),
            format!("WITH x AS (SELECT * FROM {call}) SELECT * FROM x"),
            format!("SELECT * FROM (SELECT * FROM {call}) AS x"),
            format!("SELECT * FROM self WHERE name IN (SELECT name FROM {call})"),
            format!("SELECT * FROM self WHERE EXISTS (SELECT 1 FROM {call})"),
            format!("SELECT (SELECT MAX(name) FROM {call}) AS x FROM self"),
        ] {
            assert_eq!(query_columns(&sql, &people()).unwrap_err().code, "transform.sql_source", "{sql}");
        }
    }
}

#[test]
fn a_function_that_nobody_decided_on_is_refused() {
    let error = compile("read_delta('x')", &people()).unwrap_err();
    assert_eq!(error.code, "transform.sql_source");
    let error = compile("uper(name)", &people()).unwrap_err();
    assert_eq!((error.code, error.hint.as_deref()), ("transform.sql", Some("did you mean `upper`?")));
    assert!(query_columns("SELECT scan_all(name) FROM self", &people()).is_err());
}

#[test]
fn a_query_reads_self_and_its_own_queries_alone() {
    for sql in [
        "SELECT name FROM self",
        "SELECT s.name FROM self AS s",
        "SELECT country, COUNT(*) AS n FROM self GROUP BY country",
        "WITH old AS (SELECT * FROM self WHERE age > 60) SELECT name FROM old",
        "SELECT name FROM (SELECT name FROM self) AS inner_query",
        "SELECT name FROM self UNION ALL SELECT country FROM self",
        "SELECT a.name FROM self AS a JOIN self AS b ON a.name = b.country",
    ] {
        assert!(query_columns(sql, &people()).is_ok(), "{sql}: {:?}", query_columns(sql, &people()));
    }
    for sql in [
        "SELECT * FROM others",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"https://example.test/x.parquet\"",
        "SELECT * FROM self JOIN others ON self.name = others.name",
        "SELECT * FROM UNNEST([1, 2]) AS x",
        "SELECT * FROM generate_series(1, 3)",
    ] {
        assert_eq!(query_columns(sql, &people()).unwrap_err().code, "transform.sql_source", "{sql}");
    }
}

#[test]
fn a_query_is_one_select() {
    for sql in [
        "SHOW TABLES",
        "TABLE others",
        "DROP TABLE self",
        "CREATE TABLE x AS SELECT * FROM self",
        "DELETE FROM self",
        "TRUNCATE TABLE self",
        "EXPLAIN SELECT * FROM self",
        "SELECT * FROM self; SELECT * FROM self",
        "COPY self TO '/tmp/x'",
        "",
    ] {
        assert_eq!(query_columns(sql, &people()).unwrap_err().code, "transform.sql", "{sql}");
    }
}

#[test]
fn an_expression_is_the_whole_text_and_has_no_name() {
    for sql in ["name = 'a' 'b'", "name 'x'", "name x", "name AS other", "name = 'a'; name = 'b'", "name = 'a' name"] {
        assert_eq!(refusal_of_expression(sql), "transform.sql", "{sql}");
    }
    for sql in ["name = (SELECT MAX(name) FROM self)", "EXISTS (SELECT 1)", "age > ALL (SELECT age FROM self)"] {
        assert_eq!(refusal_of_expression(sql), "transform.sql_source", "{sql}");
    }
}

/// Each form at a length that overflowed the stack, on a thread as small as those of the runtime.
#[test]
fn deep_texts_run_or_are_refused_and_never_overflow() {
    let chain = |part: &str, op: &str, count: usize| vec![part; count].join(op);
    let nested = |open: &str, close: &str, count: usize| format!("{}name{}", open.repeat(count), close.repeat(count));
    let whens = |count: usize| format!("CASE {} END", "WHEN name = 'a' THEN 'b' ".repeat(count));
    let texts = [
        (chain("name = 'a'", " OR ", 200), true),
        (chain("name = 'a'", " AND ", 1_000), true),
        (chain("name", " || ", 500), true),
        (chain("(name = 'a' AND age > 1)", " OR ", 400), true),
        (format!("NOT ({})", chain("name = 'a'", " OR ", 200)), true),
        (whens(80), true),
        (chain("age", " + ", 90), true),
        (chain("age", " + ", 3_000), false),
        (chain("name = 'a'", " OR ", 100_000), false),
        (nested("(", ")", 40), true),
        (nested("(", ")", 100_000), false),
        (nested("upper(", ")", 40), true),
        (nested("upper(", ")", 5_000), false),
        ("NOT ".repeat(5_000) + "true", false),
        ("- ".repeat(5_000) + "1", false),
        (whens(3_000), false),
    ];
    let check = move || {
        for (text, is_accepted) in &texts {
            let shown = &text[..text.len().min(40)];
            let compiled = compile(text, &people());
            assert_eq!(compiled.is_ok(), *is_accepted, "{shown}: {:?}", compiled.err());
            if let Ok(compiled) = compiled {
                let frame =
                    polars::prelude::DataFrame::full_null(&super::super::columns::full_polars_schema(&people()), 3);
                frame.lazy().select([compiled.expr]).collect().unwrap();
            }
            let query = format!("SELECT {text} AS x FROM self");
            assert_eq!(query_columns(&query, &people()).is_ok(), *is_accepted, "{shown}");
        }
    };
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(check).unwrap().join().unwrap();
}

#[test]
fn a_long_chain_means_what_it_says() {
    let listed: Vec<String> = (0..300).map(|number| format!("age = {number}")).collect();
    let chain = compile_condition(&listed.join(" OR "), &people()).unwrap();
    let ages = polars::df!("age" => [0_i64, 150, 299, 300, -1]).unwrap();
    let kept = ages.lazy().filter(chain.expr).collect().unwrap();
    assert_eq!(kept.height(), 3);
    let quoted = vec!["name = 'it''s \"x\" \\ %'"; 40].join(" OR ");
    assert!(format!("{:?}", parse(&quoted).unwrap()).contains("it's"), "quotes survive");
}

/// polars 0.55 links its HTTP client with `streaming` whatever is asked for, so what keeps SQL off the network is the guard;
/// nothing of Ferry's own may ask for more.
#[test]
fn no_polars_feature_that_reaches_the_network_is_asked_for() {
    let manifest = include_str!("../../../Cargo.toml");
    let start = manifest.find("polars = {").unwrap();
    let features = &manifest[start..start + manifest[start..].find("] }").unwrap()];
    for feature in
        ["async", "aws", "azure", "catalog", "cloud", "gcp", "http", "iceberg", "\"ipc\"", "\"json\"", "\"csv\""]
    {
        assert!(!features.contains(feature), "{feature}");
    }
}

#[test]
fn of_records_that_name_no_field_every_field_is_null_of_a_type_that_fits() {
    let open = Schema { object: "people".into(), fields: Vec::new(), is_open: true };
    let boolean = FieldType::Boolean;
    for (sql, field_type) in [
        ("name", FieldType::Text),
        ("UPPER(name) || '!'", FieldType::Text),
        ("age * 1.2", FieldType::Number),
        ("age > 3 AND name = 'Ada'", boolean),
        ("UPPER(name) = 'ADA' AND age > 3 AND NOT is_test", boolean),
        ("since >= '2024-01-01'", boolean),
        ("country IN ('DE', 'AT')", boolean),
        ("CAST(age AS DOUBLE) > 1", boolean),
        ("COALESCE(name, 'nobody')", FieldType::Text),
        ("CASE WHEN active THEN 1 ELSE 2 END", FieldType::Integer),
    ] {
        let compiled = compile(sql, &open).unwrap_or_else(|error| panic!("{sql}: {}", error.message));
        assert_eq!(compiled.field_type, field_type, "{sql}");
        let records = polars::df!("_id" => ["1", "2"]).unwrap();
        let made = records.lazy().with_column(compiled.expr.alias("x")).collect().unwrap();
        assert_eq!(made.height(), 2, "{sql}");
    }
    assert_eq!(compile_condition("is_active", &open).unwrap().field_type, boolean);
    assert!(compile("UPPER(name", &open).is_err(), "what is no SQL stays an error");
    let (columns, absent) =
        query_columns("SELECT country, SUM(amount) AS total FROM self GROUP BY country", &open).unwrap();
    assert_eq!(columns.iter_names().map(polars::prelude::PlSmallStr::as_str).collect::<Vec<_>>(), ["country", "total"]);
    assert_eq!(absent.len(), 2);
    assert_eq!(query_columns("SELECT country FROM self", &people()).unwrap().1.len(), 0);
    assert!(query_columns("SELECT mood FROM self", &people()).is_err(), "a closed schema has what it lists");
}
