//! Refuses requests that name a host which is not this machine: a web page that points its own name at 127.0.0.1 (DNS rebinding)
//! must not read what an emulator holds.

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

/// Lets only requests through whose host is a name or an address of this machine.
pub(crate) fn with_host_check(service: Router) -> Router {
    service.layer(middleware::from_fn(check))
}

async fn check(request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?").to_owned());
    let named = named.or_else(|| request.uri().authority().map(ToString::to_string));
    if named.as_deref().is_none_or(is_local) {
        return next.run(request).await;
    }
    let message = "this emulator answers requests to 127.0.0.1 and localhost only\n";
    (StatusCode::MISDIRECTED_REQUEST, message).into_response()
}

/// Whether a host, with or without its port, is this machine.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_loopback = name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::*;
    use crate::server::serve;

    #[test]
    fn knows_the_names_of_this_machine() {
        for host in
            ["127.0.0.1:4010", "127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:4010", "[::1]", "crm.localhost:1"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in
            ["evil.example", "evil.example:4010", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0:1", ""]
        {
            assert!(!is_local(host), "{host}");
        }
    }

    #[tokio::test]
    async fn refuses_requests_to_another_host() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let service = with_host_check(Router::new().route("/records", get(|| async { "secret" })));
        let running = serve(service, 0).await.unwrap();
        let request = || reqwest::Client::new().get(format!("{}/records", running.url()));
        assert_eq!(request().send().await.unwrap().text().await.unwrap(), "secret");
        let refused = request().header("host", "rebound.example").send().await.unwrap();
        assert_eq!(refused.status(), 421);
        assert!(!refused.text().await.unwrap().contains("secret"));
    }
}
