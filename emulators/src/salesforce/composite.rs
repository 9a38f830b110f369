//! `/composite`, `/composite/batch` and `/composite/graph`: requests within a request.

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::{
    errors::Problem,
    org::Org,
    reply::{Content, Reply},
    request::{Call, Version, Versioned},
    versioned,
};

/// Most requests within one, and most of them that are queries or collections. Source: composite guide.
const MAX_REQUESTS: usize = 25;
const MAX_HEAVY: usize = 5;
/// Most graphs, and most requests of all of them. Source: limits of composite graphs.
const MAX_GRAPHS: usize = 75;
const MAX_NODES: usize = 500;

/// One request within a request.
struct Inner {
    reference: String,
    method: String,
    url: String,
    headers: Map<String, Json>,
    body: Option<Json>,
}

/// Answers what concerns requests within a request.
pub(super) fn answer(org: &mut Org, call: &Call, version: &Version, path: &[&str]) -> Reply {
    let answer = match path {
        [] => call.object().and_then(|body| composite(org, call, &body)),
        ["batch"] => call.object().and_then(|body| batch(org, call, &body)),
        ["graph"] if version.number >= 50 => call.object().and_then(|body| graphs(org, call, &body)),
        _ => Err(Problem::not_found()),
    };
    answer.map_or_else(Reply::from, Reply::ok)
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new("INVALID_INPUT", message)
}

fn read(items: Option<&Json>) -> Result<Vec<Inner>, Problem> {
    let items = items.and_then(Json::as_array).ok_or_else(|| invalid("compositeRequest is missing"))?;
    let mut read: Vec<Inner> = Vec::with_capacity(items.len());
    for item in items {
        let text = |name: &str| item[name].as_str().map(str::to_owned);
        let missing = |name: &str| invalid(format!("{name} is missing in a subrequest"));
        let inner = Inner {
            reference: text("referenceId").ok_or_else(|| missing("referenceId"))?,
            method: text("method").ok_or_else(|| missing("method"))?,
            url: text("url").ok_or_else(|| missing("url"))?,
            headers: item["httpHeaders"].as_object().cloned().unwrap_or_default(),
            body: item.get("body").filter(|body| !body.is_null()).cloned(),
        };
        if read.iter().any(|known| known.reference == inner.reference) {
            return Err(invalid(format!("Duplicate referenceId: {}", inner.reference)));
        }
        read.push(inner);
    }
    Ok(read)
}

fn composite(org: &mut Org, call: &Call, body: &Map<String, Json>) -> Result<Json, Problem> {
    let inners = read(body.get("compositeRequest"))?;
    let is_heavy =
        |inner: &&Inner| ["/query", "/queryAll", "/composite/sobjects"].iter().any(|part| inner.url.contains(part));
    if inners.len() > MAX_REQUESTS || inners.iter().filter(is_heavy).count() > MAX_HEAVY {
        let message = format!(
            "The request has more than {MAX_REQUESTS} subrequests, or more than {MAX_HEAVY} queries and collections"
        );
        return Err(Problem::new("LIMIT_EXCEEDED", message));
    }
    let is_atomic = body.get("allOrNone").and_then(Json::as_bool).unwrap_or(false);
    Ok(json!({"compositeResponse": run(org, call, &inners, is_atomic).0}))
}

fn graphs(org: &mut Org, call: &Call, body: &Map<String, Json>) -> Result<Json, Problem> {
    let graphs = body.get("graphs").and_then(Json::as_array).ok_or_else(|| invalid("graphs is missing"))?;
    let graphs: Vec<(String, Vec<Inner>)> = graphs
        .iter()
        .map(|graph| {
            Ok((graph["graphId"].as_str().unwrap_or_default().to_owned(), read(graph.get("compositeRequest"))?))
        })
        .collect::<Result<_, Problem>>()?;
    let nodes: usize = graphs.iter().map(|(_, inners)| inners.len()).sum();
    if graphs.len() > MAX_GRAPHS || nodes > MAX_NODES {
        return Err(Problem::new(
            "LIMIT_EXCEEDED",
            format!("The request has more than {MAX_GRAPHS} graphs or {MAX_NODES} nodes"),
        ));
    }
    let mut shown = Vec::with_capacity(graphs.len());
    for (id, inners) in graphs {
        let (responses, is_done) = run(org, call, &inners, true);
        shown.push(json!({"graphId": id, "graphResponse": {"compositeResponse": responses}, "isSuccessful": is_done}));
    }
    Ok(json!({"graphs": shown}))
}

/// Answers requests one after the other. With `is_atomic`, all are undone when one fails.
fn run(org: &mut Org, call: &Call, inners: &[Inner], is_atomic: bool) -> (Vec<Json>, bool) {
    if is_atomic {
        org.begin();
    }
    let mut known: HashMap<String, Json> = HashMap::new();
    let mut replies: Vec<(&Inner, Reply)> = Vec::with_capacity(inners.len());
    let mut has_failed = false;
    for inner in inners {
        let reply = if is_atomic && has_failed { halted() } else { one(org, call, inner, &known) };
        has_failed |= reply.status.as_u16() >= 400;
        if let Content::Json(body) = &reply.content {
            known.insert(inner.reference.clone(), body.clone());
        }
        replies.push((inner, reply));
    }
    if is_atomic && has_failed {
        org.roll_back();
        for (_, reply) in replies.iter_mut().filter(|(_, reply)| reply.status.as_u16() < 400) {
            *reply = halted();
        }
    } else if is_atomic {
        org.commit();
    }
    (replies.into_iter().map(|(inner, reply)| shown(inner, reply)).collect(), !has_failed)
}

