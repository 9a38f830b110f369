//! The org: what it declares, what it holds, and who may ask for how much.

use std::borrow::Cow;

use clock::Clock;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::options::EmulatorOptions;

use super::{
    bulk::Jobs,
    catalog::{Catalog, FieldType, Object, Role},
    ids::Id,
    oauth::Tokens,
    query::Cursors,
    request::Call,
    store::{Change, Record, Values},
    time::{datetime, whole_seconds},
    usage::Usage,
};

/// The user that every session belongs to.
pub(super) const USER: &str = "0055g0000000001AAA";
/// The org's id, unless it is started as another one.
const ORG: &str = "00D5g0000000001EAA";
/// The queue that the assignment rules give new cases and leads to.
pub(super) const QUEUE: &str = "00G5g0000000001EAA";

/// The price book that every org has, with a price of each product.
pub(super) const STANDARD_PRICE_BOOK: &str = "01s5g0000000001AAA";

/// What differs from org to org; `org.schema.yaml` in a folder of fixtures, or `POST /_emulator/org` while it runs.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of an org, each on its own")]
pub(super) struct OrgOptions {
    /// Whether accounts can be people.
    pub(super) person_accounts: bool,
    /// Whether inserts may set who made a record and when ("Set Audit Fields upon Record Creation").
    pub(super) audit_fields: bool,
    /// Whether each use of a refresh token brings a new one and ends the old one.
    pub(super) rotate_refresh_tokens: bool,
    /// Requests in 24 hours. Source: 100,000 and 1,000 for each of ten licences of Enterprise Edition.
    pub(super) daily_api_requests: u64,
    /// How long an unused session lives, in seconds. Source: the common setting of two hours.
    pub(super) session_seconds: u64,
    /// How long an asynchronous job waits for its turn, in milliseconds.
    pub(super) job_delay_millis: u64,
    /// How many rows of asynchronous jobs are worked on in a second.
    pub(super) job_rows_per_second: u64,
    /// Rows of each page that `resultPages` lists.
    pub(super) result_page_rows: u64,
    /// The share of written records that another transaction holds.
    pub(super) row_locks: f64,
    /// The share of asynchronous jobs that fail half-way.
    pub(super) job_failures: f64,
    /// The share of requests at which all sessions end.
    pub(super) session_ends: f64,
    /// The key that signed logins have to be signed with, in PEM; without one, any signature will do.
    pub(super) jwt_public_key: Option<String>,
    /// Whether new cases and leads go to a queue, unless a request says that the assignment rules are left out.
    pub(super) assignment_rules: bool,
    /// Whether a rule warns of contacts and leads that have the e-mail address of another.
    pub(super) duplicate_rules: bool,
}

impl Default for OrgOptions {
    fn default() -> Self {
        Self {
            person_accounts: false,
            audit_fields: false,
            rotate_refresh_tokens: false,
            daily_api_requests: 110_000,
            session_seconds: 7_200,
            job_delay_millis: 500,
            job_rows_per_second: 50_000,
            result_page_rows: 50_000,
            row_locks: 0.0,
            job_failures: 0.0,
            session_ends: 0.0,
            jwt_public_key: None,
            assignment_rules: false,
            duplicate_rules: false,
        }
    }
}

impl OrgOptions {
    /// Returns the options with some of them changed.
    pub(super) fn with(&self, changes: &Json) -> Result<Self, String> {
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let (Json::Object(all), Json::Object(changes)) = (&mut all, changes) else {
            return Err("an object of options is expected".to_owned());
        };
        all.extend(changes.clone());
        serde_json::from_value(Json::Object(all.clone())).map_err(|error| error.to_string())
    }
}

/// What a request asks for beside what it writes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manners {
    /// Whether the assignment rules are left out. Without the header, and in jobs only with a rule, they run.
    pub(super) without_assignment: bool,
    /// Whether records are saved that a duplicate rule warns of.
    pub(super) saves_duplicates: bool,
}

impl Manners {
    /// Reads the headers of a request.
    pub(super) fn of(call: &Call) -> Self {
        let assignment = call.header("sforce-auto-assign").unwrap_or("TRUE");
        let duplicates = call.header("sforce-duplicate-rule-header").unwrap_or_default().to_ascii_lowercase();
        Self {
            without_assignment: assignment.eq_ignore_ascii_case("false"),
            saves_duplicates: duplicates.replace(' ', "").contains("allowsave=true"),
        }
    }
}

/// What a record was before a write, for the way back.
#[derive(Debug)]
struct Before {
    object: usize,
    id: Id,
    record: Option<Record>,
}

