use actix::SpawnHandle;

use super::{codec::ErrorReply, refusals::refusal};
use crate::accounts::{BadSiteToken, NotBearer};
use chat_domain::{AvatarName, Nickname};
use chat_rooms::Refusal;
use chat_wire::ErrorCode;

/// What a session has that joined by a blog's token.
pub(super) struct Proof {
    /// What they are called in the room; none for a reader, whose name was not free.
    pub called: Option<(Nickname, AvatarName)>,
    /// The one timer: when the time of the token is over.
    pub timer: Option<SpawnHandle>,
    /// It is over: the session only reads, until there is a new one.
    pub is_over: bool,
}

impl Proof {
    /// Of somebody who has just joined.
    pub(super) fn new(called: Option<(Nickname, AvatarName)>) -> Self {
        Self { called, timer: None, is_over: false }
    }
}

/// What somebody is told whose token, which a program brings with each request, is not taken.
pub fn bearer_refusal(why: &NotBearer) -> ErrorReply {
    match why {
        NotBearer::Nobody => refusal(ErrorCode::BadToken, "this login was ended, or never was one"),
        NotBearer::OutOfScope => refusal(ErrorCode::Forbidden, "this key was not made for that"),
        NotBearer::OfABlog(why) => token_refusal(*why),
        NotBearer::Unavailable(_) => Refusal::StoreUnavailable.into(),
    }
}

/// What somebody is told whose token is not taken.
pub(super) fn token_refusal(why: BadSiteToken) -> ErrorReply {
    let code = match why {
        BadSiteToken::Over => ErrorCode::TokenExpired,
        BadSiteToken::Nickname => ErrorCode::InvalidNickname,
        BadSiteToken::Avatar => ErrorCode::InvalidAvatar,
        BadSiteToken::Forged
        | BadSiteToken::Early
        | BadSiteToken::Long
        | BadSiteToken::Audience
        | BadSiteToken::Claims
        | BadSiteToken::Subject => ErrorCode::BadToken,
    };
    refusal(code, why.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_by_the_code_what_to_do() {
        for (why, code) in [
            (BadSiteToken::Forged, ErrorCode::BadToken),
            (BadSiteToken::Over, ErrorCode::TokenExpired),
            (BadSiteToken::Early, ErrorCode::BadToken),
            (BadSiteToken::Audience, ErrorCode::BadToken),
            (BadSiteToken::Nickname, ErrorCode::InvalidNickname),
        ] {
            let reply = token_refusal(why);
            assert_eq!((reply.code, reply.message), (code, why.sentence()));
        }
    }
}
