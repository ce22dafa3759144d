use std::{fmt, net::IpAddr};

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// Where the server is that takes mail, how the way there is kept secret, and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) credentials: Option<Credentials>,
}

/// How the way to the server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// From the first byte on (RFC 8314, section 3.3).
    Tls,
    /// By STARTTLS, without which nothing is said (RFC 3207).
    StartTls,
    /// Not at all: only where the way does not leave the machine.
    Nothing,
}

/// Why a URL is none of a server that takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongSmtpUrl {
    /// Neither of the two schemes.
    #[error("expected smtps://user:password@host:465 or smtp://user:password@host:587")]
    Scheme,
    /// What stands behind the scheme is no host, or its port is none.
    #[error("expected a host, and behind it at most a port")]
    Host,
    /// A user without a password, or something in the login that is no percent-encoding of UTF-8.
    #[error("expected user:password before the @, percent-encoded")]
    Login,
}

impl SmtpUrl {
    /// Reads `smtps://…` (TLS at once, port 465) or `smtp://…` (STARTTLS, port 587; to a loopback address without TLS,
    /// where there is no port 25). User and password are percent-encoded.
    ///
    /// # Errors
    /// [`WrongSmtpUrl`], which never has a part of the text in it.
    pub fn parse(text: &str) -> Result<Self, WrongSmtpUrl> {
        let is_known = text.starts_with("smtp://") || text.starts_with("smtps://");
        let url = if is_known {
            Url::parse(text).map_err(|_| WrongSmtpUrl::Host)?
        } else {
            return Err(WrongSmtpUrl::Scheme);
        };
        let is_place = ["", "/"].contains(&url.path()) && url.query().is_none() && url.fragment().is_none();
        let host = match url.host().filter(|_| is_place && url.port() != Some(0)).ok_or(WrongSmtpUrl::Host)? {
            Host::Domain(name) => name.to_ascii_lowercase(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let is_near = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let (security, usual) = match url.scheme() {
            "smtps" => (Security::Tls, 465),
            _ if is_near => (Security::Nothing, 25),
            _ => (Security::StartTls, 587),
        };
        let decoded = |text| percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| WrongSmtpUrl::Login);
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) => Some(Credentials::new(decoded(user)?, decoded(password)?)),
            (_, None) => return Err(WrongSmtpUrl::Login),
        };
        Ok(Self { host, port: url.port().unwrap_or(usual), security, credentials })
    }

    /// Whether it has a password in it.
    pub fn has_password(&self) -> bool {
        self.credentials.is_some()
    }
}

/// Without what nobody else is to read.
impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} to {}:{}", self.security, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_way_is_secret_unless_it_stays_on_the_machine() {
        for (text, host, port, security) in [
            ("smtps://mail.example", "mail.example", 465, Security::Tls),
            ("smtps://mail.example:4650/", "mail.example", 4_650, Security::Tls),
            ("smtps://127.0.0.1:465", "127.0.0.1", 465, Security::Tls),
            ("smtp://Mail.Example", "mail.example", 587, Security::StartTls),
            ("smtp://u:p@mail.example:25", "mail.example", 25, Security::StartTls),
            ("smtp://[2001:db8::1]:587", "2001:db8::1", 587, Security::StartTls),
            ("smtp://localhost", "localhost", 25, Security::Nothing),
            ("smtp://[::1]:1025", "::1", 1_025, Security::Nothing),
        ] {
            let url = SmtpUrl::parse(text).expect(text);
            assert_eq!((url.host.as_str(), url.port, url.security), (host, port, security), "{text}");
        }
    }

    #[test]
    fn a_login_is_percent_encoded_and_never_shown() {
        let url = SmtpUrl::parse("smtp://otter%40blog.example:p%3A%2F%ED%95%9C@mail.example").expect("a URL");
        assert_eq!(url.credentials, Some(Credentials::new("otter@blog.example".into(), "p:/한".into())));
        assert_eq!(format!("{url:?}"), "StartTls to mail.example:587");
        for wrong in ["smtp://user@host", "smtp://u:%ff@host", "smtp://%ff:p@host"] {
            assert_eq!(SmtpUrl::parse(wrong), Err(WrongSmtpUrl::Login), "{wrong}");
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for (wrong, why) in [
            ("", WrongSmtpUrl::Scheme),
            ("mail.example:587", WrongSmtpUrl::Scheme),
            ("http://mail.example", WrongSmtpUrl::Scheme),
            ("smtp://", WrongSmtpUrl::Host),
            ("smtp://mail example", WrongSmtpUrl::Host),
            ("smtp://mail.example:0", WrongSmtpUrl::Host),
            ("smtp://mail.example:99999", WrongSmtpUrl::Host),
            ("smtp://mail.example:25/path", WrongSmtpUrl::Host),
            ("smtp://[::1", WrongSmtpUrl::Host),
            ("smtp://[mail]:25", WrongSmtpUrl::Host),
        ] {
            assert_eq!(SmtpUrl::parse(wrong), Err(why), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_has_a_host(text in "smtps?://[ -~]{0,30}") {
            if let Ok(url) = SmtpUrl::parse(&text) {
                prop_assert!(!url.host.is_empty() && url.port > 0);
            }
        }
    }
}
