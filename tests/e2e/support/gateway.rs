//! A gateway before a local CRM: it answers some requests itself, as no well-behaved vendor would, and passes the others on.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value as Json;
use tokio::{net::TcpListener, runtime::Runtime};

use super::Crms;

/// Most bytes of a request.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A gateway, which ends with this.
#[derive(Debug)]
pub(crate) struct Gateway {
    // Its threads serve as long as it is there.
    _runtime: Runtime,
    url: String,
    said: Arc<Mutex<Vec<Said>>>,
    answered: Arc<AtomicUsize>,
}

/// What is answered to the requests whose `METHOD /path` begins so, and holds the rest of the words.
#[derive(Debug, Clone)]
struct Said {
    request: String,
    status: u16,
    body: Json,
}

#[derive(Clone)]
struct Behind {
    url: String,
    client: reqwest::Client,
    said: Arc<Mutex<Vec<Said>>>,
    answered: Arc<AtomicUsize>,
}

impl Gateway {
    /// Opens a gateway before the local CRM of a vendor.
    pub(crate) fn before(crms: &Crms, vendor: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(Vec::new()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answered = Arc::<AtomicUsize>::default();
        let behind = Behind {
            url: crms.url(vendor).to_owned(),
            client,
            said: Arc::clone(&said),
            answered: Arc::clone(&answered),
        };
        let service = Router::new().fallback(answer).with_state(behind);
        runtime.spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { _runtime: runtime, url, said, answered }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns how many requests it answered itself.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Answers so, from now on, to the requests whose `METHOD /path?query` holds these words, parted by `…`; forgets what it
    /// was told to answer before.
    pub(crate) fn says(&self, answers: &[(&str, u16, Json)]) {
        let said = answers.iter().map(|(request, status, body)| Said {
            request: (*request).to_owned(),
            status: *status,
            body: body.clone(),
        });
        *self.said.lock().unwrap() = said.collect();
    }
}

impl Said {
    fn is_asked_by(&self, request: &str) -> bool {
        self.request.split('…').all(|part| request.contains(part))
    }
}

async fn answer(State(behind): State<Behind>, request: Request) -> Response {
    let asked = format!("{} {}", request.method(), request.uri());
    let said = behind.said.lock().unwrap().iter().find(|said| said.is_asked_by(&asked)).cloned();
    match said {
        Some(said) => {
            behind.answered.fetch_add(1, Ordering::Relaxed);
            let status = StatusCode::from_u16(said.status).unwrap();
            (status, [(header::CONTENT_TYPE, "application/json")], said.body.to_string()).into_response()
        }
        None => behind.ask(request).await,
    }
}

impl Behind {
    async fn ask(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body: Bytes = to_bytes(body, MAX_BODY).await.unwrap();
        let url = format!("{}{}", self.url, parts.uri);
        // The name of the host stays, so that the local CRM calls itself by the gateway's.
        let asked = self.client.request(parts.method, url).headers(parts.headers).body(body);
        let answer = asked.send().await.unwrap();
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers().iter().filter(|(name, _)| **name != header::TRANSFER_ENCODING) {
            response = response.header(name, value);
        }
        response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
    }
}
