//! Invented firms and people of a dozen countries.
//!
//! Domains end in `.example`, which is nobody's (RFC 2606). Numbers are from the ranges that a country keeps for films, where
//! it has such (Germany, Sweden, the United Kingdom, the United States), and follow the usual pattern elsewhere.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::dice::Dice;

/// Where a firm or person is at home.
#[derive(Debug)]
pub(crate) struct Country {
    /// ISO 3166 code.
    pub(crate) code: &'static str,
    /// How people write it; the usual English name first.
    pub(crate) names: &'static [&'static str],
    pub(crate) dial: &'static str,
    /// Numbers as they are dialled inside the country, `#` for a digit.
    pub(crate) phones: &'static [&'static str],
    pub(crate) cities: &'static [&'static str],
    pub(crate) forenames: &'static [&'static str],
    pub(crate) surnames: &'static [&'static str],
    /// What firms there are called, `*` for a surname.
    pub(crate) firms: &'static [&'static str],
}

#[rustfmt::skip]
pub(crate) const COUNTRIES: &[Country] = &[
    Country {
        code: "DE", names: &["Germany", "Deutschland", "DE", "germany ", "Allemagne"], dial: "+49",
        phones: &["030 23125 ###", "(069) 90009-###", "040/66969###", "0221 4710 ###", "0171-39200##"],
        cities: &["Hannover", "Köln", "Nürnberg", "Görlitz", "Berlin", "Lübeck"],
        forenames: &["Jürgen", "Käthe", "Sören", "Anneliese", "Björn", "Heike", "Günther", "Maren", "Uwe", "Silke"],
        surnames: &["Müller", "Weiß", "Schröder", "Böttcher", "Groß", "Krüger", "Lindemann", "Jäger", "Petersen", "Kühn"],
        firms: &["* Maschinenbau GmbH", "* & Söhne KG", "Möbelhaus * GmbH & Co. KG", "*-Logistik AG", "Bäckerei * e.K."],
    },
    Country {
        code: "AT", names: &["Austria", "Österreich", "AT"], dial: "+43",
        phones: &["01 5550###", "0662 6850##", "0664 20410##"],
        cities: &["Wien", "Salzburg", "Sankt Pölten"],
        forenames: &["Franziska", "Sebastian", "Elfriede", "Lukas"],
        surnames: &["Gruber", "Hörmann", "Moser", "Fürst"],
        firms: &["* Holzbau Ges.m.b.H.", "Kaffeerösterei * GmbH"],
    },
    Country {
        code: "CH", names: &["Switzerland", "Schweiz", "Suisse", "CH"], dial: "+41",
        phones: &["044 668 18 ##", "022 730 62 ##", "078 123 45 ##"],
        cities: &["Zürich", "Genève", "Neuchâtel"],
        forenames: &["Rémy", "Ursina", "Beat", "Noémie"],
        surnames: &["Zürcher", "Favre", "Amstutz", "Brönnimann"],
        firms: &["* Präzision AG", "Horlogerie * SA"],
    },
    Country {
        code: "FR", names: &["France", "FR", "FRANCE"], dial: "+33",
        phones: &["01 99 00 ## ##", "02.61.91.##.##", "03 53 01 ## ##", "06 12 34 5# ##"],
        cities: &["Besançon", "Saint-Étienne", "Lyon", "Nîmes"],
        forenames: &["Chloé", "François", "Hélène", "Loïc", "Maëlle", "Jérôme"],
        surnames: &["Lefèvre", "Garçon", "Dubois", "d'Aubigné", "Prévost", "Le Goff"],
        firms: &["Ateliers * SARL", "* et Fils SAS", "Crèmerie * SA"],
    },
    Country {
        code: "ES", names: &["Spain", "España", "ES", "Spanien"], dial: "+34",
        phones: &["612 34 5# ##", "914 45 44 ##", "(93) 412 00 ##"],
        cities: &["Logroño", "A Coruña", "Málaga"],
        forenames: &["Begoña", "Íñigo", "José María", "Ángela"],
        surnames: &["Núñez", "Ibáñez Ruiz", "Peñalver", "Gómez"],
        firms: &["Talleres * S.L.", "Aceites * S.A."],
    },
    Country {
        code: "IT", names: &["Italy", "Italia", "IT"], dial: "+39",
        phones: &["06 3973 34##", "02 7601 ####", "312 345 6###"],
        cities: &["Forlì", "Torino", "Cefalù"],
        forenames: &["Niccolò", "Mercedès", "Giuseppe", "Noè"],
        surnames: &["D'Angelo", "Bàrbera", "Rossi", "Cantù"],
        firms: &["Officine * S.r.l.", "Fratelli * S.p.A."],
    },
    Country {
        code: "GB", names: &["United Kingdom", "UK", "England", "GB", "Great Britain"], dial: "+44",
        phones: &["020 7946 0###", "0131 496 0###", "07400 123###", "(0161) 496 0###"],
        cities: &["Leeds", "Stoke-on-Trent", "London", "Aberdeen"],
        forenames: &["Siobhán", "Alastair", "Zoë", "Graham", "Chidi", "Harriet"],
        surnames: &["O'Sullivan", "Smythe", "Hargreaves-Jones", "MacDonald", "Okonkwo", "Whitaker"],
        firms: &["* & Sons Ltd", "* Brewery plc", "Northgate * LLP"],
    },
    Country {
        code: "US", names: &["United States", "USA", "U.S.A.", "US", "United States of America"], dial: "+1",
        phones: &["(212) 555-01##", "312-555-01##", "415.555.01##", "206 555 01## ext. 4"],
        cities: &["Springfield", "St. Louis", "Cañon City", "Boise"],
        forenames: &["Tyler", "Renée", "DeShawn", "Mary-Kate", "Brandon", "Guadalupe"],
        surnames: &["Johnson", "Van Houten", "O'Neil", "Nguyen", "McAllister", "De la Cruz"],
        firms: &["* Industries, Inc.", "* \"Bros\" LLC", "Blue * Software Corp."],
    },
    Country {
        code: "SE", names: &["Sweden", "Sverige", "SE"], dial: "+46",
        phones: &["08-465 004 ##", "031-390 06 ##", "070-174 06 ##"],
        cities: &["Malmö", "Västerås"],
        forenames: &["Åsa", "Göran", "Linnéa", "Oskar"],
        surnames: &["Åkesson", "Sjöberg", "Lindqvist", "Öberg"],
        firms: &["* Båtar AB", "Västkust * HB"],
    },
    Country {
        code: "PL", names: &["Poland", "Polska", "PL"], dial: "+48",
        phones: &["22 828 37 ##", "512 345 6##"],
        cities: &["Łódź", "Kraków", "Gdańsk"],
        forenames: &["Łukasz", "Małgorzata", "Żaneta", "Paweł"],
        surnames: &["Wójcik", "Dąbrowska", "Świątek", "Zieliński"],
        firms: &["Fabryka Mebli * Sp. z o.o.", "* Transport S.A."],
    },
    Country {
        code: "BR", names: &["Brazil", "Brasil", "BR"], dial: "+55",
        phones: &["(11) 3033-54##", "(21) 96123-4###"],
        cities: &["São José dos Campos", "Florianópolis"],
        forenames: &["João", "Conceição", "Luís", "Antônia"],
        surnames: &["Gonçalves", "Araújo", "da Conceição", "Magalhães"],
        firms: &["Padaria * Ltda.", "* Comércio S.A."],
    },
    Country {
        code: "JP", names: &["Japan", "日本", "JP"], dial: "+81",
        phones: &["03-1234-####", "090-1234-####"],
        cities: &["大阪", "Kyōto"],
        forenames: &["健太", "Yūko", "Sakura", "大輔"],
        surnames: &["佐藤", "Itō", "Ōnishi", "高橋"],
        firms: &["*製作所", "* Seisakusho K.K."],
    },
];

