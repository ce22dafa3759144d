//! Asks a running server whether it is well (`realtime-chat healthcheck`): an image without a shell has no other program
//! to ask with.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// How long the server has to answer, all in all.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest status line that is read, in bytes.
const STATUS_BYTES_MAX: usize = 256;

/// Why a server is not well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// Nobody answered as HTTP does at this address and path; what the system says.
    #[error("no answer from http://{0}{1}: {2}")]
    Silent(SocketAddr, &'static str, io::Error),
    /// At this address and path it answered with this instead of 200.
    #[error("http://{0}{1} answered {2}")]
    Status(SocketAddr, &'static str, u16),
}

/// Asks the server that listens on this address, on this machine. `path` is `/livez` or `/readyz`. Gives the address
/// that answered 200; fails where it does not within 3 s.
pub fn ask(listen: SocketAddr, path: &'static str) -> Result<SocketAddr, Unwell> {
    let address = reachable(listen);
    match status(address, path, Instant::now() + TIMEOUT) {
        Ok(200) => Ok(address),
        Ok(status) => Err(Unwell::Status(address, path, status)),
        Err(cause) => Err(Unwell::Silent(address, path, cause)),
    }
}

/// Where to ask it: a server that listens on every address is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn status(address: SocketAddr, path: &str, deadline: Instant) -> io::Result<u16> {
    // A timeout of zero means none at all to std.
    let left = || Some(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_write_timeout(left())?;
    // In one piece: `write!` on a socket would be a packet for each part of the text.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; STATUS_BYTES_MAX];
    while !answer.contains(&b'\n') && answer.len() < STATUS_BYTES_MAX && Instant::now() < deadline {
        stream.set_read_timeout(left())?;
        let n = stream.read(&mut part)?;
        if n == 0 {
            break;
        }
        answer.extend(part.iter().take(n));
    }
    let text = String::from_utf8_lossy(&answer);
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is not HTTP"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn every_address_means_loopback() {
        for (listen, expected) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reachable(listen.parse().expect("an address")), expected.parse().expect("an address"));
        }
    }

    #[test]
    fn only_a_200_counts() {
        for (answer, well) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
            ("HTTP/1.1 2000\r\n", false),
            ("hello\n", false),
            ("", false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a connection");
                // To its end: a request comes in as many pieces as the system likes.
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") {
                    stream.read_exact(&mut byte).expect("a whole request");
                    request.extend(byte);
                }
                assert!(request.starts_with(b"GET /livez HTTP/1.1\r\n"));
                // In pieces as well, which the one that asks must put together.
                for piece in answer.as_bytes().chunks(5) {
                    stream.write_all(piece).expect("an answer");
                }
            });
            assert_eq!(ask(address, "/livez").is_ok(), well, "{answer:?}");
            server.join().expect("its end");
            assert!(matches!(ask(address, "/livez"), Err(Unwell::Silent(..))), "nobody listens there any more");
        }
    }
}
