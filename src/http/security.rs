//! Headers that each answer has, and the origins that may open a WebSocket.

use actix_web::{
    HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{header, uri::Authority},
    middleware::{DefaultHeaders, Next},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::address::peer_is_trusted;

/// Most values of `X-Forwarded-Host` that are looked at: one for each proxy on the way.
const HOSTS_MAX: usize = 8;

/// Headers of every answer. The page works inside cross-origin isolated hosts (CORP).
pub fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add(("cross-origin-resource-policy", "cross-origin"))
}

/// Headers of what a browser may show as a page (COEP among them); a script, a style or a picture of an animal asks for
/// nothing by itself, and its bytes are counted.
pub async fn page_headers<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let is_page = !["/static/", "/avatars/"].iter().any(|folder| request.path().starts_with(folder));
    let mut response = next.call(request).await?;
    if is_page {
        let headers = response.headers_mut();
        let policy = header::HeaderValue::from_static("strict-origin-when-cross-origin");
        headers.insert(header::REFERRER_POLICY, policy);
        let embedder = header::HeaderName::from_static("cross-origin-embedder-policy");
        headers.insert(embedder, header::HeaderValue::from_static("require-corp"));
    }
    Ok(response)
}

/// What no page of ours needs of a browser. For pages alone: what they load is not asked.
pub const PERMISSIONS_POLICY: (&str, &str) =
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");

/// What is public may be read from every origin.
pub fn any_origin() -> DefaultHeaders {
    DefaultHeaders::new().add((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
}

/// What pages of other origins may send to what is public: asked for by a browser before it sends a header of its own.
pub async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Anonymous-Id",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// A value that no attacker can guess, for the one style element of a page.
pub fn nonce() -> String {
    STANDARD_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes())
}

/// The Content-Security-Policy of a page: no inline script, nothing from elsewhere. `frames` are the directives
/// on what it may frame and who may frame it.
pub fn policy(request: &HttpRequest, trusted: &[IpNet], nonce: &str, frames: &str) -> String {
    // Browsers before CSP 3 do not let 'self' cover a WebSocket, so the host is named.
    let named = |host: &Authority| format!(" ws://{host} wss://{host}");
    let sockets: String = hosts(request, trusted).iter().map(named).collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; {frames}"
    )
}

/// The request's own host and port, where it is one.
pub fn host(request: &HttpRequest) -> Option<Authority> {
    authority(request.headers().get(header::HOST)?.to_str().ok()?)
}

/// Hosts that the browser may have asked for: that of the request, and those that a trusted proxy put into
/// `X-Forwarded-Host` before it wrote its own into `Host`. A page cannot set that header on a WebSocket, and whoever is
/// no browser writes `Origin` as it likes, so taking it opens no door; from others it is ignored all the same.
pub fn hosts(request: &HttpRequest, trusted: &[IpNet]) -> Vec<Authority> {
    let forwarded = request.headers().get_all("x-forwarded-host").filter(|_| peer_is_trusted(request, trusted));
    let forwarded = forwarded.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    host(request).into_iter().chain(forwarded.filter_map(|h| authority(h.trim())).take(HOSTS_MAX)).collect()
}

fn authority(host: &str) -> Option<Authority> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    host.parse().ok().filter(|_| host.chars().all(is_plain))
}

/// Whether a WebSocket may be opened by a page of this Origin (docs/PROTOCOL.md).
pub fn may_connect(request: &HttpRequest, trusted: &[IpNet], allowed: &[String]) -> bool {
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
    is_own(&origin, &hosts(request, trusted))
        || allowed.iter().any(|a| with_port(a).is_some() && with_port(a) == with_port(&origin))
}

