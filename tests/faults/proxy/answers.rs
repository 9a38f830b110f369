//! What the proxy answers instead.

use serde_json::{Value as Json, json};

use super::{Shared, message::Message};

/// Statuses that gateways, load balancers and content delivery networks answer with, whatever became of the request.
const GATEWAY_STATUSES: &[u16] = &[
    200, 201, 204, 207, 301, 302, 307, 308, 400, 401, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415,
    418, 421, 422, 423, 425, 426, 428, 429, 431, 451, 460, 477, 494, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511,
    520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 561, 598, 599,
];

impl Shared {
    pub(super) fn gateway_page(&self) -> Message {
        let status = GATEWAY_STATUSES[self.below(GATEWAY_STATUSES.len())];
        let (kind, body) = match self.below(10) {
            0 => ("text/html", format!("<html><head><title>{status}</title></head><body>nginx</body></html>")),
            1 => ("application/json", r#"{"message":"Forbidden"}"#.to_owned()),
            2 => ("application/json", format!(r#"{{"code":{status},"error":"upstream","requestId":"gw-1"}}"#)),
            3 => ("text/plain", "error code: 1020".to_owned()),
            4 => ("application/json", String::new()),
            5 => ("application/json", "{}".to_owned()),
            6 => ("application/json", "[]".to_owned()),
            7 => ("application/json", format!(r#"{{"error":{{"code":{status},"status":"UNAVAILABLE"}}}}"#)),
            8 => ("application/json", format!(r#"{{"status":"error","message":"no route","code":{status}}}"#)),
            _ => ("application/xml", "<Error><Code>AccessDenied</Code></Error>".to_owned()),
        };
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        if (300..400).contains(&status) {
            headers.push(("location".to_owned(), "http://127.0.0.1:9/sign-in".to_owned()));
        }
        let body = if status == 204 { Vec::new() } else { body.into_bytes() };
        Message { first_line: format!("HTTP/1.1 {status} Gateway"), headers, body }
    }

    pub(super) fn partial(&self, mut answer: Message) -> Message {
        let Ok(mut json) = serde_json::from_slice::<Json>(&answer.body) else { return answer };
        let Some(records) = results_of(&mut json).filter(|records| !records.is_empty()) else { return answer };
        let place = self.below(records.len());
        if self.draw(0.5) {
            without_id(&mut records[place]);
            answer.body = json.to_string().into_bytes();
        } else {
            answer.body.truncate(answer.body.len() / 2);
        }
        answer
    }

    pub(super) fn mangled(&self, mut answer: Message) -> Message {
        let Ok(mut json) = serde_json::from_slice::<Json>(&answer.body) else { return answer };
        let is_success = answer.first_line.contains(" 20");
        let Some(results) = results_of(&mut json).filter(|results| is_success && !results.is_empty()) else {
            return answer;
        };
        let place = self.below(results.len());
        match self.below(7) {
            0 => without_id(&mut results[place]),
            1 => results.push(results[place].clone()),
            2 => results.push(stranger(&results[place])),
            3 => drop(results.remove(place)),
            4 => results.clear(),
            5 => results[place] = results[self.below(results.len())].clone(),
            _ => {
                answer.body.truncate(self.below(answer.body.len()));
                return answer;
            }
        }
        answer.body = json.to_string().into_bytes();
        answer
    }
}

/// Returns the list in an answer.
fn results_of(json: &mut Json) -> Option<&mut Vec<Json>> {
    if json.is_array() {
        return json.as_array_mut();
    }
    let name = ["results", "records"].into_iter().find(|name| json[*name].is_array())?;
    json[name].as_array_mut()
}

fn without_id(record: &mut Json) {
    if let Some(record) = record.as_object_mut() {
        record.retain(|name, _| !name.eq_ignore_ascii_case("id"));
    }
}

/// Makes the result of a record that nobody sent.
fn stranger(result: &Json) -> Json {
    let mut other = result.clone();
    let id = result["id"].as_str().unwrap_or_default();
    let letter = |character: char| if character == '9' { '8' } else { '9' };
    let last = id.chars().last().map(letter);
    other["id"] = json!([&id[..id.len().saturating_sub(1)], &last.map(String::from).unwrap_or_default()].concat());
    other
}
