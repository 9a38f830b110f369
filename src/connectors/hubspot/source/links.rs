//! The ids of linked records, by association batch reads.

use std::collections::{HashMap, HashSet};

use crate::connector::{ConnectorError, ErrorKind};

use super::super::{client::Api, errors::ApiError, limits};

/// The targets of each record's links, in the vendor's order and each once: the vendor lists a target again for every label.
pub(in super::super) type Links = HashMap<String, Vec<String>>;

/// Reads the links of `ids` to one object. Records without links are absent.
pub(in super::super) async fn read_links(
    api: &Api,
    from: &str,
    to: &str,
    ids: &[String],
) -> Result<Links, ConnectorError> {
    let mut links = Links::new();
    let mut asked: HashSet<(String, Option<String>)> = HashSet::new();
    let mut open: Vec<(String, Option<String>)> = ids.iter().map(|id| (id.clone(), None)).collect();
    while !open.is_empty() {
        let rest = open.split_off(open.len().min(limits::MAX_ASSOCIATION_READS));
        let answer = api.read_associations(from, to, &open).await?;
        for error in answer.errors.iter().map(ApiError::of_json) {
            if !error.says_no_links() {
                let message = format!("HubSpot could not read all links of `{from}` to `{to}`");
                return Err(
                    ConnectorError::new(ErrorKind::Unexpected, error.code(), message).with_detail(error.reason())
                );
            }
        }
        asked.extend(open);
        open = rest;
        for result in answer.results {
            let Some(id) = result.from.id.0 else { continue };
            let after = result.paging.after().map(str::to_owned);
            let targets = links.entry(id.clone()).or_default();
            add(targets, result.to.into_iter().filter_map(|target| target.to_object_id.0));
            let next = (id, after);
            if next.1.is_some() && !asked.contains(&next) {
                open.push(next);
            }
        }
    }
    Ok(links)
}

/// Adds ids that are not there yet.
pub(super) fn add(targets: &mut Vec<String>, ids: impl Iterator<Item = String>) {
    let mut seen: HashSet<String> = targets.iter().cloned().collect();
    for id in ids {
        if seen.insert(id.clone()) {
            targets.push(id);
        }
    }
}

/// Tells whether a listed record's links under `key` are those to `object`: the vendor writes `line items` for `line_items`, and
/// a custom object's full name for its short one.
pub(super) fn is_key_of(key: &str, object: &str) -> bool {
    let plain = key.replace(' ', "_").to_lowercase();
    let wanted = object.to_lowercase();
    let short = plain.strip_prefix('p').and_then(|rest| rest.split_once('_')).and_then(|(account, name)| {
        (!account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
    });
    plain == wanted || plain == limits::object_name(&wanted) || short == Some(wanted.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_under_the_vendors_names() {
        for (key, object) in [
            ("companies", "companies"),
            ("line items", "line_items"),
            ("contacts", "0-1"),
            ("p49027_cars", "cars"),
            ("p49027_Cars", "p49027_cars"),
        ] {
            assert!(is_key_of(key, object), "{key} {object}");
        }
        assert!(!is_key_of("contacts", "companies"));
        assert!(!is_key_of("p_cars", "cars"));
    }

    #[test]
    fn a_target_with_two_labels_is_one_link() {
        let mut targets = vec!["1".to_owned()];
        add(&mut targets, ["2", "1", "2"].map(str::to_owned).into_iter());
        assert_eq!(targets, ["1", "2"]);
    }
}
