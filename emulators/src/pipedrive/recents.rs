//! `recents`: changes of several kinds since a time, by offset.

use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered},
    flat::cut,
    flat_records::{Links, show_all},
    kinds::Kind,
    notes,
    request::Call,
    store::Record,
    time::{plain, read_plain},
};

/// The kinds that it tells of.
const KINDS: [Kind; 8] = [
    Kind::Activities,
    Kind::Deals,
    Kind::Notes,
    Kind::Persons,
    Kind::Organizations,
    Kind::Pipelines,
    Kind::Products,
    Kind::Stages,
];

/// Answers `recents`; none where the path is another one.
pub(super) fn answer(account: &Account, call: &Call) -> Option<Answered> {
    (call.route() == ("GET", vec!["recents"])).then(|| list(account, call))
}

fn list(account: &Account, call: &Call) -> Answered {
    let since = call.parameter("since_timestamp").and_then(read_plain);
    let since =
        since.ok_or_else(|| call.invalid_parameter("since_timestamp", "must be in the form YYYY-MM-DD HH:MM:SS"))?;
    let named = call.list("items");
    let kinds = KINDS.into_iter().filter(|kind| named.is_empty() || named.iter().any(|name| name == kind.singular()));
    let mut found: Vec<(Kind, &Record)> =
        kinds.flat_map(|kind| account.all(kind).since_update((since, 0)).map(move |record| (kind, record))).collect();
    found.sort_by_key(|(_, record)| record.updated);
    let last = found.last().map_or(since, |(_, record)| record.updated);
    let (page, pagination) = cut(call, found, Some(100))?;
    let on_page = page.last().map_or(last, |(_, record)| record.updated);
    let data: Vec<Json> = page
        .into_iter()
        .map(|(kind, record)| {
            let mut shown = if kind == Kind::Notes {
                notes::show(account, record)
            } else {
                show_all(account, kind, std::iter::once(record), Links::Ids).pop().unwrap_or_default()
            };
            // Spec v1 has it of persons alone.
            let loser =
                account.merged.iter().filter(|((kind, _), winner)| *kind == Kind::Persons && **winner == record.id);
            if let Some(loser) = loser.map(|((_, loser), _)| *loser).max().filter(|_| kind == Kind::Persons) {
                shown["merge_what_id"] = json!(loser);
            }
            json!({"item": kind.singular(), "id": record.id, "data": shown})
        })
        .collect();
    let more =
        json!({"since_timestamp": plain(since), "last_timestamp_on_page": plain(on_page), "pagination": pagination});
    Ok(Answer::whole(json!({"success": true, "data": data, "additional_data": more})))
}
