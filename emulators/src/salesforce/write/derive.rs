//! Fields that follow from others: names of people, what a stage means, numbers of cases, twins of person accounts.

use super::super::{
    ids::Id,
    org::Org,
    store::{Change, Record, Values},
};

/// What the vendor's stages mean: probability in percent, closed, won, category of the forecast.
const STAGES: [(&str, &str, bool, bool, &str); 10] = [
    ("Prospecting", "10", false, false, "Pipeline"),
    ("Qualification", "10", false, false, "Pipeline"),
    ("Needs Analysis", "20", false, false, "Pipeline"),
    ("Value Proposition", "50", false, false, "Pipeline"),
    ("Id. Decision Makers", "60", false, false, "Pipeline"),
    ("Perception Analysis", "70", false, false, "Pipeline"),
    ("Proposal/Price Quote", "75", false, false, "Pipeline"),
    ("Negotiation/Review", "90", false, false, "Pipeline"),
    ("Closed Won", "100", true, true, "Closed"),
    ("Closed Lost", "0", true, false, "Omitted"),
];

struct Deriving<'a> {
    org: &'a Org,
    object: usize,
    values: &'a Values,
    changes: &'a mut Vec<Change>,
}

impl Deriving<'_> {
    fn written(&self, name: &str) -> Option<&str> {
        let place = self.org.object(self.object).place(name)?;
        let change = self.changes.iter().rev().find(|(written, _)| *written == place);
        change.map(|(_, value)| value.as_str())
    }

    fn get(&self, name: &str) -> &str {
        let known = || self.org.object(self.object).place(name).and_then(|place| self.values.get(place));
        self.written(name).or_else(known).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        if let Some(place) = self.org.object(self.object).place(name) {
            self.changes.push((place, value.into()));
        }
    }

    fn is_written(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.written(name).is_some())
    }

    fn full_name(&mut self) {
        let name = [self.get("FirstName"), self.get("LastName")].join(" ").trim().to_owned();
        if !name.is_empty() {
            self.set("Name", name);
        }
    }

    fn stage(&mut self) {
        let stage = STAGES.iter().find(|(name, ..)| *name == self.get("StageName"));
        let Some((_, probability, is_closed, is_won, category)) = stage else { return };
        if !self.is_written(&["Probability"]) {
            self.set("Probability", *probability);
        }
        if !self.is_written(&["ForecastCategoryName"]) {
            self.set("ForecastCategoryName", *category);
        }
        self.set("IsClosed", is_closed.to_string());
        self.set("IsWon", is_won.to_string());
    }

    fn expected_revenue(&mut self) {
        let number = |name: &str| self.get(name).parse::<f64>().ok();
        let expected = number("Amount").zip(number("Probability")).map(|(amount, chance)| amount * chance / 100.0);
        let text = expected.map(|expected| format!("{expected:.2}")).unwrap_or_default();
        let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        self.set("ExpectedRevenue", short);
    }

    fn fiscal(&mut self) {
        let day = self.get("CloseDate").to_owned();
        let (Some(year), Some(month)) = (day.get(..4), day.get(5..7).and_then(|month| month.parse::<u32>().ok()))
        else {
            return;
        };
        let quarter = month.saturating_sub(1) / 3 + 1;
        self.set("FiscalYear", year);
        self.set("FiscalQuarter", quarter.to_string());
        self.set("Fiscal", format!("{year} {quarter}"));
    }

    /// The account of an activity is that of the record it is about.
    fn activity_account(&mut self) {
        let what = Id::parse(self.get("WhatId")).and_then(|id| Some((id, self.org.record(id)?)));
        let who = || Id::parse(self.get("WhoId")).and_then(|id| Some((id, self.org.record(id)?)));
        let account = what.or_else(who).and_then(|(id, (object, record))| {
            let kind = self.org.object(object);
            if kind.spec.name == "Account" {
                return Some(id.to_string());
            }
            record.values.get(kind.place("AccountId")?).map(str::to_owned)
        });
        self.set("AccountId", account.unwrap_or_default());
    }
}

