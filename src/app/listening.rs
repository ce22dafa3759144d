use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

use super::error::AppError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;

/// Listens on this address, which that setting names.
pub(super) fn listen(address: SocketAddr, variable: &'static str) -> Result<TcpListener, AppError> {
    // With SO_REUSEADDR as std sets it; a port that another process listens on is refused.
    let bound = TcpListener::bind(address);
    // std listens with a backlog of 128; when everybody comes back at once more must fit.
    let listening = bound.and_then(|l| SockRef::from(&l).listen(BACKLOG).map(|()| l));
    listening.map_err(|cause| AppError::Listen(address, variable, cause))
}
