//! Reads tree files and the plans that name them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value as Json};

/// The trees that are loaded together: those of a plan, or all of a folder without one.
#[derive(Debug)]
pub(super) struct Forest {
    pub(super) name: String,
    pub(super) records: Vec<Record>,
    /// The objects that the plan names, also those whose files are not there.
    pub(super) objects: Vec<String>,
}

/// One record of a tree.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) object: String,
    pub(super) reference: String,
    pub(super) values: BTreeMap<String, Json>,
    /// By field, the reference that it leads to.
    pub(super) links: BTreeMap<String, String>,
}

impl Forest {
    /// Tells whether a record has this reference.
    pub(super) fn has(&self, reference: &str) -> bool {
        self.object_of(reference).is_some()
    }

    /// Returns the object of the record with this reference.
    pub(super) fn object_of(&self, reference: &str) -> Option<&str> {
        let found = self.records.iter().find(|record| record.reference == reference);
        found.map(|record| record.object.as_str())
    }

    fn add(&mut self, tree: &Json, parent: Option<(&str, &str)>) {
        for record in tree["records"].as_array().into_iter().flatten() {
            let word = |name: &str| record["attributes"][name].as_str().unwrap().to_owned();
            let (object, reference) = (word("type"), word("referenceId"));
            let (mut values, mut links) = (BTreeMap::new(), BTreeMap::new());
            links.extend(parent.map(|(field, reference)| (field.to_owned(), reference.to_owned())));
            let mut children = Vec::new();
            for (name, value) in record.as_object().unwrap().iter().filter(|(name, _)| *name != "attributes") {
                match value.as_str().and_then(|text| text.strip_prefix('@')) {
                    Some(target) => drop(links.insert(name.clone(), target.to_owned())),
                    None if value.get("records").is_some() => children.push(value),
                    None if value.is_null() || value == "" => {}
                    None => drop(values.insert(name.clone(), value.clone())),
                }
            }
            self.objects.push(object.clone());
            self.records.push(Record { object: object.clone(), reference: reference.clone(), values, links });
            // The samples nest the contacts of accounts and nothing else.
            for tree in children {
                self.add(tree, Some((&format!("{object}Id"), &reference)));
            }
        }
    }
}

/// Finds the forests of a folder and of those in it.
pub(super) fn forests(folder: &Path) -> Vec<Forest> {
    let (mut folders, mut plans, mut trees): (Vec<PathBuf>, Vec<PathBuf>, Vec<PathBuf>) = Default::default();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let list = if path.is_dir() {
            &mut folders
        } else if load(&path).is_array() {
            &mut plans
        } else {
            &mut trees
        };
        list.push(path);
    }
    for paths in [&mut folders, &mut plans, &mut trees] {
        paths.sort();
    }
    let empty = |path: &Path| Forest { name: path.display().to_string(), records: Vec::new(), objects: Vec::new() };
    let mut found = Vec::new();
    for path in &plans {
        let mut forest = empty(path);
        for step in load(path).as_array().unwrap() {
            forest.objects.push(step["sobject"].as_str().unwrap().to_owned());
            let files = step["files"].as_array().unwrap().iter().map(|file| folder.join(file.as_str().unwrap()));
            files.filter(|file| file.is_file()).for_each(|file| forest.add(&load(&file), None));
        }
        found.push(forest);
    }
    if plans.is_empty() && !trees.is_empty() {
        let mut forest = empty(folder);
        for path in &trees {
            forest.add(&load(path), None);
        }
        found.push(forest);
    }
    found.extend(folders.iter().flat_map(|folder| forests(folder)));
    found
}

fn load(path: &Path) -> Json {
    let json: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    if json.is_array() { json } else { Json::Object(json.as_object().cloned().unwrap_or_else(Map::new)) }
}

/// Returns the object that a reference names where no record has it.
pub(super) fn object_of_name(reference: &str) -> &str {
    match reference.split_once("Ref").map_or(reference, |(name, _)| name) {
        "JunctionDemo" => "Junction_Demo_1__c",
        "JunctionDemoTwo" => "Junction_Demo_2__c",
        name => name,
    }
}
