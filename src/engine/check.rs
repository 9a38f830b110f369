//! Asks everything that a run would ask before its first write: login, objects, fields, mappings.

use crate::{config::Pipeline, model::ConnectionName};

use super::{
    error::EngineError,
    setup::{Environment, frame_schema, transform_error},
    sides::{Depth, read_sides},
};

/// One thing that was checked.
#[derive(Debug)]
pub struct Finding {
    /// The connection.
    pub connection: ConnectionName,
    /// What was checked, for a person.
    pub subject: String,
    /// What was found: a remark, or why a run would not work.
    pub result: Result<String, EngineError>,
}

/// Checks every source and destination of a pipeline. Writes nothing, at the vendors or in the state file.
pub async fn check(environment: &Environment, pipeline: &Pipeline) -> Vec<Finding> {
    let mut findings = Vec::new();
    for stream in &pipeline.streams {
        let subject = format!("read `{}`", stream.object);
        let connection = stream.connection.clone();
        let schema = match check_source(environment, pipeline, stream).await {
            Ok((schema, remark)) => {
                findings.push(Finding { connection, subject, result: Ok(remark) });
                Some(schema)
            }
            Err(error) => {
                findings.push(Finding { connection, subject, result: Err(error) });
                None
            }
        };
        for target in &stream.destinations {
            let connection = target.connection.clone();
            let subject = format!("write `{}`", target.object);
            let Some(schema) = &schema else {
                let reason = format!("not checked: the source of `{}` must work first", stream.name);
                let result = Err(EngineError::Unsupported(reason));
                findings.push(Finding { connection, subject, result });
                continue;
            };
            let result = check_destination(environment, pipeline, stream, target, schema).await;
            findings.push(Finding { connection, subject, result });
        }
    }
    findings
}

async fn check_source(
    environment: &Environment,
    pipeline: &Pipeline,
    stream: &crate::config::Stream,
) -> Result<(crate::model::Schema, String), EngineError> {
    let extraction = environment.connect_source(pipeline, stream)?;
    let failed = |error| EngineError::connector(&stream.connection, error);
    extraction.source.check().await.map_err(failed)?;
    let declared = extraction.source.describe(&stream.object).await.map_err(failed)?;
    let schema = frame_schema(&declared);
    let sides = read_sides(environment, pipeline, stream, Depth::Described).await?.sides;
    let steps = crate::transform::Steps::compile(&stream.transforms, &schema, &sides)
        .map_err(|error| transform_error(stream, error))?;
    if let Some(sql) = &stream.filter {
        crate::transform::Filter::compile(sql, &schema).map_err(|error| transform_error(stream, error))?;
    }
    let remark = format!("login and {} fields are fine", declared.fields.len());
    Ok((steps.output().clone(), remark + &quota_remark(&extraction.context)))
}

async fn check_destination(
    environment: &Environment,
    pipeline: &Pipeline,
    stream: &crate::config::Stream,
    target: &crate::config::StreamDestination,
    schema: &crate::model::Schema,
) -> Result<String, EngineError> {
    let context = environment.context_of(&target.connection);
    let loader = environment.connect_destination(pipeline, stream, target, schema, "", context).await?;
    let failed = |error| EngineError::connector(&target.connection, error);
    loader.destination.check().await.map_err(failed)?;
    let fields = loader.preparation.fields.len();
    let upsert = if loader.policy.is_upsert_native { ", the vendor upserts on the key" } else { "" };
    Ok(format!("login and {fields} mapped fields are fine{upsert}{}", quota_remark(&loader.context)))
}

fn quota_remark(context: &crate::connector::Context) -> String {
    let Some(quota) = context.meter.quota() else { return String::new() };
    format!("; {} of {} calls of the quota are left", quota.remaining, quota.max)
}
