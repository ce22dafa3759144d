use std::{
    any::Any,
    cell::Cell,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    time::Duration,
};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// Send buffer of a socket, in bytes. Without it the kernel hides 4 MB for each peer that stops reading.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long sent data may stay unacknowledged before the kernel gives the peer up (tcp(7)).
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// The descriptor of an accepted connection, for as long as the connection lives.
#[derive(Debug, Clone, Copy)]
pub struct Accepted(RawFd);

/// Sets the options of an accepted connection and remembers its descriptor. For `HttpServer::on_connect`.
pub fn prepare(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let socket = SockRef::from(stream);
    let set = socket
        .set_send_buffer_size(SEND_BUFFER_BYTES)
        .and_then(|()| socket.set_tcp_user_timeout(Some(USER_TIMEOUT)))
        .and_then(|()| socket.set_tcp_nodelay(true));
    if let Err(error) = set {
        // The peer may be gone already. Without the options the connection works, only less well guarded.
        log::debug!("a socket option was not set: {error}");
    }
    data.insert(Accepted(stream.as_raw_fd()));
}

/// The socket of a session, to cut it from outside: a peer that does not read cannot be told anything.
#[derive(Debug)]
pub struct Socket(Cell<Option<RawFd>>);

impl Socket {
    /// The socket of the connection that `accepted` was made for.
    pub fn new(accepted: Option<&Accepted>) -> Self {
        Self(Cell::new(accepted.map(|a| a.0)))
    }

    /// The connection is gone, or about to be: its descriptor must not be used again.
    pub fn forget(&self) {
        self.0.set(None);
    }

    /// Cuts the connection so that the peer gets a reset and the kernel frees its queue at once.
    #[expect(unsafe_code, reason = "see the comment inside")]
    pub fn cut(&self) {
        let Some(fd) = self.0.take() else { return };
        // SAFETY: the descriptor is open. It belongs to the connection whose response body holds a guard
        // that calls `forget` when it is dropped; connection, guard and this value live on one thread, and
        // the connection is closed only after or together with the drop of its body.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let socket = SockRef::from(&borrowed);
        let cut = socket.set_linger(Some(Duration::ZERO)).and_then(|()| socket.shutdown(std::net::Shutdown::Both));
        if let Err(error) = cut {
            log::debug!("a socket was gone before it was cut: {error}");
        }
    }
}
