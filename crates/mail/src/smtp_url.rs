use std::{fmt, net::IpAddr};

use lettre::transport::smtp::authentication::Credentials;

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
    /// Something in the login that is no percent-encoding of UTF-8.
    #[error("the user or the password is not percent-encoded UTF-8")]
    Login,
}

impl SmtpUrl {
    /// Reads `smtps://…` (TLS at once, port 465) or `smtp://…` (STARTTLS, port 587; to a loopback address without TLS,
    /// where there is no port 25). User and password are percent-encoded.
    ///
    /// # Errors
    /// [`WrongSmtpUrl`], which never has a part of the text in it.
    pub fn parse(text: &str) -> Result<Self, WrongSmtpUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(WrongSmtpUrl::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place)?;
        let is_near = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let (security, usual) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" if is_near => (Security::Nothing, 25),
            "smtp" => (Security::StartTls, 587),
            _ => return Err(WrongSmtpUrl::Scheme),
        };
        let credentials = login.map(credentials).transpose()?;
        Ok(Self { host, port: port.unwrap_or(usual), security, credentials })
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

fn host_and_port(place: &str) -> Result<(String, Option<u16>), WrongSmtpUrl> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => {
            host.parse::<std::net::Ipv6Addr>().map_err(|_| WrongSmtpUrl::Host)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(WrongSmtpUrl::Host)?) })
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b".-:".contains(&b);
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err(WrongSmtpUrl::Host);
    }
    let port = port.map(|port| port.parse().ok().filter(|port| *port > 0).ok_or(WrongSmtpUrl::Host)).transpose()?;
    Ok((host.to_ascii_lowercase(), port))
}

fn credentials(login: &str) -> Result<Credentials, WrongSmtpUrl> {
    let (user, password) = login.split_once(':').ok_or(WrongSmtpUrl::Login)?;
    Ok(Credentials::new(decoded(user)?, decoded(password)?))
}

fn decoded(text: &str) -> Result<String, WrongSmtpUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).ok_or(WrongSmtpUrl::Login);
            let value = digit()? * 16 + digit()?;
            u8::try_from(value).map_err(|_| WrongSmtpUrl::Login)?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| WrongSmtpUrl::Login)
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
        for wrong in ["smtp://user@host", "smtp://u:%@host", "smtp://u:%zz@host", "smtp://u:%ff@host"] {
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