/// Everything the emulator knows.
#[derive(Debug)]
pub(super) struct Org {
    /// Its own id, with 18 characters.
    pub(super) id: String,
    /// The emulator's time.
    pub(super) clock: Clock,
    /// Objects and their records.
    pub(super) catalog: Catalog,
    /// How this org is set up.
    pub(super) options: OrgOptions,
    /// When the objects were last defined.
    pub(super) defined: i64,
    /// Open queries.
    pub(super) cursors: Cursors,
    /// Asynchronous jobs.
    pub(super) jobs: Jobs,
    /// Sessions.
    pub(super) tokens: Tokens,
    /// Requests of the last 24 hours.
    pub(super) usage: Usage,
    /// What the request being answered asks for.
    pub(super) manners: Manners,
    /// The number of the batch being written.
    pub(super) batch: u64,
    next_number: u64,
    random: SmallRng,
    journal: Option<Vec<Before>>,
}

/// Returns the id of the org that is played.
fn own_id(account: Option<&str>) -> Result<String, String> {
    let Some(account) = account else { return Ok(ORG.to_owned()) };
    let id = Id::parse(account).filter(|id| id.prefix() == *b"00D");
    id.map(|id| id.to_string()).ok_or_else(|| {
        format!("`{account}` is not an organisation id: write `00D` and 12 or 15 more letters or digits")
    })
}

impl Org {
    /// Opens an org with the standard objects and a user.
    pub(super) fn open(clock: Clock, options: &EmulatorOptions) -> Result<Self, String> {
        let faults = &options.faults;
        let id = own_id(options.account.as_deref())?;
        let mut org = Self {
            id,
            defined: whole_seconds(clock.now().timestamp_millis()),
            usage: Usage::new(clock.clone(), options.is_unlimited),
            clock,
            catalog: Catalog::standard()?,
            options: OrgOptions {
                row_locks: faults.lock,
                job_failures: faults.job,
                session_ends: faults.session,
                ..OrgOptions::default()
            },
            manners: Manners::default(),
            cursors: Cursors::default(),
            jobs: Jobs::default(),
            tokens: Tokens::default(),
            batch: 1,
            next_number: 1_000,
            random: SmallRng::seed_from_u64(faults.seed),
            journal: None,
        };
        org.catalog.connect();
        org.seed(
            "Organization",
            &org.id.clone(),
            &[
                ("Name", "Ferry Demo"),
                ("InstanceName", "EMU1"),
                ("OrganizationType", "Enterprise Edition"),
                ("LanguageLocaleKey", "en_US"),
            ],
        )?;
        org.seed(
            "Pricebook2",
            STANDARD_PRICE_BOOK,
            &[("Name", "Standard Price Book"), ("IsActive", "true"), ("IsStandard", "true")],
        )?;
        org.seed("Group", QUEUE, &[("Name", "New records"), ("DeveloperName", "New_records"), ("Type", "Queue")])?;
        let profile = Id::new(*b"00e", 1).to_string();
        org.seed("Profile", &profile, &[("Name", "System Administrator"), ("UserType", "Standard")])?;
        org.seed(
            "User",
            USER,
            &[
                ("Username", "integration@ferry.example"),
                ("Email", "integration@ferry.example"),
                ("FirstName", "Integration"),
                ("LastName", "User"),
                ("Name", "Integration User"),
                ("Alias", "integr"),
                ("IsActive", "true"),
                ("UserType", "Standard"),
                ("TimeZoneSidKey", "GMT"),
                ("LocaleSidKey", "en_US"),
                ("LanguageLocaleKey", "en_US"),
                ("EmailEncodingKey", "UTF-8"),
                ("ProfileId", &profile),
            ],
        )?;
        Ok(org)
    }

    /// Puts a record in as it is.
    pub(super) fn seed(&mut self, object: &str, id: &str, values: &[(&str, &str)]) -> Result<(), String> {
        let place = self.catalog.find(object).ok_or_else(|| format!("there is no object `{object}`"))?;
        let id = Id::parse(id).ok_or_else(|| format!("`{id}` is no id"))?;
        let now = self.now();
        let kind = &mut self.catalog.objects[place];
        let changes: Vec<Change> =
            values.iter().filter_map(|(name, value)| Some((kind.place(name)?, (*value).to_owned()))).collect();
        let values = Values::default().with(&changes);
        let record = Record { created: now, modified: now, stamp: now, is_deleted: false, batch: 0, values };
        kind.records.take(id);
        kind.records.insert(id, record);
        Ok(())
    }

    /// Returns the time, in whole seconds.
    pub(super) fn now(&self) -> i64 {
        whole_seconds(self.clock.now().timestamp_millis())
    }

    /// Returns an object.
    pub(super) fn object(&self, place: usize) -> &Object {
        &self.catalog.objects[place]
    }

