use std::{net::IpAddr, time::Duration};

use super::error::DoorError;
use crate::{
    http::{HttpError, Site},
    session::{NotAdmitted, NotJoined, SessionPermit},
};
use chat_rooms::Refusal;
use chat_wire::CloseCode;

/// When who finds too many sessions of its address, or of itself, may look again.
const FULL_WAIT: Duration = Duration::from_secs(30);

/// A place for a session that is as dear as a socket.
///
/// # Errors
/// Where this address comes too often, the server goes away, or there is none.
pub fn admitted(site: &Site, address: IpAddr) -> Result<SessionPermit, HttpError> {
    site.rates.upgrade(address).map_err(HttpError::rate_limited)?;
    if site.phase.is_refusing() {
        return Err(HttpError::overloaded(site.retry_after));
    }
    site.admission.admit(address).map_err(HttpError::from)
}

impl From<NotAdmitted> for HttpError {
    fn from(why: NotAdmitted) -> Self {
        match why {
            NotAdmitted::ServerFull => Self::overloaded(FULL_WAIT),
            NotAdmitted::AddressFull => Self::rate_limited(FULL_WAIT),
        }
    }
}

/// Why a session did not get into its room.
impl From<NotJoined> for DoorError {
    fn from(why: NotJoined) -> Self {
        match why {
            NotJoined::Refused(error) => error.into(),
            NotJoined::Closed(CloseCode::TooManySessions) => HttpError::rate_limited(FULL_WAIT).into(),
            NotJoined::Closed(_) => Refusal::Overloaded.into(),
        }
    }
}
