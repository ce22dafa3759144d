//! Signing in and out, and whose request it is.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload},
};
use serde::{Deserialize, Serialize};

use super::{body::json_body, error::HttpError, reading::fresh, site::Site};
use crate::moderation::{Actor, Desk, OneTimeCode, Refused};
use chat_wire::ErrorCode;

/// A body that holds a code.
const BODY_BYTES_MAX: usize = 1_024;

const BAD_CODE: HttpError =
    HttpError::new(ErrorCode::BadCode, "this is no code that is good: each is good once and for ten minutes");
const NOT_SIGNED_IN: HttpError = HttpError::new(
    ErrorCode::BadToken,
    "this needs the secret of a login that lives, or CHAT_ADMIN_TOKEN, as Authorization: Bearer SECRET",
);

/// The desk; there once the database was reached.
pub fn desk(site: &Site) -> Result<&Desk, HttpError> {
    site.join_context.get().map(|context| &context.desk).ok_or(HttpError::STORE_UNAVAILABLE)
}

/// The secret that a request brings.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Who asks: somebody signed in, or whoever has the token of the settings.
pub async fn actor(request: &HttpRequest, site: &Site) -> Result<Actor, HttpError> {
    if site.admin_token.as_ref().is_some_and(|token| token.is_sent_by(request)) {
        return Ok(Desk::operator());
    }
    let desk = desk(site)?;
    let user = desk.signed_in(bearer(request).ok_or(NOT_SIGNED_IN)?).await.map_err(|refused| refused_as(&refused))?;
    user.map(|user| desk.actor(&user)).ok_or(NOT_SIGNED_IN)
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
    let Actor { author, role } = actor;
    let (id, nickname) = (author.id.as_str().to_owned(), author.nickname.as_str().to_owned());
    Me {
        token,
        user: UserInfo { id, nickname, avatar: author.avatar.as_str() },
        role: role.as_str(),
        rights: role.rights().bits(),
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
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let code = OneTimeCode::parse(&code).ok_or(BAD_CODE)?;
    let signed = desk.sign_in(&code, agent).await.map_err(|refused| refused_as(&refused))?.ok_or(BAD_CODE)?;
    Ok(fresh(&me(&desk.actor(&signed.user), Some(signed.token))))
}

/// `POST /api/v1/auth/logout`: ends the login whose secret the request brings.
pub async fn logout(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let token = bearer(&request).ok_or(NOT_SIGNED_IN)?;
    let lived = desk(&site)?.sign_out(token).await.map_err(|refused| refused_as(&refused))?;
    if lived { Ok(HttpResponse::NoContent().finish()) } else { Err(NOT_SIGNED_IN) }
}

/// `GET /api/v1/me`: who is signed in.
pub async fn whoami(request: HttpRequest, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    Ok(fresh(&me(&actor(&request, &site).await?, None)))
}
