use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use super::error::LoadError;

/// How long the first connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// An `http` or `ws` URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the Host header says.
    pub host: String,
    pub address: SocketAddr,
    /// The path, without the slash at its end.
    pub path: String,
}

impl Target {
    /// Takes `url` apart and looks up its name.
    /// Fails with [`LoadError::Options`] where it is no such URL, [`LoadError::Away`] where the name is unknown.
    pub fn resolve(url: &str) -> Result<Self, LoadError> {
        let (host, port, path) = split(url).map_err(LoadError::Options)?;
        let away = |source| LoadError::Away { url: url.to_owned(), source };
        let mut addresses = (host.trim_matches(['[', ']']), port).to_socket_addrs().map_err(away)?;
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let address = addresses.next().ok_or_else(unknown).map_err(away)?;
        let host = if port == 80 { host } else { format!("{host}:{port}") };
        Ok(Self { host, address, path: path.trim_end_matches('/').to_owned() })
    }

    /// Connects once, so that a server that is away is one clear line instead of a run of errors.
    /// Fails with [`LoadError::Away`] where nothing answers.
    pub fn knock(&self, url: &str) -> Result<(), LoadError> {
        TcpStream::connect_timeout(&self.address, CONNECT_MAX)
            .map(drop)
            .map_err(|source| LoadError::Away { url: url.to_owned(), source })
    }
}

/// Host, port and path.
fn split(url: &str) -> Result<(String, u16, String), String> {
    let wrong = || format!("--url is http://host:port or ws://host:port, not {url:?}");
    if url.starts_with("https://") || url.starts_with("wss://") {
        return Err("TLS is not spoken here: give the server's own address, behind the proxy".into());
    }
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")).ok_or_else(wrong)?;
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => (host, port.parse().map_err(|_| wrong())?),
        _ => (authority, 80),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let is_odd = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    if host.is_empty() || !host.chars().all(is_plain) || is_odd || path.contains(['?', '#', ' ', '\r', '\n']) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, host, port, path) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080, ""),
            ("ws://localhost/chat/", "localhost", 80, "/chat/"),
            ("http://[::1]:81", "[::1]", 81, ""),
            ("http://[::1]", "[::1]", 80, ""),
        ] {
            assert_eq!(split(url), Ok((host.to_owned(), port, path.to_owned())), "{url}");
        }
        for wrong in [
            "",
            "127.0.0.1:80",
            "ftp://a",
            "http://",
            "http://a:99999",
            "http://a b",
            "https://a",
            "http://a/?b",
            "http://::1",
        ] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_that_is_away_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let target = Target::resolve(&url).expect("a target");
        assert!(target.knock(&url).is_ok());
        drop(listener);
        let line = target.knock(&url).expect_err("nothing there").to_string();
        assert!(line.contains(&url) && !line.contains('\n'), "{line}");
    }
}
