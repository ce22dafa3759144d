use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{IpAddr, Shutdown, SocketAddr},
    time::Duration,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::ended::Ended;

/// Most bytes that are read at once.
const READ_BYTES_MAX: usize = 256 * 1024;
/// The longest frame that a session can get, and no shorter.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// What a thread reads into: that frame, and one read.
pub const BUFFER_BYTES: usize = FRAME_BYTES_MAX + READ_BYTES_MAX;

/// A socket that does not block, and the bytes that are half-way.
#[derive(Debug, Default)]
pub struct Connection {
    stream: Option<TcpStream>,
    /// The beginning of a frame whose end has not come yet.
    tail: Vec<u8>,
    /// What the socket did not take.
    out: Vec<u8>,
}

/// What was read.
pub struct Read<'a> {
    /// All bytes that are not used yet.
    pub bytes: &'a [u8],
    /// How many of them came now.
    pub n_new: usize,
    /// Whether that emptied the socket: a read that was not full has (epoll(7), question 9).
    pub is_last: bool,
}

impl Connection {
    /// Begins to connect, from `source` where there is one.
    /// Fails where the system refuses it.
    pub fn open(
        &mut self,
        registry: &Registry,
        token: Token,
        target: SocketAddr,
        source: Option<IpAddr>,
    ) -> Result<(), Ended> {
        let mut stream = open(target, source).map_err(|error| broken(&error))?;
        let watched = registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE);
        watched.map_err(|_| Ended::Broken("cannot watch a socket"))?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Whether TCP has connected.
    /// Fails where it cannot.
    pub fn has_connected(&self) -> Result<bool, Ended> {
        let Some(stream) = &self.stream else { return Ok(false) };
        match stream.take_error() {
            Ok(Some(error)) | Err(error) => Err(broken(&error)),
            Ok(None) => Ok(stream.peer_addr().is_ok()),
        }
    }

    /// Writes, or keeps what the socket does not take now.
    /// Fails where the connection broke.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        if !self.out.is_empty() {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut rest = bytes;
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        }
        self.out.extend_from_slice(rest);
        Ok(())
    }

    /// Writes what was kept.
    /// Fails where the connection broke.
    pub fn flush(&mut self) -> Result<(), Ended> {
        let out = std::mem::take(&mut self.out);
        self.write(&out)
    }

    /// Reads into `buffer`, behind what was kept. Nothing where nothing is there.
    /// Fails where the connection ended.
    pub fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Option<Read<'a>>, Ended> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let n_tail = self.tail.len();
        let whole = buffer.get_mut(..n_tail + READ_BYTES_MAX).ok_or(Ended::Protocol("a frame longer than any"))?;
        let Some((head, space)) = whole.split_at_mut_checked(n_tail) else { return Ok(None) };
        head.iter_mut().zip(&self.tail).for_each(|(to, from)| *to = *from);
        let n_new = loop {
            match stream.read(space) {
                Ok(0) => return Err(Ended::Broken("ended without close")),
                Ok(n) => break n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        };
        let bytes = buffer.get(..n_tail + n_new).unwrap_or_default();
        Ok(Some(Read { bytes, n_new, is_last: n_new < READ_BYTES_MAX }))
    }

    /// Keeps the beginning of a frame for the next read.
    pub fn keep(&mut self, rest: &[u8]) {
        self.tail.clear();
        self.tail.extend_from_slice(rest);
        if rest.is_empty() {
            self.tail = Vec::new();
        }
    }

    /// Breaks it with a reset, as where a network goes away; and the port is free at once.
    pub fn reset(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.close();
    }

    /// Ends it, and forgets what was half-way.
    pub fn close(&mut self) {
        // Dropping it takes it out of the poll as well.
        if let Some(stream) = std::mem::take(self).stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A socket on its way to the server.
fn open(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = source {
        #[cfg(target_os = "linux")]
        choose_port_late(&socket)?;
        socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
    }
    match socket.connect(&target.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// The port is chosen when it connects (`IP_BIND_ADDRESS_NO_PORT`, ip(7)): then ports are shared between source
/// addresses, and the kernel need not look through all that ended connections still hold. That took 1 ms a socket.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "see the comment inside")]
fn choose_port_late(socket: &Socket) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the value lives as long as the call.
    let result = unsafe {
        let option = libc::IP_BIND_ADDRESS_NO_PORT;
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, option, (&raw const on).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A connection that broke, with a short name for what the system says.
fn broken(error: &io::Error) -> Ended {
    Ended::Broken(match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset",
        ErrorKind::TimedOut => "connection timed out",
        ErrorKind::AddrNotAvailable => "no free port at this source address",
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => "unreachable",
        _ => match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::MFILE.raw_os_error() => "too many open files",
            _ => "socket error",
        },
    })
}
