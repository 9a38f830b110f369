//! Connections: the pipeline's own and the shared ones of `connections.yaml`, with the options that their connectors accept.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::connector::{Account, ConfigError, Entry, Options};
use crate::model::ConnectionName;
use crate::redact::MASK;

use super::{
    super::{
        broken::Broken,
        diagnostic::Diagnostic,
        interpolate::{fill, has_reference},
        pipeline::Connection,
        raw::{RawAccount, RawConnection, RawConnectionsFile, RawPipeline},
        secret,
        span::{At, Node},
    },
    Known, Resolver,
};

/// The options that connections have beside `type` and their connector's own.
const AUDIT: &str = "audit";
const ACCOUNT: &str = "account";

impl Resolver<'_> {
    /// Adds the connections that streams may name: the pipeline's own, then the shared ones.
    pub(super) fn add_connections(
        &mut self,
        raw: &RawPipeline,
        root: &At<'_>,
        shared: Option<(RawConnectionsFile, At<'_>, Broken)>,
    ) {
        let used = used_connections(raw);
        let at = root.key("connections");
        // A connection that does not fit the schema at all is known by name, so that nobody is told it does not exist.
        for entry in at.node().into_iter().flat_map(Node::entries) {
            secret::warn_of_literals(&at.key(&entry.key), self.findings);
            self.connections.insert(entry.key.as_str().into(), Known { entry: None, connection: None });
        }
        for (name, connection) in &raw.connections {
            let at = at.key(name);
            let is_sound = !self.broken.touches(&at);
            self.add_connection(name, connection, &at, is_sound);
        }
        self.add_shared_connections(shared, &used);
        let are_all_known = used.iter().all(|name| self.connections.contains_key(*name));
        for name in raw.connections.keys() {
            if !used.contains(name.as_str()) && are_all_known && raw.streams.is_some() {
                let at = at.key(name);
                let message = format!("no stream uses the connection `{name}`");
                self.findings.push(Diagnostic::warning("config.unused_connection", at.key_spot(), message));
            }
        }
    }

    fn add_shared_connections(&mut self, shared: Option<(RawConnectionsFile, At<'_>, Broken)>, used: &BTreeSet<&str>) {
        let Some((file, at, broken)) = shared else { return };
        for (name, connection) in &file.connections {
            let at = at.key("connections").key(name);
            if self.connections.contains_key(name.as_str()) {
                continue;
            }
            if used.contains(name.as_str()) {
                secret::warn_of_literals(&at, self.findings);
                self.add_connection(name, connection, &at, !broken.touches(&at));
            } else {
                // What only other pipelines use need not work here.
                let entry = self.entry(connection);
                self.connections.insert(name.as_str().into(), Known { entry, connection: None });
            }
        }
    }

    fn entry(&self, raw: &RawConnection) -> Option<Entry> {
        self.scene.registry.get(raw.connector.as_deref()?).ok().copied()
    }

    fn add_connection(&mut self, name: &str, raw: &RawConnection, at: &At<'_>, is_sound: bool) {
        let scene = self.scene;
        let entry = self.entry(raw);
        // A warning costs no connection, so it comes before those that do are counted.
        self.warn_of_no_effect(raw, at);
        let before = self.findings.len();
        let mut options = Json::Object(raw.options.clone());
        if let Some(audit) = &raw.audit {
            options[AUDIT] = Json::from(audit.as_str());
        }
        self.hide_secrets(raw, &mut options);
        match &raw.account {
            Some(RawAccount::Number(id)) => options[ACCOUNT] = Json::from(id.to_string()),
            Some(RawAccount::Text(id)) => options[ACCOUNT] = Json::from(id.as_str()),
            None => {}
        }
        fill(&mut options, at, scene.lookup, self.findings);
        let is_filled = self.findings.len() == before;
        let name = ConnectionName::from(name);
        let mut known = Known { entry, connection: None };
        if let (Some(entry), Json::Object(mut options)) = (entry, options)
            && is_sound
            && is_filled
        {
            let audit = options.shift_remove(AUDIT);
            let audit = audit.as_ref().and_then(Json::as_str).map(|file| scene.base_dir.join(file));
            let account = options.shift_remove(ACCOUNT);
            let account = account.as_ref().and_then(Json::as_str).and_then(|id| self.pin(&entry, id, at));
            match (entry.check_config)(options.clone()) {
                Ok(()) => {
                    let connector = entry.name.to_owned();
                    known.connection = Some(Connection { name: name.clone(), connector, options, account, audit });
                }
                Err(error) => self.findings.push(self.wrong_option(&error, raw, &options, at)),
            }
        }
        self.connections.insert(name, known);
    }

    /// Warns of numbers that change nothing.
    fn warn_of_no_effect(&mut self, raw: &RawConnection, at: &At<'_>) {
        for (option, value) in &raw.options {
            let least = self.scene.options.effect_from(raw.connector.as_deref(), option);
            let (Some(least), Some(number)) = (least, value.as_u64()) else { continue };
            if number < least {
                let message = format!("`{option}: {number}` works as {least}");
                let finding = Diagnostic::warning("config.no_effect", at.key(option).value_spot(), message);
                self.findings.push(finding.with_hint(format!("write {least} or more")));
            }
        }
    }

    /// Where a placeholder stands for what is not set, as in a dry run, it stands for every secret, so that none is ever read.
    fn hide_secrets(&self, raw: &RawConnection, options: &mut Json) {
        let Some(placeholder) = self.scene.lookup.placeholder() else { return };
        for (name, value) in options.as_object_mut().into_iter().flatten() {
            if value.is_string() && self.scene.options.is_secret(raw.connector.as_deref(), name) {
                *value = Json::from(placeholder.as_str());
            }
        }
    }

    /// Says what a connector has against its options, without the values of secrets and of references.
    fn wrong_option(&self, error: &ConfigError, raw: &RawConnection, options: &Options, at: &At<'_>) -> Diagnostic {
        let mask = |text: &str| {
            options.iter().fold(text.to_owned(), |text, (option, value)| {
                let written = raw.options.get(option).and_then(Json::as_str).unwrap_or_default();
                let is_open = self.scene.options.is_open(raw.connector.as_deref(), option);
                match value.as_str() {
                    Some(value) if (!is_open || has_reference(written)) && !value.is_empty() => {
                        text.replace(value, MASK)
                    }
                    _ => text,
                }
            })
        };
        let message = if error.option.is_empty() { error.message.clone() } else { error.to_string() };
        let spot = if error.option.is_empty() { at.key_spot() } else { at.key(&error.option).key_spot() };
        Diagnostic::error("config.wrong_option", spot, mask(&message)).with_hint_if(error.hint.as_deref().map(mask))
    }

    /// Reads the account that a connection is pinned to. What stands for a variable that is not set pins nothing: a dry run's local
    /// systems are nobody's account.
    fn pin(&mut self, entry: &Entry, id: &str, connection: &At<'_>) -> Option<Account> {
        if self.scene.lookup.placeholder().as_deref() == Some(id) {
            return None;
        }
        let at = connection.key(ACCOUNT);
        let form = entry.account_form?;
        let account = form.account(id);
        if account.is_none() {
            // What a reference was filled with may be a secret that was meant for another option.
            let is_shown = !at.node().and_then(Node::as_text).is_some_and(has_reference);
            let what = if is_shown { format!("`{id}`") } else { "the value".to_owned() };
            let message = format!("{what} is not an account id");
            let hint = format!("the {} id is {}; `ferry check` shows it", form.noun, form.looks_like);
            self.findings.push(Diagnostic::error("config.wrong_account", at.value_spot(), message).with_hint(hint));
        }
        account
    }
}

fn used_connections(raw: &RawPipeline) -> BTreeSet<&str> {
    let streams = || raw.streams.iter().flatten();
    let sources = streams().filter_map(|stream| stream.source.as_ref()?.connection.as_deref());
    let destinations = streams().flat_map(|stream| stream.destinations.iter().flatten());
    sources.chain(destinations.filter_map(|destination| destination.connection.as_deref())).collect()
}