/// Adds the changes that follow from the changes.
pub(in super::super) fn derive(org: &Org, object: usize, values: &Values, changes: &mut Vec<Change>) {
    changes.extend(super::sales::derive(org, object, values, changes));
    let name = org.object(object).spec.name.as_str();
    let mut it = Deriving { org, object, values, changes };
    match name {
        "Contact" | "Lead" | "User" if it.is_written(&["FirstName", "LastName"]) => it.full_name(),
        "Account" if it.is_written(&["FirstName", "LastName"]) => {
            it.full_name();
            it.set("IsPersonAccount", "true");
        }
        "Opportunity" => {
            if it.is_written(&["StageName"]) {
                it.stage();
            }
            if it.is_written(&["StageName", "Amount", "Probability"]) {
                it.expected_revenue();
            }
            if it.is_written(&["CloseDate"]) {
                it.fiscal();
            }
        }
        "Case" if it.is_written(&["Status"]) => {
            let is_closed = it.get("Status") == "Closed";
            it.set("IsClosed", is_closed.to_string());
        }
        "Task" | "Event" => {
            if it.is_written(&["Status"]) {
                let is_closed = it.get("Status") == "Completed";
                it.set("IsClosed", is_closed.to_string());
            }
            if it.is_written(&["Priority"]) {
                let is_high = it.get("Priority") == "High";
                it.set("IsHighPriority", is_high.to_string());
            }
            if it.is_written(&["WhatId", "WhoId"]) {
                it.activity_account();
            }
        }
        _ => {}
    }
}

/// Does what the vendor does once a record is there: numbers a case, names what has no name, makes a person's twin.
pub(super) fn after_insert(org: &mut Org, object: usize, id: Id) {
    let numbered: Vec<u16> = {
        let kind = org.object(object);
        let is_numbered = |name: &str, is_auto: bool| is_auto || name == "CaseNumber";
        (0_u16..)
            .zip(&kind.fields)
            .filter(|(_, field)| is_numbered(&field.spec.name, field.spec.auto_number))
            .map(|(place, _)| place)
            .collect()
    };
    let mut changes: Vec<Change> =
        numbered.into_iter().map(|place| (place, format!("{:08}", org.next_number()))).collect();
    let kind = org.object(object);
    let record = kind.records.get(id);
    let has = |name: &str| {
        kind.place(name).is_some_and(|place| record.is_some_and(|record| record.values.get(place).is_some()))
    };
    if kind.spec.is_custom() && !has("Name") && changes.is_empty() {
        changes.extend(kind.place("Name").map(|place| (place, id.short())));
    }
    if org.options.person_accounts
        && kind.spec.name == "Account"
        && has("LastName")
        && let Some(twin) = make_twin(org, object, id)
    {
        let place = org.object(object).place("PersonContactId");
        changes.extend(place.map(|place| (place, twin.to_string())));
    }
    if !changes.is_empty() {
        org.complete(object, id, &changes);
    }
}

/// Makes the contact of a person account.
fn make_twin(org: &mut Org, object: usize, id: Id) -> Option<Id> {
    let contact = org.catalog.find("Contact")?;
    let (account, twin) = (org.object(object), org.object(contact));
    let record = account.records.get(id)?;
    let copied = [
        ("LastName", "LastName"),
        ("FirstName", "FirstName"),
        ("Name", "Name"),
        ("Email", "PersonEmail"),
        ("OwnerId", "OwnerId"),
    ];
    let mut changes: Vec<Change> = copied
        .iter()
        .filter_map(|(to, from)| Some((twin.place(to)?, record.values.get(account.place(from)?)?.to_owned())))
        .collect();
    changes.extend(twin.place("AccountId").map(|place| (place, id.to_string())));
    changes.extend(twin.place("IsPersonAccount").map(|place| (place, "true".to_owned())));
    let (created, modified, stamp, batch) = (record.created, record.modified, record.stamp, record.batch);
    let values = Values::default().with(&changes);
    let twin = org.next_id(contact);
    org.insert(contact, twin, Record { created, modified, stamp, is_deleted: false, batch, values });
    Some(twin)
}