/// Whether an origin, in lower case, is that of one of these hosts.
pub fn is_own(origin: &str, hosts: &[Authority]) -> bool {
    let Some((scheme, _)) = origin.split_once("://") else { return false };
    hosts.iter().any(|host| {
        let own = format!("{scheme}://{}", host.as_str().to_ascii_lowercase());
        with_port(&own).is_some() && with_port(&own) == with_port(origin)
    })
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

/// Where whoever asks reaches this server: the origin that a page of its own says, else scheme and host of the request. Of
/// `X-Forwarded-Proto` what a trusted proxy says.
pub fn own_url(request: &HttpRequest, trusted: &[IpNet]) -> String {
    let hosts = hosts(request, trusted);
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if let Some(origin) = origin.map(str::to_ascii_lowercase).filter(|origin| is_own(origin, &hosts)) {
        return origin;
    }
    let proto = request.headers().get("x-forwarded-proto").filter(|_| peer_is_trusted(request, trusted));
    let is_https = proto.and_then(|proto| proto.to_str().ok()).is_some_and(|proto| proto.starts_with("https"));
    // The last one is what the outermost proxy was asked for.
    let host = hosts.last().map_or("localhost", |host| host.as_str());
    format!("{}://{host}", if is_https { "https" } else { "http" })
}

/// A token that the owner chose, kept as its hash: so comparing takes the same time whatever was sent.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

impl AdminToken {
    /// Keeps a token.
    pub fn new(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether a request carries it, as `Authorization: Bearer TOKEN`.
    pub fn is_sent_by(&self, request: &HttpRequest) -> bool {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        token.is_some_and(|token| self.is(token))
    }

    /// Whether this is it.
    pub fn is(&self, token: &str) -> bool {
        Self::new(token).0 == self.0
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::http::address::tests::request_of;

    #[test]
    fn only_the_own_and_the_allowed_origins_connect() {
        let allowed = ["https://app.example".to_owned()];
        let of = |host: &'static str| TestRequest::default().insert_header((header::HOST, host));
        assert!(may_connect(&of("chat.example").to_http_request(), &[], &allowed), "without an origin");
        let own = "null https://chat.example https://chat.example:443 http://chat.example";
        let others = "http://app.example https://evil.example https://chat.example.evil.example file://";
        for (host, origins, expected) in [
            ("chat.example", own, true),
            ("chat.example:443", "https://chat.example", true),
            ("Chat.Example", "https://chat.EXAMPLE", true),
            ("127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("[::1]", "http://[::1]", true),
            ("chat.example", "https://app.example https://app.example:443", true),
            ("chat.example", others, false),
            ("chat.example", "https://chat.example:8443", false),
            ("chat.example", "", false),
            ("", "https://", false),
        ] {
            for origin in origins.split(' ') {
                let request = of(host).insert_header((header::ORIGIN, origin)).to_http_request();
                assert_eq!(may_connect(&request, &[], &allowed), expected, "{host} {origin:?}");
            }
        }
    }

    #[test]
    fn the_host_that_a_trusted_proxy_forwards_is_an_own_one() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        for (peer, forwarded, expected) in [
            ("10.0.0.1", "chat.example", true),
            ("10.0.0.1", "chat.example:443", true),
            ("10.0.0.1", "chat.example, inner.example", true),
            ("10.0.0.1", "other.example", false),
            ("10.0.0.1", "chat.example;x", false),
            ("10.0.0.1", "", false),
            ("192.0.2.1", "chat.example", false),
        ] {
            let request = request_of(peer)
                .insert_header((header::HOST, "127.0.0.1:8080"))
                .insert_header(("x-forwarded-host", forwarded))
                .insert_header((header::ORIGIN, "https://chat.example"));
            assert_eq!(may_connect(&request.to_http_request(), &trusted, &[]), expected, "{peer} {forwarded}");
        }
    }

    #[test]
    fn a_strange_host_never_enters_the_policy() {
        let request = |host: &'static str| TestRequest::default().insert_header((header::HOST, host)).to_http_request();
        let named = policy(&request("chat.example:81"), &[], "n", "*");
        assert!(named.contains("connect-src 'self' ws://chat.example:81 wss://chat.example:81;"), "{named}");
        for host in ["a;script-src *", "a b", "a'", "a@b"] {
            assert!(policy(&request(host), &[], "n", "*").contains("connect-src 'self';"), "{host}");
        }
    }
}
