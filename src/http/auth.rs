//! Signing in by a one-time code, and the desk of those who keep order.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde::{Deserialize, Serialize};

use super::{accounts::agent, body::json_body, error::HttpError, reading::fresh, site::Site};
use crate::moderation::{Actor, Desk, OneTimeCode, Refused};
use chat_wire::ErrorCode;

pub use super::accounts::actor;

/// A body that holds a code.
const BODY_BYTES_MAX: usize = 1_024;

const BAD_CODE: HttpError =
    HttpError::new(ErrorCode::BadCode, "this is no code that is good: each is good once and for ten minutes");

/// The desk; there once the database was reached.
pub fn desk(site: &Site) -> Result<&Desk, HttpError> {
    site.join_context.get().map(|context| &context.desk).ok_or(HttpError::STORE_UNAVAILABLE)
}

/// What a request is refused with.
pub fn refused_as(refused: &Refused) -> HttpError {
    match refused {
        Refused::Forbidden => HttpError::new(
            ErrorCode::Forbidden,
            "only those with the right may do this, and not to who has the same rank or a higher one",
        ),
        Refused::NotFound => HttpError::new(ErrorCode::NotFound, "there is nothing of this name"),
        Refused::Settings(error) => HttpError::new(ErrorCode::InvalidSettings, error.reason),
        Refused::Conflict => HttpError::new(
            ErrorCode::SettingsConflict,
            "somebody else has changed the settings meanwhile: look at them again",
        ),
        Refused::Reason => {
            HttpError::new(ErrorCode::InvalidContent, "a reason has at most 500 characters, and no controls")
        }
        Refused::TooFast(wait) => HttpError::rate_limited(*wait),
        Refused::Taken => HttpError::new(ErrorCode::RoomTaken, "the name has messages, or leads to another room"),
        Refused::AlreadyUndone => HttpError::new(ErrorCode::AlreadyUndone, "it was undone before"),
        Refused::ChangedSince => {
            HttpError::new(ErrorCode::ChangedSince, "what was done was changed since, so it cannot be undone")
        }
        Refused::OldServer => HttpError::new(
            ErrorCode::Overloaded,
            "a server of an earlier release still runs, which would not go by this; try again once it is gone",
        ),
        Refused::Unavailable => HttpError::STORE_UNAVAILABLE,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    user: UserInfo,
    role: &'static str,
    rights: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserInfo {
    /// The public id.
    id: String,
    nickname: String,
    avatar: &'static str,
}

fn me(actor: &Actor, token: Option<String>) -> Me {
    let Actor { author, role, rights } = actor;
    let (id, nickname) = (author.id.as_str().to_owned(), author.nickname.as_str().to_owned());
    Me {
        token,
        user: UserInfo { id, nickname, avatar: author.avatar.as_str() },
        role: role.as_str(),
        rights: rights.bits(),
    }
}

/// `POST /api/v1/auth/code {code}`: signs in by a one-time code. The answer has the secret of the login, once.
pub async fn code(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    #[derive(Deserialize)]
    struct Asked {
        code: String,
    }
    let Asked { code } = json_body(body, BODY_BYTES_MAX).await?;
    let desk = desk(&site)?;
    let code = OneTimeCode::parse(&code).ok_or(BAD_CODE)?;
    let signed = desk.sign_in(&code, agent(&request)).await.map_err(|refused| refused_as(&refused))?.ok_or(BAD_CODE)?;
    Ok(fresh(&me(&desk.actor(&signed.user), Some(signed.token))))
}
