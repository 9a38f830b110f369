//! Leads that become deals: a job is started, and its outcome asked for.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    kinds::Kind,
    leads::uuid,
    request::Call,
    write::written,
};

/// Answers `leads/{id}/convert/…`; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("POST", ["leads", id, "convert", "deal"]) => start(account, call, id),
        ("GET", ["leads", id, "convert", "status", conversion]) => status(account, id, conversion),
        _ => return None,
    })
}

/// Makes the deal at once and tells the id of the job.
fn start(account: &mut Account, call: &Call, id: &str) -> Answered {
    let body = call.object()?;
    let lead = account.find(Kind::Leads, id)?;
    if lead.deleted.is_some() {
        return Err(Refusal::no_such(Kind::Leads));
    }
    let (number, content) = (lead.id, lead.content.clone());
    let value = |code: &str| content.values.get(code).cloned().unwrap_or_default();
    let mut deal: Map<String, Json> =
        body.into_iter().filter(|(name, _)| matches!(name.as_str(), "stage_id" | "pipeline_id")).collect();
    let links = [
        ("title", value("title")),
        ("owner_id", value("owner_id")),
        ("person_id", value("person_id")),
        ("org_id", value("organization_id")),
        ("value", value("value")["amount"].clone()),
        ("currency", value("value")["currency"].clone()),
        ("expected_close_date", value("expected_close_date")),
    ];
    deal.extend(links.into_iter().filter(|(_, value)| !value.is_null()).map(|(code, value)| (code.to_owned(), value)));
    deal.insert("custom_fields".to_owned(), Json::from(content.custom));
    let mut made = written(account, Kind::Deals, &deal, None)?;
    made.values.insert("source_lead_id".to_owned(), json!(id));
    let deal = account.add(Kind::Deals, made, None);
    account.delete(Kind::Leads, number);
    move_notes(account, id, deal);
    let conversion = uuid(&format!("conversion/{id}/{deal}"));
    account.conversions.insert(conversion.clone(), (id.to_owned(), deal));
    Ok(Answer::whole(json!({"success": true, "data": {"conversion_id": conversion}, "additional_data": null})))
}

/// Hangs on the deal what hung on the lead.
fn move_notes(account: &mut Account, lead: &str, deal: u64) {
    for kind in [Kind::Notes, Kind::Activities] {
        let of_lead = account.all(kind).all().filter(|record| record.text("lead_id") == lead);
        let found: Vec<u64> = of_lead.map(|record| record.id).collect();
        for id in found {
            let Some(mut content) = account.all(kind).get(id).map(|record| record.content.clone()) else { continue };
            content.values.insert("lead_id".to_owned(), Json::Null);
            content.values.insert("deal_id".to_owned(), json!(deal));
            account.change(kind, id, content);
        }
    }
}

fn status(account: &Account, id: &str, conversion: &str) -> Answered {
    let found = account.conversions.get(conversion).filter(|(lead, _)| lead == id);
    let missing = || {
        Refusal::whole(
            axum::http::StatusCode::NOT_FOUND,
            json!({"success": false, "error": "Entity was not found",
        "error_info": "Object was not found.", "data": null, "additional_data": null}),
        )
    };
    let (_, deal) = found.ok_or_else(missing)?;
    let data = json!({"deal_id": deal, "conversion_id": conversion, "status": "completed"});
    Ok(Answer::whole(json!({"success": true, "data": data, "additional_data": null})))
}
