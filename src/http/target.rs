//! Where a request goes: never to another origin than the connection's, whatever a path says.

use url::{Host, Url};

use super::error::{HttpError, HttpErrorKind};

/// Returns the URL of a path below a base URL.
///
/// A path may come from an answer (a next link, a locator). It must stay below the base URL: the token goes along.
pub(super) fn target(base_url: &Url, path: &str) -> Result<Url, HttpError> {
    let elsewhere = |reason: &str| {
        HttpError::unsent(HttpErrorKind::Unauthorized, format!("an address {reason}; the token does not follow it"))
    };
    let url = base_url.join(path).map_err(|_| elsewhere("is no path of the connection's host"))?;
    if url.origin() != base_url.origin() || has_credentials(&url) {
        return Err(elsewhere("leads to another host"));
    }
    if !url.path().starts_with(base_url.path()) {
        return Err(elsewhere("leads out of the connection's `base_url`"));
    }
    Ok(url)
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Tells whether a URL is of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_a_token_to_another_origin() {
        let base = Url::parse("https://api.example.test/v1/").unwrap();
        for path in ["contacts", "contacts/batch/read", "a%2Fb", "contacts?after=https://evil.test/", "a:b/c"] {
            let Ok(url) = target(&base, path) else {
                assert_eq!(path, "a:b/c", "{path}");
                continue;
            };
            assert!(url.as_str().starts_with("https://api.example.test/v1/"), "{url}");
        }
        for path in [
            "https://evil.test/",
            "http://api.example.test/v1/",
            "https://api.example.test:8443/v1/",
            "https://user:pass@api.example.test/v1/",
            "//evil.test/v1/",
            "\\\\evil.test/v1/",
            "/\\evil.test/",
            "/v2/contacts",
            "../admin",
            "a/../../admin",
            "%2e%2e/admin",
            "things/%2e%2e/.%2e/admin",
            "ftp://api.example.test/v1/",
            "data:text/plain,x",
            "file:///etc/passwd",
        ] {
            let refused = target(&base, path);
            assert!(refused.is_err(), "{path}: {refused:?}");
            assert_eq!(refused.unwrap_err().kind, HttpErrorKind::Unauthorized, "it is not tried again");
        }
    }

    #[test]
    fn this_machine_is_known_by_every_name() {
        for url in ["http://127.0.0.1:1/", "http://127.9.9.9/", "http://localhost/", "http://[::1]/"] {
            assert!(is_loopback(&Url::parse(url).unwrap()), "{url}");
        }
        for url in [
            "http://a.localhost/",
            "http://10.0.0.1/",
            "https://localhost.evil.test/",
            "http://[2001:db8::1]/",
            "http://128.0.0.1/",
        ] {
            assert!(!is_loopback(&Url::parse(url).unwrap()), "{url}");
        }
    }
}
