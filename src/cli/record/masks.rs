//! Pseudonyms: the same value becomes the same stand-in everywhere, different values become different ones (names practically,
//! as there are 16 million), and nobody without the key can tell which stands for whom.
//!
//! The stand-in keeps what pipelines trip over: whether a mail address or a phone number is one, letter case, spaces, length,
//! empty values. Names are built of syllables and not drawn from a library's list of names, as a list is soon used up: two
//! people would become one, and duplicates are just what a sample has to show truly. Start at [`Masks::mask`].

use ring::hmac;

use crate::model::{Field, FieldType, Value};

/// How many of a phone number's last digits are replaced: what comes before is country, network and area.
const PHONE_DIGITS: usize = 6;
/// How many stand-ins of a valid phone number are walked through until one is valid too.
const PHONE_DRAWS: u8 = 100;
/// The fewest digits of a phone number.
const LEAST_PHONE_DIGITS: usize = 7;
/// Rounds of the permutation that replaces letters and digits: FF1 has ten.
const ROUNDS: u8 = 10;
/// Letters of the mark that keeps the stand-ins of mail addresses and domains apart: one in 10^9 pairs shares it.
const MARK_LENGTH: usize = 6;
/// Consonants and vowels that syllables are made of.
const CONSONANTS: &[u8; 16] = b"bdfgklmnprstvwzh";
const VOWELS: &[u8; 4] = b"aeio";
/// What ends a company's name and is no name.
const LEGAL_FORMS: [&str; 16] =
    ["ab", "ag", "aps", "bv", "co", "corp", "gmbh", "inc", "kg", "llc", "ltd", "nv", "oy", "sa", "sarl", "srl"];

/// Makes stand-ins with one key.
#[derive(Debug)]
pub(super) struct Masks {
    key: hmac::Key,
}

/// What a text is, as far as its field's name and its own look tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Not personal: countries, currencies, states of a process.
    Open,
    Mail,
    Phone,
    Address,
    Name,
    /// Anything else: letters and digits are replaced one by one.
    Words,
}

