//! What the ids of users, pipelines and stages are called.

use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::{
    super::client::{Raw, id_of},
    options::Meaning,
};

/// The users of the company.
#[derive(Debug, Default)]
pub(in super::super) struct Users {
    emails: HashMap<String, String>,
    /// The ids of those who have left.
    gone: HashSet<String>,
    ids: HashMap<String, u64>,
}

/// The pipelines of the company and their stages.
#[derive(Debug, Default)]
pub(in super::super) struct Pipelines {
    /// Id and name.
    pipelines: Vec<(u64, String)>,
    /// Id, name and pipeline.
    stages: Vec<(u64, String, u64)>,
}

impl Users {
    pub(super) fn new(users: &[Raw]) -> Self {
        let mut all = Self::default();
        for user in users {
            let (Some(id), Some(email)) = (id_of(user), text(user, "email")) else { continue };
            // A user who has left may share an address with one who has not.
            let is_active = user.get("active_flag").is_none_or(|flag| *flag == true);
            if let Ok(number) = id.parse()
                && (is_active || !all.ids.contains_key(&email.to_lowercase()))
            {
                all.ids.insert(email.to_lowercase(), number);
            }
            if !is_active {
                all.gone.insert(id.clone());
            }
            all.emails.insert(id, email.to_owned());
        }
        all
    }

    /// Returns the users: id, e-mail address, and whether they are still there.
    pub(in super::super) fn all(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.emails.iter().map(|(id, email)| (id.as_str(), email.as_str(), !self.gone.contains(id)))
    }

    /// Returns the e-mail address of a user; the id where there is none.
    pub(super) fn email_of(&self, id: &str) -> String {
        self.emails.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Returns the id of the user with this address or id.
    pub(in super::super) fn id_of(&self, user: &str) -> Option<u64> {
        let user = user.trim();
        let by_id = || user.parse().ok().filter(|_| self.emails.contains_key(user));
        self.ids.get(&user.to_lowercase()).copied().or_else(by_id)
    }
}

impl Pipelines {
    pub(super) fn new(pipelines: &[Raw], stages: &[Raw]) -> Self {
        let number = |record: &Raw| id_of(record).and_then(|id| id.parse().ok());
        let pipelines = pipelines.iter().filter_map(|one| Some((number(one)?, text(one, "name")?.to_owned())));
        let stages = stages
            .iter()
            .filter_map(|one| Some((number(one)?, text(one, "name")?.to_owned(), one.get("pipeline_id")?.as_u64()?)));
        Self { pipelines: pipelines.collect(), stages: stages.collect() }
    }

    /// Returns the name of a pipeline; the id where there is none.
    pub(super) fn pipeline_name(&self, id: &str) -> String {
        let found = self.pipelines.iter().find(|(known, _)| known.to_string() == id);
        found.map_or_else(|| id.to_owned(), |(_, name)| name.clone())
    }

    /// Returns the name of a stage; the id where there is none.
    pub(super) fn stage_name(&self, id: &str) -> String {
        let found = self.stages.iter().find(|(known, ..)| known.to_string() == id);
        found.map_or_else(|| id.to_owned(), |(_, name, _)| name.clone())
    }

    /// Returns the pipeline with this name or id.
    pub(in super::super) fn pipeline(&self, name: &str) -> Meaning<u64> {
        let named = self.pipelines.iter().filter(|(_, known)| known == name).map(|(id, _)| *id);
        one_of(&named.collect::<Vec<_>>(), || {
            self.pipelines.iter().map(|(id, _)| *id).find(|id| id.to_string() == name)
        })
    }

    /// Returns the stage with this name or id, of this pipeline where one is known, and the pipeline that it belongs to.
    pub(in super::super) fn stage(&self, name: &str, pipeline: Option<u64>) -> Meaning<(u64, u64)> {
        let stages = self.stages.iter().filter(|(.., of)| pipeline.is_none_or(|pipeline| pipeline == *of));
        let found: Vec<&(u64, String, u64)> = stages.collect();
        let named = found.iter().filter(|(_, known, _)| known == name).map(|(id, _, of)| (*id, *of));
        one_of(&named.collect::<Vec<_>>(), || {
            found.iter().find(|(id, ..)| id.to_string() == name).map(|(id, _, of)| (*id, *of))
        })
    }

    /// Returns the pipelines with their stages, as a fixture lists them.
    pub(in super::super) fn described(&self) -> Json {
        let stages = |of: u64| -> Json {
            let own = self.stages.iter().filter(|(.., pipeline)| *pipeline == of);
            own.map(|(id, name, _)| json!({ "id": id, "name": name })).collect()
        };
        self.pipelines.iter().map(|(id, name)| json!({ "id": id, "name": name, "stages": stages(*id) })).collect()
    }

    /// Returns the names of the pipelines, for a person.
    pub(in super::super) fn pipeline_names(&self) -> Vec<&str> {
        self.pipelines.iter().map(|(_, name)| name.as_str()).collect()
    }

    /// Returns the name of the first pipeline and of its first stage.
    pub(in super::super) fn first(&self) -> Option<(&str, &str)> {
        let (id, name) = self.pipelines.first()?;
        let stage = self.stages.iter().find(|(.., of)| of == id)?;
        Some((name, &stage.1))
    }
}

fn one_of<T: Copy>(named: &[T], by_id: impl FnOnce() -> Option<T>) -> Meaning<T> {
    match named {
        [one] => Meaning::One(*one),
        [] => by_id().map_or(Meaning::None, Meaning::One),
        _ => Meaning::Several,
    }
}

fn text<'record>(record: &'record Raw, name: &str) -> Option<&'record str> {
    record.get(name)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &Json) -> Raw {
        json.as_object().cloned().unwrap()
    }

    #[test]
    fn users_go_by_their_address_whatever_its_case() {
        let users = [
            raw(&json!({"id": 1, "email": "Ada@x.test", "active_flag": true})),
            raw(&json!({"id": 2, "email": "ada@x.test", "active_flag": false})),
        ];
        let users = Users::new(&users);
        assert_eq!(users.id_of(" ada@X.test "), Some(1), "the one who is active");
        assert_eq!(users.id_of("2"), Some(2));
        assert_eq!(users.id_of("7"), None);
        assert_eq!((users.email_of("1").as_str(), users.email_of("9").as_str()), ("Ada@x.test", "9"));
    }

    #[test]
    fn a_stage_of_two_pipelines_is_told_by_the_pipeline() {
        let pipelines = [raw(&json!({"id": 1, "name": "Sales"})), raw(&json!({"id": 2, "name": "Renewals"}))];
        let stages = [
            raw(&json!({"id": 5, "name": "New", "pipeline_id": 1})),
            raw(&json!({"id": 6, "name": "New", "pipeline_id": 2})),
            raw(&json!({"id": 7, "name": "Won over", "pipeline_id": 2})),
        ];
        let names = Pipelines::new(&pipelines, &stages);
        assert_eq!(names.stage("New", None), Meaning::Several);
        assert_eq!(names.stage("New", Some(2)), Meaning::One((6, 2)));
        assert_eq!(names.stage("Won over", None), Meaning::One((7, 2)));
        assert_eq!(names.stage("7", Some(1)), Meaning::None, "of another pipeline");
        assert_eq!(names.pipeline("Renewals"), Meaning::One(2));
    }
}
