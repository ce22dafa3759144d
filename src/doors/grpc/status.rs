use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::doors::error::DoorError;
use chat_wire::{CloseCode, ErrorCode, timestamp};

/// Whose reasons those in an ErrorInfo are.
pub const DOMAIN: &str = "realtime-chat";

/// What is refused, in the words of gRPC.
pub fn status(error: &DoorError) -> Status {
    let (code, message) = error.said();
    let mut metadata = HashMap::new();
    let retry_after_ms = match error {
        DoorError::Http(error) => error.retry_after_ms(),
        DoorError::Refused(reply, reason) => {
            metadata.extend(reply.until.map(|until| ("until".to_owned(), timestamp(until))));
            let reason = reason.as_deref().or(reply.reason);
            metadata.extend(reason.map(|reason| ("reason".to_owned(), reason.to_owned())));
            reply.retry_after_ms
        }
    };
    metadata.extend(retry_after_ms.map(|ms| ("retryAfterMs".to_owned(), ms.to_string())));
    let mut details = ErrorDetails::with_error_info(code.as_str(), DOMAIN, metadata);
    if let Some(ms) = retry_after_ms {
        details.set_retry_info(Some(Duration::from_millis(ms)));
    }
    Status::with_error_details(code_of(code), message, details)
}

/// Why a stream ends that had begun.
pub fn end(code: CloseCode) -> Status {
    let (grpc, reason) = match code {
        CloseCode::LoginEnded => (Code::Unauthenticated, ErrorCode::BadToken.as_str()),
        CloseCode::TooSlow => (Code::ResourceExhausted, "TOO_SLOW"),
        CloseCode::StartOver => (Code::Aborted, "START_OVER"),
        CloseCode::TooManySessions | CloseCode::AddressFull => {
            (Code::ResourceExhausted, ErrorCode::RateLimited.as_str())
        }
        CloseCode::ServerFull => (Code::Unavailable, ErrorCode::Overloaded.as_str()),
        _ => (Code::Unavailable, "RESTART"),
    };
    let details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::<String, String>::new());
    Status::with_error_details(grpc, code.reason(), details)
}

/// The code of gRPC that goes with one of ours (docs/GRPC.md). Each is named, so that a new one is thought about.
fn code_of(code: ErrorCode) -> Code {
    match code {
        ErrorCode::BadFrame
        | ErrorCode::BadRequest
        | ErrorCode::InvalidAvatar
        | ErrorCode::InvalidContent
        | ErrorCode::InvalidEmail
        | ErrorCode::InvalidEmoji
        | ErrorCode::InvalidNickname
        | ErrorCode::InvalidReply
        | ErrorCode::InvalidRoom
        | ErrorCode::InvalidSettings
        | ErrorCode::NicknameRequired
        | ErrorCode::WeakPassword => Code::InvalidArgument,
        ErrorCode::BadCode | ErrorCode::BadCredentials | ErrorCode::BadToken | ErrorCode::TokenExpired => {
            Code::Unauthenticated
        }
        ErrorCode::Banned
        | ErrorCode::BadInvite
        | ErrorCode::Blocked
        | ErrorCode::Csrf
        | ErrorCode::Forbidden
        | ErrorCode::NotYours
        | ErrorCode::OtherUser
        | ErrorCode::RegistrationClosed
        | ErrorCode::Rejected
        | ErrorCode::TooYoung => Code::PermissionDenied,
        ErrorCode::MessageNotFound | ErrorCode::NotFound => Code::NotFound,
        ErrorCode::ClientIdConflict | ErrorCode::EmailTaken | ErrorCode::NicknameTaken | ErrorCode::RoomTaken => {
            Code::AlreadyExists
        }
        // To be looked at again, and tried anew.
        ErrorCode::ChangedSince | ErrorCode::EditConflict | ErrorCode::SettingsConflict => Code::Aborted,
        ErrorCode::AlreadyJoined
        | ErrorCode::AlreadyUndone
        | ErrorCode::Claimed
        | ErrorCode::EditTooLate
        | ErrorCode::Held
        | ErrorCode::LastOwner
        | ErrorCode::Locked
        | ErrorCode::MessageDeleted
        | ErrorCode::NotJoined
        | ErrorCode::TooManyPins
        | ErrorCode::TooManyReactions => Code::FailedPrecondition,
        ErrorCode::RateLimited | ErrorCode::Repeated | ErrorCode::SlowMode | ErrorCode::TooLarge => {
            Code::ResourceExhausted
        }
        ErrorCode::Overloaded | ErrorCode::StoreUnavailable => Code::Unavailable,
        ErrorCode::Internal => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpError;
    use chat_rooms::Refusal;

    #[test]
    fn what_is_refused_says_why_and_when_to_come_back() {
        let refused = status(&Refusal::SlowMode { retry_after_ms: 1_500 }.into());
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let details = refused.get_error_details();
        let info = details.error_info().expect("a reason");
        assert_eq!((&*info.reason, &*info.domain), ("SLOW_MODE", DOMAIN));
        assert_eq!(info.metadata.get("retryAfterMs").map(String::as_str), Some("1500"));
        let delay = details.retry_info().and_then(|retry| retry.retry_delay);
        assert_eq!(delay, Some(Duration::from_millis(1_500)));

        let banned = status(&DoorError::Refused(
            crate::session::ErrorReply {
                until: Some(chrono::DateTime::UNIX_EPOCH),
                ..Refusal::Banned { until: None }.into()
            },
            Some("조용히".into()),
        ));
        let details = banned.get_error_details();
        let metadata = &details.error_info().expect("a reason").metadata;
        assert_eq!((banned.code(), &*metadata["reason"]), (Code::PermissionDenied, "조용히"));
        assert_eq!(metadata["until"], "1970-01-01T00:00:00.000Z");
        assert!(details.retry_info().is_none());

        let away = status(&HttpError::STORE_UNAVAILABLE.into());
        assert_eq!(away.code(), Code::Unavailable);
        assert!(away.get_error_details().retry_info().is_some());
    }

    /// The table of docs/GRPC.md has each code once, with this code of gRPC.
    #[test]
    fn the_documents_have_every_code() {
        let text = include_str!("../../../docs/GRPC.md");
        // How a stream ends has a table of its own before.
        let (_, text) = text.split_once("## What is refused").expect("a heading");
        for code in ErrorCode::ALL {
            let name = format!("{:?}", code_of(code));
            let upper: String = name
                .char_indices()
                .flat_map(|(at, c)| {
                    (at > 0 && c.is_uppercase()).then_some('_').into_iter().chain([c.to_ascii_uppercase()])
                })
                .collect();
            let (begin, name) = (format!("| `{upper}` |"), format!("`{}`", code.as_str()));
            let rows = text.lines().filter(|line| line.starts_with(&begin) && line.contains(&name));
            assert_eq!(rows.count(), 1, "{} with {upper}", code.as_str());
        }
    }
}