impl Masks {
    pub(super) fn new(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// Returns what stands for a field's value. Choices, flags, amounts and dates stay, but for those that tell of a person.
    pub(super) fn mask(&self, field: &Field, value: Value) -> Value {
        let name = words(told_name(field));
        let is_private = has_word(&name, &["birth", "birthday", "birthdate", "dob", "salary", "income", "ssn", "iban"]);
        let is_place = has_word(&name, &["latitude", "longitude", "lat", "lng"]);
        match value {
            Value::Text(text) if field.field_type == FieldType::Choice && !field.options.is_empty() => {
                Value::Text(text)
            }
            Value::Text(text) => Value::Text(self.text(Form::of_field(&name), &text)),
            Value::List(items) if field.field_type == FieldType::MultiChoice && field.options.is_empty() => {
                let form = Form::of_field(&name);
                Value::List(items.iter().map(|item| self.text(form, item)).collect())
            }
            Value::Integer(number) if is_private || is_place || is_phone_field(&name) => {
                Value::Integer(self.digits("number", &number.to_string()).parse().unwrap_or(number.signum()))
            }
            Value::Number(number) if is_private || is_place || is_phone_field(&name) => {
                Value::Number(self.digits("number", &number.to_string()).parse().unwrap_or(0.0))
            }
            Value::Date(date) if is_private => {
                let days = i64::from(self.draw("date", &date.to_string())[0]) - 128;
                Value::Date(date.checked_add_signed(chrono::TimeDelta::days(days)).unwrap_or(date))
            }
            other => other,
        }
    }

    /// Returns what stands for a record's id, where it is of a personal kind: a mail address, or a text with letters that no
    /// machine gave.
    pub(super) fn id(&self, id: &str) -> String {
        if id.contains('@') { self.text(Form::Mail, id) } else { id.to_owned() }
    }

    /// Masks a text; spaces around it stay.
    fn text(&self, form: Form, text: &str) -> String {
        let core = text.trim();
        if core.is_empty() {
            return text.to_owned();
        }
        let (before, after) = text.split_once(core).unwrap_or_default();
        let masked = match form {
            Form::Open if !looks_like_mail(core) => core.to_owned(),
            _ if looks_like_mail(core) => in_case_of(core, self.mail(&core.to_lowercase())),
            Form::Phone => self.phone(core),
            Form::Address if looks_like_address(core) => self.address(core),
            Form::Name => self.name(core),
            _ => self.words(core),
        };
        format!("{before}{masked}{after}")
    }

    fn mail(&self, mail: &str) -> String {
        let (local, domain) = mail.rsplit_once('@').unwrap_or((mail, ""));
        let first = self.syllables("mail", local, 4).to_lowercase();
        format!("{first}.{}@{}", self.mark("mail", mail), self.domain(domain))
    }

    /// Below `.example`, which nobody can own (RFC 2606): mail to it reaches nobody.
    fn domain(&self, domain: &str) -> String {
        let domain = domain.to_lowercase();
        let domain = domain.strip_prefix("www.").unwrap_or(&domain);
        let name = self.syllables("domain", domain, 4).to_lowercase();
        format!("{name}-{}.example", self.mark("domain", domain))
    }

    /// Masks `https://www.acme.com/people/ada`: the host like a domain, the rest letter by letter.
    fn address(&self, address: &str) -> String {
        let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
        let (host, path) = rest.find(['/', '?', '#', ':']).map_or((rest, ""), |end| rest.split_at(end));
        let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
        let www = if host.to_lowercase().starts_with("www.") { "www." } else { "" };
        let host = in_case_of(host, format!("{www}{}", self.domain(host)));
        let path = if path == "/" { path.to_owned() } else { self.words(path) };
        format!("{scheme}{host}{path}")
    }

    /// Masks each word, so that a full name and its parts still fit together. Legal forms and initials' dots stay.
    fn name(&self, name: &str) -> String {
        let mask_word = |word: &str| {
            let plain = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            if plain.is_empty() || LEGAL_FORMS.contains(&plain.to_lowercase().replace('.', "").as_str()) {
                return word.to_owned();
            }
            if plain.chars().any(|letter| letter.is_ascii_digit()) {
                return self.words(word);
            }
            let stand_in = in_case_of(plain, self.syllables("name", &plain.to_lowercase(), plain.chars().count()));
            word.replacen(plain, &stand_in, 1)
        };
        map_words(name, mask_word)
    }

    /// Masks the last digits. A number that is valid stays valid.
    fn phone(&self, phone: &str) -> String {
        let digits = phone.chars().filter(char::is_ascii_digit).count();
        if digits < LEAST_PHONE_DIGITS {
            return self.words(phone);
        }
        let is_valid = is_valid_phone(phone);
        let mut masked = self.digits("phone", phone);
        // Walking on from stand-in to stand-in keeps different numbers different.
        for _ in 0..PHONE_DRAWS {
            if !is_valid || is_valid_phone(&masked) {
                break;
            }
            masked = self.digits("phone", &masked);
        }
        // What is left of the text beside the digits is an extension's word or a remark.
        masked.chars().map(|letter| if letter.is_alphabetic() && letter != 'x' { 'x' } else { letter }).collect()
    }

    /// Replaces the last digits of a number, however it is written.
    fn digits(&self, purpose: &str, text: &str) -> String {
        let digits: Vec<u32> = text.chars().filter_map(|letter| letter.to_digit(10)).collect();
        let (kept, replaced) = digits.split_at(digits.len().saturating_sub(PHONE_DIGITS));
        let mut replaced = replaced.to_vec();
        // Written with or without its country code, a number gets the same last digits.
        let before = &kept[kept.len().saturating_sub(2)..];
        self.permute(&format!("{purpose}{before:?}"), &mut replaced, &[10; PHONE_DIGITS][..digits.len() - kept.len()]);
        let mut stand_in = kept.iter().chain(&replaced).filter_map(|digit| char::from_digit(*digit, 10));
        text.chars()
            .map(|letter| if letter.is_ascii_digit() { stand_in.next().unwrap_or(letter) } else { letter })
            .collect()
    }

    /// Replaces letters by letters and digits by digits, word for word the same; marks, spaces and HTML tags stay.
    fn words(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            let (before, tag) = rest.split_at(start);
            let end = tag.find('>').filter(|_| tag[1..].starts_with(|next: char| next.is_alphabetic() || next == '/'));
            let Some(end) = end else { break };
            masked.push_str(&self.plain_words(before));
            masked.push_str(&bare_tag(&tag[..=end]));
            rest = &tag[end + 1..];
        }
        masked.push_str(&self.plain_words(rest));
        masked
    }

