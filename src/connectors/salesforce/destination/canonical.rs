//! Values in the words in which they are kept: people and record types by their ids.

use async_trait::async_trait;

use crate::connector::{Canonical, ConnectorError};
use crate::model::{BatchRecord, Fields, ObjectName, Operation};

use super::{
    super::schema::{RECORD_TYPE_FIELD, SalesforceField},
    SalesforceDestination,
};

#[async_trait]
impl Canonical for SalesforceDestination {
    /// What would be refused stays as it is.
    async fn canonical(&self, object: &ObjectName, records: Vec<Fields>) -> Result<Vec<Fields>, ConnectorError> {
        let info = self.described(object, records.iter().flat_map(Fields::keys)).await?;
        let is_name = |field: &SalesforceField| field.is_user() || field.field.name.as_str() == RECORD_TYPE_FIELD;
        let records = records.into_iter();
        let mut records: Vec<BatchRecord> =
            records.map(|fields| BatchRecord { fields, ..BatchRecord::default() }).collect();
        let owners = self.owners_of(&info, &records).await?;
        for (name, value) in records.iter_mut().flat_map(|record| &mut record.fields) {
            let Some(field) = info.field(name).filter(|field| is_name(field)) else { continue };
            if let Ok(Some(kept)) = self.value(&info, field, value, &Operation::Update, &owners) {
                *value = kept;
            }
        }
        Ok(records.into_iter().map(|record| record.fields).collect())
    }
}
