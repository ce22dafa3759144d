//! What frames of all protocols do: say who comes, want a room, and send.

use std::rc::Rc;

use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    client::Client,
    reading::Reading,
    running::{Answered, Connection, Done, Protocol},
    sending::{ToSend, hand_over},
};
use crate::{
    doors::{error::DoorError, visitor::Visitor},
    http::HttpError,
    session::{ConnectionPermit, Line, Listener, Session},
};
use chat_domain::RoomId;
use chat_wire::{JoinPayload, ResumePoint};

/// How many rooms one connection reads.
pub const ROOMS_MAX: usize = 20;

impl<P: Protocol> Connection<P> {
    /// Whether it is known who it is.
    pub fn has_begun(&self) -> bool {
        self.client.is_some()
    }

    /// Somebody says who they are.
    pub fn connect(&mut self, client: Client) {
        if client.token.is_none() {
            // Whoever comes by a secret of their own is them, and without one they read.
            return self.done(Done::Connected(Ok(client)));
        }
        let (site, address) = (self.site.clone(), self.address);
        self.doing = Some(
            async move {
                let visitor = Visitor::by(&site, address, (client.token.as_deref(), None)).await;
                Done::Connected(visitor.map(|_| client))
            }
            .boxed_local(),
        );
    }

    /// What became of a frame that took a while.
    pub(super) fn done(&mut self, done: Done<P>) {
        match done {
            Done::Connected(Ok(client)) => {
                self.client = Some(Rc::new(client));
                P::connected(self, Ok(()));
            }
            Done::Connected(Err(error)) => P::connected(self, Err(error)),
            Done::MayEnter(wanted) => P::may_enter(self, wanted),
            Done::Sent(asker, Err(error)) => P::answered(self, Answered { asker, became: Err(error) }),
            Done::Sent(asker, Ok(handed)) => {
                let (command, answer) = *handed;
                self.asked
                    .push(async move { Answered { asker, became: command.answered(answer).await } }.boxed_local());
            }
        }
    }

    /// Hands a command to its room, in the order of the calls.
    pub fn send(&mut self, asker: P::Asker, to_send: ToSend) {
        let Some(client) = self.client.clone() else { return };
        let (site, setup, address) = (self.site.clone(), self.setup.clone(), self.address);
        self.doing = Some(
            async move {
                let by = (client.token.as_deref(), client.anonymous_id);
                let visitor = Visitor::by(&site, address, by);
                let handed = hand_over((site.clone(), setup), (visitor, client.clone()), to_send).await;
                Done::Sent(asker, handed.map(Box::new))
            }
            .boxed_local(),
        );
    }

    /// A room is wanted. Clients could do that without end, so that each costs what a socket costs; the first is that
    /// socket.
    pub fn want(&mut self, wanted: P::Wanted) {
        if !std::mem::replace(&mut self.has_wanted, true) {
            return P::may_enter(self, wanted);
        }
        let (site, address) = (self.site.clone(), self.address);
        self.doing = Some(
            async move {
                while let Err(wait) = site.rates.upgrade(address) {
                    actix::clock::sleep(wait).await;
                }
                Done::MayEnter(wanted)
            }
            .boxed_local(),
        );
    }

    /// Begins a session for a room.
    ///
    /// # Errors
    /// Where that is refused at once; gives the name back.
    pub fn enter(
        &mut self,
        room: RoomId,
        resume: Option<ResumePoint>,
        name: P::Name,
    ) -> Result<(), (DoorError, P::Name)> {
        let Some(client) = self.client.clone() else { return Ok(()) };
        if self.site.phase.is_refusing() {
            return Err((HttpError::overloaded(self.site.retry_after).into(), name));
        }
        // The first counts as its connection does.
        let permit = match self.rooms.is_empty() {
            true => Ok(ConnectionPermit::Shared(self.permit.clone())),
            false => self.site.admission.admit(self.address).map(ConnectionPermit::Session),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(why) => return Err((HttpError::from(why).into(), name)),
        };
        let join = JoinPayload {
            anonymous_id: client.anonymous_id.unwrap_or_else(Uuid::new_v4),
            token: client.token.clone(),
            nickname: client.nickname.clone(),
            avatar: client.avatar.clone(),
            resume,
        };
        let listener = Listener { room, address: self.address, permit, join, is_bearer: true, framing: P::FRAMING };
        let session = Session::listen(self.setup.clone(), Line::default(), listener);
        self.rooms.push(Reading::new(name, session));
        Ok(())
    }
}
