//! What doors refuse by themselves, in the codes and sentences of docs/PROTOCOL.md.

use std::time::Duration;

use super::codec::ErrorReply;
use chat_domain::{AvatarName, Nickname, ParseError};
use chat_rooms::Refusal;
use chat_wire::ErrorCode;

/// Of a nickname that changes too often.
pub const TOO_MANY_PROFILES: &str = "too many profile changes in too short a time";

/// A code and a sentence for developers.
pub fn refusal(code: ErrorCode, message: &'static str) -> ErrorReply {
    ErrorReply::new(code, message)
}

/// A text that breaks the rules.
pub fn text_refusal(error: ParseError) -> ErrorReply {
    match error {
        ParseError::Room => refusal(ErrorCode::InvalidRoom, "the room id breaks the rules"),
        ParseError::Nickname => {
            refusal(ErrorCode::InvalidNickname, "a nickname has 2 to 15 characters, all of them visible")
        }
        ParseError::Avatar => refusal(ErrorCode::InvalidAvatar, "there is no avatar of this name"),
        ParseError::Content => refusal(
            ErrorCode::InvalidContent,
            "content has 1 to 2000 characters, some of them visible, and no controls but line feed and tab",
        ),
        ParseError::Emoji => refusal(ErrorCode::InvalidEmoji, "a reaction is exactly one emoji"),
    }
}

/// Too much in too short a time; `wait` until it would be taken.
pub fn too_fast(sentence: &'static str, wait: Duration) -> Refusal {
    // Rounded up: a retry after this long passes.
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    Refusal::TooFast { sentence, retry_after_ms }
}

pub(super) fn parse_profile(
    nickname: Option<&str>,
    avatar: Option<&str>,
) -> Result<(Option<Nickname>, Option<AvatarName>), ParseError> {
    Ok((nickname.map(Nickname::parse).transpose()?, avatar.map(AvatarName::parse).transpose()?))
}
