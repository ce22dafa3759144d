//! The row of the table for gRPC.

use chat_grpc::messages::{
    Change, DeleteMessageRequest, EditMessageRequest, PinMessageRequest, PostMessageRequest, PostMessageResponse,
    ReactRequest, Stored, SubscribeRequest, Subscription, post_message_response::Became,
};
use chat_wire::{AckPayload, ErrorPayload, ResumePoint, ServerFrame};
use serde_json::{Value, json};
use tonic::{Status, Streaming};
use tonic_types::StatusExt;

use super::rows::Door;
use crate::support::{
    Event, History, Server, Watch, Who,
    grpc::{Caller, frame, message},
    within,
};

/// By gRPC.
pub struct ByGrpc {
    caller: Caller,
    stream: Streaming<Change>,
    room: String,
    who: Who,
    history: History,
}

impl Door for ByGrpc {
    async fn enter(server: &Server, room: &str, who: Who, resume: Option<ResumePoint>, is_narrow: bool) -> Self {
        let caller = Caller::of(server.grpc().await, &who, is_narrow).await;
        let mut history = History::default();
        history.connected();
        history.asked(resume.clone());
        let (epoch, rev) = resume.map(|r| (r.epoch, i64::try_from(r.rev).expect("a number"))).unwrap_or_default();
        let asked = SubscribeRequest {
            rooms: vec![Subscription { room: room.to_owned(), epoch, rev }],
            nickname: who.nickname.clone().unwrap_or_default(),
            avatar: who.avatar.clone().unwrap_or_default(),
        };
        let stream = caller.stream("Subscribe", asked).await.unwrap_or_else(|status| panic!("{status}"));
        let mut this = Self { caller, stream, room: room.to_owned(), who, history };
        match this.next("a Welcome").await {
            Event::Frame(ServerFrame::Welcome(_)) => this,
            other => panic!("instead of a Welcome: {other:?}"),
        }
    }

    async fn next(&mut self, what: &str) -> Event {
        match within(what, self.stream.message()).await {
            Ok(Some(change)) => {
                let _watch = Watch;
                assert_eq!(change.room, self.room);
                let frame = frame(&change);
                self.history.take(&frame);
                if change.rev > 0 {
                    assert_eq!((change.rev, change.epoch), (self.history.cursor, self.history.epoch()));
                }
                Event::Frame(frame)
            }
            Ok(None) | Err(_) => Event::Closed(1006),
        }
    }

    fn history(&self) -> &History {
        &self.history
    }

    async fn send(&mut self, _: &Server, command: &Value) -> Result<AckPayload, ErrorPayload<'static>> {
        let client_id = command["payload"]["clientId"].as_str().expect("a key");
        let nickname = self.who.nickname.as_deref().unwrap_or_default();
        let stored = send(&self.caller, (&self.room, nickname), command).await;
        match stored {
            Ok(stored) => {
                assert_eq!(stored.client_id, client_id);
                let said = message(stored.message.as_ref().expect("the message"));
                let ack = json!({"clientId": client_id, "id": said["id"], "seq": said["seq"], "rev": stored.rev,
                    "createdAt": said["createdAt"]});
                Ok(serde_json::from_value(ack).expect("an ACK"))
            }
            Err(status) => Err(refused(&status, client_id)),
        }
    }

    fn gone(self) -> (Who, History) {
        (self.who, self.history)
    }
}

/// A command of the socket as a call.
pub async fn send(caller: &Caller, (room, nickname): (&str, &str), command: &Value) -> Result<Stored, Status> {
    let payload = &command["payload"];
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    let (room, client_id, id, on) = (room.to_owned(), text("clientId"), text("id"), payload["on"] == true);
    match command["type"].as_str().expect("a type") {
        "MESSAGE" => {
            let asked = PostMessageRequest {
                room,
                client_id,
                content: text("content"),
                nickname: nickname.to_owned(),
                reply_to: text("replyTo"),
                ..PostMessageRequest::default()
            };
            match caller.call::<_, PostMessageResponse>("PostMessage", asked).await?.became {
                Some(Became::Stored(stored)) => Ok(stored),
                other => panic!("instead of what is stored: {other:?}"),
            }
        }
        "EDIT" => {
            let version = payload["version"].as_i64().and_then(|v| i32::try_from(v).ok()).expect("a version");
            let (content, mentions) = (text("content"), vec![]);
            caller.call("EditMessage", EditMessageRequest { room, client_id, id, version, content, mentions }).await
        }
        "DELETE" => caller.call("DeleteMessage", DeleteMessageRequest { room, client_id, id }).await,
        "REACT" => caller.call("React", ReactRequest { room, client_id, id, emoji: text("emoji"), on }).await,
        "PIN" => caller.call("PinMessage", PinMessageRequest { room, client_id, id, on }).await,
        other => panic!("no call is {other}"),
    }
}

/// Why a call was refused, as the socket would say it.
fn refused(status: &Status, client_id: &str) -> ErrorPayload<'static> {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "realtime-chat");
    let mut error = json!({"code": info.reason, "message": status.message(), "clientId": client_id});
    for name in ["until", "reason"] {
        if let Some(value) = info.metadata.get(name) {
            error[name] = json!(value);
        }
    }
    if let Some(ms) = info.metadata.get("retryAfterMs") {
        error["retryAfterMs"] = json!(ms.parse::<u64>().expect("a number"));
    }
    serde_json::from_value(error.clone()).unwrap_or_else(|e| panic!("{e}: {error}"))
}
