//! `split`: splits a text field into several.

use polars::prelude::{DataFrame, IntoLazy, col, lit};

use super::{PageStep, Tally, refuse_reserved};
use crate::model::{FieldType, Schema};
use crate::transform::{columns, convert::to_text, error::TransformError, spec::SplitSpec};

/// `split: { field: place, separator: ", ", into: [city, region, rest] }`: "Kiel, SH" → `city` Kiel, `region` SH, `rest` no
/// value. The last field gets all that is left.
#[derive(Debug)]
pub(super) struct Split {
    spec: SplitSpec,
    field_type: FieldType,
}

pub(super) fn compile(spec: &SplitSpec, schema: &mut Schema) -> Result<Split, TransformError> {
    let field_type = columns::require(schema, &spec.field).map_err(|error| error.under(["split", "field"]))?;
    if spec.separator.is_empty() {
        return Err(TransformError::new("transform.step", "the separator is empty").under(["split", "separator"]));
    }
    if spec.into.is_empty() {
        return Err(TransformError::new("transform.step", "names no field for the parts").under(["split", "into"]));
    }
    for (index, name) in spec.into.iter().enumerate() {
        refuse_reserved(name).map_err(|error| error.under(["split", "into", &index.to_string()]))?;
        columns::set(schema, name, FieldType::Text);
    }
    Ok(Split { spec: spec.clone(), field_type })
}

impl PageStep for Split {
    fn apply(&self, frame: DataFrame, _tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let text = to_text(col(self.spec.field.as_str()), self.field_type);
        let parts = text.str().splitn(lit(self.spec.separator.as_str()), self.spec.into.len());
        let part = |index: usize, name: &String| {
            parts.clone().struct_().field_by_name(&format!("field_{index}")).alias(name.as_str())
        };
        let fields: Vec<_> = self.spec.into.iter().enumerate().map(|(index, name)| part(index, name)).collect();
        Ok(frame.lazy().with_columns(fields).collect()?)
    }
}
