//! Asks another server whether it lives, at the address by which it says that others reach it.

use std::{
    io,
    time::{Duration, Instant},
};

use actix::clock::timeout;
use actix_web::{HttpRequest, HttpResponse, http::Uri, rt::net::TcpStream, web::Data};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{admin, error::HttpError, reading::fresh, site::Site};
use chat_wire::{ErrorCode, timestamp};

/// How long it may take to answer, all in all.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How much of its answer is read at most, in bytes: the status is in its first line.
const STATUS_BYTES_MAX: usize = 256;

/// What the answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Asked {
    /// It was asked, at its address.
    Url,
    /// Its lease: it says no address, or one that wants TLS, which is not spoken here.
    Lease,
}

/// `GET /api/v1/admin/servers/{id}/ping`.
pub async fn ping(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Pong {
        id: String,
        alive: bool,
        asked: Asked,
        latency_ms: Option<f64>,
        last_seen_at: Option<String>,
    }
    const UNKNOWN: HttpError = HttpError::new(ErrorCode::NotFound, "no living server has this id");
    let id = request.match_info().query("id");
    let living = admin::living(&site).await.into_iter().find(|living| living.server.id == id).ok_or(UNKNOWN)?;
    let last_seen_at = living.is_seen.then(|| timestamp(living.server.seen_at));
    let target = living.server.url.as_deref().and_then(Target::parse);
    let begun = Instant::now();
    let (asked, alive, latency) = match target {
        Some(target) => {
            let answer = timeout(ANSWER_MAX, target.status()).await;
            let alive = matches!(answer, Ok(Ok(200)));
            (Asked::Url, alive, alive.then(|| begun.elapsed()))
        }
        // Who asks a server about itself has its answer already.
        None => (Asked::Lease, living.is_seen || living.server.id == site.place.id, None),
    };
    let latency_ms = latency.map(|latency| latency.as_secs_f64() * 1_000.0);
    Ok(fresh(&Pong { id: living.server.id, alive, asked, latency_ms, last_seen_at }))
}

/// Where a server is asked.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// As it stands in the header.
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// Reads what a lease says; `None` where it cannot be asked over plain HTTP.
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        Some(Self {
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            path: format!("{}/livez", uri.path().trim_end_matches('/')),
        })
    }

    /// The status that it answers with. Where it sends elsewhere nobody follows.
    async fn status(&self) -> io::Result<u16> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let Self { authority, path, .. } = self;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        let mut part = [0; STATUS_BYTES_MAX];
        while !answer.contains(&b'\n') && answer.len() < STATUS_BYTES_MAX {
            let n = stream.read(&mut part).await?;
            if n == 0 {
                break;
            }
            answer.extend(part.iter().take(n));
        }
        let text = String::from_utf8_lossy(&answer);
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is not HTTP"))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_plain_http_is_asked() {
        let target = |authority: &str, host: &str, port, path: &str| {
            Some(Target { authority: authority.into(), host: host.into(), port, path: path.into() })
        };
        assert_eq!(Target::parse("http://10.0.0.5:8080"), target("10.0.0.5:8080", "10.0.0.5", 8080, "/livez"));
        assert_eq!(Target::parse("http://[::1]:81/chat"), target("[::1]:81", "::1", 81, "/chat/livez"));
        assert_eq!(Target::parse("http://chat-0"), target("chat-0", "chat-0", 80, "/livez"));
        for other in ["https://chat-0", "ftp://chat-0", "chat-0", "", "file:///etc/passwd", "http://u:p@h", "http://"] {
            assert_eq!(Target::parse(other), None, "{other}");
        }
    }

    #[actix_web::test]
    async fn a_status_is_read_and_nothing_is_followed() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", Some(302)),
            ("HTTP/1.1 503 \r\n", Some(503)),
            ("SSH-2.0\n", None),
            ("", None),
            (&"x".repeat(100_000), None),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let answering = async {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.expect("a byte"));
                }
                // Whoever has read enough goes.
                let _ = stream.write_all(answer.as_bytes()).await;
                request
            };
            let target = Target::parse(&format!("http://{address}/base")).expect("a target");
            let (request, status) = tokio::join!(answering, target.status());
            assert!(request.starts_with(b"GET /base/livez HTTP/1.1\r\n"));
            assert_eq!(status.ok(), expected, "{answer:.40}");
        }
    }
}
