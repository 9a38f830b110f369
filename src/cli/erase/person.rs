//! Who is meant: the arguments of `ferry erase`, checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Pipeline;
use crate::engine;
use crate::model::name_hint;
use crate::redact::remember;
use crate::state::{KnownPipeline, Person};

use super::super::{
    args::EraseArgs,
    exit::{Exit, Failure},
};

/// Returns who is meant. Their address is masked from here on in whatever is printed or logged.
pub(super) fn person(
    args: &EraseArgs,
    own: Option<&Pipeline>,
    known: &BTreeMap<String, KnownPipeline>,
) -> Result<Person, Failure> {
    if let Some(address) = &args.email {
        let address = address.trim();
        if address.split_once('@').is_none_or(|(name, host)| name.is_empty() || host.is_empty()) {
            return Err(Failure::new(Exit::Usage, "erase.email", "what `--email` gives is no mail address")
                .with_hint("an address has a name and a host, as in `ada@example.org`; `--id` takes ids"));
        }
        remember(address);
        remember(&address.to_lowercase());
        return Ok(engine::person_with(address));
    }
    let split = args.id.as_deref().and_then(|id| id.split_once(':'));
    let Some((stream, source_id)) = split.filter(|(stream, id)| !stream.is_empty() && !id.is_empty()) else {
        return Err(Failure::new(Exit::Usage, "erase.id", "what `--id` gives is no stream with an id")
            .with_hint("write the stream and the record's id at its source, as in `contacts:123`"));
    };
    if source_id.contains('@') {
        remember(source_id);
    }
    let pipeline = pipeline_with(stream, own, known)?;
    Ok(Person::Record { pipeline, stream: stream.to_owned(), source_id: source_id.to_owned() })
}

/// Finds the pipeline that has a stream: the one that was named, or the only one.
fn pipeline_with(
    stream: &str,
    own: Option<&Pipeline>,
    known: &BTreeMap<String, KnownPipeline>,
) -> Result<String, Failure> {
    let has_stream = |(_, pipeline): &(&String, &KnownPipeline)| pipeline.streams.contains(stream);
    if let Some(own) = own {
        let kept = known.get(&own.name).into_iter().flat_map(|pipeline| &pipeline.streams).map(String::as_str);
        let names: BTreeSet<&str> = own.streams.iter().map(|stream| stream.name.as_str()).chain(kept).collect();
        return if names.contains(stream) {
            Ok(own.name.clone())
        } else {
            Err(no_stream("the pipeline", stream, names))
        };
    }
    let mut having = known.iter().filter(has_stream).map(|(name, _)| name);
    match (having.next(), having.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => {
            let message = format!("several pipelines of the state file have a stream `{stream}`");
            Err(Failure::new(Exit::Usage, "erase.ambiguous", message)
                .with_hint("name the file of the one that is meant, as in `ferry erase pipelines/leads.yaml --id …`"))
        }
        (None, _) => {
            let names = known.values().flat_map(|pipeline| &pipeline.streams).map(String::as_str).collect();
            Err(no_stream("the state file", stream, names))
        }
    }
}

fn no_stream(whose: &str, stream: &str, names: BTreeSet<&str>) -> Failure {
    let names: Vec<&str> = names.into_iter().collect();
    Failure::new(Exit::Usage, "stream.unknown", format!("{whose} has no stream `{stream}`")).with_hint_if(name_hint(
        stream,
        &names,
        "its streams are",
    ))
}
