//! Pipelines and their stages.

use axum::http::StatusCode;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{errors::Refusal, portal::Portal, render::Answer, request::Call, time::iso};

/// A pipeline of an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pipeline {
    pub(super) id: String,
    pub(super) label: String,
    #[serde(default)]
    display_order: i64,
    pub(super) stages: Vec<Stage>,
    #[serde(default)]
    created_at: i64,
    #[serde(default)]
    updated_at: i64,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stage {
    pub(super) id: String,
    pub(super) label: String,
    #[serde(default)]
    display_order: i64,
    #[serde(default)]
    pub(super) metadata: IndexMap<String, String>,
    #[serde(default)]
    created_at: i64,
    #[serde(default)]
    updated_at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PipelineBody {
    label: Option<String>,
    display_order: Option<i64>,
    stages: Option<Vec<StageBody>>,
    pipeline_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StageBody {
    label: Option<String>,
    display_order: Option<i64>,
    metadata: Option<IndexMap<String, String>>,
    stage_id: Option<String>,
}

impl Pipeline {
    /// Gives the stages of a pipeline from a file their order and times.
    pub(super) fn number(&mut self, now: i64) {
        (self.created_at, self.updated_at) = (now, now);
        for (stage, order) in self.stages.iter_mut().zip(0_i64..) {
            stage.display_order = order;
            (stage.created_at, stage.updated_at) = (now, now);
        }
    }

    fn shown(&self) -> Json {
        json!({
            "id": self.id, "label": self.label, "displayOrder": self.display_order, "archived": false,
            "stages": self.stages.iter().map(Stage::shown).collect::<Vec<_>>(),
            "createdAt": iso(self.created_at), "updatedAt": iso(self.updated_at),
        })
    }
}

impl Stage {
    fn shown(&self) -> Json {
        json!({
            "id": self.id, "label": self.label, "displayOrder": self.display_order, "archived": false,
            "metadata": self.metadata, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "createdAt": iso(self.created_at), "updatedAt": iso(self.updated_at),
        })
    }
}

/// Answers what concerns pipelines: `{object}/…`.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    let object = match portal.object(path.first()?) {
        Ok(object) => object,
        Err(refusal) => return Some(Err(refusal)),
    };
    let name = portal.objects[object].name.clone();
    let now = portal.now();
    if let Some(refusal) = refuse_use(portal, object, call) {
        return Some(Err(refusal));
    }
    let pipelines = portal.pipelines.entry(name.clone()).or_default();
    let is_deal = name == "deals";
    Some(match (method, &path[1..]) {
        ("GET", []) => Ok(results(pipelines.iter().map(Pipeline::shown))),
        ("POST", []) => create(pipelines, call, is_deal, now),
        (_, [id, rest @ ..]) => {
            let Some(place) = pipelines.iter().position(|pipeline| pipeline.id == *id) else {
                return Some(Err(Refusal::not_found(format!("Pipeline {id} does not exist"))));
            };
            match (method, rest) {
                ("GET", []) => Ok(Answer::ok(pipelines[place].shown())),
                ("PATCH" | "PUT", []) => update(&mut pipelines[place], call, is_deal, now),
                ("DELETE", []) => {
                    pipelines.remove(place);
                    Ok(Answer::nothing())
                }
                ("GET", ["audit"] | ["stages", _, "audit"]) => Ok(results(std::iter::empty())),
                ("GET", ["stages"]) => Ok(results(pipelines[place].stages.iter().map(Stage::shown))),
                ("POST", ["stages"]) => create_stage(&mut pipelines[place], call, is_deal, now),
                (_, ["stages", stage]) => return stage_answer(&mut pipelines[place], call, stage, now),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn results(shown: impl Iterator<Item = Json>) -> Answer {
    Answer::ok(json!({"results": shown.collect::<Vec<Json>>()}))
}

/// Refuses to delete a pipeline or stage that records are in, when the client asks for that check.
fn refuse_use(portal: &Portal, object: usize, call: &Call) -> Option<Refusal> {
    let is_checked = call.flag("validateReferencesBeforeDelete") || call.flag("validateDealStageUsagesBeforeDelete");
    if call.method != "DELETE" || !is_checked {
        return None;
    }
    let kind = &portal.objects[object];
    let names = kind.stage.as_ref()?;
    let (property, id) = match call.path.as_slice() {
        [_, id] => (&names.pipeline, id),
        [_, _, _, id] => (&names.stage, id),
        _ => return None,
    };
    let place = kind.property_place(property)?;
    let mut records = kind.records.page(0, false);
    let is_used = records.any(|(_, record)| record.values.get(place) == Some(id));
    is_used.then(|| Refusal::invalid(format!("{id} is still used by records")))
}

fn taken(id: &str) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "CONFLICT", format!("An id of a pipeline or stage is used twice: {id}"))
}

fn free_id(label: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let base: String = label.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let mut candidates = (1_u32..).map(|number| if number == 1 { base.clone() } else { format!("{base}{number}") });
    candidates.find(|id| !id.is_empty() && !is_taken(id)).unwrap_or(base)
}

fn required(field: &str) -> Refusal {
    Refusal::invalid(format!("Some required fields were not set: [{field}]"))
}

fn make_stage(body: StageBody, others: &[Stage], is_deal: bool, now: i64) -> Result<Stage, Refusal> {
    let label = body.label.ok_or_else(|| required("label"))?;
    let metadata = body.metadata.unwrap_or_default();
    if is_deal && metadata.get("probability").is_none_or(|chance| chance.parse::<f64>().is_err()) {
        return Err(required("metadata.probability"));
    }
    let is_taken = |id: &str| others.iter().any(|stage| stage.id == id);
    let id = body.stage_id.unwrap_or_else(|| free_id(&label, is_taken));
    if is_taken(&id) {
        return Err(taken(&id));
    }
    let display_order = body.display_order.unwrap_or_else(|| i64::try_from(others.len()).unwrap_or(i64::MAX));
    Ok(Stage { id, label, display_order, metadata, created_at: now, updated_at: now })
}

fn make_stages(bodies: Vec<StageBody>, is_deal: bool, now: i64) -> Result<Vec<Stage>, Refusal> {
    let mut stages = Vec::new();
    for body in bodies {
        let stage = make_stage(body, &stages, is_deal, now)?;
        stages.push(stage);
    }
    Ok(stages)
}

fn create(pipelines: &mut Vec<Pipeline>, call: &Call, is_deal: bool, now: i64) -> Result<Answer, Refusal> {
    let body: PipelineBody = call.json()?;
    let label = body.label.ok_or_else(|| required("label"))?;
    let is_taken = |id: &str| pipelines.iter().any(|pipeline| pipeline.id == id);
    let id = body.pipeline_id.unwrap_or_else(|| free_id(&label, is_taken));
    if is_taken(&id) {
        return Err(taken(&id));
    }
    let stages = make_stages(body.stages.unwrap_or_default(), is_deal, now)?;
    let display_order = body.display_order.unwrap_or_default();
    let pipeline = Pipeline { id, label, display_order, stages, created_at: now, updated_at: now };
    let shown = pipeline.shown();
    pipelines.push(pipeline);
    Ok(Answer::created(shown))
}

fn update(pipeline: &mut Pipeline, call: &Call, is_deal: bool, now: i64) -> Result<Answer, Refusal> {
    let body: PipelineBody = call.json()?;
    if let Some(stages) = body.stages {
        pipeline.stages = make_stages(stages, is_deal, now)?;
    }
    pipeline.label = body.label.unwrap_or_else(|| pipeline.label.clone());
    pipeline.display_order = body.display_order.unwrap_or(pipeline.display_order);
    pipeline.updated_at = now;
    Ok(Answer::ok(pipeline.shown()))
}

fn create_stage(pipeline: &mut Pipeline, call: &Call, is_deal: bool, now: i64) -> Result<Answer, Refusal> {
    let stage = make_stage(call.json()?, &pipeline.stages, is_deal, now)?;
    let shown = stage.shown();
    pipeline.stages.push(stage);
    Ok(Answer::created(shown))
}

fn stage_answer(pipeline: &mut Pipeline, call: &Call, id: &str, now: i64) -> Option<Result<Answer, Refusal>> {
    let Some(place) = pipeline.stages.iter().position(|stage| stage.id == id) else {
        return Some(Err(Refusal::not_found(format!("Stage {id} does not exist"))));
    };
    Some(match call.method.as_str() {
        "GET" => Ok(Answer::ok(pipeline.stages[place].shown())),
        "PATCH" | "PUT" => call.json::<StageBody>().map(|body| {
            let stage = &mut pipeline.stages[place];
            stage.label = body.label.unwrap_or_else(|| stage.label.clone());
            stage.display_order = body.display_order.unwrap_or(stage.display_order);
            stage.metadata.extend(body.metadata.unwrap_or_default());
            stage.updated_at = now;
            Answer::ok(stage.shown())
        }),
        "DELETE" => {
            pipeline.stages.remove(place);
            Ok(Answer::nothing())
        }
        _ => return None,
    })
}
