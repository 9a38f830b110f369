//! Products attached to deals.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    kinds::Kind,
    listing::cut,
    request::Call,
    time::rfc3339,
};

/// Most products of one bulk request, and most ids of one delete.
const MAX_BULK: usize = 100;
/// What can be written, with whether it must be a number.
const WRITABLE: [(&str, bool); 13] = [
    ("product_id", true),
    ("item_price", true),
    ("quantity", true),
    ("tax", true),
    ("discount", true),
    ("comments", false),
    ("is_enabled", false),
    ("tax_method", false),
    ("discount_type", false),
    ("product_variation_id", false),
    ("billing_frequency", false),
    ("billing_frequency_cycles", false),
    ("billing_start_date", false),
];

/// All attachments, by their ids.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    all: BTreeMap<u64, Map<String, Json>>,
}

impl Attachments {
    /// Returns the deal of each.
    pub(super) fn deals(&self) -> impl Iterator<Item = u64> {
        self.all.values().filter_map(|one| one["deal_id"].as_u64())
    }

    fn of(&self, deal: u64) -> Vec<Json> {
        self.all.values().filter(|one| one["deal_id"] == deal).cloned().map(Json::from).collect()
    }
}

/// Answers `deals/{id}/products` and `deals/products`; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["deals", "products"]) => of_deals(account, call),
        ("GET", ["deals", deal, "products"]) => list(account, call, deal),
        ("POST", ["deals", deal, "products"]) => attach(account, call, deal),
        ("POST", ["deals", deal, "products", "bulk"]) => attach_many(account, call, deal),
        ("DELETE", ["deals", deal, "products"]) => detach_many(account, call, deal),
        ("PATCH", ["deals", deal, "products", id]) => change(account, call, deal, id),
        ("DELETE", ["deals", deal, "products", id]) => detach(account, deal, id),
        _ => return None,
    })
}

fn list(account: &Account, call: &Call, deal: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let (page, next) = cut(call, account.attachments.of(deal), 500)?;
    Ok(Answer::page(page, next))
}

fn of_deals(account: &Account, call: &Call) -> Answered {
    let ids = call.list("deal_ids");
    if ids.is_empty() || ids.len() > MAX_BULK {
        return Err(call.invalid_parameter("deal_ids", "must have 1 to 100 ids"));
    }
    let all = ids.iter().filter_map(|id| id.parse().ok()).flat_map(|id| account.attachments.of(id)).collect();
    let (page, next) = cut(call, all, 500)?;
    Ok(Answer::page(page, next))
}

fn attach(account: &mut Account, call: &Call, deal: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let attachment = read(account, deal, &call.object()?, None)?;
    Ok(Answer::data(keep(account, attachment)).created())
}

/// Attaches several products, all or none.
fn attach_many(account: &mut Account, call: &Call, deal: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let body = call.object()?;
    let all = body.get("data").and_then(Json::as_array).filter(|all| (1..=MAX_BULK).contains(&all.len()));
    let all = all.ok_or_else(|| Refusal::field("data", "must be an array of 1 to 100 products"))?;
    let one = |one: &Json| read(account, deal, one.as_object().unwrap_or(&Map::new()), None);
    let attachments: Vec<_> = all.iter().map(one).collect::<Result<_, _>>()?;
    let kept: Vec<Json> = attachments.into_iter().map(|one| keep(account, one)).collect();
    Ok(Answer::data(kept).created())
}

fn keep(account: &mut Account, mut attachment: Map<String, Json>) -> Json {
    let id = account.next_number();
    attachment.insert("id".to_owned(), json!(id));
    account.attachments.all.insert(id, attachment.clone());
    Json::from(attachment)
}

fn change(account: &mut Account, call: &Call, deal: &str, id: &str) -> Answered {
    let (deal, id) = find(account, deal, id)?;
    let changed = read(account, deal, &call.object()?, account.attachments.all.get(&id))?;
    account.attachments.all.insert(id, changed.clone());
    Ok(Answer::data(Json::from(changed)))
}

fn detach(account: &mut Account, deal: &str, id: &str) -> Answered {
    let (_, id) = find(account, deal, id)?;
    account.attachments.all.remove(&id);
    Ok(Answer::data(json!({"id": id})))
}

fn detach_many(account: &mut Account, call: &Call, deal: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let named = call.list("ids");
    let of_deal = account
        .attachments
        .all
        .iter()
        .filter(|(id, one)| one["deal_id"] == deal && (named.is_empty() || named.contains(&id.to_string())));
    let ids: Vec<u64> = of_deal.map(|(id, _)| *id).take(MAX_BULK).collect();
    for id in &ids {
        account.attachments.all.remove(id);
    }
    let has_more = named.is_empty() && !account.attachments.of(deal).is_empty();
    let more = json!({"more_items_in_collection": has_more});
    Ok(Answer::whole(json!({"success": true, "data": {"ids": ids}, "additional_data": more})))
}

fn find(account: &Account, deal: &str, id: &str) -> Result<(u64, u64), Refusal> {
    let deal = account.find(Kind::Deals, deal)?.id;
    let id: Option<u64> = id.parse().ok();
    let found = id.filter(|id| account.attachments.all.get(id).is_some_and(|one| one["deal_id"] == deal));
    found.map(|id| (deal, id)).ok_or_else(|| Refusal::not_found("Deal product not found"))
}

/// Reads an attachment, new or changed.
fn read(
    account: &Account,
    deal: u64,
    body: &Map<String, Json>,
    old: Option<&Map<String, Json>>,
) -> Result<Map<String, Json>, Refusal> {
    let now = rfc3339(account.now());
    let currency = account.all(Kind::Deals).get(deal).map(|deal| deal.value("currency").clone());
    let born = || {
        json!({"id": null, "sum": 0, "tax": 0, "deal_id": deal, "name": "", "product_id": null, "product_variation_id": null,
            "order_nr": account.attachments.of(deal).len() + 1, "add_time": now, "update_time": now, "comments": "", "currency": currency,
            "discount": 0, "discount_type": "percentage", "quantity": null, "item_price": null, "tax_method": "inclusive", "is_enabled": true,
            "billing_frequency": "one-time", "billing_frequency_cycles": null, "billing_start_date": null})
    };
    let mut kept = old.cloned().unwrap_or_else(|| born().as_object().cloned().unwrap_or_default());
    for (name, value) in body {
        let Some((_, is_number)) = WRITABLE.iter().find(|(known, _)| known == name) else {
            return Err(Refusal::validation(format!("Validation failed: Unknown key '{name}'")));
        };
        if *is_number && !value.is_number() {
            return Err(Refusal::field(name, "must be a number"));
        }
        kept.insert(name.clone(), value.clone());
    }
    if let Some(name) = ["product_id", "item_price", "quantity"].into_iter().find(|name| kept[*name].is_null()) {
        return Err(Refusal::field(name, "is required"));
    }
    let product = kept["product_id"].as_u64().and_then(|id| account.live(Kind::Products, id));
    let product = product.ok_or_else(|| Refusal::not_found("Product not found"))?;
    kept.insert("name".to_owned(), product.value("name").clone());
    let amount = |name: &str| kept[name].as_f64().unwrap_or_default();
    let whole = amount("item_price") * amount("quantity");
    let off = if kept["discount_type"] == "amount" { amount("discount") } else { whole * amount("discount") / 100.0 };
    kept.insert("sum".to_owned(), json!(whole - off));
    kept.insert("update_time".to_owned(), json!(now));
    Ok(kept)
}
