use std::{
    future::pending,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::clock::timeout;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::address::Reachable;

/// So long a delivery may take, from the name's lookup to the answer's end.
const SEND_MAX: Duration = Duration::from_secs(10);
/// So much of an answer is read: a receiver sees that it was, and nobody fills this server's memory.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// As long as an address may be, as its column.
const URL_CHARS_MAX: usize = 2_000;

/// Why nothing was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No address, or none of those that webhooks go to.
    #[error("the host has no address that webhooks may go to")]
    Address,
    /// Without TLS, to an address that the settings do not name.
    #[error("http:// goes to addresses of CHAT_WEBHOOK_NETWORKS only")]
    Plain,
    /// Nobody takes the connection.
    #[error("the connection was refused, or broke off")]
    Connection,
    /// The certificate is not good, or there is none.
    #[error("no connection by TLS: the certificate may be no good")]
    Tls,
    /// It took too long.
    #[error("no answer within 10 s")]
    Slow,
}

/// Sends what webhooks are told. Follows no redirect and asks no proxy: each connection goes to an address that was looked at.
pub struct Client {
    reachable: Reachable,
    /// Made with the first that needs it: reading the system's certificates takes a while.
    tls: OnceLock<Option<TlsConnector>>,
}

/// Where a webhook goes, as somebody typed it; `None` where it can go nowhere.
pub fn target(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| url.as_str().chars().count() <= URL_CHARS_MAX)?;
    let is_fine = ["https", "http"].contains(&url.scheme())
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    is_fine.then_some(url)
}

impl Client {
    pub fn new(reachable: Reachable) -> Self {
        Self { reachable, tls: OnceLock::new() }
    }

    /// Whether the host of an address, where it is given by number, is one that webhooks go to.
    pub fn may_go(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.reachable.has(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.reachable.has(IpAddr::V6(address)),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }

    /// Posts JSON with these headers; what status was answered.
    ///
    /// # Errors
    /// Where none was.
    pub async fn post(&self, url: &Url, headers: [(&'static str, String); 3], body: String) -> Result<u16, SendError> {
        timeout(SEND_MAX, self.posted(url, headers, body)).await.unwrap_or(Err(SendError::Slow))
    }

    async fn posted(&self, url: &Url, headers: [(&'static str, String); 3], body: String) -> Result<u16, SendError> {
        let host = url.host_str().ok_or(SendError::Address)?;
        let address = self.address(url).await?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let mut request = Request::post(path)
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("realtime-chat/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|_| SendError::Address)?;
        let stream = TcpStream::connect(address).await.map_err(|_| SendError::Connection)?;
        if url.scheme() == "http" {
            return exchange(stream, request).await;
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|_| SendError::Address)?,
            _ => ServerName::IpAddress(address.ip().into()),
        };
        let tls = self.tls.get_or_init(connector).as_ref().ok_or(SendError::Tls)?;
        let stream = tls.connect(name, stream).await.map_err(|_| SendError::Tls)?;
        exchange(stream, request).await
    }

    /// The address that a connection goes to: that which was looked at, whatever the name says a moment later. Where any of a
    /// name's addresses is none for webhooks, none is.
    async fn address(&self, url: &Url) -> Result<SocketAddr, SendError> {
        let port = url.port_or_known_default().ok_or(SendError::Address)?;
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![SocketAddr::new(address.into(), port)],
            Some(Host::Ipv6(address)) => vec![SocketAddr::new(address.into(), port)],
            Some(Host::Domain(name)) => lookup_host((name, port)).await.map_err(|_| SendError::Address)?.collect(),
            None => return Err(SendError::Address),
        };
        if !found.iter().all(|address| self.reachable.has(address.ip())) {
            return Err(SendError::Address);
        }
        // Those of IPv4 first: not every network has the other.
        let first = found.iter().find(|address| address.is_ipv4()).or(found.first()).ok_or(SendError::Address)?;
        if url.scheme() == "http" && !self.reachable.is_named(first.ip()) {
            return Err(SendError::Plain);
        }
        Ok(*first)
    }
}

/// Trusts whom the system trusts; none where it trusts nobody.
fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?.with_root_certificates(roots);
    Some(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// Sends a request and reads what is answered, as far as that matters.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| SendError::Connection;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let asking = async {
        let mut response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut n_bytes = 0_usize;
        // The status counts, whatever becomes of the rest.
        while let Some(Ok(frame)) = response.frame().await {
            n_bytes = n_bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if n_bytes > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(status)
    };
    // What was read before the connection ended is still to be had.
    let driving = async {
        let _ = connection.await;
        pending::<Result<u16, SendError>>().await
    };
    tokio::select! {
        answered = asking => answered,
        never = driving => never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_addresses_of_the_web_are_targets() {
        for text in ["https://example.com/hook?a=b", "http://127.0.0.1:9000/", "https://[2606:4700::1]/"] {
            assert!(target(text).is_some(), "{text}");
        }
        for text in [
            "",
            "example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com/#part",
            "https:///",
            "javascript:alert(1)",
        ] {
            assert_eq!(target(text), None, "{text}");
        }
        assert_eq!(target(&format!("https://example.com/{}", "a".repeat(2_000))), None);
    }

    #[test]
    fn numbers_in_disguise_are_numbers() {
        let client = Client::new(Reachable::default());
        for text in ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://017700000001/", "http://[::1]/"] {
            let url = target(text).expect("an address");
            assert!(!client.may_go(&url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused() {
        let client = Client::new(Reachable::default());
        let url = target("https://localhost:1/").expect("an address");
        assert_eq!(client.address(&url).await, Err(SendError::Address));
        let home = Reachable::with(vec!["127.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("one")]);
        assert!(Client::new(home).address(&url).await.is_ok());
        let plain = target("http://1.1.1.1/").expect("an address");
        assert_eq!(client.address(&plain).await, Err(SendError::Plain));
    }
}
