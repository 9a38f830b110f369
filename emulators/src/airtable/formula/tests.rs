//! Formulas on one record of a small table.

use clock::Clock;
use serde_json::{Map, Value as Json, json};

use super::{
    super::{
        cells::Row,
        store::{Base, Field, Table},
    },
    FormulaError, Value, evaluate, parse,
};

/// The one record: `Name` is "Ann", `N` is 3, `Nothing` is empty, `Tags` are a and b, `Day` is 2026-11-23, `{odd} name` is "x".
fn base() -> Base {
    let mut table = Table::new("tbl1", "T");
    let fields = [
        ("Name", "singleLineText", json!("Ann")),
        ("N", "number", json!(3)),
        ("Nothing", "singleLineText", Json::Null),
        ("Tags", "multipleSelects", json!(["a", "b"])),
        ("Day", "date", json!("2026-11-23")),
        ("odd} name", "singleLineText", json!("x")),
    ];
    table.insert("rec1", Clock::system().now());
    for (index, (name, kind, value)) in fields.into_iter().enumerate() {
        table.fields.push(Field::new(&format!("fld{index}"), name, kind, Map::new()));
        table.set("rec1", index, value, None);
    }
    let mut base = Base::new("app1", "B");
    base.tables.push(table);
    base
}

fn value_of(formula: &str) -> Value {
    let base = base();
    let table = &base.tables[0];
    let expression = parse(formula, table).unwrap_or_else(|error| panic!("{formula}: {error}"));
    evaluate(&expression, Row::new(&base, table, table.record("rec1").unwrap(), Clock::system().now()))
}

#[track_caller]
fn check(formula: &str, expected: &str) {
    assert_eq!(value_of(formula).to_text(), expected, "{formula}");
}

#[test]
fn operators_bind_as_in_arithmetic() {
    check("1+2*3", "7");
    check("(1+2)*3", "9");
    check("-2-3", "-5");
    check("10/4", "2.5");
    check("1+1=2", "1");
    check("'a'&1+1", "a2");
    check("1<2", "1");
    check("'b'>='c'", "0");
}

#[test]
fn fields_go_by_braces_by_id_and_by_bare_name() {
    check("{Name}", "Ann");
    check("{fld0}", "Ann");
    check("Name", "Ann");
    check(r"{odd\} name}", "x");
    check("Tags", "a, b");
    check("Day", "2026-11-23T00:00:00.000Z");
}

#[test]
fn an_empty_cell_equals_every_empty_value() {
    check("{Nothing}=''", "1");
    check("{Nothing}=0", "1");
    check("{Nothing}=BLANK()", "1");
    check("{Nothing}!='x'", "1");
    check("{Nothing}&'x'", "x");
}

#[test]
fn a_number_never_equals_a_text() {
    check("{N}='3'", "0");
    check("{N}=3", "1");
    check("VALUE('3')={N}", "1");
    check("{N}&''='3'", "1");
}

#[test]
fn logic_has_no_booleans() {
    check("AND(1,'x')", "1");
    check("OR(0,'')", "0");
    check("XOR(1,1)", "0");
    check("NOT({Nothing})", "1");
    check("IF({N}>2,'many','few')", "many");
    check("TRUE()=1", "1");
    check("SWITCH({N},1,'a',3,'c','?')", "c");
    assert!(!value_of("{Name}+1").is_true());
    assert_eq!(value_of("ERROR()='x'"), Value::Error);
}

#[test]
fn texts_are_counted_in_characters_from_one() {
    check("LOWER('ÄB')&UPPER('c')&TRIM(' d ')", "äbCd");
    check("LEN('äö')", "2");
    check("FIND('n',{Name})", "2");
    check("FIND('z',{Name})", "0");
    check("LEFT('abc',2)&RIGHT('abc',1)&MID('abcd',2,2)", "abcbc");
    check("SUBSTITUTE('aXbX','X','-',2)", "aXb-");
    check("REPLACE('abc',2,1,'_')", "a_c");
    check("CONCATENATE('a',1,{Nothing})", "a1");
    check("EXACT('a','A')", "0");
    check("REGEX_MATCH({Name},'^A')", "1");
    check("REGEX_REPLACE('a1b2','[0-9]','')", "ab");
    check("ARRAYJOIN({Tags},'|')", "a|b");
    check("ENCODE_URL_COMPONENT('a b')", "a%20b");
}

#[test]
fn times_are_compared_and_moved() {
    check("IS_SAME({Day},DATETIME_PARSE('2026-11-23'))", "1");
    check("IS_SAME({Day},'2026-11-23T18:00:00Z','day')", "1");
    check("IS_AFTER({Day},'2026-11-22')", "1");
    check("IS_BEFORE({Nothing},{Day})", "0");
    check("DATEADD({Day},1,'months')", "2026-12-23T00:00:00.000Z");
    check("DATETIME_DIFF('2026-11-25',{Day},'days')", "2");
    check("DATETIME_FORMAT({Day},'DD.MM.YYYY')", "23.11.2026");
    check("DATETIME_PARSE('23/11/2026','DD/MM/YYYY')={Day}", "1");
    check("YEAR({Day})", "2026");
    check("IS_AFTER(NOW(),TODAY())", "1");
    assert_eq!(value_of("DATETIME_PARSE('soon')"), Value::Error);
}

