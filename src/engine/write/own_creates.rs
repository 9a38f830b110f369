//! Tells what an upsert created from what it found there, after an answer was lost.
//!
//! A native upsert is sent again when its answer is lost, by the stack or by the run that goes on after a kill. The vendor then
//! answers `updated` for what the first attempt created. A record that is younger than the intent to write it did not exist
//! before, so this run created it. Without evidence it counts as updated, and so does one that was read before it was written.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::engine::setup::Loader;
use crate::model::{Operation, Outcome};

use super::fate::{Fate, Item};

/// How exact the vendors' times are: some give whole seconds.
const TIME_STEP: Duration = Duration::from_secs(1);

/// A record that the vendor calls updated, and since when this run may have created it.
struct Doubtful {
    place: usize,
    id: String,
    since: DateTime<Utc>,
}

/// Corrects the outcomes of records that this run created in an attempt without an answer. `repeated_since` says when the batch
/// was about to be sent, if it was sent more than once.
pub(super) async fn claim_own_creates<T: Item>(
    loader: &Loader,
    operation: &Operation,
    repeated_since: Option<DateTime<Utc>>,
    results: &mut [(T, Fate)],
) {
    let Operation::Upsert { .. } = operation else { return };
    let doubtful = doubtful(loader, repeated_since, results);
    let Some(ages) = loader.services.destination.ages().filter(|_| !doubtful.is_empty()) else { return };
    if loader.services.check_may_send().is_err() {
        return;
    }
    let ids: Vec<String> = doubtful.iter().map(|record| record.id.clone()).collect();
    let known = match ages.ages(&loader.target.names.object, &ids).await {
        Ok(known) => known,
        Err(error) => {
            tracing::debug!(%error, "it cannot be told whether records are new, so they count as updated");
            return;
        }
    };
    let now = loader.services.context.clock().now();
    for Doubtful { place, id, since } in doubtful {
        if known.get(&id).is_some_and(|age| is_younger(*age, now, since)) {
            results[place].1 = Fate::Known(Outcome::Created { id });
        }
    }
}

fn doubtful<T: Item>(loader: &Loader, repeated_since: Option<DateTime<Utc>>, results: &[(T, Fate)]) -> Vec<Doubtful> {
    let doubt = |(place, (item, fate)): (usize, &(T, Fate))| {
        let Fate::Known(Outcome::Updated { id }) = fate else { return None };
        if item.before().is_some_and(|before| before.destination_id.as_ref() == Some(id)) {
            return None;
        }
        let since = loader.earlier.own_upserts.get(item.source_id()).copied().or(repeated_since)?;
        Some(Doubtful { place, id: id.clone(), since })
    };
    results.iter().enumerate().filter_map(doubt).collect()
}

/// Tells whether a record of this age came into being after a moment. A clock that was set back since proves nothing.
fn is_younger(age: Duration, now: DateTime<Utc>, since: DateTime<Utc>) -> bool {
    (now - since).to_std().is_ok_and(|passed| age <= passed.saturating_add(TIME_STEP))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn only_a_record_that_is_younger_than_the_intent_is_ones_own() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        for (age_secs, passed_secs, expected) in [
            (0, 0, true),
            (5, 5, true),
            (6, 5, true),
            (7, 5, false),
            (86_400, 600, false),
            (0, -1, false),
            (9, -9, false),
        ] {
            let since = now - TimeDelta::seconds(passed_secs);
            assert_eq!(is_younger(Duration::from_secs(age_secs), now, since), expected, "{age_secs} {passed_secs}");
        }
    }
}
