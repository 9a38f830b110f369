//! Notices which fields and options are new or gone at either end since the pipeline's last run.

use std::collections::BTreeMap;

use crate::config::StreamDestination;
use crate::model::{Capabilities, ConnectionName, Field, FieldName, FieldType, Schema};
use crate::state::{PipelineEnd, SchemaChange, SchemaChangeKind, SeenObject};

use super::{accounts::RunIdentity, environment::Environment, error::EngineError};

/// Most changes of an object that are named in its line.
const MAX_NAMED: usize = 12;

impl Environment {
    /// Compares an object with what a run of the pipeline saw last, and tells what changed. Who looks at the run reads it in its report.
    pub(super) async fn see_schema(
        &self,
        pipeline: &str,
        run: RunIdentity<'_>,
        (end, connection): (PipelineEnd, &ConnectionName),
        schema: &Schema,
    ) -> Result<(), EngineError> {
        let account = run.accounts.known(connection).map(|account| account.id().to_owned());
        let at = SeenObject { connection: connection.clone(), account, object: schema.object.clone(), end };
        let now = self.context.clock().now();
        let changes = self.state.see_schema(pipeline, at, schema, now).await?;
        if run.review.is_none() {
            for line in schema_lines(&changes) {
                self.observer.schema_changed(&line);
            }
        }
        Ok(())
    }

    /// The same of an object that is written. Of one that takes any field, those that are mapped are there: the run adds them. One that
    /// each run writes anew is nobody else's.
    pub(super) async fn see_written(
        &self,
        pipeline: &str,
        run: RunIdentity<'_>,
        (config, capabilities): (&StreamDestination, &Capabilities),
        declared: &Schema,
    ) -> Result<(), EngineError> {
        if capabilities.is_local {
            return Ok(());
        }
        let mut schema = Schema { object: config.object.clone(), ..declared.clone() };
        if declared.is_open {
            let mapped = config.mappings.keys().map(FieldName::new);
            let added = mapped.filter(|name| declared.field(name).is_none());
            schema.fields.extend(added.map(|name| Field::new(name.as_str(), FieldType::Text)));
        }
        self.see_schema(pipeline, run, (PipelineEnd::Destination, &config.connection), &schema).await
    }
}

/// Says what changed, in one line for each object.
pub fn schema_lines(changes: &[SchemaChange]) -> Vec<String> {
    let mut by_object: BTreeMap<&SeenObject, Vec<String>> = BTreeMap::new();
    for change in changes {
        by_object.entry(&change.at).or_default().push(words(change));
    }
    let line = |(at, mut words): (&SeenObject, Vec<String>)| {
        let more = words.len().saturating_sub(MAX_NAMED);
        words.truncate(MAX_NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{} {}: {}{more}", at.connection, at.object, words.join("; "))
    };
    by_object.into_iter().map(line).collect()
}

fn words(change: &SchemaChange) -> String {
    let field = &change.field;
    match (change.change, &change.option) {
        (SchemaChangeKind::New, None) => format!("new field `{field}`"),
        (SchemaChangeKind::Gone, None) => format!("field `{field}` is gone"),
        (SchemaChangeKind::Back, None) => format!("field `{field}` is back"),
        (SchemaChangeKind::New, Some(option)) => format!("new option `{option}` of `{field}`"),
        (SchemaChangeKind::Gone, Some(option)) => format!("option `{option}` of `{field}` is gone"),
        (SchemaChangeKind::Back, Some(option)) => format!("option `{option}` of `{field}` is back"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn change(object: &str, change: SchemaChangeKind, field: &str, option: Option<&str>) -> SchemaChange {
        let at = SeenObject {
            connection: "crm".into(),
            account: Some("1".to_owned()),
            object: object.into(),
            end: PipelineEnd::Destination,
        };
        SchemaChange {
            at,
            change,
            field: field.into(),
            option: option.map(str::to_owned),
            seen_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_object_has_a_line_of_its_own() {
        let mut changes = vec![
            change("contacts", SchemaChangeKind::New, "region", None),
            change("deals", SchemaChangeKind::Back, "amount", None),
            change("contacts", SchemaChangeKind::Gone, "lifecyclestage", Some("churned")),
        ];
        let lines = [
            "crm contacts: new field `region`; option `churned` of `lifecyclestage` is gone",
            "crm deals: field `amount` is back",
        ];
        assert_eq!(schema_lines(&changes), lines);
        changes.extend((0..20).map(|number| change("deals", SchemaChangeKind::New, &format!("f{number}"), None)));
        assert!(schema_lines(&changes)[1].ends_with("new field `f10`; and 9 more"));
    }
}
