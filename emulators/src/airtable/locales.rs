//! How dates are written in some languages: the short and the long form, the names of months and days.
//!
//! Source: the locales of Moment, which Airtable's formats come from. A language that is not here is written as English.

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

/// One language, or one country's way with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Locale {
    name: &'static str,
    /// A date in numbers, in chrono's letters.
    pub(super) short: &'static str,
    /// A date in words.
    pub(super) long: &'static str,
    months: &'static str,
    short_months: &'static str,
    days: &'static str,
    short_days: &'static str,
}

const MONTHS: &str = "January February March April May June July August September October November December";
const SHORT_MONTHS: &str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
const DAYS: &str = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday";
const SHORT_DAYS: &str = "Sun Mon Tue Wed Thu Fri Sat";

/// English as in the United States.
pub(super) static ENGLISH: Locale = Locale {
    name: "en",
    short: "%-m/%-d/%Y",
    long: "%B %-d, %Y",
    months: MONTHS,
    short_months: SHORT_MONTHS,
    days: DAYS,
    short_days: SHORT_DAYS,
};

static OTHERS: [Locale; 9] = [
    Locale {
        name: "en-gb",
        short: "%-d/%-m/%Y",
        long: "%-d %B %Y",
        months: MONTHS,
        short_months: SHORT_MONTHS,
        days: DAYS,
        short_days: SHORT_DAYS,
    },
    Locale {
        name: "de",
        short: "%-d.%-m.%Y",
        long: "%-d. %B %Y",
        months: "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        short_months: "Jan. Feb. März Apr. Mai Juni Juli Aug. Sep. Okt. Nov. Dez.",
        days: "Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag",
        short_days: "So. Mo. Di. Mi. Do. Fr. Sa.",
    },
    Locale {
        name: "fr",
        short: "%-d/%-m/%Y",
        long: "%-d %B %Y",
        months: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        short_months: "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        days: "dimanche lundi mardi mercredi jeudi vendredi samedi",
        short_days: "dim. lun. mar. mer. jeu. ven. sam.",
    },
    Locale {
        name: "es",
        short: "%-d/%-m/%Y",
        long: "%-d de %B de %Y",
        months: "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        short_months: "ene. feb. mar. abr. may. jun. jul. ago. sep. oct. nov. dic.",
        days: "domingo lunes martes miércoles jueves viernes sábado",
        short_days: "dom. lun. mar. mié. jue. vie. sáb.",
    },
    Locale {
        name: "it",
        short: "%-d/%-m/%Y",
        long: "%-d %B %Y",
        months: "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        short_months: "gen feb mar apr mag giu lug ago set ott nov dic",
        days: "domenica lunedì martedì mercoledì giovedì venerdì sabato",
        short_days: "dom lun mar mer gio ven sab",
    },
    Locale {
        name: "nl",
        short: "%-d-%-m-%Y",
        long: "%-d %B %Y",
        months: "januari februari maart april mei juni juli augustus september oktober november december",
        short_months: "jan. feb. mrt. apr. mei jun. jul. aug. sep. okt. nov. dec.",
        days: "zondag maandag dinsdag woensdag donderdag vrijdag zaterdag",
        short_days: "zo. ma. di. wo. do. vr. za.",
    },
    Locale {
        name: "pt",
        short: "%-d/%-m/%Y",
        long: "%-d de %B de %Y",
        months: "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        short_months: "jan fev mar abr mai jun jul ago set out nov dez",
        days: "domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado",
        short_days: "dom seg ter qua qui sex sáb",
    },
    Locale {
        name: "sv",
        short: "%Y-%-m-%-d",
        long: "%-d %B %Y",
        months: "januari februari mars april maj juni juli augusti september oktober november december",
        short_months: "jan feb mar apr maj jun jul aug sep okt nov dec",
        days: "söndag måndag tisdag onsdag torsdag fredag lördag",
        short_days: "sön mån tis ons tor fre lör",
    },
    Locale {
        name: "ja",
        short: "%Y/%-m/%-d",
        long: "%Y年%-m月%-d日",
        months: "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
        short_months: "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
        days: "日曜日 月曜日 火曜日 水曜日 木曜日 金曜日 土曜日",
        short_days: "日 月 火 水 木 金 土",
    },
];

/// Finds a locale by its name: `de`, `de-at`, `en_GB`.
pub(super) fn locale_of(name: &str) -> &'static Locale {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let language = name.split('-').next().unwrap_or_default();
    let exact = OTHERS.iter().find(|locale| locale.name == name);
    exact.or_else(|| OTHERS.iter().find(|locale| locale.name == language)).unwrap_or(&ENGLISH)
}

impl Locale {
    /// Writes a time by a format in chrono's letters, with this language's names.
    pub(super) fn write(&self, time: &DateTime<Tz>, format: &str) -> Option<String> {
        use std::fmt::Write;

        let name = |names: &'static str, place: u32| {
            names.split(' ').nth(usize::try_from(place).unwrap_or_default()).unwrap_or_default()
        };
        let (month, day) = (time.month0(), time.weekday().num_days_from_sunday());
        let format = format
            .replace("%B", name(self.months, month))
            .replace("%b", name(self.short_months, month))
            .replace("%A", name(self.days, day))
            .replace("%a", name(self.short_days, day));
        let mut text = String::new();
        write!(text, "{}", time.format(&format)).ok().map(|()| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_people_of_a_place_do() {
        let time = DateTime::parse_from_rfc3339("2026-03-05T09:30:00Z").unwrap().with_timezone(&Tz::UTC);
        for (name, short, long) in [
            ("en-us", "3/5/2026", "March 5, 2026"),
            ("en_GB", "5/3/2026", "5 March 2026"),
            ("de-at", "5.3.2026", "5. März 2026"),
            ("es", "5/3/2026", "5 de marzo de 2026"),
            ("ja", "2026/3/5", "2026年3月5日"),
            ("xx", "3/5/2026", "March 5, 2026"),
        ] {
            let locale = locale_of(name);
            let written = [locale.short, locale.long].map(|format| locale.write(&time, format).unwrap());
            assert_eq!(written, [short, long], "{name}");
        }
    }

    #[test]
    fn every_locale_has_all_names() {
        for locale in OTHERS.iter().chain([&ENGLISH]) {
            let counts = [locale.months, locale.short_months, locale.days, locale.short_days]
                .map(|names| names.split(' ').count());
            assert_eq!(counts, [12, 12, 7, 7], "{}", locale.name);
        }
    }
}
