//! Draws an input from others: by bytes, by lines, and by the tree where it is JSON.

use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Map, Value as Json, json};

/// Longest input, in bytes.
const MAX_BYTES: usize = 20_000;
/// Deepest tree that is grown.
const NESTING: usize = 200;

/// What an input looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// YAML: lines count.
    Yaml,
    /// A line that says what the answer is to, and JSON below it.
    Answer,
}

/// Words that parsers trip over.
const WORDS: [&str; 40] = [
    "null",
    "true",
    "~",
    "",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "? ",
    "&a",
    "*a",
    "<<: *a",
    "!!binary x",
    "|",
    ">-",
    "${",
    "${HUBSPOT_TOKEN}",
    "${file:/dev/null}",
    "${A:-${B}}",
    "$${",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "é",
    "𝕏",
    "1e999",
    "-0",
    "0x7f",
    "99999999999999999999",
    "2026-02-30",
    "_links.",
    "select 1",
    "a AND (",
    "%",
    "# x",
    "\t",
];

/// Changes an input a little, or mixes it with another.
pub(crate) fn mutate(first: &[u8], second: &[u8], grammar: Grammar, random: &mut SmallRng) -> Vec<u8> {
    let mut input = first.to_vec();
    for _ in 0..random.random_range(1..=4) {
        input = match (grammar, random.random_range(0..10)) {
            (Grammar::Answer, 0..=6) => mutate_answer(&input, random),
            (Grammar::Yaml, 0..=5) => mutate_lines(&input, second, random),
            _ => mutate_bytes(&input, second, random),
        };
    }
    input.truncate(MAX_BYTES);
    input
}

fn mutate_bytes(input: &[u8], other: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let at = |length: usize, random: &mut SmallRng| random.random_range(0..=length);
    let (start, end) = {
        let (one, two) = (at(bytes.len(), random), at(bytes.len(), random));
        (one.min(two), one.max(two))
    };
    match random.random_range(0..6) {
        0 => drop(bytes.drain(start..end.min(start + 40))),
        1 => bytes.truncate(start),
        2 => drop(bytes.splice(start..start, WORDS.choose(random).unwrap().bytes())),
        3 => {
            let piece = bytes[start..end.min(start + 200)].to_vec();
            drop(bytes.splice(end..end, piece));
        }
        4 => {
            let cut = at(other.len(), random);
            bytes.truncate(start);
            bytes.extend_from_slice(&other[cut..]);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(start) {
                *byte = random.random();
            }
        }
    }
    bytes
}

fn mutate_lines(input: &[u8], other: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let text = String::from_utf8_lossy(input).into_owned();
    let other = String::from_utf8_lossy(other).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let others: Vec<&str> = other.lines().collect();
    if lines.is_empty() {
        return mutate_bytes(input, other.as_bytes(), random);
    }
    let at = random.random_range(0..lines.len());
    match random.random_range(0..7) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[random.random_range(0..lines.len())].clone()),
        2 => lines.insert(at, (*others.choose(random).unwrap_or(&"")).to_owned()),
        3 => lines[at].insert_str(0, "  "),
        4 => {
            let indent = lines[at].len() - lines[at].trim_start().len();
            lines[at].drain(..indent);
        }
        5 => {
            let (key, _) = lines[at].split_once(':').unwrap_or((&lines[at], ""));
            lines[at] = format!("{key}: {}", WORDS.choose(random).unwrap());
        }
        _ => {
            let words: Vec<&str> = lines[at].split(' ').collect();
            let index = random.random_range(0..words.len());
            let word = WORDS.choose(random).unwrap();
            let changed = words.iter().enumerate().map(|(place, old)| if place == index { *word } else { *old });
            lines[at] = changed.collect::<Vec<_>>().join(" ");
        }
    }
    lines.join("\n").into_bytes()
}

/// Changes one node of the tree; what is no JSON is changed by bytes.
fn mutate_answer(input: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let text = String::from_utf8_lossy(input);
    let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(mut tree) = serde_json::from_str::<Json>(body) else { return mutate_bytes(input, b"", random) };
    let mut left = random.random_range(0..count(&tree));
    change(&mut tree, &mut left, random);
    format!("{head}\n{tree}").into_bytes()
}

fn count(tree: &Json) -> usize {
    1 + match tree {
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(entries) => entries.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the node that is so many nodes further on.
fn change(tree: &mut Json, left: &mut usize, random: &mut SmallRng) -> bool {
    if *left == 0 {
        *tree = changed(tree, random);
        return true;
    }
    *left -= 1;
    match tree {
        Json::Array(items) => items.iter_mut().any(|item| change(item, left, random)),
        Json::Object(entries) => entries.values_mut().any(|entry| change(entry, left, random)),
        _ => false,
    }
}

fn changed(tree: &Json, random: &mut SmallRng) -> Json {
    match random.random_range(0..14) {
        0 => Json::Null,
        1 => json!(true),
        2 => json!(random.random::<i64>()),
        3 => json!(1e300),
        4 => json!(""),
        5 => json!(*WORDS.choose(random).unwrap()),
        6 => json!([tree, tree]),
        7 => json!({ "id": tree, "name": tree, "results": tree, "records": tree }),
        8 => json!([]),
        9 => json!({}),
        10 => (0..NESTING).fold(tree.clone(), |inner, _| json!([inner])),
        11 => json!(tree.to_string()),
        _ => without_one(tree, random),
    }
}

fn without_one(tree: &Json, random: &mut SmallRng) -> Json {
    match tree {
        Json::Array(items) if !items.is_empty() => {
            let skipped = random.random_range(0..items.len());
            items.iter().enumerate().filter(|(index, _)| *index != skipped).map(|(_, item)| item.clone()).collect()
        }
        Json::Object(entries) if !entries.is_empty() => {
            let skipped = random.random_range(0..entries.len());
            let kept = entries.iter().enumerate().filter(|(index, _)| *index != skipped);
            Json::Object(kept.map(|(_, (name, entry))| (name.clone(), entry.clone())).collect::<Map<_, _>>())
        }
        Json::String(text) => json!(format!("{text}{text}")),
        Json::Number(_) => json!("12,5"),
        _ => json!(0),
    }
}
