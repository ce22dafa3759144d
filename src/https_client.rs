//! Asks other systems over HTTP and HTTPS: what an operator has named in the settings, or whoever may has named as a webhook.
//! Each connection is for one request. To which address it goes its caller has looked at: a name may lead elsewhere a moment
//! later.
//!
//! Invariant: everything is bounded (time, bytes, no redirect, no proxy), and nothing is kept open.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::clock::timeout;
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1, header, http::request::Builder};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// So long a request may take, from the lookup of the name to the answer's last byte.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// So much of an answer is read.
const BODY_BYTES_MAX: usize = 64 * 1_024;

/// Why nothing was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// The host has no address, or none that its caller lets a request go to.
    #[error("the host has no address that a request may go to")]
    Address,
    /// Without TLS, to an address that is not excepted from it.
    #[error("http:// may not be used for this address")]
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

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body: its first 64 KiB.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// Proves whom it asks by the authorities that the machine trusts (`SSL_CERT_FILE` names others).
#[derive(Default)]
pub struct HttpsClient {
    /// Made with the first that needs it: reading the system's certificates takes a while.
    tls: OnceLock<Option<TlsConnector>>,
}

/// Every address of a URL's host, as the system finds them.
///
/// # Errors
/// [`NotAnswered::Address`].
pub async fn addresses(url: &Url) -> Result<Vec<SocketAddr>, NotAnswered> {
    let port = url.port_or_known_default().ok_or(NotAnswered::Address)?;
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(vec![SocketAddr::new(address.into(), port)]),
        Some(Host::Ipv6(address)) => Ok(vec![SocketAddr::new(address.into(), port)]),
        Some(Host::Domain(name)) => Ok(lookup_host((name, port)).await.map_err(|_| NotAnswered::Address)?.collect()),
        None => Err(NotAnswered::Address),
    }
}

impl HttpsClient {
    /// Sends a request to the address that `choose` takes of those of the URL's host.
    ///
    /// # Errors
    /// Why nothing was answered, or what `choose` says.
    pub async fn send(
        &self,
        url: &Url,
        choose: impl FnOnce(&[SocketAddr]) -> Result<SocketAddr, NotAnswered>,
        request: Builder,
        body: String,
    ) -> Result<Answer, NotAnswered> {
        let answered = async {
            let address = choose(&addresses(url).await?)?;
            self.exchange(url, address, request, body).await
        };
        timeout(ANSWER_MAX, answered).await.unwrap_or(Err(NotAnswered::Slow))
    }

    async fn exchange(
        &self,
        url: &Url,
        address: SocketAddr,
        request: Builder,
        body: String,
    ) -> Result<Answer, NotAnswered> {
        let host = url.host_str().ok_or(NotAnswered::Address)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let request = request
            .uri(path)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, concat!("realtime-chat/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| NotAnswered::Address)?;
        let stream = TcpStream::connect(address).await.map_err(|_| NotAnswered::Connection)?;
        if url.scheme() == "http" {
            return exchange(stream, request).await;
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|_| NotAnswered::Address)?,
            _ => ServerName::IpAddress(address.ip().into()),
        };
        let tls = self.tls.get_or_init(connector).as_ref().ok_or(NotAnswered::Tls)?;
        exchange(tls.connect(name, stream).await.map_err(|_| NotAnswered::Tls)?, request).await
    }
}

/// Trusts whom the system trusts; none where TLS cannot be set up.
fn connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().ok()?.with_root_certificates(roots);
    Some(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// Sends a request and reads what is answered, as far as that is read.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, NotAnswered>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |_| NotAnswered::Connection;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let asking = async {
        let mut response = sender.send_request(request).await.map_err(broken)?;
        let mut answer = Answer { status: response.status().as_u16(), body: Vec::new(), is_whole: false };
        loop {
            match response.frame().await {
                Some(Ok(frame)) => answer.body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &**data)),
                Some(Err(_)) => break,
                None => {
                    answer.is_whole = true;
                    break;
                }
            }
            if answer.body.len() > BODY_BYTES_MAX {
                answer.body.truncate(BODY_BYTES_MAX);
                break;
            }
        }
        Ok(answer)
    };
    // What was read before the connection ended is still to be had.
    let driving = async {
        let _ = connection.await;
        pending::<Result<Answer, NotAnswered>>().await
    };
    tokio::select! {
        answered = asking => answered,
        never = driving => never,
    }
}
