//! What a spreadsheet's locale decides: the marks of numbers, and how dates are written.

/// The order in which people of a locale write day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::google_sheets) enum DateOrder {
    MonthDayYear,
    DayMonthYear,
    YearMonthDay,
}

/// A locale such as `en_US`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::google_sheets) struct Locale {
    pub(in crate::google_sheets) decimal: char,
    pub(in crate::google_sheets) group: char,
    pub(in crate::google_sheets) order: DateOrder,
    date: &'static str,
    currency: &'static str,
}

impl Locale {
    /// Returns a locale; one that is not known writes as `en_US` does.
    pub(in crate::google_sheets) fn of(name: &str) -> Self {
        use DateOrder::{DayMonthYear, MonthDayYear, YearMonthDay};
        let (language, country) = name.split_once(['_', '-']).unwrap_or((name, ""));
        let (decimal, group, order, date, currency) = match (language, country) {
            ("en", "GB" | "IE" | "AU" | "NZ") => ('.', ',', DayMonthYear, "dd/mm/yyyy", "[$£]#,##0.00"),
            ("en", "CA" | "ZA") => ('.', ',', YearMonthDay, "yyyy-mm-dd", "[$$]#,##0.00"),
            ("de", "CH") => ('.', '’', DayMonthYear, "dd.mm.yyyy", "[$CHF] #,##0.00"),
            ("de" | "pl" | "tr" | "da" | "nb" | "fi" | "ru" | "cs", _) => {
                (',', '.', DayMonthYear, "dd.mm.yyyy", "#,##0.00 [$€]")
            }
            ("fr", _) => (',', '\u{202f}', DayMonthYear, "dd/mm/yyyy", "#,##0.00 [$€]"),
            ("nl", _) => (',', '.', DayMonthYear, "d-m-yyyy", "[$€] #,##0.00"),
            ("es" | "it", _) => (',', '.', DayMonthYear, "dd/mm/yyyy", "#,##0.00 [$€]"),
            ("pt", _) => (',', '.', DayMonthYear, "dd/mm/yyyy", "[$R$] #,##0.00"),
            ("sv", _) => (',', '\u{a0}', YearMonthDay, "yyyy-mm-dd", "#,##0.00 [$kr]"),
            ("ja", _) => ('.', ',', YearMonthDay, "yyyy/mm/dd", "[$¥]#,##0"),
            ("zh" | "ko", _) => ('.', ',', YearMonthDay, "yyyy-mm-dd", "[$¥]#,##0.00"),
            _ => ('.', ',', MonthDayYear, "m/d/yyyy", "\"$\"#,##0.00"),
        };
        Self { decimal, group, order, date, currency }
    }

    /// Returns the pattern of a type of format that names none.
    pub(in crate::google_sheets) fn pattern(&self, kind: &str) -> String {
        match kind {
            "TEXT" => "@".to_owned(),
            "NUMBER" => "#,##0.00".to_owned(),
            "PERCENT" => "0.00%".to_owned(),
            "CURRENCY" => self.currency.to_owned(),
            "DATE" => self.date.to_owned(),
            "TIME" => self.time().to_owned(),
            "DATE_TIME" => format!("{} {}", self.date, if self.is_american() { "h:mm:ss" } else { "hh:mm:ss" }),
            "SCIENTIFIC" => "0.00E+00".to_owned(),
            _ => String::new(),
        }
    }

    fn time(&self) -> &'static str {
        if self.is_american() { "h:mm:ss AM/PM" } else { "hh:mm:ss" }
    }

    fn is_american(&self) -> bool {
        self.order == DateOrder::MonthDayYear
    }
}
