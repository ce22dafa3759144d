use actix_web::{
    HttpRequest,
    http::{header, uri::Authority},
    middleware::DefaultHeaders,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// Headers of every answer. The page works inside cross-origin isolated hosts (CORP and COEP).
pub fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::REFERRER_POLICY, "strict-origin-when-cross-origin"))
        .add(("cross-origin-resource-policy", "cross-origin"))
        .add(("cross-origin-embedder-policy", "require-corp"))
        .add(("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"))
}

/// What is public may be read from every origin.
pub fn any_origin() -> DefaultHeaders {
    DefaultHeaders::new().add((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
}

/// A value that no attacker can guess, for the one style element of a page.
pub fn nonce() -> String {
    STANDARD_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes())
}

/// The Content-Security-Policy of a page: no inline script, nothing from elsewhere. `frames` are the directives
/// on what it may frame and who may frame it.
pub fn policy(request: &HttpRequest, nonce: &str, frames: &str) -> String {
    // Browsers before CSP 3 do not let 'self' cover a WebSocket, so the host is named.
    let sockets = host(request).map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; {frames}"
    )
}

/// The request's own host and port, where it is one.
pub fn host(request: &HttpRequest) -> Option<Authority> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    host.parse().ok().filter(|_| host.chars().all(is_plain))
}

/// Whether a WebSocket may be opened by a page of this Origin (docs/PROTOCOL.md).
pub fn may_connect(request: &HttpRequest, allowed: &[String]) -> bool {
    let mut origins = request.headers().get_all(header::ORIGIN);
    let Some(origin) = origins.next() else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if origins.next().is_some() {
        return false;
    }
    // A sandboxed frame of our own page; nothing rests on ambient credentials.
    if origin == "null" {
        return true;
    }
    let origin = origin.to_ascii_lowercase();
    is_own(&origin, host(request).as_ref())
        || allowed.iter().any(|a| with_port(a).is_some() && with_port(a) == with_port(&origin))
}

fn is_own(origin: &str, host: Option<&Authority>) -> bool {
    let (Some(host), Some((scheme, _))) = (host, origin.split_once("://")) else { return false };
    let own = format!("{scheme}://{}", host.as_str().to_ascii_lowercase());
    with_port(&own).is_some() && with_port(&own) == with_port(origin)
}

/// Scheme, host and port of an origin, its default port written out.
fn with_port(origin: &str) -> Option<(&str, &str, u16)> {
    let (scheme, authority) = origin.split_once("://")?;
    let default = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    Some((scheme, host, port))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_the_own_and_the_allowed_origins_connect() {
        let allowed = ["https://app.example".to_owned()];
        for (host, origin, expected) in [
            ("chat.example", None, true),
            ("chat.example", Some("null"), true),
            ("chat.example", Some("https://chat.example"), true),
            ("chat.example", Some("https://chat.example:443"), true),
            ("chat.example:443", Some("https://chat.example"), true),
            ("chat.example", Some("http://chat.example"), true),
            ("Chat.Example", Some("https://chat.EXAMPLE"), true),
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080"), true),
            ("[::1]:8080", Some("http://[::1]:8080"), true),
            ("[::1]", Some("http://[::1]"), true),
            ("chat.example", Some("https://app.example"), true),
            ("chat.example", Some("https://app.example:443"), true),
            ("chat.example", Some("http://app.example"), false),
            ("chat.example", Some("https://evil.example"), false),
            ("chat.example", Some("https://chat.example.evil.example"), false),
            ("chat.example", Some("https://chat.example:8443"), false),
            ("chat.example", Some(""), false),
            ("chat.example", Some("file://"), false),
            ("", Some("https://"), false),
        ] {
            let mut request = TestRequest::default().insert_header((header::HOST, host));
            if let Some(origin) = origin {
                request = request.insert_header((header::ORIGIN, origin));
            }
            assert_eq!(may_connect(&request.to_http_request(), &allowed), expected, "{host} {origin:?}");
        }
    }

    #[test]
    fn a_strange_host_never_enters_the_policy() {
        let request = |host: &'static str| TestRequest::default().insert_header((header::HOST, host)).to_http_request();
        assert!(
            policy(&request("chat.example:81"), "n", "*")
                .contains("connect-src 'self' ws://chat.example:81 wss://chat.example:81;")
        );
        for host in ["a;script-src *", "a b", "a'", "a@b"] {
            assert!(policy(&request(host), "n", "*").contains("connect-src 'self';"), "{host}");
        }
    }
}
