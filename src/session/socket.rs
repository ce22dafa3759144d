use std::{
    any::Any,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    rc::{Rc, Weak},
    time::Duration,
};

use actix::clock::sleep;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// Send buffer of a socket, in bytes. Without it the kernel hides 4 MB for each peer that stops reading.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long a request that was answered may take to end.
const UNFINISHED_MAX: Duration = Duration::from_secs(2);
/// How long sent data may stay unacknowledged before the kernel gives the peer up (tcp(7)).
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// An accepted connection. HTTP keeps it with the connection and drops it with it, on the same thread, so whoever
/// holds an [`Accepted`] can tell whether its descriptor is still that connection's.
struct Descriptor(RawFd);

/// The descriptor of an accepted connection, for as long as the connection lives.
#[derive(Clone)]
pub struct Accepted(Weak<Descriptor>);

/// What HTTP keeps of a connection: gives [`Accepted`]s.
pub struct Connected(Rc<Descriptor>);

impl Connected {
    /// To cut it later, if it still lives then.
    pub fn accepted(&self) -> Accepted {
        Accepted(Rc::downgrade(&self.0))
    }
}

impl Accepted {
    /// Cuts the connection so that the peer gets a reset and the kernel frees its queue at once. Nothing where
    /// it is gone already.
    #[expect(unsafe_code, reason = "see the comment inside")]
    pub fn cut(&self) {
        let Some(descriptor) = self.0.upgrade() else { return };
        // SAFETY: the descriptor is open and is that of the connection. What was upgraded here is held by the
        // connection's data alone, which is dropped together with the socket on this thread (`Rc` stays on it),
        // so while it can be upgraded the socket has not been closed.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor.0) };
        let socket = SockRef::from(&borrowed);
        let cut = socket.set_linger(Some(Duration::ZERO)).and_then(|()| socket.shutdown(std::net::Shutdown::Both));
        if let Err(error) = cut {
            log::debug!("a socket was gone before it was cut: {error}");
        }
    }

    /// Cuts the connection after a moment. For one whose request has not ended though it was answered: HTTP would
    /// wait for its end without a limit.
    pub fn cut_soon(self) {
        // Ends by itself; there is at most one for each connection.
        actix_web::rt::spawn(async move {
            sleep(UNFINISHED_MAX).await;
            self.cut();
        });
    }
}

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
    data.insert(Connected(Rc::new(Descriptor(stream.as_raw_fd()))));
}