/// A firm.
#[derive(Debug, Clone)]
pub(crate) struct Firm {
    /// Its number in the firm list that all systems once came from.
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) country: &'static Country,
    pub(crate) city: &'static str,
    pub(crate) phone: String,
    pub(crate) employees: u64,
    pub(crate) revenue: u64,
    pub(crate) since: NaiveDate,
}

/// A person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) email: String,
    pub(crate) country: &'static Country,
    pub(crate) city: &'static str,
    pub(crate) phone: String,
    /// The place of the firm among the firms; none for those who stand for themselves.
    pub(crate) firm: Option<usize>,
    pub(crate) since: NaiveDate,
}

/// Makes firms with numbers from `first_number` on.
pub(crate) fn firms(dice: &mut Dice, countries: &[&'static Country], first_number: u64, count: u64) -> Vec<Firm> {
    (first_number..first_number + count)
        .map(|number| {
            let country = dice.pick(countries);
            let surname = dice.pick(country.surnames);
            let name = dice.pick(country.firms).replace('*', surname);
            let domain = format!("{}-{number}.example", slug(&name));
            Firm {
                number,
                domain,
                country,
                city: dice.pick(country.cities),
                phone: phone(dice, country),
                employees: dice.pick(&[3, 8, 12, 25, 40, 85, 130, 260, 700, 1_900, 5_400]),
                revenue: dice.between(2, 900) * 25_000,
                since: day(dice),
                name,
            }
        })
        .collect()
}

/// Makes people, most of them of the firms, each with an address that no other of them has.
pub(crate) fn people(dice: &mut Dice, firms: &[Firm], countries: &[&'static Country], count: u64) -> Vec<Person> {
    (0..count)
        .map(|number| {
            let firm = Some(dice.place(firms.len())).filter(|_| dice.is(82));
            let country = firm.map_or_else(|| dice.pick(countries), |firm| firms[firm].country);
            let (first, last) = (dice.pick(country.forenames), dice.pick(country.surnames));
            let domain = firm.map_or_else(|| "mail.example".to_owned(), |firm| firms[firm].domain.clone());
            Person {
                email: format!("{}.{}{number}@{domain}", slug(first), slug(last)),
                first: first.to_owned(),
                last: last.to_owned(),
                country,
                city: dice.pick(country.cities),
                phone: phone(dice, country),
                firm,
                since: day(dice),
            }
        })
        .collect()
}

/// Returns a number as somebody wrote it: mostly as it is dialled inside the country.
fn phone(dice: &mut Dice, country: &Country) -> String {
    let pattern = dice.pick(country.phones);
    let national = dice.digits(pattern);
    if dice.is(70) {
        return national;
    }
    let keeps_zero = ["IT", "ES", "PL", "US"].contains(&country.code);
    let digits = national.trim_start_matches(['(', '0']).replacen(')', "", 1);
    let rest = if keeps_zero { national.as_str() } else { digits.as_str() };
    // Who writes 00 for the way abroad lives where that is dialled.
    let is_far = ["US", "BR", "JP"].contains(&country.code);
    if is_far || dice.is(50) {
        format!("{} {rest}", country.dial)
    } else {
        format!("{} {rest}", country.dial.replace('+', "00"))
    }
}

/// Returns a day of the last few years.
pub(crate) fn day(dice: &mut Dice) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2019, 1, 1).unwrap_or_default();
    first.checked_add_days(Days::new(dice.below(2_700))).unwrap_or(first)
}

