//! Tells runs of the same pipeline and options from others, so that a run that was stopped is taken up and no other.
//!
//! The fingerprint outlives the process that made it: the next release must come to the same one. So it is made of what the author
//! wrote and the user asked, in one spelling, and of no type of ours; what is left at its default is left out.

use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_128;

use crate::config::Pipeline;

use super::place::RunOptions;

/// What a fingerprint begins with. Another way of making them takes another prefix, and keeps this one readable.
const PREFIX: &str = "2-";

/// Makes the fingerprint of a run. No secret of a connection goes in: connections are left out.
pub(super) fn fingerprint(pipeline: &Pipeline, options: &RunOptions) -> String {
    let meant = json!({
        "batch_size": pipeline.limits.batch_size,
        "options": written_options(options),
        "streams": pipeline.definition,
    });
    format!("{PREFIX}{:032x}", xxh3_128(meant.to_string().as_bytes()))
}

/// Tells whether a fingerprint is one of the releases before 0.2, which no other build can make again: they hashed how the compiler
/// printed types.
pub(super) fn is_of_old_release(fingerprint: &str) -> bool {
    fingerprint.len() == 32 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Tells whether nothing was asked beyond the pipeline.
pub(super) fn are_plain(options: &RunOptions) -> bool {
    written_options(options).is_empty()
}

/// Returns the options that are not at their default, with their keys in order.
fn written_options(options: &RunOptions) -> Map<String, Json> {
    let RunOptions { limit, streams, is_full_refresh, is_verifying } = options;
    let mut written = Map::new();
    if *is_full_refresh {
        written.insert("full_refresh".to_owned(), Json::from(true));
    }
    if let Some(limit) = limit {
        written.insert("limit".to_owned(), Json::from(*limit));
    }
    if !streams.is_empty() {
        written.insert("streams".to_owned(), streams.iter().map(|stream| Json::from(stream.as_str())).collect());
    }
    if *is_verifying {
        written.insert("verify".to_owned(), Json::from(true));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf};

    use crate::config::{Limits, OnError};

    use super::*;

    fn pipeline() -> Pipeline {
        let definition = json!([{ "destinations": [{ "connection": "crm", "key": ["email"], "mappings": { "email": "E-Mail" },
            "object": "contacts" }], "name": "people", "source": { "connection": "files", "object": "people" } }]);
        Pipeline {
            name: "people".to_owned(),
            description: None,
            path: PathBuf::new(),
            base_dir: PathBuf::new(),
            connections: BTreeMap::new(),
            streams: Vec::new(),
            definition,
            on_error: OnError::Continue,
            undo_days: None,
            on_finish: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// These values are in the state files of users: a stopped run is known by them to every later release.
    #[test]
    fn fingerprints_never_change() {
        let (plain, limited) = (pipeline(), RunOptions { limit: Some(5), ..RunOptions::default() });
        assert_eq!(fingerprint(&plain, &RunOptions::default()), "2-5b7f3b184134e4e390f313281c231253");
        assert_eq!(fingerprint(&plain, &limited), "2-f3d9e6fc2db8071090286e798b80833e");
        let all = RunOptions { limit: None, streams: vec!["people".into()], is_full_refresh: true, is_verifying: true };
        let mut small = plain;
        small.limits.batch_size = NonZeroU32::new(10);
        assert_eq!(fingerprint(&small, &all), "2-7d999dc2c34450652d4b27a1a7eb941b");
    }

    #[test]
    fn what_a_run_does_not_depend_on_is_no_part_of_its_fingerprint() {
        let (own, options) = (pipeline(), RunOptions::default());
        let renamed = Pipeline { name: "other".to_owned(), description: Some("new words".to_owned()), ..pipeline() };
        assert_eq!(fingerprint(&renamed, &options), fingerprint(&own, &options));
        let changed = Pipeline { definition: json!([]), ..pipeline() };
        assert_ne!(fingerprint(&changed, &options), fingerprint(&own, &options));
    }

    #[test]
    fn fingerprints_of_old_releases_are_told_from_new_ones() {
        assert!(is_of_old_release("b33391dda0fd3d3e33c82aa831404638"));
        assert!(!is_of_old_release(&fingerprint(&pipeline(), &RunOptions::default())));
        assert!(!is_of_old_release(""));
    }
}