fn halted() -> Reply {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    Problem::new("PROCESSING_HALTED", message).reply()
}

fn one(org: &mut Org, call: &Call, inner: &Inner, known: &HashMap<String, Json>) -> Reply {
    let filled = fill(&inner.url, known).and_then(|url| {
        let body = inner.body.as_ref().map(|body| fill_json(body, known)).transpose()?;
        Ok((url, body))
    });
    match filled {
        Ok((url, body)) => send(org, call, &inner.method, &url, &inner.headers, body.as_ref()),
        Err(problem) => problem.reply(),
    }
}

fn send(
    org: &mut Org,
    call: &Call,
    method: &str,
    url: &str,
    headers: &Map<String, Json>,
    body: Option<&Json>,
) -> Reply {
    let Ok(method) = method.parse::<Method>() else { return invalid(format!("{method} is no method")).reply() };
    let inner = call.inner(method, url, headers, body);
    match inner.version() {
        Versioned::Known(version) if inner.parts().first() == Some(&"services") => {
            if inner.parts().get(3) == Some(&"composite") && inner.parts().get(4).is_none_or(|part| *part != "sobjects")
            {
                return invalid("composite requests cannot be nested").reply();
            }
            versioned(org, &inner, &version)
        }
        _ => invalid(format!("The url {url} of a subrequest is not supported")).reply(),
    }
}

/// Puts what earlier answers said into a text: `@{ref.id}`.
fn fill(text: &str, known: &HashMap<String, Json>) -> Result<String, Problem> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let (path, after) = after.split_once('}').ok_or_else(|| invalid("a reference is not closed"))?;
        let wrong = || {
            invalid(format!(
                "Invalid reference specified. No value for {path} found in {}",
                path.split('.').next().unwrap_or_default()
            ))
        };
        let pointer = path.replace(['.', '['], "/").replace(']', "");
        let (reference, pointer) = pointer.split_once('/').ok_or_else(wrong)?;
        let value = known.get(reference).and_then(|body| body.pointer(&format!("/{pointer}"))).ok_or_else(wrong)?;
        filled.push_str(before);
        filled.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn fill_json(body: &Json, known: &HashMap<String, Json>) -> Result<Json, Problem> {
    match body {
        Json::String(text) => fill(text, known).map(Json::from),
        Json::Array(items) => items.iter().map(|item| fill_json(item, known)).collect(),
        Json::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), fill_json(value, known)?)));
            filled.collect::<Result<Map<_, _>, Problem>>().map(Json::Object)
        }
        other => Ok(other.clone()),
    }
}

fn body_of(content: Content) -> Json {
    match content {
        Content::Json(body) => body,
        Content::Empty => Json::Null,
        Content::Text(_, text) => Json::from(String::from_utf8_lossy(&text).into_owned()),
    }
}

fn shown(inner: &Inner, reply: Reply) -> Json {
    let name = |name: &str| match name {
        "last-modified" => "Last-Modified".to_owned(),
        "etag" => "ETag".to_owned(),
        other => other.to_owned(),
    };
    let mut headers: Map<String, Json> =
        reply.headers.iter().map(|(header, value)| (name(header), Json::from(value.as_str()))).collect();
    if let Content::Json(body) = &reply.content
        && reply.status == StatusCode::CREATED
        && let Some(id) = body["id"].as_str()
    {
        let location = inner.url.split('?').next().unwrap_or_default();
        headers.insert("Location".to_owned(), Json::from(format!("{location}/{id}")));
    }
    json!({
        "body": body_of(reply.content), "httpHeaders": headers, "httpStatusCode": reply.status.as_u16(),
        "referenceId": inner.reference,
    })
}

fn batch(org: &mut Org, call: &Call, body: &Map<String, Json>) -> Result<Json, Problem> {
    let items =
        body.get("batchRequests").and_then(Json::as_array).ok_or_else(|| invalid("batchRequests is missing"))?;
    if items.len() > MAX_REQUESTS {
        return Err(Problem::new("LIMIT_EXCEEDED", format!("The request has more than {MAX_REQUESTS} subrequests")));
    }
    let halts = body.get("haltOnError").and_then(Json::as_bool).unwrap_or(false);
    let mut has_errors = false;
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        if has_errors && halts {
            let message = "The request was halted because an earlier one failed";
            results
                .push(json!({"statusCode": 412, "result": [Problem::new("BATCH_PROCESSING_HALTED", message).shown()]}));
            continue;
        }
        let url = item["url"].as_str().unwrap_or_default();
        // A url begins with the version: `v67.0/sobjects/Account`.
        let url = if url.contains("/services/data/") {
            url.to_owned()
        } else {
            format!("/services/data/{}", url.trim_start_matches('/'))
        };
        let method = item["method"].as_str().unwrap_or("GET");
        let reply = send(org, call, method, &url, &Map::new(), item.get("richInput"));
        has_errors |= reply.status.as_u16() >= 400;
        results.push(json!({"statusCode": reply.status.as_u16(), "result": body_of(reply.content)}));
    }
    Ok(json!({"hasErrors": has_errors, "results": results}))
}
