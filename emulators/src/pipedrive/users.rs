//! Users, currencies, types of activities: what an account has besides records. Version 1 alone tells.

use serde_json::{Value as Json, json};

use super::{
    account::{Account, ActivityType, User},
    errors::{Answer, Answered, Refusal},
    fields::Choice,
    kinds::Kind,
    request::Call,
    time::plain,
};

/// Answers these requests; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["users"]) => {
            Ok(Answer::data(account.users.iter().map(|user| show(account, user)).collect::<Vec<_>>()))
        }
        ("GET", ["users", "me"]) => Ok(Answer::data(me(account))),
        ("GET", ["users", "find"]) => find(account, call),
        ("GET", ["users", id]) => read(account, id),
        ("GET", ["currencies"]) => Ok(Answer::data(currencies(account, call))),
        ("GET", ["activityTypes"]) => {
            Ok(Answer::data(account.activity_types.iter().map(show_type).collect::<Vec<_>>()))
        }
        ("POST", ["activityTypes"]) => add_type(account, call),
        ("PUT", ["activityTypes", id]) => change_type(account, call, id),
        ("DELETE", ["activityTypes", id]) => delete_type(account, id),
        ("GET", ["userConnections"]) => Ok(Answer::data(json!({"google": null}))),
        ("GET", ["userSettings"]) => Ok(Answer::data(settings())),
        (_, [records, id, "permittedUsers"]) if method == "GET" => permitted(account, records, id)?,
        _ => return None,
    })
}

fn show(account: &Account, user: &User) -> Json {
    let access = |app: &str| json!({"app": app, "admin": user.is_admin, "permission_set_id": "62cc4d7f-4038-4352-abf3-a8c1c822b631"});
    let then = plain(account.now());
    json!({
        "id": user.id, "name": user.name, "default_currency": account.company.currency, "locale": "en_US", "lang": 1, "email": user.email,
        "phone": null, "activated": user.is_active, "last_login": then, "created": then, "modified": then,
        "has_created_company": user.id == account.users[0].id, "access": [access("sales"), access("global"), access("account_settings")],
        "active_flag": user.is_active, "timezone_name": user.time_zone, "timezone_offset": "+00:00", "role_id": 1, "icon_url": null,
        "is_you": user.id == account.caller, "is_deleted": false,
    })
}

fn me(account: &Account) -> Json {
    let mut shown = show(account, account.me());
    let company = &account.company;
    shown["company_id"] = json!(company.id);
    shown["company_name"] = json!(company.name);
    shown["company_domain"] = json!(company.domain);
    shown["company_country"] = json!("EE");
    shown["company_industry"] = json!("IT");
    shown["language"] = json!({"language_code": "en", "country_code": "US"});
    shown
}

fn read(account: &Account, id: &str) -> Answered {
    let user = id.parse().ok().and_then(|id| account.user(id));
    let missing = || {
        Refusal::whole(
            axum::http::StatusCode::NOT_FOUND,
            json!({"success": false, "error": "User not found or not accessible."}),
        )
    };
    user.map(|user| Answer::data(show(account, user))).ok_or_else(missing)
}

fn find(account: &Account, call: &Call) -> Answered {
    let term = call.parameter("term").ok_or_else(|| call.invalid_parameter("term", "is required"))?.to_lowercase();
    let by_email = call.flag("search_by_email")?.unwrap_or_default();
    let text = |user: &User| if by_email { user.email.to_lowercase() } else { user.name.to_lowercase() };
    let found = account.users.iter().filter(|user| text(user).contains(&term));
    Ok(Answer::data(found.map(|user| show(account, user)).collect::<Vec<_>>()))
}

fn currencies(account: &Account, call: &Call) -> Vec<Json> {
    let term = call.parameter("term").unwrap_or_default().to_lowercase();
    let all = account.currencies.iter().zip(1..);
    let found =
        all.filter(|(one, _)| one.name.to_lowercase().contains(&term) || one.code.to_lowercase().contains(&term));
    let shown = found.map(|(one, id)| {
        json!({"id": id, "code": one.code, "name": one.name, "decimal_points": one.decimals, "symbol": one.symbol, "active_flag": true,
            "is_custom_flag": false})
    });
    shown.collect()
}

fn settings() -> Json {
    json!({"marketplace_team": false, "list_limit": 100, "beta_app": false, "prevent_salesphone_callto_override": false,
        "file_upload_destination": "s3", "callto_link_syntax": "callto:[number]", "autofill_deal_expected_close_date": false,
        "person_duplicate_condition": "name && (org_id || email || phone)"})
}

fn permitted(account: &Account, records: &str, id: &str) -> Option<Answered> {
    let kind = Kind::of_path(records).filter(|kind| !matches!(kind, Kind::Notes | Kind::Pipelines | Kind::Stages))?;
    let users: Vec<u64> = account.users.iter().filter(|user| user.is_active).map(|user| user.id).collect();
    Some(account.find(kind, id).map(|_| Answer::data(users)))
}

fn show_type(one: &ActivityType) -> Json {
    json!({"id": one.id, "order_nr": one.id, "name": one.name, "key_string": one.key, "icon_key": one.icon, "active_flag": one.is_active,
        "color": one.color, "is_custom_flag": one.is_custom, "add_time": plain(one.added), "update_time": plain(one.updated)})
}

fn add_type(account: &mut Account, call: &Call) -> Answered {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).map(str::to_owned);
    let (name, icon) =
        text("name").zip(text("icon_key")).ok_or_else(|| Refusal::bad("name and icon_key are required"))?;
    let key: String = name.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
    if account.activity_types.iter().any(|one| one.key == key) {
        return Err(Refusal::bad("Activity type with this name already exists"));
    }
    let (id, now) = (u64::try_from(account.activity_types.len()).unwrap_or_default() + 1, account.now());
    let color = text("color").unwrap_or_else(|| "FFFFFF".to_owned());
    let made = ActivityType { id, name, key, icon, color, is_active: true, is_custom: true, added: now, updated: now };
    let shown = show_type(&made);
    let choice = Choice { id: json!(made.key), label: made.name.clone(), added: Some(now) };
    if let Some(field) =
        account.fields.get_mut(&Kind::Activities).and_then(|all| all.iter_mut().find(|field| field.code == "type"))
    {
        field.options.get_or_insert_default().push(choice);
    }
    account.activity_types.push(made);
    Ok(Answer::data(shown))
}

fn of_id<'account>(account: &'account mut Account, id: &str) -> Result<&'account mut ActivityType, Refusal> {
    let found = account.activity_types.iter_mut().find(|one| one.id.to_string() == id);
    found.ok_or_else(|| Refusal::not_found("Activity type not found"))
}

fn change_type(account: &mut Account, call: &Call, id: &str) -> Answered {
    let body = call.object()?;
    let now = account.now();
    let one = of_id(account, id)?;
    let text = |name: &str, old: &str| body.get(name).and_then(Json::as_str).unwrap_or(old).to_owned();
    (one.name, one.icon, one.color) = (text("name", &one.name), text("icon_key", &one.icon), text("color", &one.color));
    one.updated = now;
    Ok(Answer::data(show_type(one)))
}

fn delete_type(account: &mut Account, id: &str) -> Answered {
    let now = account.now();
    let one = of_id(account, id)?;
    (one.is_active, one.updated) = (false, now);
    Ok(Answer::data(show_type(one)))
}
