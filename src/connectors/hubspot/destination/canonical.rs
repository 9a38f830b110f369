//! Values in the words in which they are kept: owners, pipelines and stages by their ids.

use crate::connector::ConnectorError;
use crate::model::{Batch, BatchRecord, FieldName, Fields, LINK_PREFIX, ObjectName, Operation, Value};

use super::{
    super::{
        limits,
        schema::{Catalog, ObjectInfo},
    },
    encode::Encoder,
};

/// Returns records with the ids of what they name. What would be refused stays as it is.
pub(super) async fn canonical(
    catalog: &Catalog,
    default_owner: Option<&str>,
    object: &ObjectName,
    records: Vec<Fields>,
) -> Result<Vec<Fields>, ConnectorError> {
    let info = catalog.object(object).await?;
    let named = records.iter().map(|fields| {
        let named = fields.iter().filter(|(name, _)| is_name(&info, name));
        let fields = named.map(|(name, value)| (name.clone(), value.clone())).collect();
        BatchRecord { trace_id: String::new(), destination_id: None, fields }
    });
    let batch = Batch { object: object.clone(), operation: Operation::Update, records: named.collect() };
    let encoder = Encoder::new(catalog, default_owner, &batch).await?;
    let kept = records.into_iter().zip(&batch.records).map(|(mut fields, named)| {
        if let Ok(input) = encoder.input(0, named, &Operation::Update) {
            let ids = input.properties.iter().filter_map(|(name, id)| Some((FieldName::new(name), id.as_str()?)));
            fields.extend(ids.map(|(name, id)| (name, Value::Text(id.to_owned()))));
        }
        fields
    });
    Ok(kept.collect())
}

/// Tells whether a field's values may be names of what has ids.
fn is_name(info: &ObjectInfo, field: &str) -> bool {
    let is_of_pipeline =
        limits::pipeline_properties(&info.object).is_some_and(|(pipeline, stage)| [pipeline, stage].contains(&field));
    !field.starts_with(LINK_PREFIX)
        && (is_of_pipeline || info.property(field).is_some_and(|property| property.is_owner))
}
