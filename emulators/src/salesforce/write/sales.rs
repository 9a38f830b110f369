//! Prices of products, and the products of an opportunity: what is checked, and what follows.
//!
//! Source: object reference, `PricebookEntry`, `OpportunityLineItem` and `Opportunity`.

use super::super::{
    errors::Problem,
    ids::Id,
    org::{Org, STANDARD_PRICE_BOOK},
    store::{Change, Values},
};

/// The values of a record as a write leaves them.
struct After<'a> {
    org: &'a Org,
    object: usize,
    values: &'a Values,
    changes: &'a [Change],
}

impl After<'_> {
    fn is_written(&self, name: &str) -> bool {
        let place = self.org.object(self.object).place(name);
        self.changes.iter().any(|(written, value)| Some(*written) == place && !value.is_empty())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let place = self.org.object(self.object).place(name)?;
        let change = self.changes.iter().rev().find(|(written, _)| *written == place);
        let value = change.map(|(_, value)| value.as_str()).or_else(|| self.values.get(place));
        value.filter(|value| !value.is_empty())
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }
}

/// Returns a value of another record.
fn value_of<'o>(org: &'o Org, id: Option<&str>, name: &str) -> Option<&'o str> {
    let (object, record) = org.record(Id::parse(id?)?)?;
    record.values.get(org.object(object).place(name)?)
}

/// Finds the entry of a product in a price book.
fn entry(org: &Org, book: &str, product: &str) -> Option<Id> {
    let entries = org.object(org.catalog.find("PricebookEntry")?);
    let (of_book, of_product) = (entries.place("Pricebook2Id")?, entries.place("Product2Id")?);
    let mut all = entries.records.pointing_at(of_product, Id::parse(product)?);
    all.find(|id| {
        let record = entries.records.get(*id).filter(|record| !record.is_deleted);
        record.is_some_and(|record| record.values.get(of_book) == Some(book))
    })
}

/// Returns the changes that follow for a price, or for a product of an opportunity.
pub(super) fn derive(org: &Org, object: usize, values: &Values, changes: &[Change]) -> Vec<Change> {
    let it = After { org, object, values, changes };
    let mut derived: Vec<(&str, String)> = Vec::new();
    match org.object(object).spec.name.as_str() {
        "PricebookEntry" => {
            for (name, from) in [("Name", "Name"), ("ProductCode", "ProductCode")] {
                derived.extend(value_of(org, it.get("Product2Id"), from).map(|value| (name, value.to_owned())));
            }
            let standard = it.get("Product2Id").and_then(|product| entry(org, STANDARD_PRICE_BOOK, product));
            if it.get("UseStandardPrice") == Some("true")
                && let Some(price) = value_of(org, standard.map(|id| id.to_string()).as_deref(), "UnitPrice")
            {
                derived.push(("UnitPrice", price.to_owned()));
            }
        }
        "OpportunityLineItem" => line_item(&it, &mut derived),
        _ => {}
    }
    let place = |(name, value): (&str, String)| Some((org.object(object).place(name)?, value));
    derived.into_iter().filter_map(place).collect()
}

fn line_item(it: &After<'_>, derived: &mut Vec<(&str, String)>) {
    let org = it.org;
    let opportunity = it.get("OpportunityId");
    let book = value_of(org, opportunity, "Pricebook2Id");
    let found = book.zip(it.get("Product2Id")).and_then(|(book, product)| entry(org, book, product));
    let price = it.get("PricebookEntryId").map(str::to_owned).or_else(|| found.map(|id| id.to_string()));
    if let Some(price) = &price {
        let product = value_of(org, Some(price), "Product2Id").unwrap_or_default();
        derived.push(("PricebookEntryId", price.clone()));
        derived.push(("Product2Id", product.to_owned()));
        let product_name = value_of(org, Some(product), "Name").unwrap_or_default();
        let name = format!("{} {product_name}", value_of(org, opportunity, "Name").unwrap_or_default());
        derived.push(("Name", name));
        for (to, from) in [("ProductCode", "ProductCode"), ("ListPrice", "UnitPrice")] {
            derived.extend(value_of(org, Some(price), from).map(|value| (to, value.to_owned())));
        }
    }
    let list_price = || value_of(org, price.as_deref(), "UnitPrice").and_then(|price| price.parse().ok());
    let quantity = it.number("Quantity").unwrap_or(0.0);
    if it.is_written("TotalPrice") && !it.is_written("UnitPrice") {
        let total = it.number("TotalPrice").unwrap_or(0.0);
        if quantity != 0.0 {
            derived.push(("UnitPrice", (total / quantity).to_string()));
        }
    } else if let Some(unit) = it.number("UnitPrice").or_else(list_price) {
        derived.push(("UnitPrice", unit.to_string()));
        derived.push(("TotalPrice", (unit * quantity).to_string()));
    }
}

