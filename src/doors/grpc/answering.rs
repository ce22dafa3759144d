//! What a call asks for, and its answer.

use std::time::Duration;

use actix::clock::{Instant, timeout};
use hyper::{HeaderMap, Response, body::Incoming};
use tonic::{Status, Streaming};
use tonic_prost::ProstDecoder;

use super::{
    call::Call,
    reading,
    reply::{Reply, late, once, refused, with},
    status::status,
    subscribing, writing,
};
use crate::{doors::error::DoorError, session::refusal};
use chat_grpc::prost::Message;
use chat_wire::{ErrorCode, FRAME_BYTES_MAX};

/// The longest message of a call: as a frame of the socket, and room for the names of all rooms that a stream reads.
const MESSAGE_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;
/// How long a call may take to say what it asks for.
pub const MESSAGE_MAX: Duration = Duration::from_secs(10);

impl Call {
    /// Answers it.
    pub async fn answer(self, method: &str, metadata: &HeaderMap, body: Incoming) -> Response<Reply> {
        if metadata.get("grpc-encoding").is_some_and(|encoding| encoding != "identity") {
            return refused(Status::unimplemented("messages are not compressed here: grpc-encoding is identity"));
        }
        let Some(deadline) = self.deadline else {
            return self.carried_out(method, body).await;
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return refused(late());
        }
        timeout(remaining, self.carried_out(method, body)).await.unwrap_or_else(|_| refused(late()))
    }

    async fn carried_out(self, method: &str, body: Incoming) -> Response<Reply> {
        match method {
            "PostMessage" => self.unary(body, writing::post).await,
            "EditMessage" => self.unary(body, writing::edit).await,
            "DeleteMessage" => self.unary(body, writing::delete).await,
            "React" => self.unary(body, writing::react).await,
            "PinMessage" => self.unary(body, writing::pin).await,
            "ListMessages" => self.unary(body, reading::list_messages).await,
            "GetRoom" => self.unary(body, reading::get_room).await,
            "ListRooms" => self.unary(body, reading::list).await,
            "Subscribe" => {
                let begun = async { subscribing::subscribe(&self, read(body).await?).await };
                match begun.await {
                    Ok(stream) => with(Reply::Stream(Box::new(stream))),
                    Err(error) => refused(status(&error)),
                }
            }
            _ => refused(Status::unimplemented("there is no such method: proto/realtime_chat/v1/chat.proto")),
        }
    }

    async fn unary<M: Message + Default + 'static, R: Message>(
        &self,
        body: Incoming,
        carry_out: impl AsyncFnOnce(&Self, M) -> Result<R, DoorError>,
    ) -> Response<Reply> {
        let answered = async { carry_out(self, read(body).await?).await };
        match answered.await {
            Ok(answer) => {
                let n_bytes = u64::try_from(answer.encoded_len()).unwrap_or(u64::MAX);
                self.site.bytes.charge(self.caller.address, n_bytes);
                // Who takes nothing of an answer is cut off, as over HTTP.
                self.cut.notify_one();
                once(&answer)
            }
            Err(error) => refused(status(&error)),
        }
    }
}

/// The one message of a call.
async fn read<M: Message + Default + 'static>(body: Incoming) -> Result<M, DoorError> {
    let mut messages = Streaming::<M>::new_request(ProstDecoder::<M>::default(), body, None, Some(MESSAGE_BYTES_MAX));
    let bad = |why| DoorError::from(refusal(ErrorCode::BadRequest, why));
    match timeout(MESSAGE_MAX, messages.message()).await {
        Ok(Ok(Some(message))) => Ok(message),
        Ok(Ok(None)) => Err(bad("a call has a message")),
        Ok(Err(why)) if why.code() == tonic::Code::OutOfRange => {
            Err(refusal(ErrorCode::TooLarge, "a message has at most 32 KiB").into())
        }
        Ok(Err(_)) => Err(bad("the message is none of this method, or compressed")),
        Err(_) => Err(bad("the message did not come to its end in time")),
    }
}
