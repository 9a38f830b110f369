//! The connectors, one folder each, and the one list of them. The one list of emulators is in the crate `emulators`.

pub mod airtable;
pub mod csv;
pub mod excel;
pub mod google_sheets;
pub mod hubspot;
pub mod json;
pub mod parquet;
pub mod pipedrive;
pub mod salesforce;

use crate::connector::{Entry, Registry};

/// Returns all connectors of this binary.
pub fn registry() -> Registry {
    Registry::new([
        Entry::of::<airtable::Airtable>(),
        Entry::of::<csv::Csv>(),
        Entry::of::<excel::Excel>(),
        Entry::of::<google_sheets::GoogleSheets>(),
        Entry::of::<hubspot::HubSpot>(),
        Entry::of::<json::Json>(),
        Entry::of::<parquet::Parquet>(),
        Entry::of::<pipedrive::Pipedrive>(),
        Entry::of::<salesforce::Salesforce>(),
    ])
    .with_emulators(&emulators::ALL)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::SchemaGenerator;
    use serde_yaml::Value as Yaml;

    use crate::connector::StandardFields;

    use super::registry;

    #[test]
    fn every_connector_calls_standard_fields_by_the_words_of_the_list() {
        let list: Yaml = serde_yaml::from_str(include_str!("../config/standard.yaml")).unwrap();
        let known = |kind: &str| -> BTreeSet<&str> {
            list[kind].as_sequence().unwrap().iter().filter_map(|field| field["field"].as_str()).collect()
        };
        for entry in registry().entries() {
            let Some(text) = entry.standard_fields else { continue };
            let fields = StandardFields::parse(text).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            for (kind, names) in [("contact", fields.contact), ("company", fields.company), ("deal", fields.deal)] {
                let known = known(kind);
                let unknown: Vec<_> = names.keys().filter(|name| !known.contains(name.as_str())).collect();
                assert!(unknown.is_empty(), "{} has {unknown:?} of a {kind}, which are in no list", entry.name);
            }
        }
    }

    /// What Ferry remembers belongs to accounts, so a connector that has them must not forget to say so.
    #[test]
    fn every_system_that_is_logged_in_to_has_accounts() {
        for entry in registry().entries() {
            assert_eq!(entry.account_form.is_some(), entry.emulator.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn every_option_with_the_address_of_a_host_is_declared() {
        for entry in registry().entries() {
            let mut generator = SchemaGenerator::default();
            let reference = serde_json::to_value((entry.config_schema)(&mut generator)).unwrap();
            let name = reference["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let definitions = serde_json::to_value(generator.definitions()).unwrap();
            let options = definitions[&name]["properties"].as_object().cloned().unwrap_or_default();
            assert!(!options.is_empty(), "{} has options", entry.name);
            let addresses: Vec<&String> = options.keys().filter(|name| name.ends_with("_url")).collect();
            let mut declared: Vec<&str> = entry.hosts.iter().map(|host| host.option).collect();
            declared.sort_unstable();
            assert_eq!(addresses, declared, "{}", entry.name);
        }
    }
}
