//! `currency`: turns the symbol, name or code of a currency into its ISO 4217 code.

use std::{collections::HashMap, sync::LazyLock};

use iso_currency::{Currency, IntoEnumIterator};

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `"€"`, `"euro"`, `"eur"` → `"EUR"`. A symbol that several currencies share means the most traded of them (`$` → USD), where
/// there is a plain one; what is no currency, or could be several, is refused with `unknown_currency`.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(|text| find(text).map(str::to_owned)).or("unknown_currency", "is no currency"))
}

fn find(text: &str) -> Option<&'static str> {
    CURRENCIES.get(&folded(text)).copied().flatten()
}

/// Symbols and names that several currencies share, or that the ISO table lacks.
const USUAL: [(&str, &str); 38] = [
    ("$", "USD"),
    ("us$", "USD"),
    ("us dollar", "USD"),
    ("us dollars", "USD"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("£", "GBP"),
    ("pound", "GBP"),
    ("pounds", "GBP"),
    ("british pound", "GBP"),
    ("pound sterling", "GBP"),
    ("¥", "JPY"),
    ("yen", "JPY"),
    ("円", "JPY"),
    ("元", "CNY"),
    ("cn¥", "CNY"),
    ("rmb", "CNY"),
    ("yuan", "CNY"),
    ("renminbi", "CNY"),
    ("€", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("sfr", "CHF"),
    ("fr.", "CHF"),
    ("a$", "AUD"),
    ("au$", "AUD"),
    ("c$", "CAD"),
    ("ca$", "CAD"),
    ("nz$", "NZD"),
    ("hk$", "HKD"),
    ("s$", "SGD"),
    ("mx$", "MXN"),
    ("r$", "BRL"),
    ("zł", "PLN"),
    ("kč", "CZK"),
    ("ft", "HUF"),
    ("₹", "INR"),
    ("rupee", "INR"),
];

/// Folded symbol, name or code → code; none where several currencies share it.
static CURRENCIES: LazyLock<HashMap<String, Option<&'static str>>> = LazyLock::new(|| {
    let mut currencies: HashMap<String, Option<&'static str>> = HashMap::new();
    let in_use = || Currency::iter().filter(|currency| currency.flags().is_empty());
    for currency in in_use() {
        let symbol = folded(&currency.symbol().to_string());
        let is_shared = currencies.contains_key(&symbol);
        currencies.insert(symbol, if is_shared { None } else { Some(currency.code()) });
    }
    for currency in Currency::iter() {
        currencies.entry(folded(currency.name())).or_insert(Some(currency.code()));
    }
    for (text, code) in USUAL {
        currencies.insert(text.to_owned(), Some(code));
    }
    for currency in Currency::iter() {
        currencies.insert(currency.code().to_lowercase(), Some(currency.code()));
    }
    // The sign that stands for any currency stands for none.
    currencies.remove("¤");
    currencies
});

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