    fn plain_words(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut word = String::new();
        for letter in text.chars().chain(std::iter::once('\0')) {
            if letter.is_alphanumeric() {
                word.push(letter);
                continue;
            }
            masked.push_str(&self.word(&word));
            word.clear();
            if letter != '\0' {
                masked.push(letter);
            }
        }
        masked
    }

    fn word(&self, word: &str) -> String {
        if word.is_empty() {
            return String::new();
        }
        let radices: Vec<u32> = word.chars().map(|letter| if letter.is_ascii_digit() { 10 } else { 26 }).collect();
        let place = |letter: char| match letter.to_ascii_lowercase() {
            digit @ '0'..='9' => u32::from(digit) - u32::from('0'),
            plain @ 'a'..='z' => u32::from(plain) - u32::from('a'),
            other => u32::from(other) % 26,
        };
        let mut places: Vec<u32> = word.chars().map(place).collect();
        self.permute("word", &mut places, &radices);
        let letter = |(original, place): (char, u32)| {
            if original.is_ascii_digit() {
                return char::from_digit(place, 10).unwrap_or(original);
            }
            let plain = char::from_digit(place + 10, 36).unwrap_or('x');
            if original.is_uppercase() { plain.to_ascii_uppercase() } else { plain }
        };
        word.chars().zip(places).map(letter).collect()
    }

    /// Replaces a row of places by another of the same kind: different ones by different ones, however short they are. This is
    /// a Feistel network over the two halves, as NIST's FF1 is.
    fn permute(&self, purpose: &str, places: &mut [u32], radices: &[u32]) {
        let middle = places.len() / 2;
        for round in 0..ROUNDS {
            let (left, right) = places.split_at_mut(middle);
            let (seen, changed, moduli) =
                if round % 2 == 0 { (left, right, &radices[middle..]) } else { (right, left, &radices[..middle]) };
            let drawn = self.draw(purpose, &format!("{round}/{radices:?}/{seen:?}"));
            let shifts = drawn.chunks_exact(2).map(|pair| u32::from(pair[0]) * 256 + u32::from(pair[1])).cycle();
            for ((place, modulus), shift) in changed.iter_mut().zip(moduli).zip(shifts) {
                *place = (*place + shift) % modulus;
            }
        }
    }

    /// Makes a word of syllables that can be said, about as long as asked for and with at least four of them:
    /// there are 16 million such words.
    fn syllables(&self, purpose: &str, text: &str, length: usize) -> String {
        let drawn = self.draw(purpose, text);
        let count = length.div_ceil(2).clamp(4, 6);
        let letters = drawn.chunks_exact(2).take(count).flat_map(|pair| {
            [CONSONANTS[usize::from(pair[0]) % CONSONANTS.len()], VOWELS[usize::from(pair[1]) % VOWELS.len()]]
        });
        let word: String = letters.map(char::from).collect();
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }

    /// Makes letters that tell stand-ins apart whose words happen to be the same.
    fn mark(&self, purpose: &str, text: &str) -> String {
        let drawn = self.draw("mark", &format!("{purpose}/{text}"));
        drawn.iter().take(MARK_LENGTH).map(|byte| char::from(b'a' + byte % 26)).collect()
    }

    fn draw(&self, purpose: &str, text: &str) -> Vec<u8> {
        hmac::sign(&self.key, format!("{purpose}\0{text}").as_bytes()).as_ref().to_vec()
    }
}

