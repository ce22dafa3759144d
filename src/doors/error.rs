use std::{fmt, sync::Arc};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{http::HttpError, session::ErrorReply};
use chat_rooms::Refusal;
use chat_wire::{ErrorCode, ServerFrame};

/// Why something is refused at a door: as the socket's ERROR says it, with a status.
#[derive(Debug, Clone)]
pub enum DoorError {
    /// By what stands before every route.
    Http(HttpError),
    /// By what holds for every door; for who is banned with the reason that whoever did it has given.
    Refused(ErrorReply, Option<Arc<str>>),
}

impl From<HttpError> for DoorError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<ErrorReply> for DoorError {
    fn from(reply: ErrorReply) -> Self {
        Self::Refused(reply, None)
    }
}

impl From<Refusal> for DoorError {
    fn from(refusal: Refusal) -> Self {
        ErrorReply::from(refusal).into()
    }
}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::Refused(reply, _) => write!(f, "{}: {}", reply.code.as_str(), reply.message),
        }
    }
}

impl DoorError {
    /// The same as the socket says it, about this command where it is about one.
    pub fn frame(&self, client_id: Option<Uuid>) -> ServerFrame<'_> {
        match self {
            Self::Http(error) => {
                let retry_after_ms = error.retry_after_ms();
                ErrorReply { retry_after_ms, ..ErrorReply::new(error.code(), error.message()) }.frame(client_id)
            }
            Self::Refused(reply, reason) => reply.frame_for(client_id, reason.as_deref()),
        }
    }

    /// What programs decide by, and the sentence for their developers.
    pub fn said(&self) -> (ErrorCode, &'static str) {
        match self {
            Self::Http(error) => (error.code(), error.message()),
            Self::Refused(reply, _) => (reply.code, reply.message),
        }
    }
}

/// The status that goes with a code (docs/DOORS.md).
fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadToken | ErrorCode::TokenExpired => StatusCode::UNAUTHORIZED,
        ErrorCode::Banned
        | ErrorCode::Blocked
        | ErrorCode::EditTooLate
        | ErrorCode::Forbidden
        | ErrorCode::Locked
        | ErrorCode::NotYours
        | ErrorCode::OtherUser
        | ErrorCode::Rejected
        | ErrorCode::TooYoung => StatusCode::FORBIDDEN,
        ErrorCode::MessageNotFound => StatusCode::NOT_FOUND,
        ErrorCode::Claimed
        | ErrorCode::ClientIdConflict
        | ErrorCode::EditConflict
        | ErrorCode::NicknameTaken
        | ErrorCode::TooManyPins
        | ErrorCode::TooManyReactions => StatusCode::CONFLICT,
        ErrorCode::MessageDeleted => StatusCode::GONE,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RateLimited | ErrorCode::Repeated | ErrorCode::SlowMode => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Overloaded | ErrorCode::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl ResponseError for DoorError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Http(error) => error.status_code(),
            Self::Refused(reply, _) => status_of(reply.code),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (reply, reason) = match self {
            Self::Http(error) => return error.error_response(),
            Self::Refused(reply, reason) => (reply, reason.as_deref().or(reply.reason)),
        };
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Told<'a> {
            code: ErrorCode,
            message: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after_ms: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            until: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'a str>,
        }
        let &ErrorReply { code, message, retry_after_ms, until, .. } = reply;
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(ms) = retry_after_ms {
            // In whole seconds, rounded up: a retry after so long passes.
            response.insert_header((header::RETRY_AFTER, ms.div_ceil(1_000).max(1)));
        }
        let until = until.map(chat_wire::timestamp);
        let error = Told { code, message, retry_after_ms, until, reason };
        response.json(json!({ "error": error }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_with_time_says_when_in_whole_seconds() {
        let refused = |refusal: Refusal| DoorError::from(refusal).error_response();
        for (ms, seconds) in [(1, "1"), (1_000, "1"), (1_001, "2")] {
            let response = refused(Refusal::SlowMode { retry_after_ms: ms });
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers().get(header::RETRY_AFTER).expect("a header"), seconds);
        }
        assert!(!refused(Refusal::Locked).headers().contains_key(header::RETRY_AFTER));
    }

    /// A code that a room can refuse with must not be taken for a broken request by accident.
    #[test]
    fn only_what_the_sender_must_mend_is_a_bad_request() {
        let bad: Vec<&str> = ErrorCode::ALL
            .into_iter()
            .filter(|code| status_of(*code) == StatusCode::BAD_REQUEST)
            .map(ErrorCode::as_str)
            .filter(|code| !code.contains("JOINED"))
            .collect();
        for code in ["BAD_FRAME", "BAD_REQUEST", "INVALID_CONTENT", "INVALID_NICKNAME", "NICKNAME_REQUIRED"] {
            assert!(bad.contains(&code), "{code}");
        }
        for code in ["BANNED", "LOCKED", "EDIT_CONFLICT", "MESSAGE_DELETED", "REJECTED", "STORE_UNAVAILABLE"] {
            assert!(!bad.contains(&code), "{code}");
        }
    }
}