    /// Finds a record by its id, also in the bin.
    pub(super) fn record(&self, id: Id) -> Option<(usize, &Record)> {
        let mut objects = self.catalog.of_prefix(id.prefix());
        objects.find_map(|object| self.object(object).records.get(id).map(|record| (object, record)))
    }

    /// Makes the id of a new record.
    pub(super) fn next_id(&mut self, object: usize) -> Id {
        self.next_number += 1;
        let prefix = self.object(object).prefix;
        Id::new(prefix, self.next_number)
    }

    /// Makes a number that was not there before: of a case, of a job.
    pub(super) fn next_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Draws whether something happens that happens in this share of cases.
    pub(super) fn draw(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random_range(0.0..1.0) < share
    }

    /// Begins a batch: its records cannot refer to each other by their keys.
    pub(super) fn begin_batch(&mut self) {
        self.batch += 1;
    }

    /// Remembers every write from now on, for the way back.
    pub(super) fn begin(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// Forgets the way back.
    pub(super) fn commit(&mut self) {
        self.journal = None;
    }

    /// Undoes every write since [`Self::begin`].
    pub(super) fn roll_back(&mut self) {
        for Before { object, id, record } in self.journal.take().unwrap_or_default().into_iter().rev() {
            let records = &mut self.catalog.objects[object].records;
            records.take(id);
            if let Some(record) = record {
                records.insert(id, record);
            }
        }
    }

    fn remember(&mut self, object: usize, id: Id) {
        if let Some(journal) = &mut self.journal {
            let record = self.catalog.objects[object].records.get(id).cloned();
            journal.push(Before { object, id, record });
        }
    }

    /// Adds a record.
    pub(super) fn insert(&mut self, object: usize, id: Id, record: Record) {
        self.remember(object, id);
        self.catalog.objects[object].records.insert(id, record);
    }

    /// Changes a record.
    pub(super) fn change(&mut self, object: usize, id: Id, changes: &[Change]) {
        self.remember(object, id);
        let now = self.now();
        self.catalog.objects[object].records.change(id, changes, (now, now));
    }

    /// Adds values to a record that was just made, which keeps its times.
    pub(super) fn complete(&mut self, object: usize, id: Id, changes: &[Change]) {
        let records = &mut self.catalog.objects[object].records;
        let Some(times) = records.get(id).map(|record| (record.modified, record.stamp)) else { return };
        records.change(id, changes, times);
    }

    /// Puts a record into the bin; its details go with it, and what pointed at it points nowhere.
    pub(super) fn bin(&mut self, object: usize, id: Id) {
        self.remember(object, id);
        let now = self.now();
        self.catalog.objects[object].records.bin(id, true, now);
        let twins: Vec<usize> = self.catalog.of_prefix(id.prefix()).filter(|other| *other != object).collect();
        for twin in twins {
            // A note and the document that it is go together.
            if self.object(twin).records.get(id).is_some_and(|record| !record.is_deleted) {
                self.bin(twin, id);
            }
        }
        let children = self.object(object).children.clone();
        for child in children {
            let records = &self.object(child.object).records;
            let details: Vec<Id> = records.pointing_at(child.field, id).collect();
            for detail in details {
                let is_live = self.object(child.object).records.get(detail).is_some_and(|record| !record.is_deleted);
                match (is_live, child.is_cascading) {
                    (true, true) => self.bin(child.object, detail),
                    (true, false) => self.change(child.object, detail, &[(child.field, String::new())]),
                    (false, _) => {}
                }
            }
        }
    }

    /// Removes a record for good.
    pub(super) fn purge(&mut self, object: usize, id: Id) {
        self.bin(object, id);
        self.remember(object, id);
        self.catalog.objects[object].records.take(id);
    }
}

impl Object {
    /// Returns the value of a field as it is kept; none when it is empty.
    pub(super) fn value<'r>(&self, id: Id, record: &'r Record, place: u16) -> Option<Cow<'r, str>> {
        let field = self.field(place);
        match field.role {
            Role::Id => Some(Cow::Owned(id.to_string())),
            Role::IsDeleted => Some(Cow::Borrowed(if record.is_deleted { "true" } else { "false" })),
            Role::Created => Some(Cow::Owned(datetime(record.created))),
            Role::Modified => Some(Cow::Owned(datetime(record.modified))),
            Role::Stamp => Some(Cow::Owned(datetime(record.stamp))),
            Role::Value => match record.values.get(place) {
                Some(value) => Some(Cow::Borrowed(value)),
                None if field.spec.kind == FieldType::Boolean => Some(Cow::Borrowed("false")),
                None if matches!(field.spec.name.as_str(), "CreatedById" | "LastModifiedById") => {
                    Some(Cow::Borrowed(USER))
                }
                None => None,
            },
        }
    }
}
