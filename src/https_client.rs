//! Asks other servers for something, over HTTPS: what an operator has named in the settings, and nothing that a visitor names.
//!
//! Invariant: everything is bounded (time, bytes, no redirect), and nothing is kept open.

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix::clock::timeout;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, Uri, body::Bytes, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// So long an answer may take, from the name of the host to its last byte.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// So many bytes are read of it.
const BODY_BYTES_MAX: usize = 65_536;

/// Asks, and proves whom it asks by the authorities that the machine trusts (`SSL_CERT_FILE` names others).
#[derive(Clone)]
pub struct HttpsClient {
    tls: TlsConnector,
}

impl HttpsClient {
    /// A client.
    ///
    /// # Errors
    /// Why TLS cannot be set up.
    pub fn new() -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// What is at an address, where that is answered with 200.
    ///
    /// # Errors
    /// Why there is nothing.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let uri: Uri = url.parse().map_err(|_| "it is no address".to_owned())?;
        timeout(ANSWER_MAX, self.ask(uri)).await.map_err(|_| "it takes too long".to_owned())?
    }

    async fn ask(&self, uri: Uri) -> Result<Vec<u8>, String> {
        let host = uri.host().ok_or("it names no host")?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_plain = uri.scheme_str() == Some("http");
        let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|e| said(&e))?;
        if is_plain {
            // The name may lead elsewhere by now.
            let is_near = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
            return if is_near { exchange(stream, &uri).await } else { Err("it is not encrypted".to_owned()) };
        }
        let name = match host.parse::<IpAddr>() {
            Ok(address) => ServerName::IpAddress(address.into()),
            Err(_) => ServerName::try_from(host).map_err(|e| said(&e))?,
        };
        exchange(self.tls.connect(name, stream).await.map_err(|e| said(&e))?, &uri).await
    }
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, uri: &Uri) -> Result<Vec<u8>, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| said(&e))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(header::ACCEPT, "application/json, application/jwk-set+json")
        .header(header::USER_AGENT, "realtime-chat")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|e| said(&e))?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(|e| said(&e))?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers with {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await.map_err(|e| said(&e))?;
        Ok(body.to_bytes().to_vec())
    };
    // The connection is driven beside it, and ends with it.
    tokio::pin!(asking, connection);
    tokio::select! {
        answer = &mut asking => answer,
        ended = &mut connection => match ended {
            // All of it has come: what is left is to read it.
            Ok(()) => asking.await,
            Err(error) => Err(said(&error)),
        },
    }
}
