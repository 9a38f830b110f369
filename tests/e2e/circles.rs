//! No module needs one that needs it: what two modules need of each other belongs into a third.
//!
//! Read out of the sources: what a file imports with `use crate::…` and `use super::…`, followed through re-exports to the file that
//! defines it. Tests are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use regex::Regex;

use super::support::repository;

static USE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap());

/// The name of a module: its path below the crate.
type Name = Vec<String>;

/// What one file imports, and what it hands on under its own name.
#[derive(Default)]
struct Imports {
    used: Vec<Name>,
    handed_on: BTreeMap<String, Name>,
}

#[test]
fn no_module_imports_one_that_imports_it() {
    let modules = modules();
    assert!(modules.len() > 200, "the test finds hardly any module: {}", modules.len());
    let edges: BTreeMap<&Name, BTreeSet<&Name>> = modules.keys().map(|name| (name, imported(name, &modules))).collect();
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 500, "the test finds hardly any import: {count}");
    let circles: Vec<String> = edges
        .keys()
        .filter(|name| reaches(name, name, &edges))
        .map(|name| {
            let others = edges[name].iter().filter(|other| reaches(other, name, &edges)).map(|other| other.join("::"));
            format!("{} -> {}", name.join("::"), others.collect::<Vec<_>>().join(", "))
        })
        .collect();
    assert!(circles.is_empty(), "import circles:\n{}", circles.join("\n"));
}

/// Tells whether one module needs another, itself or by what it needs.
fn reaches(from: &Name, to: &Name, edges: &BTreeMap<&Name, BTreeSet<&Name>>) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(name) = open.pop() {
        for next in &edges[name] {
            if *next == to {
                return true;
            }
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    false
}

/// Returns the modules that define what a module imports.
fn imported<'modules>(name: &Name, modules: &'modules BTreeMap<Name, Imports>) -> BTreeSet<&'modules Name> {
    let defined = modules[name].used.iter().filter_map(|path| definition(path, modules));
    defined.filter(|other| *other != name).collect()
}

/// Finds the module that defines what a path names.
fn definition<'modules>(path: &[String], modules: &'modules BTreeMap<Name, Imports>) -> Option<&'modules Name> {
    let mut path = path.to_vec();
    // As many steps as re-exports may be chained.
    for _ in 0..8 {
        let depth = (1..=path.len()).rev().find(|depth| modules.contains_key(&path[..*depth]))?;
        let (module, rest) = path.split_at(depth);
        match rest.first().and_then(|item| modules[module].handed_on.get(item)) {
            Some(next) if *next != path => path = next.clone(),
            _ => return modules.get_key_value(module).map(|(name, _)| name),
        }
    }
    None
}

fn modules() -> BTreeMap<Name, Imports> {
    let root = repository("src");
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    let names: BTreeSet<Name> = sources.iter().map(|(name, _)| name.clone()).collect();
    sources.into_iter().map(|(name, code)| (name.clone(), imports(&name, &code, &names))).collect()
}

fn collect(folder: &Path, root: &Path, sources: &mut Vec<(Name, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, root, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root).unwrap().with_extension("");
            let mut name: Name = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if name.last().is_some_and(|last| last == "mod") {
                name.pop();
            }
            let is_left_out = name.iter().any(|part| part == "tests") || name == ["lib"] || name == ["main"];
            if !is_left_out {
                sources.push((name, code_of(&path)));
            }
        }
    }
}

/// Returns a file without its tests and comments.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn imports(name: &Name, code: &str, names: &BTreeSet<Name>) -> Imports {
    let mut imports = Imports::default();
    for found in USE.captures_iter(code) {
        let mut paths = Vec::new();
        spread(&[], &found[2], &mut paths);
        for path in paths.iter().filter_map(|path| absolute(name, path, names)) {
            if found.get(1).is_some()
                && let Some(item) = path.last()
            {
                imports.handed_on.insert(item.clone(), path.clone());
            } else {
                imports.used.push(path);
            }
        }
    }
    imports
}

/// Turns what stands behind `use` into paths.
fn spread(before: &[String], text: &str, paths: &mut Vec<Name>) {
    let mut depth = 0_usize;
    let mut items = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(letter);
    }
    for item in items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()) {
        let (head, list) = match item.split_once('{') {
            Some((head, list)) => (head, list.strip_suffix('}')),
            None => (item, None),
        };
        let head = head.split(" as ").next().unwrap_or_default();
        let parts = head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty());
        let path: Name = before.iter().cloned().chain(parts).collect();
        match list {
            Some(list) => spread(&path, list, paths),
            None => paths.push(path),
        }
    }
}

/// Returns a path from the crate on; none where it leads out of the crate.
fn absolute(name: &Name, path: &[String], names: &BTreeSet<Name>) -> Option<Name> {
    let mut own = name.clone();
    let mut rest = path.iter().filter(|part| *part != "self").peekable();
    let mut is_inside = false;
    if rest.next_if(|part| *part == "crate").is_some() {
        (own, is_inside) = (Vec::new(), true);
    }
    while rest.next_if(|part| *part == "super").is_some() {
        own.pop();
        is_inside = true;
    }
    let is_child = || names.contains(&[own.as_slice(), &path[..1]].concat());
    (is_inside || path[0] == "self" || is_child()).then(|| own.iter().chain(rest).cloned().collect())
}
