//! Pipelines and stages.

use serde_json::{Map, Value as Json, json};

use super::{account::Account, errors::Refusal, kinds::Kind, store::Record};

/// Puts a new pipeline behind all others.
pub(super) fn settle_pipeline(account: &Account, old: Option<&Record>, values: &mut Map<String, Json>) {
    if old.is_none() {
        values.insert("order_nr".to_owned(), json!(account.all(Kind::Pipelines).count() + 1));
    }
}

/// Puts a new stage behind all others of its pipeline.
pub(super) fn settle_stage(
    account: &Account,
    old: Option<&Record>,
    values: &mut Map<String, Json>,
) -> Result<(), Refusal> {
    let probability = values.get("deal_probability").filter(|value| !value.is_null());
    let probability = probability.map_or(Some(100), Json::as_u64).filter(|percent| *percent <= 100);
    let probability = probability.ok_or_else(|| Refusal::field("deal_probability", "must be between 0 and 100"))?;
    values.insert("deal_probability".to_owned(), json!(probability));
    if old.is_none() {
        let pipeline = values.get("pipeline_id").and_then(Json::as_u64).unwrap_or_default();
        values.insert("order_nr".to_owned(), json!(stages(account, pipeline).len() + 1));
    }
    Ok(())
}

/// Returns the pipeline that new deals come to.
pub(super) fn first_pipeline(account: &Account) -> Option<u64> {
    let live = account.all(Kind::Pipelines).all().filter(|pipeline| pipeline.deleted.is_none());
    live.min_by_key(|pipeline| (pipeline.number("order_nr"), pipeline.id)).map(|pipeline| pipeline.id)
}

/// Returns the first stage of a pipeline.
pub(super) fn first_stage(account: &Account, pipeline: u64) -> Option<u64> {
    stages(account, pipeline).first().map(|stage| stage.id)
}

/// Returns the stages of a pipeline in their order.
pub(super) fn stages(account: &Account, pipeline: u64) -> Vec<&Record> {
    let all = account.all(Kind::Stages).all();
    let mut stages: Vec<&Record> =
        all.filter(|stage| stage.deleted.is_none() && stage.number("pipeline_id") == Some(pipeline)).collect();
    stages.sort_by_key(|stage| (stage.number("order_nr"), stage.id));
    stages
}

/// Refuses to delete what deals are in, and deletes the stages of a pipeline with it.
pub(super) fn delete(account: &mut Account, kind: Kind, id: u64) -> Result<(), Refusal> {
    let code = if kind == Kind::Pipelines { "pipeline_id" } else { "stage_id" };
    let is_used = account.all(Kind::Deals).all().any(|deal| deal.deleted.is_none() && deal.number(code) == Some(id));
    if is_used {
        return Err(Refusal::bad(format!("{} has deals, move them first", kind.title())));
    }
    if kind == Kind::Pipelines {
        let stages: Vec<u64> = stages(account, id).iter().map(|stage| stage.id).collect();
        for stage in stages {
            account.delete(Kind::Stages, stage);
        }
    }
    account.delete(kind, id);
    Ok(())
}