impl Form {
    /// Goes by the words of a field's name. A field that says nothing is taken for personal.
    fn of_field(name: &[String]) -> Self {
        let has = |known: &[&str]| has_word(name, known);
        if has(&["mail", "email", "emails"]) {
            Self::Mail
        } else if is_phone_field(name) {
            Self::Phone
        } else if has(&["website", "url", "domain", "homepage", "link", "linkedin", "web"]) {
            Self::Address
        } else if has(OPEN_WORDS) && !has(&["name", "street", "address", "owner", "note", "notes", "comment"]) {
            Self::Open
        } else if has(&["name", "firstname", "lastname", "surname", "company", "account", "contact", "person", "owner"])
            || name.iter().any(|word| word.ends_with("name"))
        {
            Self::Name
        } else {
            Self::Words
        }
    }
}

/// Returns the name that tells what a field is about: its label, where its name is a key that a system made up.
fn told_name(field: &Field) -> &str {
    let is_key =
        field.name.len() >= KEY_LENGTH && field.name.bytes().take(KEY_LENGTH).all(|byte| byte.is_ascii_hexdigit());
    field.label.as_deref().filter(|_| is_key).unwrap_or(&field.name)
}

/// Hexadecimal digits of a key.
const KEY_LENGTH: usize = 32;

/// Words of fields whose texts tell of no person.
const OPEN_WORDS: &[&str] = &[
    "country",
    "currency",
    "language",
    "locale",
    "timezone",
    "industry",
    "stage",
    "status",
    "type",
    "lifecycle",
    "lifecyclestage",
    "pipeline",
    "dealstage",
    "source",
    "segment",
    "category",
    "unit",
    "salutation",
];

fn is_phone_field(name: &[String]) -> bool {
    has_word(name, &["phone", "mobile", "mobilephone", "tel", "telephone", "fax", "cell", "whatsapp"])
}

/// Splits a field's name into lower-case words: `hs_leadStatus` → hs, lead, status.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        let begins = !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower);
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words
}

fn has_word(name: &[String], known: &[&str]) -> bool {
    name.iter().any(|word| known.contains(&word.as_str()))
}

fn looks_like_mail(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || "@,;<>()".contains(letter))
    };
    is_plain(local) && is_plain(domain) && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
}

fn looks_like_address(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
    host.contains('.') && host.chars().all(|letter| letter.is_alphanumeric() || "-.".contains(letter))
}

fn is_valid_phone(text: &str) -> bool {
    text.trim_start().starts_with('+')
        && phonenumber::parse(None, text).is_ok_and(|number| phonenumber::is_valid(&number))
}

/// Gives a stand-in the letter case of what it stands for: all upper, all lower, or its own.
fn in_case_of(original: &str, stand_in: String) -> String {
    let mut letters = original.chars().filter(|letter| letter.is_alphabetic()).peekable();
    if letters.peek().is_none() {
        return stand_in;
    }
    if letters.clone().all(char::is_uppercase) && letters.count() > 1 {
        stand_in.to_uppercase()
    } else if original.chars().filter(|letter| letter.is_alphabetic()).all(char::is_lowercase) {
        stand_in.to_lowercase()
    } else {
        stand_in
    }
}

/// Applies a function to each word between spaces; the spaces stay.
fn map_words(text: &str, map: impl Fn(&str) -> String) -> String {
    let mut mapped = String::with_capacity(text.len());
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        if !word.is_empty() {
            mapped.push_str(&map(word));
        }
        mapped.push_str(&part[word.len()..]);
    }
    mapped
}

/// Returns a tag without its attributes, whose values may be personal.
fn bare_tag(tag: &str) -> String {
    let inner = tag.trim_start_matches('<').trim_end_matches('>');
    let name: String = inner.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/').collect();
    let end = if inner.ends_with('/') && !name.ends_with('/') { "/" } else { "" };
    format!("<{name}{end}>")
}

#[cfg(test)]
mod tests;
