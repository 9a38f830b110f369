//! Seeded misbehaviour: refused, dropped, cut and slow answers.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::options::FaultPlan;

/// Makes the vendor's own error answer of a status.
type ErrorAnswer = fn(StatusCode) -> Response;

/// A fault plan at work.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    plan: Arc<FaultPlan>,
    random: Arc<Mutex<SmallRng>>,
    answer: ErrorAnswer,
}

enum Misbehaviour {
    None,
    Answer(u16),
    DropBefore,
    DropAfter,
    Cut,
    Html,
}

impl Faults {
    /// Prepares a plan; `answer` gives the vendor's error body of a status.
    pub(crate) fn new(plan: FaultPlan, answer: ErrorAnswer) -> Self {
        let random = SmallRng::seed_from_u64(plan.seed);
        Self { plan: Arc::new(plan), random: Arc::new(Mutex::new(random)), answer }
    }

    fn next(&self) -> Misbehaviour {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ball: f64 = random.random_range(0.0..1.0);
        let mut falls_in = |share: f64| {
            let is_hit = (0.0..share).contains(&ball);
            ball -= share;
            is_hit
        };
        for (status, share) in &self.plan.statuses {
            if falls_in(*share) {
                return Misbehaviour::Answer(*status);
            }
        }
        if falls_in(self.plan.drop) {
            return Misbehaviour::DropBefore;
        }
        if falls_in(self.plan.drop_after) {
            return Misbehaviour::DropAfter;
        }
        if falls_in(self.plan.cut) {
            return Misbehaviour::Cut;
        }
        if falls_in(self.plan.html) {
            return Misbehaviour::Html;
        }
        Misbehaviour::None
    }
}

/// Puts a fault plan in front of an emulator. The paths of its own counts (`/_emulator/…`) are spared.
pub(crate) fn with_faults(service: Router, faults: Faults) -> Router {
    service.layer(middleware::from_fn_with_state(faults, misbehave))
}

async fn misbehave(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/_emulator/") {
        return next.run(request).await;
    }
    if !faults.plan.slow.is_zero() {
        tokio::time::sleep(faults.plan.slow).await;
    }
    match faults.next() {
        Misbehaviour::None => next.run(request).await,
        Misbehaviour::Answer(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (faults.answer)(status)
        }
        Misbehaviour::DropBefore => broken(Vec::new()),
        Misbehaviour::DropAfter => {
            next.run(request).await;
            broken(Vec::new())
        }
        Misbehaviour::Cut => {
            let (_, body) = next.run(request).await.into_parts();
            let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
            let half = whole.len() / 2;
            broken(whole.slice(..half).to_vec())
        }
        Misbehaviour::Html => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
            (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
    }
}

/// Answers with these bytes and then breaks the connection.
fn broken(bytes: Vec<u8>) -> Response {
    let start = stream::iter([Ok(Bytes::from(bytes))]);
    let end = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    Response::new(Body::from_stream(start.chain(end)))
}