/// Checks what the vendor demands of a new price, or of a new product of an opportunity.
pub(super) fn check(org: &Org, object: usize, changes: &[Change]) -> Result<(), Problem> {
    let values = Values::default();
    let it = After { org, object, values: &values, changes };
    match org.object(object).spec.name.as_str() {
        "PricebookEntry" => {
            let (Some(book), Some(product)) = (it.get("Pricebook2Id"), it.get("Product2Id")) else { return Ok(()) };
            if entry(org, book, product).is_some() {
                let message = "This price definition already exists in this price book";
                return Err(Problem::new("DUPLICATE_VALUE", message));
            }
            if book != STANDARD_PRICE_BOOK && entry(org, STANDARD_PRICE_BOOK, product).is_none() {
                let message = "No standard price defined for this product";
                return Err(Problem::new("STANDARD_PRICE_NOT_DEFINED", message));
            }
            Ok(())
        }
        "OpportunityLineItem" => {
            let Some(price) = it.get("PricebookEntryId") else {
                let message = "field integrity exception: PricebookEntryId (pricebook entry has not been specified)";
                return Err(Problem::of_field("FIELD_INTEGRITY_EXCEPTION", message, "PricebookEntryId"));
            };
            let book = value_of(org, it.get("OpportunityId"), "Pricebook2Id");
            if book.is_some_and(|book| Some(book) != value_of(org, Some(price), "Pricebook2Id")) {
                let message = "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than \
                    the one assigned to the opportunity)";
                return Err(Problem::of_field("FIELD_INTEGRITY_EXCEPTION", message, "PricebookEntryId"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Leaves out the amount of an opportunity that has products: it is their sum, whatever is sent.
pub(super) fn drop_summed(org: &Org, object: usize, values: &Values, changes: &mut Vec<Change>) {
    let kind = org.object(object);
    let has_products = kind.place("HasOpportunityLineItem").and_then(|place| values.get(place)) == Some("true");
    if kind.spec.name == "Opportunity" && has_products {
        let amount = kind.place("Amount");
        changes.retain(|(place, _)| Some(*place) != amount);
    }
}

/// Returns the opportunity of a product, and the price book that it brings.
pub(super) fn opportunity_of(org: &Org, object: usize, id: Id) -> Option<(Id, String)> {
    let kind = org.object(object);
    if kind.spec.name != "OpportunityLineItem" {
        return None;
    }
    let record = kind.records.get(id)?;
    let opportunity = Id::parse(record.values.get(kind.place("OpportunityId")?)?)?;
    let price = record.values.get(kind.place("PricebookEntryId")?);
    Some((opportunity, value_of(org, price, "Pricebook2Id").unwrap_or_default().to_owned()))
}

/// Sums the products of an opportunity up again.
pub(super) fn sum_up(org: &mut Org, (opportunity, book): (Id, String)) {
    let sums = || {
        let items = org.object(org.catalog.find("OpportunityLineItem")?);
        let parent = items.place("OpportunityId")?;
        let of_opportunity = items.records.pointing_at(parent, opportunity).filter_map(|id| items.records.get(id));
        let live: Vec<&Values> = of_opportunity.filter(|it| !it.is_deleted).map(|it| &it.values).collect();
        let sum = |name: &str| {
            let place = items.place(name)?;
            let numbers = live.iter().filter_map(|values| values.get(place)?.parse::<f64>().ok());
            Some(numbers.sum::<f64>())
        };
        Some((live.len(), sum("TotalPrice")?, sum("Quantity")?))
    };
    let Some((count, amount, quantity)) = sums() else { return };
    let Some(object) = org.catalog.find("Opportunity") else { return };
    let mut named = vec![("HasOpportunityLineItem", (count > 0).to_string())];
    if count > 0 {
        named.push(("Amount", amount.to_string()));
        named.push(("TotalOpportunityQuantity", quantity.to_string()));
        named.push(("Pricebook2Id", book));
    }
    let kind = org.object(object);
    let Some(record) = kind.records.get(opportunity) else { return };
    let mut changes: Vec<Change> =
        named.into_iter().filter_map(|(name, value)| Some((kind.place(name)?, value))).collect();
    super::derive::derive(org, object, &record.values.clone(), &mut changes);
    org.change(object, opportunity, &changes);
}
