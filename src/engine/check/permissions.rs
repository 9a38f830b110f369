//! Whether the login may write what a pipeline maps, by every operation that a run may use.

use crate::config::WriteMode;
use crate::connector::ConnectorError;
use crate::model::{FieldName, Operation};

use super::super::setup::Loader;

/// What the destination says of permissions.
#[derive(Debug)]
pub(super) enum Permissions {
    /// It tells only when it is written to.
    NotTold,
    /// What is refused, once each.
    Told(Vec<ConnectorError>),
}

/// Asks the destination about each operation with the fields that go along with it.
pub(super) async fn of(loader: &Loader) -> Result<Permissions, ConnectorError> {
    let Some(permissions) = loader.services.destination.permissions() else { return Ok(Permissions::NotTold) };
    let mut refusals: Vec<ConnectorError> = Vec::new();
    let all: Vec<FieldName> = loader.shape.preparation.fields.iter().map(|field| field.name.clone()).collect();
    for operation in operations(loader) {
        let is_left_out = |name: &FieldName| operation == Operation::Update && loader.policy.on_create.contains(name);
        let fields: Vec<FieldName> = all.iter().filter(|name| !is_left_out(name)).cloned().collect();
        for refusal in permissions.refusals(&loader.target.names.object, &operation, &fields).await? {
            if !refusals.iter().any(|known| known.message == refusal.message) {
                refusals.push(refusal);
            }
        }
    }
    Ok(Permissions::Told(refusals))
}

fn operations(loader: &Loader) -> Vec<Operation> {
    let key = loader.shape.preparation.key.to_vec();
    let upsert = if loader.policy.is_upsert_native {
        vec![Operation::Upsert { key }]
    } else {
        vec![Operation::Insert, Operation::Update]
    };
    match loader.policy.write {
        WriteMode::Insert | WriteMode::Replace => vec![Operation::Insert],
        WriteMode::Update => vec![Operation::Update],
        WriteMode::Upsert => upsert,
        WriteMode::Mirror => [upsert, vec![Operation::Delete]].concat(),
    }
}
