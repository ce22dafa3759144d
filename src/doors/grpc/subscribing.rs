use std::collections::HashSet;

use actix::clock::Instant;
use uuid::Uuid;

use super::{
    call::{Call, text},
    feed::Feed,
    framing::CHANGES,
    reply::Stream,
};
use crate::{
    doors::{entry::admitted, error::DoorError},
    session::{ConnectionPermit, Line, Listener, NotJoined, Session, refusal},
};
use chat_domain::RoomId;
use chat_grpc::messages::{SubscribeRequest, Subscription};
use chat_rooms::Refusal;
use chat_wire::{ErrorCode, JoinPayload, ResumePoint};

/// How many rooms one stream reads.
const ROOMS_MAX: usize = 20;

/// Begins to read rooms: a session for each, as dear as a socket.
pub async fn subscribe(call: &Call, asked: SubscribeRequest) -> Result<Stream, DoorError> {
    if asked.rooms.is_empty() || asked.rooms.len() > ROOMS_MAX {
        return Err(refusal(ErrorCode::BadRequest, "a stream reads 1 to 20 rooms").into());
    }
    let mut known = HashSet::new();
    for wanted in &asked.rooms {
        if !known.insert(call.room(&wanted.room)?) {
            return Err(refusal(ErrorCode::BadRequest, "a stream reads each room once").into());
        }
    }
    // One person in all of them.
    let anonymous_id = call.caller.anonymous_id.unwrap_or_else(Uuid::new_v4);
    let (mut feeds, mut joining) = (Vec::new(), Vec::new());
    for wanted in &asked.rooms {
        let join = JoinPayload {
            anonymous_id,
            token: call.caller.token.clone(),
            nickname: text(&asked.nickname).map(str::to_owned),
            avatar: text(&asked.avatar).map(str::to_owned),
            resume: resume_of(wanted),
        };
        let (feed, joined) = begin(call, &wanted.room, join)?;
        feeds.push(feed);
        joining.push(joined);
    }
    // Where one is refused all are dropped, and their sessions end.
    for joined in joining {
        joined.await.map_err(|_| Refusal::Overloaded)??;
    }
    let timeout = call.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    Ok(Stream::new(feeds, timeout))
}

type Joined = tokio::sync::oneshot::Receiver<Result<(), NotJoined>>;

fn begin(call: &Call, room: &str, join: JoinPayload) -> Result<(Feed, Joined), DoorError> {
    let (site, address) = (&call.site, call.caller.address);
    let permit = admitted(site, address)?;
    let cut = call.cut.clone();
    let listener = Listener {
        // Its session finds out by which of its names it is called.
        room: RoomId::parse(room).map_err(crate::session::text_refusal)?,
        address,
        permit: ConnectionPermit::Session(permit),
        join,
        is_bearer: true,
        framing: &CHANGES,
    };
    let (body, joined) = Session::listen(call.setup.clone(), Line::shared(move || cut.notify_one()), listener);
    Ok((Feed::new(room, body), joined))
}

/// How far a client was. What is none begins anew, and the client is told so by its Welcome.
fn resume_of(wanted: &Subscription) -> Option<ResumePoint> {
    let Subscription { epoch, rev, .. } = wanted;
    if epoch.is_empty() && *rev == 0 {
        return None;
    }
    // An epoch that no room has, where the number is none.
    Some(match u64::try_from(*rev) {
        Ok(rev) => ResumePoint { epoch: epoch.clone(), rev },
        Err(_) => ResumePoint { epoch: String::new(), rev: 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_client_was_is_an_epoch_and_a_number() {
        let resume = |epoch: &str, rev| {
            resume_of(&Subscription { room: "post".to_owned(), epoch: epoch.to_owned(), rev })
                .map(|point| (point.epoch, point.rev))
        };
        assert_eq!(resume("", 0), None);
        assert_eq!(resume("e", 0), Some(("e".to_owned(), 0)));
        assert_eq!(resume("e", 7), Some(("e".to_owned(), 7)));
        assert_eq!(resume("", 7), Some((String::new(), 7)), "starts over");
        assert_eq!(resume("e", -1), Some((String::new(), 0)), "starts over");
    }
}
