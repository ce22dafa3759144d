//! A call: who makes it, and for how long.

use std::rc::Rc;

use actix::clock::Instant;
use actix_web::web::Data;
use hyper::HeaderMap;
use tokio::sync::Notify;

use super::caller::{Caller, timeout_of};
use crate::{
    doors::error::DoorError,
    http::Site,
    session::{SessionSetup, text_refusal},
};
use chat_domain::RoomId;
use chat_rooms::Refusal;

/// Somebody who calls.
pub struct Call {
    /// What the server is made of.
    pub site: Data<Site>,
    /// What sessions of this thread share.
    pub setup: Rc<SessionSetup>,
    /// Who it is.
    pub caller: Caller,
    /// Until then they wait.
    pub deadline: Option<Instant>,
    /// Cuts the stream that this is: after a moment, in which the client may take what is there.
    pub cut: Rc<Notify>,
}

impl Call {
    /// The room that is meant, by whichever of its names.
    pub fn room(&self, name: &str) -> Result<RoomId, DoorError> {
        let room = RoomId::parse(name).map_err(text_refusal)?;
        let context = self.site.join_context.get().ok_or(DoorError::from(Refusal::StoreUnavailable))?;
        Ok(context.desk.access().resolve(&room))
    }
}

/// By when a call is to be answered, by its metadata.
pub fn deadline_of(metadata: &HeaderMap) -> Result<Option<Instant>, DoorError> {
    // What is further away than a clock can tell is never.
    Ok(timeout_of(metadata)?.and_then(|timeout| Instant::now().checked_add(timeout)))
}

/// A text that may be left out, which the protocol has no other word for.
pub fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
