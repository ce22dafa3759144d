//! Encryption of connections to PostgreSQL: what a URL asks for, and why a handshake failed.

use std::{borrow::Cow, error::Error as _, io, path::PathBuf, sync::Arc};

use chrono::DateTime;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// How much a connection is protected: the values of libpq's `sslmode` that are supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can; no certificate is checked.
    #[default]
    Prefer,
    /// Always encrypted; the certificate is checked where `sslrootcert` names whom to trust.
    Require,
    /// The certificate must be signed by somebody who is trusted.
    VerifyCa,
    /// It must be for the host's name as well.
    VerifyFull,
}

impl TlsMode {
    /// The value of `sslmode`, where it is one that is supported.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// Whether a connection without encryption is refused.
    pub fn must_encrypt(self) -> bool {
        !matches!(self, Self::Disable | Self::Prefer)
    }
}

/// Whose signature makes a certificate a good one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// `sslrootcert` is not given: those that the operating system trusts, where anything is checked.
    #[default]
    Default,
    /// `sslrootcert=system`: those that the operating system trusts.
    System,
    /// `sslrootcert=PATH`: the certificates in a PEM file.
    File(PathBuf),
}

/// What a URL says about encryption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// `sslmode`.
    pub mode: TlsMode,
    /// `sslrootcert`.
    pub roots: Roots,
    /// `sslcert` and `sslkey`: PEM files with this server's own certificate and its key, without a password.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsSettings {
    /// Reads the files and makes what connections are encrypted with. [`StoreError::Refused`] names the file that
    /// cannot be used.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, StoreError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let broken = |e: TlsError| StoreError::Broken(format!("TLS cannot be set up: {e}").into());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(broken)?.dangerous().with_custom_certificate_verifier(verifier);
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key_file)) => {
                let chain = certificates(certificate, "sslcert")?;
                let key = PrivateKeyDer::from_pem_file(key_file);
                let key = key.map_err(|e| file_error("sslkey", key_file, &e, "private key without a password"))?;
                let unfit = |e| StoreError::Refused(format!("sslcert and sslkey do not fit: {e}").into());
                builder.with_client_auth_cert(chain, key).map_err(unfit)?
            }
        };
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<Verifier>, StoreError> {
        // As libpq: who names an authority wants it to be obeyed.
        let is_checked = match self.mode {
            TlsMode::Disable | TlsMode::Prefer => false,
            TlsMode::Require => self.roots != Roots::Default,
            TlsMode::VerifyCa | TlsMode::VerifyFull => true,
        };
        let algorithms = provider.signature_verification_algorithms;
        if !is_checked {
            return Ok(Arc::new(Verifier { algorithms, checked: None }));
        }
        let trusted = match &self.roots {
            Roots::File(path) => certificates(path, "sslrootcert")?,
            Roots::Default | Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                if found.certs.is_empty() {
                    let why = "this system has no list of certificate authorities: set sslrootcert=PATH to a file \
                        with the database's one";
                    return Err(StoreError::Refused(why.into()));
                }
                found.certs
            }
        };
        let mut roots = RootCertStore::empty();
        let (n_good, _) = roots.add_parsable_certificates(trusted.iter().cloned());
        if n_good == 0 {
            return Err(StoreError::Refused("none of the certificates of sslrootcert can be read".into()));
        }
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        let chains = chains.map_err(|e| StoreError::Broken(format!("TLS cannot be set up: {e}").into()))?;
        let pinned = if matches!(self.roots, Roots::File(_)) { trusted } else { Vec::new() };
        let checked = Checked { chains, pinned, with_name: self.mode == TlsMode::VerifyFull };
        Ok(Arc::new(Verifier { algorithms, checked: Some(checked) }))
    }
}

fn certificates(path: &PathBuf, option: &str) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|e| file_error(option, path, &e, "PEM certificate"))?;
    if found.is_empty() {
        return Err(StoreError::Refused(format!("{option}: {} has no PEM certificate in it", path.display()).into()));
    }
    Ok(found)
}

