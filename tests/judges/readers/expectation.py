"""Reads a pipeline's YAML and says, record by record, what should be at the destination.

Written from docs/reference/pipeline.md, without Ferry's code. Where another program is the authority on a matter, it is asked: SQLite
for SQL, libphonenumber's Python port for phone numbers, the Unicode CLDR (Babel) for names of countries.
"""

import html.parser
import re
import sqlite3
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timezone
from urllib.parse import urlsplit

import phonenumbers
from babel import Locale

BLANK = (None, "", [])


class Rejected(Exception):
    """The record must not arrive."""


@dataclass(frozen=True)
class Words:
    """A text whose words count and whose blanks and list marks do not."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, text):
        return cls(tuple(word for word in text.split() if word not in ("*", "-", "•")))


@dataclass(frozen=True)
class CountryName:
    """Any English name of a country."""

    code: str

    @classmethod
    def of(cls, text):
        code = country_code(text)
        if code is None:
            raise Rejected(f"{text} is no country")
        return cls(code)


# Abbreviations and parts that CLDR does not list as names.
OTHER_NAMES = {"usa": "US", "uk": "GB", "greatbritain": "GB", "england": "GB", "unitedstatesofamerica": "US"}


def _folded(name):
    return "".join(letter for letter in unicodedata.normalize("NFC", name).casefold() if letter.isalnum())


def _countries():
    names = dict(OTHER_NAMES)
    for language in ("de", "en", "es", "fr", "it", "ja", "pl", "pt", "sv"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                names.setdefault(_folded(name), code)
                names.setdefault(code.casefold(), code)
    return names


COUNTRIES = _countries()


def country_code(text):
    return COUNTRIES.get(_folded(text)) if text else None


class _Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)

    def handle_starttag(self, tag, attrs):
        if tag in ("p", "br", "li", "ul", "div"):
            self.parts.append(" ")


def _html_to_text(text, _options, _record):
    reader = _Text()
    reader.feed(text)
    reader.close()
    return Words.of("".join(reader.parts))


def _address(text, _options, _record):
    bare = re.sub(r"^.*<(.*)>$", r"\1", text.strip())
    bare = re.sub(r"^mailto:", "", bare, flags=re.IGNORECASE).strip()
    if not re.fullmatch(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([\w-]+\.)+[^\W\d]{2,}", bare):
        raise Rejected(f"{text} is no address")
    local, host = bare.rsplit("@", 1)
    return f"{local}@{host.lower()}"


def _web(text):
    text = text.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"([\w-]+\.)+[^\W\d][\w-]+", host):
        raise Rejected(f"{text} is no web address")
    return parts, host


def _domain_of(text, _options, _record):
    host = text.strip().rsplit("@", 1)[1].lower() if "@" in text and "/" not in text else _web(text)[1]
    return host.removeprefix("www.")


def _url(text, _options, _record):
    parts, host = _web(text)
    return f"{parts.scheme.lower()}://{host}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _phone(text, options, record):
    region = country_code(options.get("region")) or country_code(record.get(options.get("region_from")))
    # Without a region there is no prefix for calls abroad; 00 is the one that most countries have.
    text = re.sub(r"^\s*00", "+", text) if region is None else text
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise Rejected(f"{text}: {error}") from error
    if not phonenumbers.is_valid_number(number):
        raise Rejected(f"{text} is no phone number of {region}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _date(text, options, _record):
    for form in options["formats"]:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise Rejected(f"{text} is no day")


def _number(text, options, _record):
    bare = re.sub(r"[€$£\s]", "", text)
    thousands, decimal = re.escape(options["thousands"]), re.escape(options["decimal"])
    if not re.fullmatch(rf"[+-]?(\d+|\d{{1,3}}({thousands}\d{{3}})+)({decimal}\d+)?", bare):
        raise Rejected(f"{text} is no number")
    return float(bare.replace(options["thousands"], "").replace(options["decimal"], "."))


def _boolean(text, options, _record):
    word = text.strip().lower()
    if word not in options["yes"] + options["no"]:
        raise Rejected(f"{text} is neither yes nor no")
    return word in options["yes"]


def _split_name(text, part, _record):
    words = text.split()
    if "," in text:
        last, first = (side.strip() for side in text.split(",", 1))
    elif len(words) < 2:
        first, last = text.strip(), ""
    else:
        start = len(words) - 1
        while start > 1 and words[start - 1].lower() in {"van", "von", "der", "den", "de", "da", "di", "del", "dos", "la", "le"}:
            start -= 1
        first, last = " ".join(words[:start]), " ".join(words[start:])
    return first if part == "first" else last


def _titlecase(text, _options, _record):
    small_after = re.sub(r"(\w)(\w*)", lambda word: word[1].upper() + word[2].lower(), text.lower())
    return re.sub(r"(\w\w)(['’])(\w+)", lambda word: word[1] + word[2] + word[3].lower(), small_after)


CLEANERS = {
    "trim": lambda text, _options, _record: text.strip(),
    "lowercase": lambda text, _options, _record: text.lower(),
    "collapse_spaces": lambda text, _options, _record: re.sub(r"\s+", " ", text),
    "digits": lambda text, _options, _record: re.sub(r"[^0-9]", "", text),
    "null_if": lambda text, unwanted, _record: None if text in unwanted else text,
    "country": lambda text, options, _record: CountryName.of(text),
    "html_to_text": _html_to_text,
    "email": _address,
    "domain_of": _domain_of,
    "url": _url,
    "phone": _phone,
    "date": _date,
    "number": _number,
    "boolean": _boolean,
    "split_name": _split_name,
    "titlecase": _titlecase,
}


def clean(value, cleaners, record):
    """Applies cleaners, named as in the YAML."""
    for cleaner in cleaners:
        ((name, options),) = cleaner.items() if isinstance(cleaner, dict) else ((cleaner, {}),)
        if value in BLANK:
            return None
        value = CLEANERS[name](value, options, record)
    return None if value in BLANK else value


def sql(expression, record):
    """Computes a SQL expression over a record, by SQLite."""
    connection = sqlite3.connect(":memory:")
    connection.create_function(
        "concat_ws", -1, lambda mark, *parts: mark.join(str(part) for part in parts if part is not None), deterministic=True
    )
    texts = {name: value for name, value in record.items() if isinstance(value, str | int | float | None)}
    named = set(re.findall(r"[A-Za-z_]\w*", expression)) - {"IS", "NOT", "NULL", "AND", "OR"}
    columns = [name for name in named if f"{name}(" not in expression and f"'{name}'" not in expression]
    table = ", ".join(f'? AS "{name}"' for name in columns) or "1"
    with connection:
        row = connection.execute(f"SELECT {expression} FROM (SELECT {table})", [texts.get(name) for name in columns])
        value = row.fetchone()[0]
    connection.close()
    return value


def transform(stream, records):
    """Applies `where` and `transforms`. Returns the records that are left, the ids of those that are rejected, and how many were dropped
    as duplicates."""
    left, rejected = {}, set()
    for id_, record in records.items():
        if record is None:
            rejected.add(id_)
            continue
        record = {"_id": id_} | record
        if (where := stream["source"].get("where")) is None or sql(where, record):
            left[id_] = record
    duplicates = 0
    for step in stream.get("transforms", []):
        ((name, options),) = step.items()
        count = len(left)
        left = STEPS[name](left, options, rejected)
        duplicates += count - len(left) if name == "dedupe" else 0
    return left, rejected, duplicates


def _apply(records, options, rejected):
    left = {}
    for id_, record in records.items():
        try:
            left[id_] = record | {field: clean(record.get(field), cleaners, record) for field, cleaners in options.items()}
        except Rejected:
            rejected.add(id_)
    return left


def _derive(records, options, _rejected):
    return {id_: record | {field: sql(text, record) for field, text in options.items()} for id_, record in records.items()}


def _dedupe(records, options, _rejected):
    assert options["keep"] == "first"
    seen, left = set(), {}
    for id_, record in records.items():
        key = tuple(record.get(field) for field in options["by"])
        if None in key or key not in seen:
            left[id_] = record
        seen.add(key)
    return left


STEPS = {"apply": _apply, "derive": _derive, "dedupe": _dedupe}


def mapped(mapping, record):
    """The value that a mapping gives a destination field; links stay source ids."""
    if isinstance(mapping, str):
        mapping = {"from": mapping}
    value = mapping["value"] if "value" in mapping else record.get(mapping["from"])
    value = clean(value, mapping.get("apply", []), record)
    if "values" in mapping and value not in BLANK:
        value = _choice(mapping, value)
    if value in BLANK:
        value = mapping.get("default")
    if value in BLANK and mapping.get("required"):
        raise Rejected(f"{mapping['from']} has no value")
    if mapping.get("type") == "date" and isinstance(value, datetime):
        value = value.astimezone(timezone.utc).date()
    if mapping.get("type") == "integer" and isinstance(value, str):
        value = int(value)
    return value


def _choice(mapping, value):
    if value in mapping["values"]:
        return mapping["values"][value]
    match mapping.get("otherwise", "reject"):
        case "null" | None:
            return None
        case "keep":
            return value
        case {"value": instead}:
            return instead
        case _:
            raise Rejected(f"{value} is not among the values")


def same(expected, found):
    """Tells whether a value that was found is the one that was expected."""
    match expected:
        case Words():
            return isinstance(found, str) and Words.of(found) == expected
        case CountryName():
            return isinstance(found, str) and len(found) > 3 and country_code(found) == expected.code
        case bool():
            return found is expected or (expected is False and found is None)
        case int() | float():
            return isinstance(found, float) and abs(found - expected) < 1e-6
        case datetime():
            return found == expected
        case date() if isinstance(found, str):
            return found == expected.isoformat()
        case date() if isinstance(found, datetime):
            return found == datetime(expected.year, expected.month, expected.day, tzinfo=timezone.utc)
        case set():
            return found == expected or (not expected and found is None)
        case _:
            return found == expected
