//! The options of a PostgreSQL URL that the driver does not know as libpq does: what is about encryption, and which
//! of several servers is looked for.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::tls::{Roots, TlsMode, TlsSettings};

/// Why a database URL was refused. Never holds a part of the URL: it may be the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Neither PostgreSQL nor SQLite.
    #[error("a database URL begins with postgres://, postgresql:// or sqlite://")]
    Scheme,
    /// No URL of a PostgreSQL server.
    #[error(
        "this is no URL of a PostgreSQL database: expected postgres://user:password@host:port/database \
         (write special characters of the password as %XX)"
    )]
    Postgres,
    /// The host is missing.
    #[error("the PostgreSQL URL names no host: expected postgres://user:password@host:port/database")]
    Host,
    /// A value of `sslmode` that is none, or is not supported.
    #[error("sslmode of the PostgreSQL URL is one of disable, prefer, require, verify-ca and verify-full")]
    TlsMode,
    /// Encryption without asking for it first.
    #[error("sslnegotiation=direct of the PostgreSQL URL is not supported: leave it out")]
    Direct,
    /// A weak mode with the public authorities.
    #[error("sslrootcert=system of the PostgreSQL URL needs sslmode=verify-full")]
    SystemRoots,
    /// Half of a client's certificate.
    #[error("sslcert and sslkey of the PostgreSQL URL belong together: both are paths of PEM files")]
    ClientCertificate,
    /// No path where one belongs.
    #[error("sslrootcert, sslcert and sslkey of the PostgreSQL URL are paths of PEM files")]
    File,
    /// Something of the encryption, without encryption.
    #[error("channel_binding=require of the PostgreSQL URL needs sslmode=require, verify-ca or verify-full")]
    ChannelBinding,
    /// A server that takes no messages was asked for.
    #[error("target_session_attrs of the PostgreSQL URL is read-write or any: messages need a server that takes them")]
    Target,
    /// An option that libpq knows.
    #[error("the PostgreSQL URL has the option {0}, which is not supported: leave it out")]
    Option(&'static str),
    /// No path of a file.
    #[error(
        "a SQLite URL is sqlite:// and the path of a file, as sqlite://data/chat.db or sqlite:///var/lib/chat.db, \
         without options; a database in memory cannot be shared"
    )]
    Sqlite,
}

/// Options of libpq that mean something here that is not done. Ignored silently, they would promise it.
const NOT_SUPPORTED: &str = "sslpassword sslcrl sslcrldir sslsni sslcertmode sslcompression ssl_min_protocol_version \
    ssl_max_protocol_version requirepeer require_auth gssencmode passfile service";

/// Reads these options and takes them out of a URL; what is left is for the driver.
pub(crate) fn take(url: &str) -> Result<(String, TlsSettings), StoreUrlError> {
    // Behind the first `@`, as the driver does it: a password may hold a question mark.
    let login = url.find('@').map_or(0, |at| at.saturating_add(1));
    let mut tls = TlsSettings::default();
    let parts = url.split_at_checked(login).and_then(|(login, rest)| Some((login, rest.split_once('?')?)));
    let Some((login, (server, options))) = parts else { return Ok((url.to_owned(), tls)) };
    let (mut kept, mut certificate, mut key, mut mode) = (Vec::new(), None, None, None);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = percent_decode_str(value).decode_utf8().map_err(|_| StoreUrlError::Postgres)?;
        match (name, &*value) {
            ("sslmode", value) => mode = Some(TlsMode::parse(value).ok_or(StoreUrlError::TlsMode)?),
            ("sslrootcert", "system") => tls.roots = Roots::System,
            ("sslrootcert", path) => tls.roots = Roots::File(file(path)?),
            ("sslcert", path) => certificate = Some(file(path)?),
            ("sslkey", path) => key = Some(file(path)?),
            ("sslnegotiation", "direct") => return Err(StoreUrlError::Direct),
            // A server that takes messages is looked for anyway.
            ("target_session_attrs", "any" | "read-write" | "primary") => {}
            ("target_session_attrs", _) => return Err(StoreUrlError::Target),
            (name, _) => match NOT_SUPPORTED.split(' ').find(|known| *known == name) {
                Some(known) => return Err(StoreUrlError::Option(known)),
                None => kept.push(option),
            },
        }
    }
    tls.client = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => return Err(StoreUrlError::ClientCertificate),
    };
    // As libpq: a weaker mode would not look at what the public authorities have signed, and with verify-ca anybody
    // could have that.
    tls.mode = match (mode, &tls.roots) {
        (None, Roots::System) => TlsMode::VerifyFull,
        (Some(TlsMode::VerifyFull), Roots::System) => TlsMode::VerifyFull,
        (Some(_), Roots::System) => return Err(StoreUrlError::SystemRoots),
        (mode, _) => mode.unwrap_or_default(),
    };
    Ok((format!("{login}{server}?{}", kept.join("&")), tls))
}

fn file(path: &str) -> Result<PathBuf, StoreUrlError> {
    if path.is_empty() { Err(StoreUrlError::File) } else { Ok(PathBuf::from(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_read_and_the_rest_is_left_to_the_driver() {
        let file = |path: &str| Roots::File(PathBuf::from(path));
        for (options, left, mode, roots) in [
            ("", "", TlsMode::Prefer, Roots::Default),
            ("?", "?", TlsMode::Prefer, Roots::Default),
            ("?sslmode=disable", "?", TlsMode::Disable, Roots::Default),
            ("?connect_timeout=3&sslmode=require", "?connect_timeout=3", TlsMode::Require, Roots::Default),
            ("?sslmode=verify-ca&sslrootcert=%2Fetc%2Fa%20b.pem", "?", TlsMode::VerifyCa, file("/etc/a b.pem")),
            ("?sslrootcert=ca.pem&sslmode=verify-full&options=x", "?options=x", TlsMode::VerifyFull, file("ca.pem")),
            ("?sslrootcert=system", "?", TlsMode::VerifyFull, Roots::System),
            ("?target_session_attrs=primary", "?", TlsMode::Prefer, Roots::Default),
        ] {
            let (url, tls) = take(&format!("postgres://u:what?@db/chat{options}")).expect(options);
            assert_eq!(url, format!("postgres://u:what?@db/chat{left}"));
            assert_eq!((tls.mode, tls.roots, tls.client), (mode, roots, None), "{options}");
        }
        let (_, tls) = take("postgres://db/chat?sslcert=c.pem&sslkey=k.pem").expect("a URL");
        assert_eq!(tls.client, Some(("c.pem".into(), "k.pem".into())));
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_name() {
        for (refused, error) in [
            ("sslmode=allow sslmode=sometimes sslmode=", StoreUrlError::TlsMode),
            ("sslrootcert=", StoreUrlError::File),
            ("sslrootcert=system&sslmode=require", StoreUrlError::SystemRoots),
            ("sslcert=c.pem", StoreUrlError::ClientCertificate),
            ("sslnegotiation=direct&sslmode=require", StoreUrlError::Direct),
            ("sslcrl=crl.pem", StoreUrlError::Option("sslcrl")),
            ("target_session_attrs=standby target_session_attrs=read-only", StoreUrlError::Target),
        ] {
            for options in refused.split(' ') {
                assert_eq!(take(&format!("postgres://u:p@db/chat?{options}")), Err(error), "{options}");
            }
        }
    }
}