/// Returns a moment of that day.
pub(crate) fn moment(dice: &mut Dice, day: NaiveDate) -> DateTime<Utc> {
    let seconds = i64::try_from(dice.below(86_400)).unwrap_or_default();
    day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::seconds(seconds)
}

/// Writes a moment as the vendors do.
pub(crate) fn iso(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Writes a day as one of several people would.
pub(crate) fn day_as_written(dice: &mut Dice, day: NaiveDate) -> String {
    let format = dice.pick(&["%Y-%m-%d", "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y"]);
    day.format(format).to_string()
}

/// Returns the letters of a text that stand in addresses, without marks.
pub(crate) fn slug(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'á' | 'à' | 'ã' | 'â' | 'å' | 'ą' => plain.push('a'),
            'é' | 'è' | 'ê' | 'ë' => plain.push('e'),
            'í' | 'ì' | 'ï' => plain.push('i'),
            'ó' | 'ò' | 'ô' | 'õ' | 'ō' => plain.push('o'),
            'ú' | 'ù' | 'û' | 'ū' => plain.push('u'),
            'ç' => plain.push('c'),
            'ñ' | 'ń' => plain.push('n'),
            'ł' => plain.push('l'),
            'ś' => plain.push('s'),
            'ż' | 'ź' => plain.push('z'),
            '健' => plain.push_str("kenta"),
            '大' => plain.push_str("daisuke"),
            '佐' => plain.push_str("sato"),
            '高' => plain.push_str("takahashi"),
            letter if letter.is_ascii_alphanumeric() => plain.push(letter),
            _ => {}
        }
    }
    plain
}