#[test]
fn numbers_are_summed_and_rounded() {
    check("SUM(1,2,'x')", "3");
    check("MAX(1,{N})", "3");
    check("AVERAGE(1,2)", "1.5");
    check("ROUND(2.345,2)", "2.35");
    check("INT(-1.5)", "-2");
    check("MOD(7,3)", "1");
    check("COUNTA({Tags},{Nothing})", "2");
}

#[test]
fn numbers_are_rounded_to_multiples() {
    check("CEILING(1.01)&'|'&CEILING(1.01,0.1)&'|'&FLOOR(-1.5)&'|'&FLOOR(7,5)", "2|1.1|-2|5");
    check("EVEN(0.1)&'|'&EVEN(-0.1)&'|'&EVEN(2)&'|'&ODD(2.2)&'|'&ODD(-0.1)&'|'&ODD(0)", "2|-2|2|3|-1|1");
    check("ROUND(EXP(1),4)&'|'&LOG(1000)&'|'&LOG(8,2)", "2.7183|3|3");
    check("ROUNDUP(-1.1)&'|'&ROUNDDOWN(-1.9)&'|'&ROUNDUP(1.21,1)", "-2|-1|1.3");
}

#[test]
fn nothing_is_divided_by_zero() {
    for formula in ["1/0", "0/0", "1/{Nothing}", "MOD(1,0)", "CEILING(1,0)", "SUM(1/0,1)"] {
        assert_eq!(value_of(formula), Value::Error, "{formula}");
    }
    check("IF(ISERROR(1/0),'none',1/0)", "none");
}

#[test]
fn weeks_and_working_days_are_counted() {
    check("WEEKNUM('2026-01-01')&'|'&WEEKNUM('2026-01-04')&'|'&WEEKNUM('2026-01-04','Monday')", "1|2|1");
    check("WEEKNUM({Day})", "48");
    check("DATESTR(WORKDAY({Day},5))&'|'&DATESTR(WORKDAY({Day},-1))", "2026-11-30|2026-11-20");
    check("DATESTR(WORKDAY({Day},4,'2026-11-26, 2026-11-27'))", "2026-12-01");
    check("WORKDAY_DIFF({Day},'2026-11-30')&'|'&WORKDAY_DIFF({Day},'2026-11-30','2026-11-26')", "6|5");
    check("WORKDAY_DIFF('2026-11-30',{Day})&'|'&WORKDAY_DIFF('2026-11-28','2026-11-29')", "-6|0");
    check(
        "TONOW(DATEADD(NOW(),3,'days'))&'|'&FROMNOW(DATEADD(NOW(),-2,'hours'))&'|'&TONOW(NOW())",
        "3 days|2 hours|a few seconds",
    );
    assert_eq!(value_of("WEEKNUM({Day},'Friday')"), Value::Error);
    assert_eq!(value_of("WORKDAY({Day},1000000)"), Value::Error);
}

#[test]
fn times_are_shown_in_a_zone_and_in_a_language() {
    let noon = "DATETIME_PARSE('2026-11-23T12:00:00Z')";
    check(&format!("DATETIME_FORMAT(SET_TIMEZONE({noon},'Europe/Berlin'),'HH:mm')"), "13:00");
    check(&format!("DATETIME_FORMAT(SET_LOCALE({noon},'de'),'dddd, D. MMMM YYYY')"), "Montag, 23. November 2026");
    check(
        &format!("DATETIME_FORMAT(SET_LOCALE(SET_TIMEZONE({noon},'Asia/Tokyo'),'fr'),'D MMM HH [h]')"),
        "23 nov. 21 h",
    );
    check(&format!("SET_TIMEZONE({noon},'Europe/Berlin')={noon}"), "1");
    check("DATETIME_FORMAT({Day},'LL')", "November 23, 2026");
    assert_eq!(value_of(&format!("SET_TIMEZONE({noon},'Nowhere')")), Value::Error);
}

#[test]
fn lists_are_flattened_and_cut() {
    check("ARRAYJOIN(ARRAYFLATTEN({Tags},{Nothing},'c'),'|')", "a|b|c");
    check("ARRAYJOIN(ARRAYSLICE(ARRAYFLATTEN({Tags},'c','d'),2,3),'|')", "b|c");
    check("ARRAYJOIN(ARRAYSLICE(ARRAYFLATTEN({Tags},'c','d'),-2),'|')", "c|d");
    check("ARRAYJOIN(ARRAYSLICE({Tags},3),'|')", "");
    check("ENCODE_URL_COMPONENT('a-b_c.d~e f/ü')", "a-b_c.d~e%20f%2F%C3%BC");
}

#[test]
fn what_is_no_formula_is_refused() {
    let base = base();
    for text in ["", "1+", "{Name", "'a", "AND(1", "1 2", "LEFT('a')", "LAST_MODIFIED_TIME('x')"] {
        assert_eq!(parse(text, &base.tables[0]), Err(FormulaError::Unreadable), "{text}");
    }
    let nested = format!("{}1{}", "(".repeat(500), ")".repeat(500));
    assert_eq!(parse(&nested, &base.tables[0]), Err(FormulaError::Unreadable));
    let negated = "-".repeat(10_000) + "1";
    assert_eq!(parse(&negated, &base.tables[0]), Err(FormulaError::Unreadable));
}