fn file_error(option: &str, path: &std::path::Path, error: &rustls::pki_types::pem::Error, what: &str) -> StoreError {
    use rustls::pki_types::pem::Error;
    let why: Cow<'static, str> = match error {
        Error::Io(e) => e.to_string().into(),
        Error::NoItemsFound => format!("has no {what} in it").into(),
        _ => format!("holds no {what} that can be read").into(),
    };
    StoreError::Refused(format!("{option}: {}: {why}", path.display()).into())
}

/// Decides whether a server's certificate is good enough.
#[derive(Debug)]
struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    /// `None`: any certificate is.
    checked: Option<Checked>,
}

#[derive(Debug)]
struct Checked {
    chains: Arc<WebPkiServerVerifier>,
    /// The certificates that the owner named: a server's own one may be among them.
    pinned: Vec<CertificateDer<'static>>,
    with_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(checked) = &self.checked else { return Ok(ServerCertVerified::assertion()) };
        match checked.chains.verify_server_cert(own, intermediates, name, ocsp, now) {
            // The name is looked at last: all else is well.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !checked.with_name => Ok(ServerCertVerified::assertion()),
            // One that signed itself, as `openssl req -x509` makes it, and that the owner named as trusted. Its time
            // was looked at before.
            Err(TlsError::InvalidCertificate(CertificateError::Other(why)))
                if why.to_string().contains("CaUsedAsEndEntity") && checked.pinned.iter().any(|c| c == own) =>
            {
                if checked.with_name {
                    verify_server_name(&ParsedCertificate::try_from(own)?, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(message, own, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(message, own, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether it was the encryption that failed, of whatever cause.
pub(crate) fn is_about_tls(error: &tokio_postgres::Error) -> bool {
    // The driver does not show the kind of its errors.
    error.to_string().starts_with("error performing TLS handshake")
}

/// Why the encryption failed, where it did.
pub(crate) fn why(error: &tokio_postgres::Error) -> Option<StoreError> {
    if !is_about_tls(error) {
        return None;
    }
    let cause = error.source();
    let tls = cause.and_then(|c| c.downcast_ref::<io::Error>()).and_then(io::Error::get_ref);
    Some(match (tls.and_then(|t| t.downcast_ref::<TlsError>()), cause) {
        (Some(TlsError::InvalidCertificate(unfit)), _) => of_certificate(unfit),
        (Some(other), _) => StoreError::Unavailable(format!("no TLS with the database: {other}").into()),
        (None, Some(text)) if text.to_string() == "server does not support TLS" => StoreError::Refused(
            "its URL asks for TLS (sslmode), and the server has none: set ssl = on there, or sslmode=prefer here"
                .into(),
        ),
        (None, Some(text)) => StoreError::Unavailable(format!("no TLS with the database: {text}").into()),
        (None, None) => StoreError::Unavailable("no TLS with the database".into()),
    })
}

fn of_certificate(unfit: &CertificateError) -> StoreError {
    let day = |time: &UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        DateTime::from_timestamp(seconds, 0).map_or_else(String::new, |t| t.format("%Y-%m-%d %H:%M UTC").to_string())
    };
    let text = match unfit {
        CertificateError::UnknownIssuer => "its certificate is signed by nobody who is trusted here: set \
            sslrootcert=PATH to a file with the authority's certificate"
            .into(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired at {}: it must be renewed", day(not_after))
        }
        CertificateError::Expired => "its certificate expired: it must be renewed".into(),
        // The clock of one of the two may be wrong, or it was renewed a moment ago.
        CertificateError::NotValidYetContext { not_before, .. } => {
            let text = format!("the database's certificate is not valid before {}", day(not_before));
            return StoreError::Unavailable(text.into());
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = if presented.is_empty() { "no name".into() } else { presented.join(", ") };
            format!(
                "its certificate is not for {} but for {names}: use a host that it names, or sslmode=verify-ca",
                expected.to_str()
            )
        }
        CertificateError::Other(why) if why.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority: give the server one of its own, or set sslrootcert=PATH to a \
             file with exactly this one"
                .into()
        }
        other => format!("its certificate is not accepted: {other}"),
    };
    StoreError::Refused(text.into())
}
