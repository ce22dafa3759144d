use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has not what it is for.
    #[error("{0} cannot be read: {1}")]
    File(PathBuf, rustls::pki_types::pem::Error),
    /// The two do not go together.
    #[error("the certificate and the key do not go together: {0}")]
    Together(#[from] rustls::Error),
}

/// Encryption by a certificate, with those that it was signed by behind it, and its key.
///
/// # Errors
/// Where a file cannot be read, or the two do not go together.
pub fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::File(path, error)
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(of(certificate))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(of(certificate))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(of(key))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key_der)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = load(Path::new("/nowhere/cert.pem"), Path::new("/nowhere/key.pem")).expect_err("nothing is there");
        assert!(error.to_string().starts_with("/nowhere/cert.pem cannot be read"), "{error}");
    }
}
